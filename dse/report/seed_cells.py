"""Cells of a study's table, each of runs that differ in their seed alone: means, deviations, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from workloads.host.files import write_whole
from workloads.host.text_tables import csv_text

UNKNOWN = "–"
"""What a table shows where there is no run, or one run gives no deviation."""


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation, None of one value."""
    return mean(values), stdev(values) if len(values) > 1 else None


def spread(average: float, deviation: float | None) -> str:
    """Return both with one decimal."""
    return f"{average:.1f} ± {UNKNOWN if deviation is None else f'{deviation:.1f}'}"


def cells_csv(kind: type[NamedTuple], cells: Sequence[Any]) -> str:
    """Return a row a cell, percentages to three decimals, empty where there is no deviation. kind: of the cells."""
    units = {name: f"{name}_percent" for name in kind._fields if name.endswith(("_mean", "_deviation"))}
    return csv_text([units.get(name, name) for name in kind._fields], cells, ".3f")


def write_files(contents: Mapping[str, bytes], out: Path) -> list[Path]:
    """Write files of these names into `out`, each whole, and return their paths. Raises LimenError where it can't."""
    for name, content in contents.items():
        write_whole(out / name, content)
    return [out / name for name in contents]
