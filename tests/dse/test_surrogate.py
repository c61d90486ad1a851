"""The surrogate: its Gaussian process, what it knows of a space, and that it finds most of a front."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dse.front.front import front_rows
from dse.search.parameters import Canonical, Places
from dse.search.process import Process, Shape, distances, fitted_shape
from dse.search.surrogate import ROUND, START, Surrogate
from dse.space.space import Space
from dse.space.study_spec import SpaceSpec

SIZES = [6, 6, 4, 3, 5]
COORDINATES = [*(np.log(2.0 + np.arange(size)) for size in (6, 6, 4)), None, np.arange(5.0)]
ALL = np.array([*itertools.product(*map(range, SIZES))])


def test_axes_that_do_not_apply_have_one_place() -> None:
    """Every design of a space once, and none that it lacks: of all combinations of its axes' values."""
    spec = SpaceSpec.model_validate(
        {
            "rows": [4, 8], "cols": [4], "op": ["threshold", "mac"], "bits": {"x": [2, 3], "w": [2, 3]},
            "dataflow": ["os"], "pe_stages": [1, 2], "zero_gating": [False, True],
            "polarity": ["network", "generated"], "x_signed": ["network", "false"],
        }
    )  # fmt: skip
    space = Space(spec, [("threshold", 2, 2), ("threshold", 3, 2), ("mac", 2, 3)])
    places = Places(space)
    every = np.array([*itertools.product(*map(range, places.sizes))])
    designs = Canonical(space, places)(every)
    drawn = [dict(zip(places.distributions, design, strict=True)) for design in np.unique(designs, axis=0).tolist()]
    points = [space.at(places.parameters(one)) for one in drawn]
    assert sorted(points) == sorted(space.points(range(space.size))) and len(designs) > len(points)


def test_a_process_knows_what_it_was_told_and_which_axes_count() -> None:
    chance = np.random.RandomState(1)
    told = ALL[chance.permutation(len(ALL))[:80]]
    values = 3.0 * COORDINATES[0][told[:, 0]] + (told[:, 3] == 1)
    between = distances(COORDINATES, SIZES)
    shape = fitted_shape(between, told, values)
    assert shape.theta[[0, 3]].min() > 100 * shape.theta[[1, 2, 4]].max(), shape
    process = Process(between, shape, told, values, 300)
    expected = process.predict(ALL, True)
    right = 3.0 * COORDINATES[0][ALL[:, 0]] + (ALL[:, 3] == 1)
    assert expected.mean == pytest.approx(right, abs=0.01)
    # Alone, one design says less the further away another is, and nothing of its own kind is left to say.
    alone = Process(between, Shape(np.ones(5), 1e-5), ALL[[0, 1]], np.array([0.0, 1.0]), 300)
    deviation = alone.predict(ALL[[0, 2, 3, 4]], True).deviation
    assert deviation[0] < 0.01 and (np.diff(deviation) > 0).all()


def test_it_finds_a_front_past_refusals_and_bounds() -> None:
    """90 of 2,160 designs: most of the 39 different ones on the front, and few of those refused, lacking or beyond."""
    a, b, c, kind, d = ALL.T
    first, third = np.exp(0.3 * a + 0.1 * b * (kind == 1)), 1.0 + b + (kind - 1) ** 2
    costs = np.stack([first, (8.0 - a) * (9 - b) / (c + 1), third])
    refused, lacking = (a == b) & (kind == 2), np.maximum(3 - c - d, 0)
    beyond = costs[2] - 5.5
    fine = ~refused & (lacking == 0) & (beyond <= 0)
    front = np.flatnonzero(fine)[front_rows(-costs.T[fine])]
    search = Surrogate(SIZES, COORDINATES, [-1.0, -1.0, -1.0], 3, lambda places: places)
    number_of = {tuple(design): number for number, design in enumerate(ALL.tolist())}
    tried: list[int] = []
    while len(tried) < START + 6 * ROUND:
        chosen = search.propose(len(tried)) if len(tried) >= START else ALL[[*range(0, 2160, 72)]].tolist()
        for design in chosen:
            number = number_of[tuple(design)]
            tried.append(number)
            if refused[number]:
                search.learn(design, None, {"refused": 1.0})
            elif lacking[number]:
                search.learn(design, None, {"refused": -1.0, "bytes": float(lacking[number])})
            else:
                bounds = {"refused": -1.0, "bytes": 0.0, "bound": float(beyond[number])}
                search.learn(design, costs[:, number].tolist(), bounds)
    assert len({*tried}) == len(tried)
    equal = np.unique(costs[:, front], axis=1)
    found = np.unique(costs[:, [number for number in tried if fine[number]]], axis=1)
    share = sum((found == one[:, None]).all(axis=0).any() for one in equal.T) / len(equal.T)
    assert share > 0.6 and fine[tried[START:]].mean() > 0.7 > fine.mean(), share
