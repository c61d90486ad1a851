"""Op mac: x·w, what every other op is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.ops.integers import operand_range
from workloads.ops.product import Product


class Mac(Product):
    """A multiplier; its result is whole."""

    name = form = "mac"
    multiplies = True
    norm = "batch"

    def averaging_weight(self, x_bits: int, w_bits: int) -> int | None:
        return 1

    def largest_term(self, x_bits: int, w_bits: int, x_signed: bool) -> int:
        return 1 << (x_bits + w_bits - 2) if x_signed else ((1 << x_bits) - 1) << (w_bits - 1)

    def result_bits(self, x_bits: int, w_bits: int) -> int:
        """The whole product."""
        return x_bits + w_bits

    def full_scale(self, x_bits: int, w_bits: int) -> int:
        return w_bits - 1

    def tally_kernel(self) -> Any:
        from workloads.ops.mac_kernels import tally

        return tally

    def pattern_kernel(self) -> Any:
        from workloads.ops.mac_kernels import fill_patterns

        return fill_patterns

    def weight_exponents(self, weights: np.ndarray, w_bits: int, shared: bool) -> np.ndarray:
        """Return the grid exponents [N] with the least squared error."""
        rows = weights.reshape(1 if shared else len(weights), -1).astype(np.float64)
        low, high = operand_range(w_bits)
        chosen = []
        for row in rows:
            top = int(np.ceil(np.log2(max(np.abs(row).max(), 2.0**-16)))) - (w_bits - 1)
            errors = []
            for exponent in range(top - 3, top + 2):
                grid = np.ldexp(np.clip(np.rint(np.ldexp(row, -exponent)), low, high), exponent)
                errors.append((float(np.cumsum((grid - row) ** 2)[-1]), exponent))  # summed in order
            chosen.append(min(errors)[1])
        return np.repeat(np.array(chosen, dtype=np.int64), len(weights) // len(rows))

    def carries(self, x: np.ndarray, w: np.ndarray, p: np.ndarray) -> np.ndarray:
        return np.zeros_like(x)


MAC = Mac()
