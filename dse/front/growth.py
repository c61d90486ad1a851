"""The hypervolume that a search has reached after each of its trials."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas

from dse.front.front import front_rows, gains
from dse.front.hypervolume import scale_of

MOST_LOOKS = 300
"""Numbers of trials after which the hypervolume is looked at: all of a short search; of a long one ever fewer."""


def growth(trials: pandas.DataFrame, front: pandas.DataFrame, objectives: Mapping[str, str]) -> dict[int, float]:
    """Return, by numbers of trials, the share of the final hypervolume that they have reached.

    trials: all, in their order, feasible or not; front: theirs, which sets the scale.
    """
    names, feasible = list(objectives), trials["feasible"].to_numpy(dtype=bool)
    scale = scale_of(front[names].to_numpy(dtype=np.float64), objectives)
    whole = scale.volume(front[names].to_numpy(dtype=np.float64))
    best, done, shares = trials.loc[[], names], 0, {}
    for looked in _looks(len(trials)):
        best = pandas.concat([best, trials[done:looked].loc[feasible[done:looked], names]])
        if len(best):
            best = best[front_rows(gains(best, objectives))]
        shares[looked] = scale.volume(best.to_numpy(dtype=np.float64)) / whole
        done = looked
    return shares


def _looks(trials: int) -> list[int]:
    """Return after how many trials to look, the last time after all."""
    if trials <= MOST_LOOKS:
        return list(range(1, trials + 1))
    return [int(looked) for looked in np.unique(np.geomspace(1, trials, MOST_LOOKS).round())]
