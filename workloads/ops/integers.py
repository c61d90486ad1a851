"""Integer formats: operand ranges, alignment, the accumulator that can never overflow.

Every width is in bits, every range inclusive.
"""

from __future__ import annotations

import numpy as np

RAW_BITS = 32
"""Width of a raw score: the last layer's accumulators are sign-extended to this."""

MAX_SHIFT = 31
"""Largest right shift of the requantiser."""


def operand_range(bits: int, signed: bool = True) -> tuple[int, int]:
    """Return (lowest, highest) of a two's complement or unsigned operand."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def as_signed(patterns: np.ndarray, bits: int) -> np.ndarray:
    """Return two's complement patterns as integers."""
    return patterns - ((patterns >> (bits - 1)) << bits)


def alignment(x_bits: int, w_bits: int) -> tuple[int, int]:
    """Return the left shifts (of x, of w) that align the operands' most significant bits."""
    return max(0, w_bits - x_bits), max(0, x_bits - w_bits)


def accumulator_bits(bound: int) -> int:
    """Return the two's complement width that holds every sum of magnitude at most `bound`."""
    return 1 + bound.bit_length()
