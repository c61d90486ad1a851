"""A study's front for a paper: its designs, what was sought and bounded, and what people compare."""

from __future__ import annotations

from collections.abc import Sequence

import pandas

from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.space.figures import ACCURACIES, figure
from workloads.host.text_tables import markdown_table

KEYS = ("trial", "design")


def front_markdown(front: pandas.DataFrame, names: Sequence[str]) -> str:
    """Return the named figures of a front's designs as a Markdown table, units in the head."""
    columns = _columns(names)
    head = [f"{column.head}, {column.unit}" if column.unit else column.head for column in columns]
    return markdown_table(head, _rows(front, names))


def front_latex(front: pandas.DataFrame, names: Sequence[str], title: str, columns: int = 2) -> str:
    """Return the same in LaTeX; title: of the workload. Raises LimenError where it doesn't fit the columns."""
    rows = [Group(_rows(front, names))]
    notes = ["Of each design that no other one beats in all objectives; the trial is its number in the study."]
    return latex([PaperTable(f"front {title}", f"Front of designs, {title}", _columns(names), rows, notes)], columns)


def _columns(names: Sequence[str]) -> list[Column]:
    columns = [Column("trial", key=True), Column("design", right=False, key=True)]
    for name in names:
        known = figure(name)
        columns.append(Column(known.words.replace("_", " "), "%" if name in ACCURACIES else known.unit))
    return columns


def _rows(front: pandas.DataFrame, names: Sequence[str]) -> list[list[str]]:
    return [
        [str(row["trial"]), str(row["design"])]
        + [f"{100 * row[name]:.2f}" if name in ACCURACIES else _figure(row[name]) for name in names]
        for row in front.to_dict("records")
    ]


def _figure(value: float) -> str:
    """Return four significant digits, whole numbers in full."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
