"""The kernel of hypervolumes: what boxes between the origin and points of four coordinates cover together.

It sees only arrays. Four coordinates are slices along the last one, each as thick as the volume of three coordinates
stays the same; three are slices along the third, each the area under a staircase that rises and never falls.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64

from workloads.host.jit import njit

_ROWS = float64[:, ::1]
_ORDER = int64[::1]


@njit(float64(_ROWS, _ORDER))
def volume_of_three(rows, order):
    """Return the volume under rows `order`, in their first three columns; they fall along the third."""
    right, height = np.empty(len(order)), np.empty(len(order))  # the steps' right ends rise, their heights fall
    steps, area, volume = 0, 0.0, 0.0
    for place in range(len(order)):
        x, y, z = rows[order[place], 0], rows[order[place], 1], rows[order[place], 2]
        end = np.searchsorted(right[:steps], x)
        if end == steps or height[end] < y:
            first = end
            while first > 0 and height[first - 1] <= y:
                first -= 1
            left = right[first - 1] if first > 0 else 0.0
            for step in range(first, end):
                area += (right[step] - left) * (y - height[step])
                left = right[step]
            area += (x - left) * (y - (height[end] if end < steps else 0.0))
            moved = first + 1 - end
            if moved > 0:
                for step in range(steps - 1, end - 1, -1):
                    right[step + moved], height[step + moved] = right[step], height[step]
            else:
                for step in range(end, steps):
                    right[step + moved], height[step + moved] = right[step], height[step]
            right[first], height[first] = x, y
            steps += moved
        below = rows[order[place + 1], 2] if place + 1 < len(order) else 0.0
        volume += area * (z - below)
    return volume


@njit(float64(_ROWS))
def volume_of_four(rows):
    """Return the volume under rows [rows, 4], all above 0, which fall along the last column."""
    order = np.empty(len(rows), np.int64)  # of those that no earlier one covers in three columns; falls along the third
    kept, inner, volume = 0, 0.0, 0.0
    for row in range(len(rows)):
        place, covered = 0, False
        while place < kept and rows[order[place], 2] >= rows[row, 2]:
            other = order[place]
            if rows[other, 0] >= rows[row, 0] and rows[other, 1] >= rows[row, 1]:
                covered = True
                break
            place += 1
        if not covered:
            for later in range(kept, place, -1):
                order[later] = order[later - 1]
            order[place] = row
            left = place + 1
            for later in range(place + 1, kept + 1):  # what the new one covers goes
                other = order[later]
                if rows[other, 0] > rows[row, 0] or rows[other, 1] > rows[row, 1]:
                    order[left] = other
                    left += 1
            kept = left
            inner = volume_of_three(rows, order[:kept])
        below = rows[row + 1, 3] if row + 1 < len(rows) else 0.0
        volume += inner * (rows[row, 3] - below)
    return volume
