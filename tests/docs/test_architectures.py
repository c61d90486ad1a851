"""The tables of searches over networks are those of the stored rows."""

from __future__ import annotations

import pytest

from dse.architectures.page import built_in_pages, load_page
from dse.architectures.report import grids_of
from dse.architectures.tables import as_markdown, read_front, read_nets
from tests.support.paths import ROOT

FOLDER = ROOT / "docs" / "architectures"


@pytest.mark.parametrize("name", [name for name in built_in_pages() if (FOLDER / f"{name}-front.csv").exists()])
def test_tables_of_architectures(name: str) -> None:
    text = (ROOT / "docs" / "architectures.md").read_text(encoding="utf-8")
    grids = grids_of(
        read_nets(FOLDER / f"{name}-trials.csv"), read_front(FOLDER / f"{name}-front.csv"), load_page(name)
    )
    for grid in grids:
        assert as_markdown(grid) in text
