"""The front's kernels: which of many rows no other row beats, by divide and conquer.

It sees only arrays and integers. Segments of rows in lexicographic order are merged pair by pair, as a merge sort does;
at each merge what survives on the left strikes out of the right what it beats. In four columns that takes
n · log(n)² steps, whatever the rows are, and memory for n (H. T. Kung, F. Luccio, F. P. Preparata, On finding the
maxima of a set of vectors, J. ACM 22, 1975). Of more columns each row is compared with the front so far.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, void

from workloads.host.jit import njit

SEGMENT = 32
"""Rows of a first segment, compared each with each."""

_ROWS = float64[:, ::1]
_ORDER = int64[::1]
_VALUES = float64[::1]


@njit(int64(_ROWS, int64, int64, _ORDER))
def settle(rows, first, end, order):
    """Write those of rows `first` to `end` - 1 that none of them beats to `order` from `first` on, by column 1.

    Return how many there are.
    """
    kept = first
    for right in range(first, end):
        beaten = False
        for place in range(first, kept):
            left = order[place]
            if rows[left, 1] >= rows[right, 1] and rows[left, 2] >= rows[right, 2] and rows[left, 3] >= rows[right, 3]:
                beaten = True
                break
        if not beaten:
            place = kept
            while place > first and rows[order[place - 1], 1] < rows[right, 1]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = right
            kept += 1
    return kept - first


@njit(void(_VALUES, int64, float64))
def raise_best(best, place, value):
    """Enter a value at `place` of a Fenwick tree of greatest values, of which places count from 1."""
    while place < len(best) and best[place] < value:
        best[place] = value
        place += place & -place


@njit(boolean(_VALUES, int64, float64))
def reaches(best, place, value):
    """Return whether one of the places 1 to `place` of the tree has at least this value."""
    while place > 0:
        if best[place] >= value:
            return True
        place -= place & -place
    return False


@njit(int64(_VALUES, float64))
def at_least(rising, value):
    """Return how many of values in rising order are at least `value`."""
    low, high = 0, len(rising)
    while low < high:
        middle = (low + high) // 2
        if rising[middle] < value:
            low = middle + 1
        else:
            high = middle
    return len(rising) - low


@njit(int64(_ROWS, _ORDER, _ORDER, _ORDER))
def merge(rows, left, right, merged):
    """Write the rows of `left`, and those of `right` that none on the left beats, to `merged` by column 1.

    Both are in that order. Column 0 of a left row is at least that of a right one. Return how many there are.
    """
    rising = np.empty(len(left), np.float64)
    for place in range(len(left)):
        rising[place] = rows[left[place], 2]
    rising.sort()
    best = np.full(len(left) + 1, -np.inf)
    taken = kept = 0
    for row in right:
        while taken < len(left) and rows[left[taken], 1] >= rows[row, 1]:
            raise_best(best, at_least(rising, rows[left[taken], 2]), rows[left[taken], 3])
            merged[kept] = left[taken]
            taken, kept = taken + 1, kept + 1
        if not reaches(best, at_least(rising, rows[row, 2]), rows[row, 3]):
            merged[kept] = row
            kept += 1
    while taken < len(left):
        merged[kept] = left[taken]
        taken, kept = taken + 1, kept + 1
    return kept


@njit(boolean[::1](_ROWS))
def unbeaten(rows):
    """Return a boolean a row: no other row is at least as great in all four columns.

    rows: float64 [n, 4], all different, finite, in falling lexicographic order.
    """
    count = len(rows)
    order, merged = np.empty(count, np.int64), np.empty(count, np.int64)
    segments = (count + SEGMENT - 1) // SEGMENT
    lengths = np.empty(segments, np.int64)
    for segment in range(segments):
        first = segment * SEGMENT
        lengths[segment] = settle(rows, first, min(first + SEGMENT, count), order)
    step = 1
    while step < segments:
        for segment in range(0, segments - step, 2 * step):
            first, second = segment * SEGMENT, (segment + step) * SEGMENT
            left, right = order[first : first + lengths[segment]], order[second : second + lengths[segment + step]]
            kept = merge(rows, left, right, merged)
            order[first : first + kept] = merged[:kept]
            lengths[segment] = kept
        step *= 2
    found = np.zeros(count, np.bool_)
    if count:
        found[order[: lengths[0]]] = True
    return found


@njit(boolean[::1](_ROWS))
def unbeaten_in_many(rows):
    """Return `unbeaten` of rows [n, any number of columns]: n · front steps at most.

    In lexicographic order no later row beats an earlier one, so the front so far is that of all rows so far.
    """
    count, columns = rows.shape
    front = np.empty(count, np.int64)
    found = np.zeros(count, np.bool_)
    kept = 0
    for row in range(count):
        beaten = False
        for place in range(kept):
            column = 0
            while column < columns and rows[front[place], column] >= rows[row, column]:
                column += 1
            if column == columns:
                beaten = True
                break
        if not beaten:
            front[kept] = row
            kept += 1
            found[row] = True
    return found
