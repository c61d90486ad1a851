"""Sums rounded once, as `math.fsum`, of many columns at once.

Partial sums that don't overlap hold the exact value: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic",
1997; so does Python's own.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64

from workloads.host.jit import njit, njit_in_place


@njit_in_place(int64(float64, float64[::1], int64))
def _add(number, partials, count):
    """Add a number to the first `count` partial sums, of rising magnitude; return how many there are then."""
    kept = 0
    for index in range(count):
        other = partials[index]
        if abs(number) < abs(other):
            number, other = other, number
        total = number + other
        rest = other - (total - number)
        if rest != 0.0:
            partials[kept] = rest
            kept += 1
        number = total
    if number != 0.0:
        partials[kept] = number
        kept += 1
    return kept


@njit_in_place(float64(float64[::1], int64))
def _rounded(partials, count):
    """Return the sum of partial sums, rounded once; half to even."""
    if count == 0:
        return 0.0
    count -= 1
    total, rest = partials[count], 0.0
    while count > 0 and rest == 0.0:
        count -= 1
        number, other = total, partials[count]
        total = number + other
        rest = other - (total - number)
    # What is left may tell that half a step was in truth more or less than that.
    if count > 0 and ((rest < 0.0 and partials[count - 1] < 0.0) or (rest > 0.0 and partials[count - 1] > 0.0)):
        twice = rest * 2.0
        further = total + twice
        if further - total == twice:
            total = further
    return total


@njit(float64[::1](float64[:, ::1]))
def column_sums(terms):
    """Return the sum of each column of finite numbers [terms, columns]."""
    sums = np.zeros(terms.shape[1])
    partials = np.zeros(len(terms))
    for column in range(terms.shape[1]):
        count = 0
        for term in range(len(terms)):
            count = _add(terms[term, column], partials, count)
        sums[column] = _rounded(partials, count)
    return sums
