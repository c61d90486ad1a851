"""What the kernels of `sum_kernels` can sum, as rooms ask for it without loading Numba."""

from __future__ import annotations

from enum import IntEnum


class Sum(IntEnum):
    """A layer's sum over its synapses, of activations x, weights w and factors p."""

    LARGER = 0  # Σ p·max(x, w)
    PRODUCT = 1  # Σ x·w
    DISTANCE = 2  # Σ p·|x − w|


class Slope(IntEnum):
    """What a gradient at weights sums over pixels and images, times the gradient at the sums."""

    GATE = 0  # 1 where x > w: −p times it is the gradient at a threshold
    VALUE = 1  # x: that at a weight
    EXCESS = 2  # max(x − w, 0): that at a threshold's polarity
