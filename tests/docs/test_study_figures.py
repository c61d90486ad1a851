"""The table of figures in docs/study-format.md is that of the program."""

from __future__ import annotations

from dse.space.figures import CATALOGUE, CONSTRAINABLE, DERIVED_FIGURES, FIGURES, OBJECTIVES
from tests.support.paths import ROOT


def test_the_page_has_unit_and_formula_of_every_figure() -> None:
    text = (ROOT / "docs" / "study-format.md").read_text(encoding="utf-8")
    section = text.split("\n## Figures\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    wanted = []
    for name in CONSTRAINABLE:
        figure = CATALOGUE[name]
        wanted.append(f"| `{name}` | {figure.words} | {figure.unit or '–'} | {figure.formula} | {figure.direction} |")
    assert lines == wanted, "should be\n" + "\n".join(wanted)
    unsought = " and ".join(f"`{name}`" for name in CONSTRAINABLE if name not in OBJECTIVES)
    assert f"[figures](#figures) but {unsought}" in text
    assert {*CATALOGUE, *DERIVED_FIGURES} <= {*FIGURES}
