"""What is done at one place alone: a second one would, one day, do it otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGES = ("workloads", "simulator", "cost_models", "dse")
SOURCES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
PLACES = {
    "a name told from a file's": (r"(endswith|suffix).*\.(ya?ml|csv)\b|\"\.yml\"", "workloads/host/names.py"),
    "CSV written": (r"csv\.(Dict)?[Ww]riter|\.to_csv|\"\S*,\"\.join\(map\(str", "workloads/host/text_tables.py"),
    "Markdown written": (r"'---\|'", "workloads/host/text_tables.py"),
    "LaTeX written": (r"tabular|toprule", "dse/report/latex_table.py"),
    "a picture made a file": (r"savefig|print_png|FigureCanvas", "workloads/host/pictures.py"),
    "a finished piece kept": (r"open\(\"a\", encoding=\"utf-8\"", "workloads/host/journal.py"),
    "a key made of inputs": (r"sha256\(json\.dumps", "workloads/host/journal.py"),
    "a pip command told": (r"pip install", "workloads/errors.py"),
    "what layers wrote joined": (r"written\.setdefault", "workloads/layers/graph.py"),
}


@pytest.mark.parametrize("what", PLACES)
def test_one_place(what: str) -> None:
    """A look at the text of all sources: what it finds elsewhere may be sound, and then wants a sharper pattern."""
    pattern, place = PLACES[what]
    places = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if any(re.search(pattern, line) for line in path.read_text(encoding="utf-8").splitlines())
    }
    assert places == {place}


def test_no_test_is_decided_by_a_clock() -> None:
    """Speed is for benchmarks: on another machine the same test would fail. What hangs is stopped, long after."""
    measured = re.compile(r"perf_counter|process_time|thread_time|timeit|times\(\)\.|getrusage")
    timed = {
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if path != Path(__file__) and measured.search(path.read_text(encoding="utf-8"))
    }
    assert timed == set()
