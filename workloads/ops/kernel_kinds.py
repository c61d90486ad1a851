"""What the kernels of `sum_kernels` can sum, and how it is laid out, for those who don't load Numba."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

LANES = 64
"""Images of a block: a constant, so that the compiler knows every stride."""

OUTPUTS, TAPS = 4, 2
"""Output channels and synapses computed together: what is loaded once serves eight sums."""


class Sum(IntEnum):
    """A layer's sum over its synapses, of activations x, weights w and factors p."""

    LARGER = 0  # Σ p·max(x, w)
    PRODUCT = 1  # Σ x·w
    DISTANCE = 2  # Σ p·|x − w|

    def term_sizes(self, weights: np.ndarray, largest: int) -> np.ndarray:
        """Return what no term exceeds in magnitude, of |w| and the largest |x|; p is 1, 0 or −1."""
        if self == Sum.LARGER:
            return np.maximum(weights, largest)
        return weights * largest if self == Sum.PRODUCT else weights + largest


class Slope(IntEnum):
    """What a gradient at weights sums over pixels and images, times the gradient at the sums."""

    GATE = 0  # 1 where x > w: −p times it is the gradient at a threshold
    VALUE = 1  # x: that at a weight
    EXCESS = 2  # max(x − w, 0): that at a threshold's polarity
