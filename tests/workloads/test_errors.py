"""An error's line: one, short and plain, whatever is in it."""

from __future__ import annotations

import pytest

from workloads.errors import LimenError, shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines\r\n", "two lines"),
        ("a\x1b[31mred\x07", r"a\x1b[31mred\x07"),
        ("null\0 delete\x7f", r"null\x00 delete\x7f"),
        ("C1 \x9b2J, right to left ‮", r"C1 \x9b2J, right to left \u202e"),
        ("a file's byte \udcff", r"a file's byte \udcff"),
        ("µm² – größer 門限", "µm² – größer 門限"),
    ],
)
def test_lines_are_plain(text: str, line: str) -> None:
    assert str(LimenError(text)) == line


def test_lines_are_short() -> None:
    """Of a long one both ends are kept: where it was, and what is allowed."""
    line = str(LimenError("file.yaml: field: " + "x" * 39_000 + " is not allowed: 1 to 16"))
    assert len(line) == 500
    assert line.startswith("file.yaml: field: xx") and line.endswith("xx is not allowed: 1 to 16")
    assert len(str(LimenError("\x1b" * 39_000))) == 500


def test_values_are_short() -> None:
    bomb: list[object] = ["lol"] * 10
    for _ in range(30):  # 10^31 words
        bomb = [bomb] * 10
    loop: list[object] = []
    loop.append(loop)
    for value in (bomb, loop, "y" * 39_000, b"\xff" * 39_000, {"key": "y" * 39_000}, 10**300):
        assert 1 < len(shown(value)) <= 80
    assert shown("y" * 39_000)[:3] + shown("y" * 39_000)[-3:] == "'yyyy'"
    assert shown(10**4999) == f"an integer of {(10**4999).bit_length()} bits"
    assert [shown(value) for value in ("os", 7, None, [1, 2], 0.5)] == ["'os'", "7", "None", "[1, 2]", "0.5"]
