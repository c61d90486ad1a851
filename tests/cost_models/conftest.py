"""Libraries with their kits: the one written by hand, and those beside the repository that shipped tables are of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cost_models.gates.synthesis import Kit, open_kit
from cost_models.liberty.liberty_cells import Library
from cost_models.liberty.liberty_reader import read_library
from tests.support.paths import TINY
from tests.support.tools import needs_yosys

LIBERTY_FILES = {
    "ihp130": "sg13g2_stdcell_typ_1p20V_25C.lib.gz",
    "sky130hd": "sky130hd_tt.lib.gz",
    "asap7": "asap7_rvt_tt_trim.lib.gz",
}
"""Of the shipped tables, by name."""


@pytest.fixture(scope="session")
def library() -> Library:
    return read_library(TINY)


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The kit of the library written by hand."""
    needs_yosys()
    return open_kit(TINY, tmp_path_factory.mktemp("kit"))


@pytest.fixture(scope="session")
def liberty(shared: Callable[[str], Path]) -> Callable[[str], Path]:
    """Return a function: the Liberty file that a shipped table is of, by the table's name."""
    return lambda table: shared(f"liberty/{LIBERTY_FILES[table]}")
