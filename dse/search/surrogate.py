"""`Surrogate`: a search that models each figure and proposes what may push the front furthest (Bayesian optimisation).

A Gaussian process for each objective and each constraint is fitted to the designs tried (`dse/search/process.py`).
Candidates are designs next to the front, next to what looks better than it, and some at random. Those are proposed that
gain most over the front, seen with more or less optimism: what is expected of a design is raised by so many standard
deviations, as in SMS-EGO (Ponweiser et al., PPSN 2008). Its gain is additive epsilon: by how much it is ahead of a
design of the front in its best objective, the least of all of the front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dse.front.front import front_rows
from dse.search.process import Process, Shape, codes, distances, fitted_shape

START = 30
"""Designs tried at random before there is a model."""

ROUND = 10
"""Designs proposed by one model."""

OPTIMISM = (0.0, 1.0, 2.0)
"""Standard deviations by which what is expected is raised, in turns of a round each."""

BEST, MOST = 200, 300
"""Designs that a model learns from: those nearest to the front, and with others, drawn at random, so many."""

SHAPED_BY, SHAPED_AGAIN = 150, 1.4
"""Shapes are fitted to so many designs, drawn at random, and anew whenever there are so many times the designs."""

DRAWN, NEXT, STEPS = 500, 2000, 2
"""Candidates drawn at random, neighbours at most in a step, and steps."""


class Known(NamedTuple):
    """Designs tried. places: [designs, axes]. targets: what is modelled, gains of objectives and then excesses of
    constraints, [designs] of each, NaN of a design that has none. front: gains of designs on it. good: from the front
    on, all designs.

    Gains are spans of the front above its worst value, logarithms of figures that are all positive; what is below
    counts ever less. An excess is above 0 where a constraint is broken.
    """

    places: np.ndarray
    targets: list[np.ndarray]
    front: np.ndarray
    good: np.ndarray


def known_of(places: np.ndarray, values: np.ndarray, violations: np.ndarray, signs: np.ndarray) -> Known:
    """Return what is modelled of designs; values, violations: NaN where a design has none."""
    having = ~np.isnan(values[:, 0])
    excesses = np.stack([_excess(column) for column in violations.T], axis=1)
    feasible = having & ~(excesses > 0).any(axis=1)
    positive = (values[having] > 0).all(axis=0)
    gains = signs * np.where(positive, np.log(np.where(positive, values, 1.0)), values)
    best = np.zeros(len(places), bool)
    if feasible.any():
        best[feasible] = front_rows(gains[feasible])
    scale = gains[best if best.sum() > 1 else having]
    if len(scale):
        span = np.ptp(scale, axis=0)
        gains = (gains - scale.min(axis=0)) / np.where(span > 0, span, 1.0)
        gains = np.where(gains < 0, -np.log1p(-np.minimum(gains, 0)), gains)
    good, left = [np.flatnonzero(best)], np.flatnonzero(feasible & ~best)
    while len(left) and sum(map(len, good)) < BEST:
        front = front_rows(gains[left])
        good.append(left[front])
        left = left[~front]
    far = np.nansum(np.maximum(excesses, 0), axis=1)
    rest = np.setdiff1d(np.arange(len(places)), np.concatenate(good))
    good.append(rest[far[rest].argsort(kind="stable")])
    return Known(places, [*gains.T, *excesses.T], gains[best], np.concatenate(good))


def _excess(violations: np.ndarray) -> np.ndarray:
    """Return violations in which those around the bound count most; 0 says that it holds, and not by how much."""
    told = np.abs(violations[(violations != 0) & ~np.isnan(violations)])
    excess = np.arcsinh(violations / (np.median(told) if len(told) else 1.0))
    return np.where(violations == 0, -1.0, excess)


class Surrogate:
    """Designs tried so far, each as the places of its values on the axes, and what may be tried next.

    sizes: values of each axis. coordinates: where they are, rising, on an axis that has an order. signs: of each
    objective, 1 where more is better, −1 where less is. seed: of all that is drawn. canonical: see
    `dse.search.parameters.Canonical`.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        coordinates: Sequence[np.ndarray | None],
        signs: Sequence[float],
        seed: int,
        canonical: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self._sizes = sizes
        self._between = distances(coordinates, sizes)
        self._signs = np.array(signs)
        self._seed = seed
        self._canonical = canonical
        self._places: list[Sequence[int]] = []
        self._values: list[Sequence[float]] = []
        self._violations: list[Mapping[str, float]] = []
        self._shapes: dict[int, list[Shape]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def learn(self, places: Sequence[int], values: Sequence[float] | None, violations: Mapping[str, float]) -> None:
        """Take over a design, its objectives if it has any, and how far it is beyond constraints, where known."""
        self._places.append(places)
        self._values.append([np.nan] * len(self._signs) if values is None else values)
        self._violations.append(violations)

    def propose(self, tried: int) -> list[list[int]]:
        """Return places of designs to try next, from what the first so many say: at most `ROUND`, the best first."""
        random = self._random(tried)
        known, shapes = self._known(tried), self._shapes_of(tried)
        rest = known.good[BEST:]
        order = np.concatenate([known.good[:BEST], rest[random.permutation(len(rest))]])
        models = []
        for target, shape in zip(known.targets, shapes, strict=True):
            told = order[~np.isnan(target[order])]
            models.append(Process(self._between, shape, known.places[told], target[told], MOST))
        optimism = OPTIMISM[(tried - START) // ROUND % len(OPTIMISM)]
        objectives = len(self._signs)
        places, gains, excess = self._candidates(known, models[:objectives], models[objectives:], optimism, random)
        within = np.flatnonzero(excess == 0)
        chosen = within[_furthest(gains[within], known.front)] if len(within) else excess.argsort(kind="stable")[:ROUND]
        return [[int(place) for place in places[design]] for design in chosen]

    def _candidates(
        self,
        known: Known,
        of_objectives: Sequence[Process],
        of_constraints: Sequence[Process],
        optimism: float,
        random: np.random.RandomState,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return places of designs not tried yet, their gains, and how far they are beyond all constraints together."""
        seen = codes(known.places)
        drawn = np.stack([random.randint(size, size=DRAWN) for size in self._sizes], axis=1)
        near = known.places[known.good[: max(len(known.front), ROUND)]]
        parts = []
        for _ in range(STEPS):
            looked = self._canonical(np.concatenate([_neighbours(near, self._sizes), drawn]))
            number, first = np.unique(codes(looked), return_index=True)
            looked = looked[first[~np.isin(number, seen)]]
            looked = looked[random.permutation(len(looked))[:NEXT]]
            seen = np.append(seen, codes(looked))
            gains = np.stack([_seen_well(model, looked, optimism) for model in of_objectives], axis=1)
            excess = np.zeros(len(looked))
            for model in of_constraints:
                excess += np.maximum(_seen_well(model, looked, -optimism), 0)
            parts.append((looked, gains, excess))
            within = np.flatnonzero(excess == 0)
            better = front_rows(np.concatenate([gains[within], known.front]))[: len(within)]
            near = looked[within[random.permutation(np.flatnonzero(better))[:BEST]]]
            drawn = drawn[:0]
        places, gains, excess = (np.concatenate(column) for column in zip(*parts, strict=True))
        return places, gains, excess

    def _random(self, tried: int) -> np.random.RandomState:
        return np.random.RandomState(np.random.SeedSequence([self._seed, tried]).generate_state(4))

    def _known(self, tried: int) -> Known:
        places = self._canonical(np.array(self._places[:tried], np.int64))
        names = sorted({name for violations in self._violations[:tried] for name in violations})
        violations = [[of.get(name, np.nan) for name in names] for of in self._violations[:tried]]
        return known_of(places, np.array(self._values[:tried]), np.array(violations), self._signs)

    def _shapes_of(self, tried: int) -> list[Shape]:
        """Return a shape for each target, of the last number of designs at which shapes are fitted."""
        at = START
        while round(at * SHAPED_AGAIN) <= tried:
            at = round(at * SHAPED_AGAIN)
        if at not in self._shapes:
            random, known = self._random(at), self._known(at)
            shapes = []
            for target in known.targets:
                told = random.permutation(np.flatnonzero(~np.isnan(target)))[:SHAPED_BY]
                shapes.append(fitted_shape(self._between, known.places[told], target[told]))
            self._shapes = {at: shapes}
        return self._shapes[at]


def _seen_well(model: Process, places: np.ndarray, deviations: float) -> np.ndarray:
    """Return what is expected of designs, raised by so many standard deviations."""
    expected = model.predict(places, deviations != 0)
    return expected.mean + deviations * expected.deviation


def _neighbours(places: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return all designs that differ from one of these in an axis at most."""
    found = [places]
    for axis, size in enumerate(sizes):
        others = np.repeat(places, size, axis=0)
        others[:, axis] = np.tile(np.arange(size), len(places))
        found.append(others)
    return np.concatenate(found)


def _furthest(gains: np.ndarray, front: np.ndarray) -> list[int]:
    """Return which candidates [designs, objectives] to try, one after another as if those before were on the front."""
    gains = gains.astype(np.float32)
    ahead = np.full(len(gains), np.inf, np.float32)
    for design in (front if len(front) else gains.min(axis=0, keepdims=True)).astype(np.float32):
        np.minimum(ahead, (gains - design).max(axis=1), out=ahead)
    chosen: list[int] = []
    while len(chosen) < min(ROUND, len(gains)):
        best = int(ahead.argmax())
        chosen.append(best)
        np.minimum(ahead, (gains - gains[best]).max(axis=1), out=ahead)
        ahead[best] = -np.inf
    return chosen
