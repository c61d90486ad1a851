"""Which points of a study are worth having: the front, and its knee. Plain numpy, no Optuna."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas


def gains(table: pandas.DataFrame, objectives: Mapping[str, str]) -> np.ndarray:
    """Return [rows, objectives] float64 in which more is better."""
    signs = np.array([1.0 if direction == "max" else -1.0 for direction in objectives.values()])
    return np.asarray(table[list(objectives)].to_numpy(dtype=np.float64) * signs)


def non_dominated(table: pandas.DataFrame, objectives: Mapping[str, str]) -> np.ndarray:
    """Return a boolean per row: no other row is at least as good in every objective and better in one.

    Rows that are equal in all objectives stand or fall together.
    """
    better = gains(table, objectives)
    keep = np.ones(len(better), dtype=bool)
    for index, gain in enumerate(better):
        rivals = (better >= gain).all(axis=1) & (better > gain).any(axis=1)
        keep[index] = not rivals.any()
    return keep


def knee_distances(front: pandas.DataFrame, objectives: Mapping[str, str]) -> np.ndarray:
    """Return each front row's distance to the ideal point, [rows] float64; the knee is the smallest.

    Energy, latency and area enter as logarithms, since a factor counts there and not a difference; accuracy
    enters as it is. Each objective is scaled so that the front spans 0 (its best) to 1 (its worst); the ideal
    point is 0 in all. An objective in which the front has no span adds nothing.
    """
    columns = []
    for name, direction in objectives.items():
        values = front[name].to_numpy(dtype=np.float64)
        if name != "accuracy":
            values = np.log(values)
        loss = values.max() - values if direction == "max" else values - values.min()
        columns.append(loss / loss.max() if loss.max() > 0 else loss)
    return np.asarray(np.sqrt(np.square(np.stack(columns)).sum(axis=0)))
