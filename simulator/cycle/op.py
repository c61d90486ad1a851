"""limen_op: the value of an op for each pair of patterns of an activation and a synapse."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.bits import ROW, signed
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Op
from workloads.host.jit import njit_in_place

WIDEST_SHIFT_WEIGHT = 5


@njit_in_place(void(PARAMETERS_RECORD, int64, ROW, ROW, ROW))
def apply_op(parameters, op, x, synapse, result):
    """Write the value of `op` for each pair."""
    x_bits, w_bits, x_signed = parameters.x_bits, parameters.w_bits, parameters.x_signed
    aligned, w_mask = max(x_bits, w_bits), (int64(1) << w_bits) - 1
    if op == Op.THRESHOLD:
        for i in range(result.shape[0]):
            w = signed(synapse[i] & w_mask, w_bits)
            above = max((signed(x[i], x_bits) << (aligned - x_bits)) - (w << (aligned - w_bits)), 0)
            result[i] = -above if synapse[i] >> w_bits else above
    elif op == Op.ADDER:
        for i in range(result.shape[0]):
            w = signed(synapse[i] & w_mask, w_bits) << (aligned - w_bits)
            result[i] = -abs((signed(x[i], x_bits) << (aligned - x_bits)) - w)
    elif op == Op.SHIFT:
        sign = min(w_bits, WIDEST_SHIFT_WEIGHT) - 1
        zero = (int64(1) << sign) - 1
        for i in range(result.shape[0]):
            exponent = synapse[i] & zero
            shifted = (signed(x[i], x_bits) if x_signed else x[i]) << exponent
            value = int64(0) if exponent == zero else shifted
            result[i] = -value if (synapse[i] >> sign) & 1 else value
    elif x_signed:
        for i in range(result.shape[0]):
            result[i] = signed(x[i], x_bits) * signed(synapse[i] & w_mask, w_bits)
    else:
        for i in range(result.shape[0]):
            result[i] = x[i] * signed(synapse[i] & w_mask, w_bits)
