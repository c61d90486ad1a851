"""The table of kernels in LaTeX: one for each cost table, marks where a ratio reaches the published range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.report.unit_table import (
    NOT_MEASURABLE,
    PUBLISHED,
    RATIOS,
    UNITS,
    UNKNOWN,
    UnitRow,
    UnitTable,
    figure_text,
    how_measured,
)
from workloads.ops.names import BASELINE

MARKS = {"within": "†", "above": "‡"}
"""Behind a ratio, by where it is of the published range."""


def table_latex(table: UnitTable, columns: int = 2) -> str:
    """Return the table in LaTeX, as wide as one column of a page of two, or as both.

    Raises LimenError where it doesn't fit the columns.
    """
    names = dict.fromkeys(row.costs for row in table.rows)
    rows_of = {name: tuple(row for row in table.rows if row.costs == name) for name in names}
    return latex([_paper_table(name, replace(table, rows=rows)) for name, rows in rows_of.items()], columns)


def _paper_table(costs: str, table: UnitTable) -> PaperTable:
    """Return the rows of one cost table, without the columns that have no figure in it."""
    unit = UNITS[table.rows[0].area_unit]
    heads = [
        Column("x, w", "bits", key=True), Column("op", right=False, key=True), Column("multiplier", right=False),
        Column("area", unit), Column("area", "GE"), Column("energy", "pJ"), Column("power", "mW"),
        Column("delay", "ns"), *(Column(f"{name}/op") for name in RATIOS),
    ]  # fmt: skip
    by_definition: dict[str, list[list[str]]] = {}
    for row in table.rows:
        by_definition.setdefault(row.definition, []).append(_cells(table, row))
    lines = [cells for rows in by_definition.values() for cells in rows]
    known = [place for place in range(len(heads)) if any(cells[place] != UNKNOWN for cells in lines)]
    groups = [
        Group([[cells[place] for place in known] for cells in rows], title) for title, rows in by_definition.items()
    ]
    return PaperTable(
        f"kernels {costs}", f"Kernels on {costs}: figures, and ratios of the MAC over the op",
        [heads[place] for place in known], groups, _notes(table),
    )  # fmt: skip


def _cells(table: UnitTable, row: UnitRow) -> list[str]:
    ratios = [row.area_ratio, row.smallest_area_ratio, row.energy_ratio, row.power_ratio, row.delay_ratio]
    cells = [UNKNOWN if row.op == BASELINE or value is None else f"{value:.2f}" for value in ratios]
    for name in PUBLISHED:
        cells[RATIOS.index(f"{name} MAC")] += MARKS.get(table.against(row, name), "")
    figures = (row.area, row.area_ge, row.energy_pj, row.power_mw, row.delay_ns)
    return [
        f"{row.x_bits}, {row.w_bits}", row.op + ", smallest" * row.smallest,
        row.multiplier.replace("_", " ") or UNKNOWN, *map(figure_text, figures), *cells,
    ]  # fmt: skip


def _notes(table: UnitTable) -> Sequence[str]:
    ranges = ", ".join("{} {:g}–{:g}".format(name, *table.published[name]) for name in PUBLISHED)
    notes = [
        how_measured(table),
        f"The paper's ratios: {ranges}; {', '.join(f'{mark} {where}' for where, mark in MARKS.items())} that range.",
    ]
    if table.rows[0].area_unit == "LUT":
        notes.append(f"Energy and power: {NOT_MEASURABLE} on an FPGA with open tools.")
    return notes
