"""Tables of a search over networks: CSV that is read back, and of that text, Markdown, LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dse.architectures.results import SEARCH, FrontRow, NetRow, Share
from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.space.figures import figure
from workloads.errors import LimenError, shown
from workloads.host.text_tables import csv_text, markdown_table, read_csv
from workloads.host.width import columns

LEVELS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
"""Accuracies at which costs are compared."""

MOST_LEVELS = 7
FRONT_HEAD = ("op", "source", "net", "x_bits", "w_bits", "design", "test_accuracy")

FOUND = ("net", "operations", "synapses", "designs", "x × w", "validation", "test", "polarity", "rate", "stages")
BESIDE = ("synapses", "designs", "rate")
"""Columns that a terminal has no room for."""

KEYS = ("accuracy at least", "op", "nets of", "net")
"""Columns that a table for a paper repeats where it is split."""

Grid = tuple[list[str], list[list[str]]]
"""A head and rows of texts."""


def front_csv(fronts: Sequence[FrontRow]) -> str:
    """Return a row a design."""
    names = [*fronts[0].figures] if fronts else []
    return csv_text([*FRONT_HEAD, *names], [[*row[:-1], *(row.figures[name] for name in names)] for row in fronts])


def nets_csv(rows: Sequence[NetRow]) -> str:
    """Return a row a net."""
    return csv_text(NetRow._fields, rows)


def read_front(path: Path) -> list[FrontRow]:
    """Return the rows of `front_csv`. Raises LimenError for another file."""
    head, lines = read_csv(path, "the fronts of a search over networks")
    if tuple(head[: len(FRONT_HEAD)]) != FRONT_HEAD:
        raise LimenError(f"{path}: columns: {shown(head)} are not allowed: {', '.join(FRONT_HEAD)}, and figures")
    rows = []
    for number, line in enumerate(lines, start=2):
        try:
            op, source, net, x_bits, w_bits, design, test, *figures = line
            named = dict(zip(head[len(FRONT_HEAD) :], map(float, figures), strict=True))
            rows.append(FrontRow(op, source, net, int(x_bits), int(w_bits), design, float(test), named))
        except ValueError:
            raise LimenError(f"{path}: line {number}: {shown(line)} is not allowed: a row of such a front") from None
    return rows


def read_nets(path: Path) -> list[NetRow]:
    """Return the rows of `nets_csv`. Raises LimenError for another file."""
    head, lines = read_csv(path, "the nets of a search over networks")
    if tuple(head) != NetRow._fields:
        raise LimenError(f"{path}: columns: {shown(head)} are not allowed: {', '.join(NetRow._fields)}")
    whole, real = ("layers", "operations", "synapses", "epochs", "designs", "on_front"), ("learning_rate",)
    rows = []
    for number, line in enumerate(lines, start=2):
        try:
            cells: dict[str, Any] = dict(zip(head, line, strict=True))
            cells |= {name: int(cells[name]) for name in whole} | {name: float(cells[name]) for name in real}
            cells |= {name: float(cells[name]) if cells[name] else None for name in ("accuracy_float", "accuracy")}
            rows.append(NetRow(**cells))
        except ValueError:
            raise LimenError(f"{path}: line {number}: {shown(line)} is not allowed: a row of a net") from None
    return rows


def costs_at(fronts: Sequence[FrontRow], costs: Sequence[str]) -> Grid:
    """Return the least of each cost at validation accuracies, of each op and source that get there.

    costs: objectives but accuracy.
    """
    highest = max((row.figures["accuracy"] for row in fronts), default=0.0)
    levels = [level for level in LEVELS if level <= highest][-MOST_LEVELS:]
    head = ["accuracy at least", "op", "nets of", *(figure(name).label for name in costs), "net of the first"]
    lines = []
    for level in levels:
        for op, source in dict.fromkeys((row.op, row.source) for row in fronts):
            good = [row for row in fronts if (row.op, row.source) == (op, source) and row.figures["accuracy"] >= level]
            if good:
                first = min(good, key=lambda row: row.figures[costs[0]])
                cells = [f"{min(row.figures[name] for row in good):.3g}" for name in costs]
                lines.append([f"{100 * level:g} %", op, source, *cells, f"{first.net} {first.x_bits} x {first.w_bits}"])
    return head, lines


def shares_of(shares: Sequence[Share]) -> Grid:
    """Return how much of the hypervolume each op and source have."""
    head = ["op", "nets of", "nets on its front", "designs on it", "of all fronts' hypervolume"]
    return head, [[row.op, row.source, str(row.nets), str(row.designs), f"{100 * row.share:.1f} %"] for row in shares]


def found(nets: Sequence[NetRow], fronts: Sequence[FrontRow]) -> Grid:
    """Return the nets that a search has on its op's front, the most accurate first."""
    head = [*FOUND]
    lines = []
    on_front = [row for row in nets if row.source == SEARCH and row.on_front]
    for row in sorted(on_front, key=lambda one: (one.op, -(one.accuracy or 0), one.operations, one.net)):
        own = [at for at in fronts if (at.op, at.source, at.net) == (row.op, SEARCH, row.net)]
        best = max(own, key=lambda at: at.figures["accuracy"])
        cells = {
            "net": row.net, "operations": f"{row.operations:,}", "synapses": f"{row.synapses:,}",
            "designs": str(row.on_front), "x × w": f"{best.x_bits} × {best.w_bits}",
            "validation": f"{100 * best.figures['accuracy']:.2f} %", "test": f"{100 * best.test_accuracy:.2f} %",
            "polarity": row.polarity, "rate": f"{row.learning_rate:g}", "stages": row.network,
        }  # fmt: skip
        lines.append([cells[name] for name in head])
    return head, lines


def as_text(grid: Grid) -> str:
    """Return a table for a terminal."""
    kept = [column for column, name in enumerate(grid[0]) if name not in BESIDE]
    return columns([[row[column] for column in kept] for row in (grid[0], *grid[1])]) + "\n"


def as_markdown(grid: Grid) -> str:
    """Return a table in Markdown."""
    return markdown_table(*grid)


def as_csv(grid: Grid) -> str:
    """Return a table as CSV."""
    return csv_text(*grid)


def as_latex(grids: Sequence[Grid], captions: Sequence[str], name: str, page_columns: int) -> str:
    """Return tables of a search of that name for a paper, one or two columns of a page wide.

    Raises LimenError where they don't fit.
    """
    tables = []
    for (head, lines), caption in zip(grids, captions, strict=True):
        heads = [Column(name, right=False, key=name in KEYS) for name in head]
        tables.append(PaperTable(f"search {name} {caption}", f"{caption}, search {name}", heads, [Group(lines)]))
    return latex(tables, page_columns)
