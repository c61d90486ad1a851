"""From a float master's weights to integers: grids, and the powers of two of op shift. Exact on every machine."""

from __future__ import annotations

import numpy as np

from workloads.ops.integers import Op, operand_range, shift_zero

SMALLEST = 2.0**-60
"""Stands for 0 where a logarithm is taken."""


def integer_weights(op: Op, weights: np.ndarray, w_exponent: np.ndarray, w_bits: int) -> np.ndarray:
    """Return the integers (int64) of weights [N, kh, kw, C] in units of 2^w_exponent [N], as a machine holds them.

    Rounded half to even and saturated; op shift: ±2^e or 0, which still wait for their codes (`shift_codes`).
    """
    if op == "shift":
        return powers(weights, w_exponent, w_bits)
    scaled = np.ldexp(weights.astype(np.float64), -w_exponent[:, None, None, None])
    return np.clip(np.rint(scaled), *operand_range(w_bits)).astype(np.int64)


def lowest_exponents(weights: np.ndarray, w_bits: int) -> np.ndarray:
    """Return [N] int64: what op shift's lowest code stands for where the highest is each filter's largest weight."""
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
