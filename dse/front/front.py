"""Which points of a study are worth having: the front, and its knee. No Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from dse.space.figures import figure

if TYPE_CHECKING:
    import pandas

KERNEL_COLUMNS = 4
"""Objectives that the fast kernel sees; columns beyond a study's own are equal in all rows."""

BLOCK = 1 << 18
"""Rows that are sorted at a time."""


def gains(table: pandas.DataFrame, objectives: Mapping[str, str]) -> np.ndarray:
    """Return [rows, objectives] float64 in which more is better."""
    signs = np.array([1.0 if direction == "max" else -1.0 for direction in objectives.values()])
    return np.asarray(table[list(objectives)].to_numpy(dtype=np.float64) * signs)


def non_dominated(table: pandas.DataFrame, objectives: Mapping[str, str]) -> np.ndarray:
    """Return a boolean per row: no other row is at least as good in every objective and better in one.

    Rows that are equal in all objectives stand or fall together. Values are finite.
    """
    return front_rows(gains(table, objectives))


def front_rows(better: np.ndarray) -> np.ndarray:
    """Return `non_dominated` of rows [rows, objectives] float64 in which more is better.

    Blocks lose first what their own rows beat, which bounds memory: mostly that is nearly all of them. Where one
    keeps most of its rows, so would the others.
    """
    keep = np.ones(len(better), dtype=bool)
    if len(better) > BLOCK:
        for start in range(0, len(better), BLOCK):
            kept = keep[start : start + BLOCK] = _front_of(better[start : start + BLOCK])
            if kept.mean() > 0.5:
                break
    left = np.flatnonzero(keep)
    keep[left] = _front_of(better[left])
    return keep


def _front_of(better: np.ndarray) -> np.ndarray:
    from dse.front.front_kernels import unbeaten, unbeaten_in_many

    many = better.shape[1] > KERNEL_COLUMNS
    rows = np.zeros((len(better), better.shape[1] if many else KERNEL_COLUMNS))
    rows[:, : better.shape[1]] = better
    order = np.lexsort(-rows.T[::-1])
    rows = rows[order]
    # Of equal rows, which are neighbours now, the first stands for all.
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    keep = np.empty(len(rows), dtype=bool)
    keep[order] = (unbeaten_in_many if many else unbeaten)(rows[new])[np.cumsum(new) - 1]
    return keep


def knee_distances(front: pandas.DataFrame, objectives: Mapping[str, str]) -> np.ndarray:
    """Return each front row's distance to the ideal point, [rows] float64; the knee is the smallest.

    Energy, latency, area and the like enter as logarithms, since a factor counts there and not a difference
    (`Figure.by_factor`); accuracy enters as it is. Each objective is scaled so that the front spans 0 (its best) to 1
    (its worst); the ideal point is 0 in all. An objective in which the front has no span adds nothing.
    """
    columns = []
    for name, direction in objectives.items():
        values = front[name].to_numpy(dtype=np.float64)
        if figure(name).by_factor:
            values = np.log(values)
        loss = values.max() - values if direction == "max" else values - values.min()
        columns.append(loss / loss.max() if loss.max() > 0 else loss)
    return np.asarray(np.sqrt(np.square(np.stack(columns)).sum(axis=0)))
