"""Integer formats: operand ranges, alignment, the accumulator that can never overflow, generated polarity.

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


def generated_polarity(seed: int, n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return int64 ±1 of output channels n and fan-in positions k (integers, broadcast together).

    A quadratic form over single bits, so the generator at the feeder is XOR and AND gates only.
    """
    a = (np.asarray(n) ^ seed) & 0xFFFF
    b = (np.asarray(k) ^ (seed >> 16)) & 0xFFFF
    products = (a & b) ^ (b & _rotated(b, 1)) ^ (a & _rotated(a, 1))
    return 1 - 2 * (np.bitwise_count(products).astype(np.int64) & 1)


def _rotated(word: np.ndarray, left: int) -> np.ndarray:
    """Return 16-bit words rotated left."""
    return ((word << left) | (word >> (16 - left))) & 0xFFFF
