"""The ops on bit patterns: what every netlist must compute, from their definitions in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workloads.ops.integers import as_signed

if TYPE_CHECKING:
    from cost_models.units.unit import OpUnit


def op_values(unit: OpUnit, x: np.ndarray, synapse: np.ndarray) -> np.ndarray:
    """Return the op of bit patterns x and {polarity,} w, as integers."""
    aligned, codes, polarity = _operands(unit, x, synapse)
    values = unit.operation.values(codes, unit.w_bits) << unit.operation.alignment(unit.x_bits, unit.w_bits)[1]
    return unit.operation.terms(aligned, values, polarity)


def op_carries(unit: OpUnit, x: np.ndarray, synapse: np.ndarray) -> np.ndarray:
    """Return the carry (0 or 1) that limen_op leaves to the next adder."""
    aligned, codes, polarity = _operands(unit, x, synapse)
    return unit.operation.carries(aligned, codes << unit.operation.alignment(unit.x_bits, unit.w_bits)[1], polarity)


def _operands(unit: OpUnit, x: np.ndarray, synapse: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return aligned x, codes of w, and polarities ±1 (+1 where the op has none) of patterns.

    x is two's complement where the unit takes signed activations, otherwise unsigned, as after ReLU.
    """
    integers = as_signed(x, unit.x_bits) if unit.x_signed else x
    codes = as_signed(synapse & ((1 << unit.w_bits) - 1), unit.w_bits)
    polarity = 1 - 2 * (synapse >> unit.w_bits & unit.operation.polar)
    return integers << unit.operation.alignment(unit.x_bits, unit.w_bits)[0], codes, polarity


def sign_bit(unit: OpUnit) -> int | None:
    """Return which bit of a synapse says whether it adds or subtracts; None where none does."""
    return unit.operation.sign_bit(unit.w_bits)


def in_polarity_order(unit: OpUnit, x: np.ndarray, synapse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return operands [steps, lanes], in each lane the synapses that add before those that subtract."""
    bit = sign_bit(unit)
    assert bit is not None
    order = np.argsort(synapse >> bit & 1, axis=0, kind="stable")
    return np.take_along_axis(x, order, axis=0), np.take_along_axis(synapse, order, axis=0)
