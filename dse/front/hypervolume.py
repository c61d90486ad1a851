"""The hypervolume of a front: one number for how good it is in all objectives at once. No Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dse.front.front import front_rows
from dse.space.figures import CATALOGUE

BEYOND = 1.1
"""How far the reference point is from the ideal one, where the nadir point is at 1."""

KERNEL_COLUMNS = 4
"""Objectives that the kernel sees; columns beyond a study's own are 1 in all rows."""


class Scale(NamedTuple):
    """Objectives as room below the reference point: 1.1 at the best value of a front, 0.1 at its worst, 0 beyond.

    Figures of which a factor counts enter as logarithms, see `Figure.by_factor`. The reference point is 1.1 times the
    nadir point, seen from the ideal one. An objective that is the same on all of the front is measured in its own unit.
    signs: 1 where more is better, −1 where less is. ideal, span: [objectives], of what they are after signs and
    logarithms. by_factor: [objectives].
    """

    signs: np.ndarray
    by_factor: np.ndarray
    ideal: np.ndarray
    span: np.ndarray

    def room(self, values: np.ndarray) -> np.ndarray:
        """Return the room [points, objectives] of values [points, objectives], none of it negative."""
        return np.maximum(BEYOND - self.worse(values), 0.0)

    def worse(self, values: np.ndarray) -> np.ndarray:
        """Return how much worse than the best values [points, objectives] are, in spans of the front."""
        worse: np.ndarray = (self.ideal - _gains(values, self.signs, self.by_factor)) / self.span
        return worse

    def volume(self, values: np.ndarray) -> float:
        """Return the hypervolume of points, whether they are on a front or not: 0 of none."""
        return hypervolume(self.room(values))


def scale_of(front: np.ndarray, objectives: Mapping[str, str]) -> Scale:
    """Return the scale that a front [points, objectives] sets; objectives: their names and directions."""
    signs = np.array([1.0 if direction == "max" else -1.0 for direction in objectives.values()])
    by_factor = np.array([name in CATALOGUE and CATALOGUE[name].by_factor for name in objectives])
    gains = _gains(front, signs, by_factor)
    ideal = gains.max(axis=0)
    span = ideal - gains.min(axis=0)
    return Scale(signs, by_factor, ideal, np.where(span > 0, span, 1.0))


def _gains(values: np.ndarray, signs: np.ndarray, by_factor: np.ndarray) -> np.ndarray:
    """Return values in which more is better, where it counts as logarithms."""
    with np.errstate(divide="ignore"):
        gains: np.ndarray = signs * np.where(by_factor, np.log(np.where(by_factor, values, 1.0)), values)
    return gains


def hypervolume(room: np.ndarray) -> float:
    """Return what the boxes from 0 to points [points, coordinates], all at least 0, cover together."""
    from dse.front.volume_kernels import volume_of_four

    room = room[(room > 0).all(axis=1)]
    room = room[front_rows(room)] if len(room) else room
    room = room[np.argsort(-room[:, -1], kind="stable")]
    if room.shape[1] <= KERNEL_COLUMNS:
        rows = np.ones((len(room), KERNEL_COLUMNS))
        rows[:, KERNEL_COLUMNS - room.shape[1] :] = room
        return float(volume_of_four(rows))
    thickness = room[:, -1] - np.append(room[1:, -1], 0.0)
    slices = (hypervolume(room[: end + 1, :-1]) * thickness[end] for end in np.flatnonzero(thickness))
    return float(sum(slices))
