"""`make exactness` in small: every corner is reached by some pair, and every pair is exact at all levels."""

from __future__ import annotations

import itertools
import multiprocessing
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from simulator.cycle.cycle import run_cycle
from tests.levels import exactness
from tests.levels.cases import random_cases
from tests.support.paths import ROOT
from tests.support.tools import needs_verilator

PAIRS = 1500


def test_models() -> None:
    """timing = cycle = reference on pairs that reach every corner of every dataflow and kind of design."""
    with multiprocessing.get_context("spawn").Pool(exactness.PROCESSES) as pool:
        cells, summary = exactness.run_models(pool, seed=0, count=PAIRS, fewest=1)
    print(summary, exactness.table(cells, Counter()), sep="\n")
    assert [cell for cell in exactness.CELLS if cells[cell] == 0] == []


JOBS = (
    *("is threshold", "ws mac", "os adder", "is shift"),
    *("os threshold+mac", "ws adder+shift+threshold", "is shift+mac", "is mac+adder+threshold+shift"),
)
"""Those of the run that are tested here, by dataflow and ops."""


@pytest.mark.parametrize("name", JOBS)
def test_verilog(name: str) -> None:
    """rtl = cycle = timing = reference: designs of the run, of each op and of several."""
    needs_verilator()
    first = exactness.SEEDS_A_RUN // 2
    seed, networks, given = next(
        (seed, networks, given)
        for seed, networks, given in exactness.rtl_jobs(first, networks=15)
        if name == f"{given['dataflow']} {'+'.join((given['op'], *given['extra_ops']))}"
    )
    size = (seed - first) % 5
    outcome = exactness.check_rtl((seed, networks, {**given, "rows": 1 + size, "cols": 6 - size}))
    assert outcome.difference is None, f"seed {seed}: {outcome.difference}"
    assert outcome.pairs > 0 and outcome.cells


def test_designs_of_what_was_missed() -> None:
    """Only dataflows and kinds asked for, each of them, and never one twice."""
    heads = {("os", exactness.FUSED), ("ws", "mac")}
    jobs = [*itertools.islice(exactness.jobs_of(exactness.rtl_jobs(0, 1), heads), 6)]
    kinds = [(given["dataflow"], exactness.FUSED if given["extra_ops"] else given["op"]) for _, _, given in jobs]
    assert Counter(kinds) == dict.fromkeys(heads, 3) and len({seed for seed, _, _ in jobs}) == 6


def test_differences_are_found() -> None:
    """One count or one bit off is a difference, and it is named."""
    case = next(random_cases(range(100)))
    run = run_cycle(case.program, case.x, case.mask)
    assert exactness.model_difference(case.program, case.x, case.mask, run) is None
    counts = (replace(run.counts[0], pack_reads=run.counts[0].pack_reads + 1), *run.counts[1:])
    difference = exactness.model_difference(case.program, case.x, case.mask, replace(run, counts=counts))
    assert difference is not None and "pack_reads" in difference
    image = run.image.copy()
    image[-1, 0] ^= 1
    difference = exactness.model_difference(case.program, case.x, case.mask, replace(run, image=image))
    assert difference is not None and f"beat {len(image) - 1}, word 0" in difference
    difference = exactness.model_difference(case.program, case.x, case.mask, replace(run, cycles=run.cycles - 1))
    assert difference is not None and difference.startswith("cycles")
    assert (
        exactness.image_difference("a", np.zeros((2, 1), dtype=np.int64), "b", np.zeros((2, 1), dtype=np.int64)) is None
    )


def test_a_small_run_says_what_it_missed() -> None:
    """The command prints seeds, table and, for too few pairs, half as many again, that corners were missed: code 1."""
    command = [sys.executable, "-m", "tests.levels.exactness", "--count", "4", "--seed", "3"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert outcome.returncode == 1 and "count 4, seed 3" in outcome.stdout, outcome.stderr
    assert "6 pairs" in outcome.stdout and "| K folds |" in outcome.stdout
    assert "corners reached by fewer than" in outcome.stderr
