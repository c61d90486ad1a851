"""What fine-tuning rounds to: the grids of a layer's activations and weights at the widths it is tuned for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.ops.integers import operand_range
from workloads.ops.op_field import Op
from workloads.ops.registry import operation


@dataclass(frozen=True)
class Grid:
    """The integers of a layer's operands: x = integer · 2^x_exponent, w = integer · 2^w_exponent [N].

    x_bits, w_bits, x_signed: their format. Weights of op shift are ±2^e or 0 in units of 2^w_exponent.
    """

    x_exponent: int
    x_bits: int
    x_signed: bool
    w_exponent: np.ndarray
    w_bits: int

    def round_inputs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return activations rounded half up and clipped to the grid, and where they were not clipped."""
        low, high = operand_range(self.x_bits, self.x_signed)
        scaled = np.floor(np.ldexp(x, -self.x_exponent) + x.dtype.type(0.5))
        inside = (scaled >= low) & (scaled <= high)
        return np.ldexp(np.clip(scaled, low, high), self.x_exponent).astype(x.dtype), inside

    def round_weights(self, op: Op, weights: np.ndarray) -> np.ndarray:
        """Return weights [N, kh, kw, C] on the grid, in their own precision."""
        integers = operation(op).integers(weights, self.w_exponent, self.w_bits).astype(np.float64)
        return np.ldexp(integers, self.w_exponent[:, None, None, None]).astype(weights.dtype)
