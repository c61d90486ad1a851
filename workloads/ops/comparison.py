"""What ops that compare x with w have in common."""

from __future__ import annotations

import numpy as np

from workloads.ops.integers import alignment
from workloads.ops.operation import Operation


class Comparison(Operation):
    """An op over one real range: operands of unequal width are aligned at their most significant bits."""

    one_range = True

    def alignment(self, x_bits: int, w_bits: int) -> tuple[int, int]:
        return alignment(x_bits, w_bits)

    def largest_term(self, x_bits: int, w_bits: int, x_signed: bool) -> int:
        return (1 << max(x_bits, w_bits)) - 1

    def result_bits(self, x_bits: int, w_bits: int) -> int:
        """A signed difference of aligned operands."""
        return max(x_bits, w_bits) + 1

    def full_scale(self, x_bits: int, w_bits: int) -> int:
        return alignment(x_bits, w_bits)[0]

    def partial_sizes(self, sizes: np.ndarray, largest: int) -> np.ndarray:
        return sizes + largest

    def weight_exponents(self, weights: np.ndarray, w_bits: int, shared: bool) -> np.ndarray:
        raise NotImplementedError(f"op {self.name}: w has the grid of x")
