"""limen_op and limen_op_fused: the op of a PE, or of the layer where a PE has several."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.bits import ROW
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Op
from workloads.host.jit import njit_in_place
from workloads.ops import adder_kernels, mac_kernels, shift_kernels, threshold_kernels
from workloads.ops.kernel_types import PATTERNS

BROUGHT = len(Op)
"""Stands for an op that brings Verilog and a compiled function of its own: see `array.fill_brought`."""


@njit_in_place(PATTERNS)
def bring_nothing(x_bits, w_bits, x_signed, x, synapse, result):
    """What stands where no op is brought."""


@njit_in_place(void(PARAMETERS_RECORD, int64, ROW, ROW, ROW))
def apply_op(parameters, op, x, synapse, result):
    """Write the value of `op` for each pair of patterns of an activation and a synapse; those of BROUGHT are there."""
    x_bits, w_bits, x_signed = parameters.x_bits, parameters.w_bits, parameters.x_signed
    if op == Op.THRESHOLD:
        threshold_kernels.fill_patterns(x_bits, w_bits, x_signed, x, synapse, result)
    elif op == Op.MAC:
        mac_kernels.fill_patterns(x_bits, w_bits, x_signed, x, synapse, result)
    elif op == Op.ADDER:
        adder_kernels.fill_patterns(x_bits, w_bits, x_signed, x, synapse, result)
    elif op == Op.SHIFT:
        shift_kernels.fill_patterns(x_bits, w_bits, x_signed, x, synapse, result)
