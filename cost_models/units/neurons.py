"""Ops alone and whole neurons: which there are, and how wide their weights and sums are."""

from __future__ import annotations

from workloads.ops.op_field import Op
from workloads.ops.registry import operation

SYNAPSES = {"neuron_3x3": 9, "neuron_5x5": 25, "neuron_1x1x64": 64}
"""Synapses of a neuron, by its window: height x width (x channels)."""

WIDE_BITS = (10, 12, 16)
"""Operand widths of ops alone and neurons, and of os and ws PEs with x as wide as w, beyond those of the machine."""


def weight_bits(op: Op, x_bits: int) -> int:
    """Return the weight width compared at this activation width: as wide, or as wide as the op's weights get."""
    return operation(op).fitted_bits(x_bits)


def sum_bits(component: str, op: Op, x_bits: int, w_bits: int) -> int:
    """Return the width of a neuron's sum: no sum of its ops is too wide for it. 0 for the op alone."""
    count = SYNAPSES.get(component, 0)
    return operation(op).result_bits(x_bits, w_bits) + (count - 1).bit_length() if count else 0
