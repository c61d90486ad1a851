"""Searches that end because they find nothing more: the hypervolume of their front hardly grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dse.front.front import front_rows
from dse.front.hypervolume import scale_of
from dse.space.study_spec import StopSpec

CHECKS = 10
"""Looks at the hypervolume in `stalled` trials: each takes milliseconds, more than many a trial."""

Values = Sequence[Sequence[float] | None]
"""Objectives of trials in their order; None of those that aren't feasible."""


class Stall:
    """Whether a study has stalled, after any number of its trials: the same however often it was stopped and resumed.

    objectives: names and directions.
    """

    def __init__(self, stop: StopSpec, objectives: Mapping[str, str]) -> None:
        self._stop = stop
        self._objectives = objectives
        self._step = max(stop.stalled // CHECKS, 1)

    def looks(self, done: int, trials: int) -> range:
        """Return after how many trials, more than `done` and at most `trials`, to look whether it has."""
        return range(done - done % self._step + self._step, trials + 1, self._step)

    def is_stalled(self, values: Values) -> bool:
        """Return whether the last of these trials made no more of the hypervolume than asked for.

        A study without feasible designs hasn't stalled: it has nothing yet.
        """
        before = len(values) - self._stop.stalled
        if before < 1:
            return False
        earlier, later = _table(values[:before]), _table(values[before:])
        if not len(earlier):
            return False
        if not len(later):
            return True
        both = np.concatenate([earlier, later])
        signs = [1.0 if direction == "max" else -1.0 for direction in self._objectives.values()]
        scale = scale_of(both[front_rows(both * signs)], self._objectives)
        whole = scale.volume(both)
        return whole - scale.volume(earlier) <= self._stop.gain * whole


def _table(values: Values) -> np.ndarray:
    """Return the objectives [trials, objectives] of feasible trials."""
    return np.array([each for each in values if each is not None], dtype=np.float64)
