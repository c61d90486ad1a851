"""Prices in arrays against plain Python: exact sums, sizes of many designs, whole breakdowns."""

from __future__ import annotations

import math
from dataclasses import fields
from random import Random

import numpy as np
import pytest

from cost_models.price.price import price
from cost_models.price.sum_kernels import column_sums
from cost_models.table.table import load_priced_table
from simulator.designs.design import FittedDesign
from simulator.designs.design_block import DesignBlock
from simulator.designs.sizes import FittedSizes, Sizes
from simulator.run import simulate
from simulator.timing.integers import machine_integers
from tests.cost_models.price_oracle import price_alone
from tests.levels.random_pairs import random_pair
from workloads.errors import LimenError

SIZES = [name for kind in (Sizes, FittedSizes) for name, size in vars(kind).items() if isinstance(size, property)]


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_rounded_once(seed: int) -> None:
    """Of any magnitudes and signs, of halves of a step, and of what cancels."""
    chance = Random(seed)
    for _ in range(300):
        count = chance.randint(0, 12)
        terms = [chance.choice((-1, 1)) * chance.random() * 2.0 ** chance.randint(-80, 80) for _ in range(count)]
        terms += [2.0**53, 1.0, chance.choice((0.0, 2.0**-60, -(2.0**-60)))] if chance.random() < 0.3 else []
        terms += [-term for term in terms] if chance.random() < 0.1 else []
        terms = terms or [0.0]
        columns = np.array([terms, terms[::-1]]).T.copy()
        assert column_sums(columns).tolist() == [math.fsum(terms)] * 2


def random_designs(count: int) -> list[FittedDesign]:
    """Fitted designs of one op each, of any polarity."""
    designs, seed = [], 0
    while len(designs) < count:
        seed += 1
        try:
            program = random_pair(seed)[0]
        except LimenError:
            continue
        if not program.design.extra_ops:
            designs.append(program.design)
    return designs


def test_sizes_and_integers_of_many_designs_are_those_of_each() -> None:
    designs = random_designs(60)
    columns = {
        field.name: np.array([getattr(design, field.name) for design in designs]) for field in fields(DesignBlock)
    }
    block = DesignBlock(**columns)
    for name in [*SIZES, "op_bits", "polarity_bits"]:
        sizes = [getattr(design, name) for design in designs]
        assert np.broadcast_to(getattr(block, name), len(designs)).tolist() == sizes, name
    assert (machine_integers(block) == np.concatenate([machine_integers(design) for design in designs])).all()
    assert {design.polarity for design in designs} == {"synapse", "input", "neuron"}


def test_breakdowns_are_those_of_plain_python() -> None:
    """Pooling, groups, residuals, every polarity: what studies have none of."""
    table, priced = load_priced_table("ihp130"), 0
    for seed in range(200):
        try:
            program = random_pair(seed)[0]
            run = simulate(program.network, program.design)
            cost = price(run)
        except LimenError:
            continue
        expected = price_alone(run, table)
        parts = [tuple(vars(part).values()) for part in cost.parts]
        assert {name: getattr(cost, name) for name in expected} | {"parts": parts} == expected
        priced += 1
    assert priced > 30
