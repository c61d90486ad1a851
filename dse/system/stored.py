"""Cells that come with Limen: a table of a stored scenario is printed without a sweep."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from dse.system.cells import Cell, read_cells
from dse.system.naive import TEXTS, Definition
from dse.system.scenario import Scenario
from workloads.errors import LimenError
from workloads.host.text_tables import read_csv

PATH, DEFINITIONS = (Path(__file__).with_name(f"{name}.csv") for name in ("evaluations", "definitions"))
"""Written by `python -m tests.docs.system_cells`."""


@cache
def stored_cells() -> tuple[Cell, ...]:
    """Return all of them."""
    return tuple(read_cells(PATH))


def stored_scenarios() -> list[Scenario]:
    """Return the scenarios that have cells, in their order."""
    return list(dict.fromkeys(cell.scenario for cell in stored_cells()))


def cells_of(scenario: Scenario) -> list[Cell]:
    """Return the cells of a scenario. Raises LimenError where none are stored, naming the nearest that are."""
    cells = [cell for cell in stored_cells() if cell.scenario == scenario]
    if not cells:
        alike = [other.name for other in stored_scenarios() if other.network == scenario.network]
        names = alike or list(dict.fromkeys(other.network for other in stored_scenarios()))
        raise LimenError(
            f"{scenario.name}: is not stored with Limen: --sweeps FOLDER evaluates it; stored are {', '.join(names)}"
        )
    return cells


@cache
def stored_definitions() -> tuple[Definition, ...]:
    """Return all definitions that come with Limen."""
    _, rows = read_csv(DEFINITIONS, "definitions of a naive machine")
    texts = len(TEXTS)
    return tuple(Definition(*row[:texts], *(float(text) if text else None for text in row[texts:])) for row in rows)  # type: ignore[arg-type]
