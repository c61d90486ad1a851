"""Ops alone and whole neurons: which there are, and how wide their weights and sums are."""

from __future__ import annotations

from typing import Literal

from workloads.ops.op_field import Op
from workloads.ops.registry import operation

Window = Literal["neuron_3x3", "neuron_5x5", "neuron_1x1x64"]
SYNAPSES: dict[Window, int] = {"neuron_3x3": 9, "neuron_5x5": 25, "neuron_1x1x64": 64}
"""Synapses of a neuron, by its window: height x width (x channels)."""

WIDE_BITS = (10, 12, 16)
"""Operand widths of ops alone and neurons, and of os and ws PEs with x as wide as w, beyond those of the machine."""


def weight_bits(op: Op, x_bits: int) -> int:
    """Return the weight width compared at this activation width: as wide, or as wide as the op's weights get."""
    return operation(op).fitted_bits(x_bits)


def sum_bits(window: Window, op: Op, x_bits: int, w_bits: int) -> int:
    """Return the width of a neuron's sum: no sum of its ops is too wide for it."""
    return operation(op).result_bits(x_bits, w_bits) + (SYNAPSES[window] - 1).bit_length()
