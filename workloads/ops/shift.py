"""Op shift: x·w with w a power of two, ±2^e or 0, stored as a sign and an exponent. A shifter, no multiplier."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.ops.product import Product

SMALLEST = 2.0**-60
"""Stands for 0 where a logarithm is taken."""


class Shift(Product):
    """A weight is a sign and an exponent of one to four bits."""

    name = form = "shift"
    one_number = True
    weight_bits = (2, 5)

    def values(self, codes: np.ndarray, w_bits: int) -> np.ndarray:
        return shift_values(codes, w_bits)

    def codes(self, values: np.ndarray, w_bits: int) -> np.ndarray:
        return shift_codes(values, w_bits)

    def averaging_weight(self, x_bits: int, w_bits: int) -> int | None:
        return 0  # the exponent of 1

    def largest_term(self, x_bits: int, w_bits: int, x_signed: bool) -> int:
        e_max = shift_zero(w_bits) - 1
        return (1 << (x_bits - 1 + e_max)) if x_signed else ((1 << x_bits) - 1) << e_max

    def result_bits(self, x_bits: int, w_bits: int) -> int:
        """The furthest shift and a sign."""
        return x_bits + shift_zero(w_bits)

    def full_scale(self, x_bits: int, w_bits: int) -> int:
        return shift_zero(w_bits) - 1

    def tally_kernel(self) -> Any:
        from workloads.ops.mac_kernels import tally

        return tally

    def pattern_kernel(self) -> Any:
        from workloads.ops.shift_kernels import fill_patterns

        return fill_patterns

    def integers(self, weights: np.ndarray, w_exponent: np.ndarray, w_bits: int) -> np.ndarray:
        return powers(weights, w_exponent, w_bits)

    def finest(self, weights: np.ndarray) -> np.ndarray:
        """Rounded to the widest codes, for they have no finer form."""
        return round_to_powers(weights, self.weight_bits[1])

    def weight_exponents(self, weights: np.ndarray, w_bits: int, shared: bool) -> np.ndarray:
        lowest = lowest_exponents(weights, w_bits)
        return np.full_like(lowest, lowest.max()) if shared else lowest

    def neutral(self, x_bits: int, w_bits: int) -> tuple[int, int]:
        """An activation of 0 with the code of weight 0."""
        return 0, shift_zero(w_bits)

    def carries(self, x: np.ndarray, w: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (w < 0).astype(np.int64)

    def nearest_patterns(self, reals: np.ndarray, w_bits: int) -> np.ndarray:
        """The nearest power of two, by its logarithm; full scale is the largest."""
        zero = shift_zero(w_bits)  # the exponents below it count up to zero - 1
        exponent = np.rint(np.log2(np.maximum(np.abs(reals), 2.0**-zero))) + zero - 1
        code = np.where(exponent < 0, zero, np.minimum(exponent, zero - 1)).astype(np.int64)
        return code | np.where((reals < 0) & (code != zero), zero + 1, 0)


SHIFT = Shift()


def shift_zero(w_bits: int) -> int:
    """Return the positive code of 0, which is also the mask of the exponent."""
    return (1 << (w_bits - 1)) - 1


def shift_values(codes: np.ndarray, w_bits: int) -> np.ndarray:
    """Return the weights ±2^e or 0 (int64) of codes, integers within the signed range of w_bits.

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


def lowest_exponents(weights: np.ndarray, w_bits: int) -> np.ndarray:
    """Return [N] int64: what the lowest code stands for where the highest is each filter's largest weight."""
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1).astype(np.float64)
    return _nearest_exponents(largest) - (shift_zero(w_bits) - 1)


def powers(weights: np.ndarray, lowest: np.ndarray, w_bits: int) -> np.ndarray:
    """Return integers ±2^e or 0 (int64): weights [N, kh, kw, C] in units of 2^lowest [N], e as w_bits can say.

    A weight below half the smallest power is 0; between two powers the nearer in its logarithm wins.
    """
    scaled = np.abs(np.ldexp(weights.astype(np.float64), -lowest[:, None, None, None]))
    exponents = np.clip(_nearest_exponents(scaled), 0, shift_zero(w_bits) - 1)
    return np.where(scaled < 0.5, 0, np.int64(1) << exponents) * np.where(weights < 0, -1, 1)


def round_to_powers(weights: np.ndarray, w_bits: int) -> np.ndarray:
    """Return the weights [N, kh, kw, C] rounded to ±2^e or 0, in float64."""
    lowest = lowest_exponents(weights, w_bits)
    return np.ldexp(powers(weights, lowest, w_bits).astype(np.float64), lowest[:, None, None, None])


def _nearest_exponents(magnitudes: np.ndarray) -> np.ndarray:
    """Return the integer (int64) nearest each magnitude's logarithm, base 2, without taking logarithms."""
    fraction, exponent = np.frexp(np.maximum(magnitudes, SMALLEST))
    return exponent.astype(np.int64) - (fraction < np.sqrt(0.5))
