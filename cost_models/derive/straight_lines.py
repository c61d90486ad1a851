"""Widths of accumulator at which a PE is characterised: more of them until straight lines through three are good.

A price between two widths is linear, so every stretch of widths has to be straight. A stretch is judged by its ends
and the width half-way: where one of LINEAR is further than STRAIGHT from the straight line fitted to the three, both
halves become stretches of their own, down to widths that are neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

STRAIGHT = 0.02
"""Largest distance from a line that a stretch of widths may have, relative to the value."""

LINEAR = ("area_um2", "energy_per_op_pj", "energy_per_idle_cycle_pj")
"""Quantities whose lines are judged."""

Stretch = tuple[int, int, int]
"""Ends, and the width half-way between them."""

ValuesAt = Callable[[int], dict[str, float]]
"""The quantities at a width."""


def residual(stretch: Stretch, quantity: str, values_at: ValuesAt) -> float:
    """Return the largest distance of a quantity from the straight line fitted to it, relative to its value."""
    values = np.array([values_at(width)[quantity] for width in stretch])
    line = np.polyval(np.polyfit(stretch, values, 1), stretch)
    return float(np.abs(line / values - 1).max())


def stretches(knees: Sequence[int], values_at: ValuesAt) -> list[Stretch]:
    """Return the straight stretches between ascending widths `knees`; no width between others than those is left out.

    Calls `values_at` for every width that has to be measured, and for none besides.
    """
    return [stretch for low, high in pairwise(knees) for stretch in _straight(low, high, values_at)]


def _straight(low: int, high: int, values_at: ValuesAt) -> list[Stretch]:
    if high - low < 2:
        for width in (low, high):
            values_at(width)
        return []
    middle = (low + high) // 2
    if all(residual((low, middle, high), quantity, values_at) <= STRAIGHT for quantity in LINEAR):
        return [(low, middle, high)]
    return [*_straight(low, middle, values_at), *_straight(middle, high, values_at)]
