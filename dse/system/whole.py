"""All parts of a system table together: the rules' designs, the definitions of a naive machine, five sentences."""

from __future__ import annotations

from collections.abc import Sequence

from dse.system.cells import Cell
from dse.system.definition_table import TITLE, definitions_latex, definitions_markdown, definitions_text
from dse.system.naive import Definition
from dse.system.system import what_it_says
from dse.system.table import table_latex, table_markdown, table_text
from workloads.host.width import wrapped


def whole_markdown(cells: Sequence[Cell], rows: Sequence[Definition], best: str) -> str:
    """Return the parts that there are, the last a list of sentences."""
    parts = [table_markdown(cells, best).rstrip()]
    if rows:
        parts.append(f"## {TITLE}\n\n{definitions_markdown(rows).rstrip()}")
    parts.append("\n".join(["## What holds, what doesn't, and why\n", *(f"- {line}" for line in _lines(cells, rows))]))
    return "\n\n".join(parts) + "\n"


def whole_text(cells: Sequence[Cell], rows: Sequence[Definition], best: str) -> str:
    """Return the same for a terminal."""
    parts = [table_text(cells, best).rstrip()]
    if rows:
        parts.append(definitions_text(rows).rstrip())
    return "\n\n".join([*parts, *(wrapped(line) for line in _lines(cells, rows))]) + "\n"


def whole_latex(cells: Sequence[Cell], rows: Sequence[Definition], best: str, columns: int) -> str:
    """Return the tables in LaTeX, the sentences as notes of the first. Raises LimenError where one doesn't fit."""
    parts = [table_latex(cells, best, columns, _lines(cells, rows))]
    return "\n".join([*parts, *([definitions_latex(rows, columns)] if rows else [])])


def _lines(cells: Sequence[Cell], rows: Sequence[Definition]) -> list[str]:
    return what_it_says(cells[0].scenario, [*cells], [*rows])
