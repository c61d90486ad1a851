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
    residual: (exponent, signed) of the tensor that the layer adds, of x_bits, too; None where there is none.
    """

    x_exponent: int
    x_bits: int
    x_signed: bool
    w_exponent: np.ndarray
    w_bits: int
    residual: tuple[int, bool] | None = None

    def round_inputs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return activations rounded half up and clipped to the grid, and where they were not clipped."""
        return _rounded(x, self.x_exponent, self.x_bits, self.x_signed)

    def round_residual(self, added: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the same of what the layer adds: the integers that other readers of that tensor see."""
        assert self.residual is not None
        exponent, signed = self.residual
        return _rounded(added, exponent, self.x_bits, signed)

    def round_weights(self, op: Op, weights: np.ndarray) -> np.ndarray:
        """Return weights [N, kh, kw, C] on the grid, in their own precision."""
        integers = operation(op).integers(weights, self.w_exponent, self.w_bits).astype(np.float64)
        return np.ldexp(integers, self.w_exponent[:, None, None, None]).astype(weights.dtype)


def _rounded(x: np.ndarray, exponent: int, bits: int, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    low, high = operand_range(bits, signed)
    scaled = np.floor(np.ldexp(x, -exponent) + x.dtype.type(0.5))
    inside = (scaled >= low) & (scaled <= high)
    return np.ldexp(np.clip(scaled, low, high), exponent).astype(x.dtype), inside
