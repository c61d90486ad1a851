"""Runs of the cycle model up to any clock edge, with leaps and by steps alone, and what of them must be equal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from simulator.cycle.counters import COUNTERS, SIGNALS
from simulator.cycle.cycle import design_depths, design_parameters
from simulator.cycle.kept import WISHES, Kept
from simulator.cycle.machine import Machine, make_machine
from simulator.cycle.records import new_record
from simulator.cycle.top import run_program
from simulator.program.program import Program

SCRATCH = {"leap", "fresh", "quiet"}
"""Of the model, not of the machine: room to work in, and that the last clock edge changed nothing."""

CARRIED = {
    "tag_valid": ("tag_addr",),
    "b_valid_reg": ("b_addr_reg", "b_first_reg", "b_last_reg"),
    "c_valid_reg": ("c_addr_reg", "c_acc_reg", "c_shift_reg"),
}
"""What registers of an edge carry where they are valid: else it is of no account, and edges that rest don't step it."""


def run_until(
    program: Program, x: np.ndarray, mask: np.ndarray, until: int, leaps: bool
) -> tuple[Machine, np.ndarray, np.ndarray]:
    """Return the machine, the counters and the toggles [layers, 3] after so many cycles, or after the run."""
    design = program.design
    machine = make_machine(design_parameters(design), design_depths(design), program.load(x), mask.astype(np.int64))
    wishes = new_record(WISHES)
    wishes.leaps, wishes.until = leaps, until
    counters = np.zeros(len(program.schedules), COUNTERS)
    trace = np.zeros((0, 3, design.rows, design.cols), np.int64)
    toggles = np.zeros((len(counters), 3), np.int64)
    run_program(machine, Kept(wishes, counters, toggles, trace, np.zeros(0, SIGNALS), np.zeros(5, np.int64)))
    return machine, counters, toggles


def registers_of(part: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield all arrays and fields of a machine, by name."""
    if name.rpartition(".")[2] in SCRATCH:
        return
    if name.endswith("edges.columns"):
        for valid, carried in CARRIED.items():
            yield f"{name}.{valid}", part[valid]
            for field in carried:
                yield f"{name}.{field}", np.where(part[valid] != 0, part[field], 0)
    elif isinstance(part, tuple):
        for field, value in zip(part._fields, part, strict=True):  # type: ignore[attr-defined]
            yield from registers_of(value, f"{name}.{field}")
    elif part.dtype.names:
        for field in part.dtype.names:
            if field not in SCRATCH:
                yield f"{name}.{field}", np.asarray(part[field])
    else:
        yield name, part


def leap_difference(program: Program, x: np.ndarray, mask: np.ndarray, until: int) -> tuple[str | None, bool]:
    """Return the first register, memory or count in which a run with leaps differs from steps after some cycles, or
    None; and whether there was a leap.
    """
    leapt, leapt_counts, leapt_toggles = run_until(program, x, mask, until, True)
    stepped, stepped_counts, stepped_toggles = run_until(program, x, mask, until, False)
    leaps = bool(leapt.leap.facts.cycles)
    for (name, found), (_, expected) in zip(
        registers_of(leapt, "machine"), registers_of(stepped, "machine"), strict=True
    ):
        if not np.array_equal(found, expected):
            at = tuple(np.argwhere(found != expected)[0]) if found.shape else ()
            place = f"{name}{[int(i) for i in at]}"
            return f"after {until} cycles: {place}: leapt {found[at]}, stepped {expected[at]}", leaps
    for field in COUNTERS.names or ():
        if not np.array_equal(leapt_counts[field], stepped_counts[field]):
            return f"after {until} cycles: {field}: leapt {leapt_counts[field]}, stepped {stepped_counts[field]}", leaps
    if not np.array_equal(leapt_toggles, stepped_toggles):
        return f"after {until} cycles: toggles: leapt {leapt_toggles}, stepped {stepped_toggles}", leaps
    return None, leaps
