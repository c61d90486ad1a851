"""Long commands say how far they are and how long it will take: on a terminal, and there alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dse.report.progress import ProgressBar
from tests.support.command import run_command


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_tells_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """5 of 10 steps in 20 s of a clock of ours: 20 s are left."""
    now = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    monkeypatch.setattr("sys.stderr", stream := Terminal())
    with ProgressBar() as bar:
        bar.show("trials", 0, 10)
        now[0] = 20.0
        bar.show("trials", 5, 10)
    assert "trials:  50%" in stream.getvalue() and "5/10 [00:20<00:20" in stream.getvalue()
    for quiet, stderr in ((True, Terminal()), (False, io.StringIO())):
        monkeypatch.setattr("sys.stderr", stderr)
        with ProgressBar(quiet) as bar:
            bar.show("trials", 1, 10)
        assert stderr.getvalue() == ""


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        (("net", "accuracy", "--op", "mac"), [("digits-mac-x8-w8", 449, 449)]),
        (("export", "--images", "3", "-o", "chip"), [("vectors", done, 3) for done in range(3)]),
        (("study", "export", "out", "--images", "2", "-o", "chip"), [("vectors", done, 2) for done in range(2)]),
        (("study", "check", "out", "--sample", "2"), [("points", done, 2) for done in range(2)]),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_commands_show_it(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], steps: list[object]
) -> None:
    shown: list[tuple[str, int, int]] = []
    monkeypatch.setattr(ProgressBar, "show", lambda self, *step: shown.append(step))
    (tmp_path / "out").symlink_to(small / "out")
    outcome = run_command(*arguments, cwd=tmp_path)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert [step for step in shown if step in steps] == steps
