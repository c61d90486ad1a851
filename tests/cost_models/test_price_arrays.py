"""Prices in arrays against plain Python: exact sums, sizes of many designs, whole breakdowns."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import weakref
from collections.abc import Mapping
from random import Random

import numpy as np
import pytest

from cost_models.price.machine import Machines, lacking
from cost_models.price.price import price
from cost_models.price.shelf import Shelf
from cost_models.price.sum_kernels import column_sums
from cost_models.table.operands import UNIFORM
from cost_models.table.table import ONE_STAGE, Value, load_priced_table
from simulator.designs.design import FittedDesign
from simulator.designs.design_block import DesignBlock
from simulator.designs.sizes import FittedSizes, Sizes
from simulator.run import simulate
from simulator.timing.integers import machine_integers
from tests.cost_models.price_oracle import Machine, price_alone
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


PLAIN = {"pe_stages": 1, "zero_gating": False, "overlap": False}
"""What the shipped rows have of every width."""


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
            designs.append(program.design.model_copy(update=PLAIN))
    return designs


def block_of(designs: list[FittedDesign]) -> DesignBlock:
    names = [field.name for field in dataclasses.fields(DesignBlock)]
    return DesignBlock(**{name: np.array([getattr(design, name) for design in designs]) for name in names})


def test_sizes_and_integers_of_many_designs_are_those_of_each() -> None:
    designs = random_designs(60)
    block = block_of(designs)
    for name in [*SIZES, "op_bits", "polarity_bits"]:
        sizes = [getattr(design, name) for design in designs]
        assert np.broadcast_to(getattr(block, name), len(designs)).tolist() == sizes, name
    assert (machine_integers(block) == np.concatenate([machine_integers(design) for design in designs])).all()
    assert {design.polarity for design in designs} == {"synapse", "input", "neuron", "generated"}


def test_of_equal_paths_the_last_name_sets_the_clock() -> None:
    """In a table whose every delay is 0."""
    table = load_priced_table("ihp130")

    def still(quantities: Mapping[str, Value]) -> dict[str, Value]:
        return {
            name: Value(0.0, value.method) if name.partition(":")[0].endswith("_ns") else value
            for name, value in quantities.items()
        }

    index = {unit: {bits: still(named) for bits, named in widths.items()} for unit, widths in table.index.items()}
    frozen = dataclasses.replace(table, variants={(UNIFORM, ONE_STAGE): index})
    designs = [design for design in random_designs(40) if not lacking(frozen, DesignBlock.of(design))]
    clocks = Machines(frozen, block_of(designs)).clocks()
    expected = [Machine(frozen, design).clock() for design in designs]
    assert list(zip(clocks.ns, clocks.component, clocks.method, strict=True)) == expected
    assert len(designs) > 15


def test_breakdowns_are_those_of_plain_python() -> None:
    """Pooling, groups, residuals, every polarity: what studies have none of."""
    table, priced = load_priced_table("ihp130"), 0
    for seed in range(400):
        try:
            program = random_pair(seed)[0]
            run = simulate(program.network, program.design.model_copy(update=PLAIN))
            cost = price(run)
        except LimenError:
            continue
        expected = price_alone(run, table)
        parts = [tuple(vars(part).values()) for part in cost.parts]
        assert {name: getattr(cost, name) for name in expected} | {"parts": parts} == expected
        priced += 1
    assert priced > 30


def test_a_refusal_keeps_nothing_in_memory() -> None:
    """Said again as often as it is asked for: an error that was kept kept all points of a sweep's block."""

    def refuse(bits: int) -> dict[str, Value]:
        raise LimenError(f"no row of {bits} bits")

    shelf = Shelf(["area_um2"], refuse)

    def ask() -> weakref.ref[np.ndarray]:
        bits = np.array([3])
        with contextlib.suppress(LimenError):
            shelf(bits)
        return weakref.ref(bits)

    assert ask()() is None
    assert shelf.refusals(np.array([3])) == {0: "no row of 3 bits"}
