"""limen_op: the op of a PE, in one stage or two, or of the layer where a PE has several."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.bits import ROW, TABLE
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Dataflow, Op
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


@njit_in_place(int64(TABLE, PARAMETERS_RECORD, int64, ROW, ROW, ROW))
def apply_gated(staged, parameters, op, x, synapse, result):
    """As `apply_stages`, with a register before the op that stays while x is 0: staged has x, synapse, and whether they
    count. What stays in the PE of itself has no such register.
    """
    held_x, held_synapse, live = staged[0], staged[1], staged[2]
    op_x = x if parameters.dataflow == Dataflow.IS else held_x
    op_synapse = synapse if parameters.dataflow == Dataflow.WS else held_synapse
    apply_op(parameters, op, op_x, op_synapse, result)
    changed = int64(0)
    for i in range(result.shape[0]):
        result[i] *= live[i]
        counts = int64(x[i] != 0)
        changed |= live[i] ^ counts
        live[i] = counts
        if counts:
            changed |= (held_x[i] ^ x[i]) | (held_synapse[i] ^ synapse[i])
            held_x[i], held_synapse[i] = x[i], synapse[i]
    return changed


@njit_in_place(int64(TABLE, PARAMETERS_RECORD, int64, ROW, ROW, ROW))
def apply_stages(staged, parameters, op, x, synapse, result):
    """Write what a PE's sum takes in this cycle: of two stages the result of the cycle before, kept in staged[0].

    Take the clock edge between two stages; return whether it changes anything.
    """
    if parameters.zero_gating:
        return apply_gated(staged, parameters, op, x, synapse, result)
    apply_op(parameters, op, x, synapse, result)
    changed = int64(0)
    if parameters.stages == 2:
        for i in range(result.shape[0]):
            changed |= staged[0, i] ^ result[i]
            staged[0, i], result[i] = result[i], staged[0, i]
    return changed
