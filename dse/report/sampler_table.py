"""Tables of compared samplers: medians of seeds, with quartiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from dse.report.latex_table import Column, Group, PaperTable, latex
from workloads.host.text_tables import csv_bytes, csv_text, markdown_table
from workloads.host.width import columns

REACHED = 0.99
"""The share of the hypervolume after which it is asked when a search has it."""

SHOWN = (100, 200, 500, 1000, 2000, 5000, 10_000)
"""Numbers of trials that have a column, where they are looked at; the last look has one in any case."""


class ShareRow(NamedTuple):
    """One look at one search: its share of the exact front's hypervolume after so many trials.

    suggestion_ms: CPU milliseconds that the sampler took a trial, over the whole search.
    """

    sampler: str
    seed: int
    trials: int
    share: float
    suggestion_ms: float


class Quartiles(NamedTuple):
    """Of seeds."""

    low: float
    middle: float
    high: float

    def percent(self) -> str:
        """Return the median, and in brackets the quartiles."""
        low, middle, high = (f"{100 * value:.1f}" for value in self)
        return f"{middle} [{low}, {high}]"


def quartiles(values: Sequence[float]) -> Quartiles:
    """Return the quartiles of values, one of which may lie between two of them."""
    return Quartiles(*map(float, np.quantile(values, (0.25, 0.5, 0.75))))


def curves(rows: Sequence[ShareRow]) -> dict[str, dict[int, Quartiles]]:
    """Return quartiles by sampler and trials, the sampler first that has most at the end."""
    shares: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        shares.setdefault(row.sampler, {}).setdefault(row.trials, []).append(row.share)
    found = {
        name: {trials: quartiles(values) for trials, values in sorted(of_sampler.items())}
        for name, of_sampler in shares.items()
    }
    return dict(sorted(found.items(), key=lambda pair: -[*pair[1].values()][-1].middle))


def _cells(rows: Sequence[ShareRow]) -> tuple[list[str], list[list[str]]]:
    """Return the head of the table, and its lines."""
    found = curves(rows)
    looks = sorted({row.trials for row in rows})
    shown = [look for look in looks if look in SHOWN or look == looks[-1]]
    head = [
        "sampler",
        "seeds",
        *(f"{look:,} trials" for look in shown),
        f"{100 * REACHED:.0f} % after",
        "CPU ms a trial",
    ]
    lines = []
    for name, curve in found.items():
        own = [row for row in rows if row.sampler == name]
        seeds = sorted({row.seed for row in own})
        ends = [
            min((row.trials for row in own if row.seed == seed and row.share >= REACHED), default=math.inf)
            for seed in seeds
        ]
        end = median(ends)
        cells = [name, str(len(seeds)), *(curve[look].percent() if look in curve else "–" for look in shown)]
        cost = median({row.seed: row.suggestion_ms for row in own}.values())
        lines.append([*cells, f"{end:,.0f}" if math.isfinite(end) else "–", f"{cost:.2f}"])
    return head, lines


def table_markdown(rows: Sequence[ShareRow]) -> str:
    """Return a line a sampler: percent of the exact front's hypervolume, median and quartiles of its seeds.

    A sampler that was stopped before others has no more looks.
    """
    return markdown_table(*_cells(rows))


def table_text(rows: Sequence[ShareRow]) -> str:
    """Return the same for a terminal."""
    head, lines = _cells(rows)
    return f"{columns([head, *lines], right=range(1, len(head)))}\n"


def table_latex(rows: Sequence[ShareRow], columns: int = 2) -> str:
    """Return the same in LaTeX. Raises LimenError where it doesn't fit the columns."""
    head, lines = _cells(rows)
    units = ["%" if name.endswith(" trials") else "trials" if name.endswith(" after") else "" for name in head]
    heads = [Column(name, unit) for name, unit in zip(head, units, strict=True)]
    heads = [heads[0]._replace(right=False, key=True), *heads[1:-1], Column("CPU a trial", "ms")]
    caption = "Share of the exact front's hypervolume that samplers find"
    notes = ["Shares: median [quartiles] of the seeds; a dash: stopped before, or not reached by half of them."]
    return latex([PaperTable("samplers", caption, heads, [Group(lines)], notes)], columns)


def table_csv(rows: Sequence[ShareRow]) -> str:
    """Return the same as CSV."""
    return csv_text(*_cells(rows))


def shares_csv(rows: Sequence[ShareRow]) -> bytes:
    """Return every look at every search as a CSV file."""
    return csv_bytes(rows)
