"""A tree-structured Parzen estimator (TPE) over axes of a few values each: Optuna's, in arrays.

Two mixtures have a kernel for each design tried, one mixture of good designs and one of all others. Candidates are
drawn from the first, and the one is suggested whose probability there is the largest in proportion to the second's.
Of the same good designs, and on axes without an order, Optuna's sampler would suggest the same, but it looks at every
trial anew for each suggestion; and of several objectives it has only a tenth of the designs for good, chosen by
hypervolume, here the whole front is.
"""

from __future__ import annotations

import math

import numpy as np

from dse.front.front import front_rows

CANDIDATES = 24
"""Designs drawn for a suggestion, as many as Optuna draws."""

GOOD_SHARE = 0.1
"""Of the designs tried, so many are good at least."""

NEARER = 2.0
"""On an ordered axis, how much likelier than the next one a value is, seen from a design's own, if it isn't that: the
kernel of Wang and van Ryzin (Biometrika 68, 1981). Optuna's own, a normal distribution, is as narrow as a value where
designs share values, as they do on axes of few.
"""

RECENT = 25
"""Designs that count in full among those that aren't good, the last ones; the older, the less, as in Optuna."""


class Tpe:
    """Designs tried so far, each as the places of its values on the axes.

    sizes: values of each axis. ordered: whether each has an order, its places' own. signs: of each objective, 1 where
    more is better, −1 where less is.
    """

    def __init__(self, sizes: list[int], ordered: list[bool], signs: list[float]) -> None:
        self._sizes = np.array(sizes, np.int64)
        self._others = [_others(size, in_order) for size, in_order in zip(sizes, ordered, strict=True)]
        self._signs = np.array(signs)
        self._tried = np.zeros((0, len(sizes)), np.int64)
        self._gains = np.zeros((0, len(signs)))
        self._violations = np.zeros(0)

    def __len__(self) -> int:
        return len(self._tried)

    def learn(self, places: list[int], values: list[float], violation: float) -> None:
        """Take over a design, its objectives, and by how much it breaks constraints: 0 where it keeps them."""
        self._tried = np.append(self._tried, [places], axis=0)
        self._gains = np.append(self._gains, [self._signs * values], axis=0)
        self._violations = np.append(self._violations, violation)

    def suggest(self, seed: int) -> list[int]:
        """Return the places of a design's values."""
        random = np.random.RandomState(seed)
        good = self.good()
        better, others = self._tried[good], self._tried[~good]
        drawn = self._draw(better, random)
        gain = self._log_density(drawn, better, np.ones(len(better)))
        gain -= self._log_density(drawn, others, _by_age(len(others)))
        return [int(place) for place in drawn[gain.argmax()]]

    def good(self) -> np.ndarray:
        """Return [designs] bool: the front of those that keep the constraints; as long as these are less than their
        share, all of the next front, too; and then those that break constraints least.
        """
        good = np.zeros(len(self), bool)
        least = math.ceil(GOOD_SHARE * len(self))
        left = np.flatnonzero(self._violations == 0)
        while len(left) and good.sum() < least:
            front = front_rows(self._gains[left])
            good[left[front]] = True
            left = left[~front]
        breaking = np.flatnonzero(self._violations)
        good[breaking[self._violations[breaking].argsort(kind="stable")[: max(0, least - good.sum())]]] = True
        return good

    def _kernels(self, designs: int) -> list[np.ndarray]:
        """Return of each axis [own value, value], a kernel's probabilities among so many designs."""
        return [
            (np.eye(len(others)) + others * (len(others) / (designs + 1))) / (1 + len(others) / (designs + 1))
            for others in self._others
        ]

    def _draw(self, designs: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Return places [CANDIDATES, axes] from a mixture of equal weights; its last kernel has all values alike."""
        chosen = random.choice(len(designs) + 1, p=np.full(len(designs) + 1, 1 / (len(designs) + 1)), size=CANDIDATES)
        kernels = self._kernels(len(designs))
        drawn = np.empty((CANDIDATES, len(self._sizes)), np.int64)
        known = chosen < len(designs)
        for axis, size in enumerate(self._sizes):
            share = np.full((CANDIDATES, size), 1 / size)
            share[known] = kernels[axis][designs[chosen[known], axis]]
            ends = share.cumsum(axis=1)
            ends[:, -1] = 1
            drawn[:, axis] = (ends < random.rand(CANDIDATES)[:, None]).sum(axis=1)
        return drawn

    def _log_density(self, drawn: np.ndarray, designs: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return [drawn], a mixture's log-probabilities; weights: of all kernels but the last, which has 1."""
        logs = np.zeros((len(drawn), len(designs) + 1))
        for axis, kernel in enumerate(self._kernels(len(designs))):
            logs[:, :-1] += np.log(kernel).T[drawn[:, axis]][:, designs[:, axis]]
        logs[:, -1] = -np.log(self._sizes).sum()
        logs += np.log(np.append(weights, 1) / (weights.sum() + 1))
        most = logs.max(axis=1)
        densities: np.ndarray = np.log(np.exp(logs - most[:, None]).sum(axis=1)) + most
        return densities


def _others(size: int, ordered: bool) -> np.ndarray:
    """Return [own value, value], how likely a value is where it isn't taken for being the own one; rows sum to 1."""
    places = np.arange(size)
    near = NEARER ** -abs(places[:, None] - places) if ordered else np.ones((size, size))
    shares: np.ndarray = near / near.sum(axis=1, keepdims=True)
    return shares


def _by_age(designs: int) -> np.ndarray:
    """Return the weights of designs, the oldest first."""
    if designs < RECENT:
        return np.ones(designs)
    return np.append(np.linspace(1 / designs, 1, designs - RECENT), np.ones(RECENT))
