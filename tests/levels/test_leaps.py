"""Leaps against steps: registers, memories and counts after clock edges at random, on random designs of every op."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from simulator.program.program import Program
from simulator.timing.timing import ALWAYS_READY, count_program
from tests.levels.draw import Draw
from tests.levels.leaps import leap_difference
from tests.levels.random_pairs import DATAFLOWS, FUSIONS, OPS, random_mask, random_programs

KINDS = {**{op: {"op": op, "extra_ops": ()} for op in OPS}, **FUSIONS}
EDGES = 5


def leaping_programs(dataflow: str, kind: str) -> Iterator[tuple[Program, np.ndarray, np.ndarray]]:
    """Yield programs, inputs and masks on designs of some rows, of one stage and of two, without overlap."""
    for stages in (1, 2):
        seed = 100 * stages + 10 * list(KINDS).index(kind) + DATAFLOWS.index(dataflow)
        draw = Draw(seed)
        given = {"dataflow": dataflow, **KINDS[kind], "pe_stages": stages, "zero_gating": False, "overlap": False}
        given |= {"rows": draw.pick(4, 9), "cols": draw.pick(1, 9), "operand_depth": 512}
        for size in ("ifmap_kib", "filter_kib", "ofmap_kib"):
            given[size] = draw.one_of(1, 4)
        for program, x, _ in random_programs(seed, 3, **given):
            yield program, x, random_mask(draw) if draw.chance(0.2) else ALWAYS_READY


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("kind", KINDS)
def test_leaps_are_steps(kind: str, dataflow: str) -> None:
    """Also where a run ends in the middle of a fold."""
    leapt = 0
    for program, x, mask in leaping_programs(dataflow, kind):
        cycles = sum(counts.cycles for counts in count_program(program.schedules, program.design, mask))
        edges = np.random.default_rng(cycles).integers(1, cycles, EDGES)
        for edge in (*edges.tolist(), cycles):
            difference, leaps = leap_difference(program, x, mask, edge)
            assert difference is None, f"{program.network.name}: {difference}"
            leapt += leaps
    assert leapt > 0 or kind == "mac+threshold", "no leap"
