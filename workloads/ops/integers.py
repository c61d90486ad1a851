"""Integer formats: operand ranges, the accumulator width that can never overflow, generated polarity.

Every width is in bits, every range inclusive.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Op = Literal["threshold", "mac", "adder", "shift"]

OPS: tuple[Op, ...] = ("threshold", "mac", "adder", "shift")

ONE_RANGE_OPS: tuple[Op, ...] = ("threshold", "adder")
"""Ops that compare x with w: one real range serves both, and operands are aligned at their most significant bits."""

SHIFT_WEIGHT_BITS = (2, 5)
"""Narrowest and widest weight of op shift: a sign and an exponent of one to four bits."""

RAW_BITS = 32
"""Width of a raw score: the last layer's accumulators are sign-extended to this."""

MAX_SHIFT = 31
"""Largest right shift of the requantiser."""


def operand_range(bits: int, signed: bool = True) -> tuple[int, int]:
    """Return (lowest, highest) of a two's complement or unsigned operand."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def alignment(x_bits: int, w_bits: int) -> tuple[int, int]:
    """Return the left shifts (of x, of w) that align the operands' most significant bits."""
    return max(0, w_bits - x_bits), max(0, x_bits - w_bits)


def shift_values(codes: np.ndarray, w_bits: int) -> np.ndarray:
    """Return the weights ±2^e or 0 (int64) of op shift's codes, integers within the signed range of w_bits.

    The code's two's complement pattern is a sign and a (w_bits − 1)-bit exponent; all ones of it mean 0.
    """
    exponents = codes & shift_zero(w_bits)
    values = np.where(exponents == shift_zero(w_bits), 0, np.int64(1) << exponents)
    return np.where(codes < 0, -values, values)


def shift_codes(values: np.ndarray, w_bits: int) -> np.ndarray:
    """Return the codes (int64) of weights ±2^e or 0, e within 0 … 2^(w_bits − 1) − 2: the inverse of `shift_values`.

    0 has the positive code. Raises ValueError for any other value.
    """
    magnitudes = np.abs(values)
    exponents = np.where(magnitudes == 0, shift_zero(w_bits), np.bitwise_count(np.maximum(magnitudes, 1) - 1))
    codes = (exponents + np.where(values < 0, -(1 << (w_bits - 1)), 0)).astype(np.int64)
    if not np.array_equal(shift_values(codes, w_bits), values) or np.any(exponents > shift_zero(w_bits)):
        raise ValueError(
            f"weights other than 0 and ±2^e, e of 0 to {shift_zero(w_bits) - 1}, have no {w_bits}-bit code"
        )
    return codes


def shift_zero(w_bits: int) -> int:
    """Return the positive code of 0, which is also the mask of the exponent."""
    return (1 << (w_bits - 1)) - 1


def effective_weights(op: Op, weights: np.ndarray, w_bits: int) -> np.ndarray:
    """Return what a sum of products multiplies by: the weights of op mac, what op shift's codes stand for."""
    return shift_values(weights, w_bits) if op == "shift" else weights


def largest_term(op: Op, x_bits: int, w_bits: int, x_signed: bool) -> int:
    """Return D, the largest magnitude one synapse can contribute."""
    if op in ONE_RANGE_OPS:
        return (1 << max(x_bits, w_bits)) - 1
    if op == "shift":
        e_max = shift_zero(w_bits) - 1
        return (1 << (x_bits - 1 + e_max)) if x_signed else ((1 << x_bits) - 1) << e_max
    if x_signed:
        return 1 << (x_bits + w_bits - 2)
    return ((1 << x_bits) - 1) << (w_bits - 1)


def result_bits(op: Op, x_bits: int, w_bits: int) -> int:
    """Return the width of one op's result: signed aligned difference, whole product, furthest shift and a sign."""
    if op in ONE_RANGE_OPS:
        return max(x_bits, w_bits) + 1
    return x_bits + (w_bits if op == "mac" else shift_zero(w_bits))


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
