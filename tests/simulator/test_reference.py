"""References that kernels hand on: they read and write what the tuple that Python hands in holds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, njit

from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference, by_reference

COUNTS = record_type("total", rows=3)


class Part(NamedTuple):
    """Values, and how often each was met."""

    values: np.ndarray
    counts: np.ndarray


class Whole(NamedTuple):
    """A part, one of the same class that isn't it, and sums."""

    part: Part
    other: Part
    sums: np.ndarray


PART = Reference(Part, [int64[::1], from_dtype(COUNTS)[::1]])
WHOLE = Reference(Whole, [PART, PART, int64[::1]])
_whole = by_reference(WHOLE)


@njit(int64(PART, int64), no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
def add_part(part, row):
    """Count a part's values in a row, and return their sum."""
    total = 0
    for value in part.values:
        part.counts[0].rows[row] += 1
        part.counts[0].total += value
        total += value
    return total


@njit(int64(WHOLE.values), _nrt=False)
def add_up(whole):
    """Write the sums of both parts, and return them together."""
    reference = _whole(whole)
    reference.sums[0] = add_part(reference.part, 0)
    reference.sums[1] = add_part(reference.other, 2)
    counts = reference.other.counts[0]
    counts.rows[1] += 7  # what Numba takes for dead where a function is inlined by it
    return reference.sums[0] + reference.sums[1]


def test_parts_of_parts_are_those_of_the_tuple() -> None:
    first, second = (Part(np.arange(size), np.zeros(1, COUNTS)) for size in (4, 6))
    whole = Whole(first, second, np.zeros(2, np.int64))
    assert add_up(whole) == 6 + 15
    assert whole.sums.tolist() == [6, 15]
    counts = [[part.counts[0].total, *part.counts[0].rows.tolist()] for part in (first, second)]
    assert counts == [[6, 4, 0, 0], [15, 0, 7, 6]]
