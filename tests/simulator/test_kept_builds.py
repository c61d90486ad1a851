"""A testbench isn't built twice, and a kept one is used only where all that it was built from is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.rtl import kept_builds
from simulator.rtl.verify import verify
from tests.simulator.small_export import edit
from tests.support.builds import build_quickly
from tests.support.tools import needs_verilator
from workloads.host.progress import Progress


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each testbench that is built; the cache is empty."""
    needs_verilator()
    words: list[str] = []

    def counted(folder: Path, progress: Progress | None = None) -> Path:
        words.append("built")
        return build_quickly(folder, progress)

    monkeypatch.setattr(kept_builds, "build_testbench", counted)
    monkeypatch.setattr(kept_builds, "cache_folder", lambda: tmp_path)
    return words


def test_a_build_is_kept_by_all_that_it_was_built_from(
    chip: Path, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = verify(chip)
    assert built == ["built"] and first.mismatches == 0
    again = [verify(chip, images=1), verify(chip, again=True)]
    assert built == ["built"] and again[1].cycles == first.cycles and again[0].cycles == first.cycles // 2

    edit(chip / "rtl" / "limen_op_threshold.v", "x_aligned - w", "x_aligned + w")  # a file of the same size
    assert verify(chip).mismatches > 0 and len(built) == 2
    edit(chip / "rtl" / "limen_op_threshold.v", "x_aligned + w", "x_aligned - w")
    assert verify(chip).mismatches == 0 and len(built) == 2

    vectors = chip / "vectors" / "vectors.txt"
    text = vectors.read_text().removesuffix("\nend\n")
    vectors.write_text(f"{text[:-1]}{'1' if text[-1] == '0' else '0'}\nend\n")  # the last word of the last output
    assert verify(chip).mismatches > 0 and len(built) == 2
    monkeypatch.setenv("WARNINGS", "-Wno-fatal")
    verify(chip)
    assert len(built) == 3
    monkeypatch.setattr(kept_builds, "tool_versions", lambda: {"verilator": "6", "compiler": "7"})
    verify(chip)
    assert len(built) == 4


def test_half_a_kept_build_is_none_and_the_oldest_go(
    chip: Path, built: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(chip)
    (kept,) = (tmp_path / "builds").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    assert verify(chip, again=True).mismatches == 0 and len(built) == 2
    monkeypatch.setattr(kept_builds, "KEPT", 1)
    monkeypatch.setenv("WARNINGS", "-Wno-fatal")
    verify(chip, again=True)
    (left,) = (tmp_path / "builds").iterdir()
    assert len(built) == 3 and left != kept
