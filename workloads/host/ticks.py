"""Ticks of logarithmic axes as plain numbers, 0.2, 5, 20,000: matplotlib writes powers, and between them 4×10⁰."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, NullFormatter

MOST_TICKS = 8
FEWEST_TICKS = 3


def logarithmic(axis: Axis) -> None:
    """Make an axis logarithmic, with plain numbers at its ticks."""
    (axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale)("log")
    axis.set_major_locator(PlainLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


class PlainLocator(Locator):
    """Ticks at 1, 2 and 5 of every decade; where these are many at 1 and 3, over many decades at powers of ten, within
    one at equal steps."""

    def __call__(self) -> Any:
        assert self.axis is not None
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks, rising, of an axis between two positive numbers."""
        low, high = sorted((vmin, vmax))
        powers = [10.0**exponent for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
        fine, wide = (
            _inside([digit * power for power in powers for digit in digits], low, high)
            for digits in ((1, 2, 5), (1, 3))
        )
        if len(fine) < FEWEST_TICKS:
            return _inside(MaxNLocator(MOST_TICKS - 2, steps=[1, 2, 5, 10]).tick_values(low, high), low, high)
        if len(fine) <= MOST_TICKS:
            return fine
        if len(wide) <= MOST_TICKS:
            return wide
        coarse = _inside(powers, low, high)
        return coarse[:: math.ceil(len(coarse) / MOST_TICKS)]


def _inside(ticks: Any, low: float, high: float) -> Any:
    ticks = np.asarray(ticks)
    return ticks[(ticks >= low) & (ticks <= high) & (ticks > 0)]
