"""From real numbers to the integers of a network: exactly, where all units are powers of two.

A layer's sums are counted in a unit of 2^u: that of its activations times that of its weights. Requantising to a grid
of 2^y shifts right by y − u and rounds halves up; ONNX rounds halves to even. So the integers are the same but where a
sum lies halfway between two of them, and `may_tie` says where that can't be. Other roundings (QONNX) are in the bias.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.errors import shown
from workloads.imports.onnx.constants import ROUNDINGS
from workloads.imports.onnx.real import INPUT_LAYER, NoValues, Piece, Real
from workloads.ops.integers import MAX_SHIFT, operand_range

MOST_W_BITS = 16
MOST_RESIDUAL_SHIFT = 15
MANTISSA_BITS = 53
"""Of float64."""


@dataclass(frozen=True)
class Fixed:
    """The format of a tensor: an integer of so many bits is worth 2^exponent each."""

    exponent: int
    bits: int
    signed: bool

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """Return real numbers as integers of it, int64: half up, saturated."""
        return np.clip(np.floor(np.ldexp(x, -self.exponent) + 0.5), *operand_range(self.bits, self.signed)).astype(
            np.int64
        )


@dataclass(frozen=True)
class Weights:
    """Integers [N, kh, kw, C] and what one is worth in each output channel, 2^exponent[N]."""

    integers: np.ndarray
    exponent: np.ndarray


@dataclass(frozen=True)
class LayerNumbers:
    """A layer's integers, its keys in the page, the exponent of a sum's unit [N]; may_tie: [N], where a sum may lie
    halfway between two integers."""

    arrays: dict[str, np.ndarray]
    keys: dict[str, Any]
    unit: np.ndarray
    may_tie: np.ndarray


def exact_format(real: Real) -> Fixed:
    """Return the format of a rounded tensor. Raises NoValues where the machine has none such."""
    if real.grid is None:
        raise NoValues(f"tensor {shown(real.tensor)} is not rounded to integers")
    mantissa, exponent = math.frexp(real.grid.unit)
    if mantissa != 0.5:
        raise NoValues(f"tensor {shown(real.tensor)}: scale {real.grid.unit:g} is no power of two")
    low, high = real.grid.low, real.grid.high
    rounding = ROUNDINGS.get(real.grid.rounding, np.rint)
    if real.low > -math.inf:
        low = max(low, int(rounding(np.array(real.low / real.grid.unit))))
    if real.high < math.inf:
        high = min(high, int(rounding(np.array(real.high / real.grid.unit))))
    for signed in (True, False):
        bits = (high + 1).bit_length() - 1 + signed
        if 2 <= bits <= MOST_W_BITS and operand_range(bits, signed) == (low, high):
            return Fixed(exponent - 1, bits, signed)
    raise NoValues(f"tensor {shown(real.tensor)}: integers {low} to {high} are no range of the machine")


def exact_weights(real: Real) -> Weights:
    """Return weights as integers of the largest power of two that gives them exactly, a channel each."""
    assert real.weights is not None
    rows = real.weights.reshape(len(real.weights), -1)
    mantissa, exponent = np.frexp(rows)
    whole = np.ldexp(np.abs(mantissa), MANTISSA_BITS).astype(np.int64)
    lowest_bit = np.where(whole > 0, np.log2(np.maximum(whole & -whole, 1)).astype(np.int64), 0)
    units = np.where(whole > 0, exponent - MANTISSA_BITS + lowest_bit, np.iinfo(np.int32).max).min(axis=1)
    used = units[units < np.iinfo(np.int32).max]
    units = np.where(units < np.iinfo(np.int32).max, units, used.min() if used.size else 0)
    integers = np.ldexp(rows, -units[:, None])
    if np.abs(integers).max(initial=0) >= 1 << (MOST_W_BITS - 1):
        raise NoValues(
            f"weights before tensor {shown(real.tensor)} are no integers of {MOST_W_BITS} bits and a power of two"
        )
    return Weights(integers.astype(np.int64).reshape(real.weights.shape), units.astype(np.int64))


def layer_numbers(
    real: Real, weights: Weights, x: Fixed, y: Fixed | None, residual: Fixed | None, least_w_bits: int = 2
) -> LayerNumbers:
    """Return a layer's integers; y: None of the last, whose raw sums are of one unit. Raises NoValues."""
    unit = x.exponent + weights.exponent
    target = unit
    if y is None or residual is not None:  # one unit: of scores that are compared, and of what is added to all
        target = np.full_like(unit, unit.min() if residual is None else min(unit.min(), residual.exponent))
    if y is not None:
        target = np.minimum(target, y.exponent)  # shifts are to the right
    growth = np.where(weights.integers.any(axis=(1, 2, 3)), unit - target, 0)
    if growth.max() > MOST_W_BITS:
        raise NoValues(f"weights before tensor {shown(real.tensor)} need more than {MOST_W_BITS} bits")
    integers = weights.integers << growth[:, None, None, None]
    bits = max(least_w_bits, *(width_of(int(end)) for end in (integers.min(), integers.max())))
    if bits > MOST_W_BITS:
        raise NoValues(f"weights before tensor {shown(real.tensor)} need {bits} bits, more than {MOST_W_BITS}")
    keys: dict[str, Any] = {"x_bits": x.bits, "w_bits": bits, "x_signed": x.signed}
    if residual is not None:
        shift = residual.exponent - int(target[0])
        if shift > MOST_RESIDUAL_SHIFT:
            raise NoValues(
                f"a residual of tensor {shown(real.tensor)} is shifted by {shift}, more than {MOST_RESIDUAL_SHIFT}"
            )
        keys |= {"residual_shift": shift} if shift else {}
    shifts = np.zeros_like(target) if y is None else y.exponent - target
    if shifts.max() > MAX_SHIFT:
        raise NoValues(f"tensor {shown(real.tensor)} is shifted by {shifts.max()}, more than {MAX_SHIFT}")
    exact_bias = np.ldexp(real.bias, -target)
    rounding = "ROUND" if real.grid is None else real.grid.rounding
    bias = np.rint(exact_bias) if y is None else rounded_bias(exact_bias, shifts, rounding)
    if np.abs(bias).max(initial=0) > 1 << 46:
        raise NoValues(f"a bias before tensor {shown(real.tensor)} is too large")
    arrays = {"weights": integers, "bias": bias.astype(np.int64), "shift": shifts}
    may_tie = _may_tie(integers, exact_bias, shifts, keys.get("residual_shift", 0) if residual else None)
    return LayerNumbers(arrays, keys, target, may_tie & (rounding == "ROUND") & (y is not None))


def rounded_bias(bias: np.ndarray, shifts: np.ndarray, rounding: str) -> np.ndarray:
    """Return integers with which (sum + bias + 2^(t−1)) >> t rounds as it is said, t the shift (without half at t = 0).

    bias: real, in units of the sums, which are whole: so floor((sum + bias) / 2^t) is that of floor(bias).
    """
    half = np.where(shifts > 0, np.ldexp(1.0, shifts - 1), 0)
    none = shifts == 0
    if rounding == "FLOOR":
        return np.floor(bias) - half
    if rounding == "CEIL":
        return np.ceil(bias) + np.where(none, 0, np.ldexp(1.0, shifts) - 1 - half)
    if rounding == "HALF_UP":
        return np.floor(np.where(none, bias + 0.5, bias))
    if rounding == "HALF_DOWN":
        return np.where(none, np.ceil(bias - 0.5), np.ceil(bias) - 1)
    if rounding != "ROUND":
        raise NoValues(f"rounding_mode {rounding!r}: ROUND, FLOOR, CEIL, HALF_UP and HALF_DOWN are the machine's")
    return np.floor(np.where(none, bias + 0.5, bias))


def _may_tie(integers: np.ndarray, bias: np.ndarray, shifts: np.ndarray, residual_shift: int | None) -> np.ndarray:
    """Return [N]: whether a sum may lie halfway between two integers, told by the powers of two in its terms."""
    rows = np.abs(integers.reshape(len(integers), -1))
    if residual_shift is not None:
        rows = np.concatenate([rows, np.full((len(rows), 1), 1 << residual_shift)], axis=1)
    steps = np.gcd.reduce(rows, axis=1)
    whole = bias == np.floor(bias)
    power = np.where(steps > 0, steps & -steps, 1 << MAX_SHIFT)
    step = np.minimum(power, np.left_shift(1, shifts))
    half = np.where(shifts > 0, np.left_shift(1, np.maximum(shifts - 1, 0)), 0)
    tie = whole & (shifts > 0) & ((np.floor(bias).astype(np.int64) - half) % step == 0)
    return tie | (~whole & (shifts == 0) & (bias - np.floor(bias) == 0.5))


def width_of(value: int) -> int:
    """Return the bits of a signed integer."""
    return (value if value >= 0 else -value - 1).bit_length() + 1


def format_of(pieces: Sequence[Piece], formats: Mapping[int, Fixed], reals: Mapping[int, Real]) -> Fixed:
    """Return the one format of pieces side by side. Raises NoValues where they differ."""
    found = set()
    for piece in pieces:
        real = reals[piece.layer]
        pooled = real.weights is None and piece.layer != INPUT_LAYER
        found.add(format_of(real.reads, formats, reals) if pooled else formats[piece.layer])
    if len(found) != 1:
        raise NoValues(f"tensors side by side have {len(found)} formats")
    return found.pop()


def layers_of(pieces: Sequence[Piece], reals: Mapping[int, Real]) -> list[int]:
    """Return the layers whose results pieces are, through maxpools."""
    found: list[int] = []
    for piece in pieces:
        real = reals[piece.layer]
        pooled = real.weights is None and piece.layer != INPUT_LAYER
        found += layers_of(real.reads, reals) if pooled else [piece.layer]
    return found


def groups_of(together: Sequence[Sequence[int]], tensors: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return the tensors in groups: those that anybody reads side by side are in one."""
    group = {tensor: {tensor} for tensor in tensors}
    for side_by_side in together:
        joined = set().union(*(group[tensor] for tensor in side_by_side)) if side_by_side else set()
        group.update(dict.fromkeys(joined, joined))
    kept = [tensor for tensor in tensors if tensor == min(group[tensor])]
    return tuple(tuple(sorted(group[tensor])) for tensor in kept)


def network_numbers(
    reals: Mapping[int, Real], formats: Mapping[int, Fixed], weights: Mapping[int, Weights], least_w_bits: int = 2
) -> dict[int, LayerNumbers]:
    """Return the integers of every layer, by its place; a maxpool has its keys alone. Raises NoValues."""
    numbers = {}
    last = max(reals)
    for layer in range(last + 1):
        real = reals[layer]
        x = format_of(real.reads, formats, reals)
        if real.weights is None:
            none = np.zeros(0, dtype=np.int64)
            numbers[layer] = LayerNumbers({}, {"x_bits": x.bits, "x_signed": x.signed}, none, none.astype(bool))
            continue
        residual = format_of(real.residual, formats, reals) if real.residual else None
        y = None if layer == last else formats[layer]
        numbers[layer] = layer_numbers(real, weights[layer], x, y, residual, least_w_bits)
    return numbers
