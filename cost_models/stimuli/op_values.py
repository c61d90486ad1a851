"""The ops on bit patterns: what every netlist must compute, from their definitions in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workloads.ops.integers import alignment, effective_weights

if TYPE_CHECKING:
    from cost_models.units.unit import Unit


def op_values(unit: Unit, x: np.ndarray, synapse: np.ndarray) -> np.ndarray:
    """Return the op of bit patterns x and {polarity,} w, as integers: p·max(x − w, 0), −|x − w|, x·w or x·±2^e."""
    w = signed(synapse & ((1 << unit.w_bits) - 1), unit.w_bits)
    if unit.op in ("mac", "shift"):
        return x * effective_weights(unit.op, w, unit.w_bits)
    aligned = _difference(unit, x, w)
    if unit.op == "adder":
        return -np.abs(aligned)
    return np.where(synapse >> unit.w_bits, -1, 1) * np.maximum(aligned, 0)


def op_carries(unit: Unit, x: np.ndarray, synapse: np.ndarray) -> np.ndarray:
    """Return the carry (0 or 1) that limen_op leaves to the next adder: 1 where the addend is inverted."""
    if unit.op == "mac":
        return np.zeros_like(x)
    if unit.op == "adder":
        return (_difference(unit, x, signed(synapse, unit.w_bits)) >= 0).astype(np.int64)
    return synapse >> (unit.w_bits if unit.op == "threshold" else unit.w_bits - 1)


def sign_bit(unit: Unit) -> int | None:
    """Return which bit of a synapse says whether it adds or subtracts: polarity, or the sign of w; None for adder."""
    return {"threshold": unit.w_bits, "mac": unit.w_bits - 1, "shift": unit.w_bits - 1}.get(unit.op)


def in_polarity_order(unit: Unit, x: np.ndarray, synapse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return operands [steps, lanes], in each lane the synapses that add before those that subtract."""
    bit = sign_bit(unit)
    assert bit is not None
    order = np.argsort(synapse >> bit & 1, axis=0, kind="stable")
    return np.take_along_axis(x, order, axis=0), np.take_along_axis(synapse, order, axis=0)


def signed(pattern: np.ndarray, bits: int) -> np.ndarray:
    """Return two's complement patterns as integers."""
    return pattern - ((pattern >> (bits - 1)) << bits)


def _difference(unit: Unit, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return pattern x less integer w, aligned at their most significant bits."""
    x_left, w_left = alignment(unit.x_bits, unit.w_bits)
    return (signed(x, unit.x_bits) << x_left) - (w << w_left)
