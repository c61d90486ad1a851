"""Powers of two for PyTorch: weights of op shift, and the factors of norms that a requantiser's shift can be.

All are exact, and the same as those of `workloads.ops.shift`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from workloads.ops.shift import SHIFT, SMALLEST, shift_zero

HIGHEST = shift_zero(SHIFT.weight_bits[1]) - 1
"""Exponent of the largest weight, in units of the smallest one other than 0."""


def nearest_exponents(magnitudes: Tensor) -> Tensor:
    """Return the integer (int32) nearest each magnitude's logarithm, base 2; of 0 any."""
    fraction, exponent = torch.frexp(magnitudes)
    return exponent - (fraction.double() < math.sqrt(0.5)).int()


def power_of_two(exponents: Tensor, dtype: torch.dtype) -> Tensor:
    """Return 2^exponents, of integers −126 … 127: the bits of a float32, since not every library's powers are exact."""
    return ((exponents.int() + 127) << 23).view(torch.float32).to(dtype)


class RoundedToPowers(torch.autograd.Function):
    """Weights [N, …] rounded to the ±2^e and 0 of op shift's widest codes; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor) -> Tensor:
        magnitudes = weights.abs()
        largest = magnitudes.flatten(1).amax(1).clamp(min=SMALLEST)
        lowest = (nearest_exponents(largest) - HIGHEST).reshape(-1, *[1] * (weights.dim() - 1))
        exponents = torch.maximum(nearest_exponents(magnitudes), lowest)
        powers = power_of_two(exponents, weights.dtype).copysign(weights)
        return torch.where(magnitudes < power_of_two(lowest - 1, weights.dtype), torch.zeros_like(powers), powers)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope
