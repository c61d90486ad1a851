"""What a leap adds up: operands as 32-bit values instead of patterns, and sums of ops over long rows of them.

Sums are exact modulo 2^32, so where a sum's register has up to 32 bits they are what its steps give.
"""

from __future__ import annotations

from numba import int32, int64, void

from simulator.cycle.bits import ROW, signed
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Op
from workloads.host.jit import njit_in_place
from workloads.ops.shift_kernels import WIDEST_WEIGHT
from workloads.ops.vectors import BYTES, ones

VALUES, VALUE_ROW = int32[:, ::1], int32[::1]

CHUNK = 512
"""Operands of a lane that are added up at once: all lanes' stay in the processor's caches."""

LANES = BYTES // 4
"""Values that a vector holds."""


@njit_in_place(int64(PARAMETERS_RECORD, int64))
def aligned_up(parameters, op):
    """Return by how many bits an activation is shifted left to be aligned with a synapse."""
    aligned = op == Op.THRESHOLD or op == Op.ADDER
    return max(parameters.w_bits - parameters.x_bits, 0) if aligned else int64(0)


@njit_in_place(void(PARAMETERS_RECORD, int64, ROW, VALUE_ROW))
def read_activations(parameters, op, patterns, values):
    """Write the values of patterns of activations, aligned as the op has them."""
    bits, aligned, up = parameters.x_bits, op == Op.THRESHOLD or op == Op.ADDER, aligned_up(parameters, op)
    sign = int64(1) if aligned or parameters.x_signed else int64(0)
    for i in range(patterns.shape[0]):
        pattern = patterns[i]
        values[i] = int32((pattern - (((pattern >> (bits - 1)) << bits) * sign)) << up)


@njit_in_place(inline="always")
def shift_factor(pattern, w_bits):
    """Return what op shift multiplies an activation by."""
    sign = min(w_bits, WIDEST_WEIGHT) - 1
    zero = (int64(1) << sign) - 1
    factor = int64(0) if pattern & zero == zero else int64(1) << (pattern & zero)
    return -factor if (pattern >> sign) & 1 else factor


@njit_in_place(void(PARAMETERS_RECORD, int64, ROW, VALUE_ROW, VALUE_ROW))
def read_synapses(parameters, op, patterns, values, signs):
    """Write the values of patterns of synapses, aligned as the op has them; signs: 0, -1 where polarity is -1."""
    bits, aligned = parameters.w_bits, op == Op.THRESHOLD or op == Op.ADDER
    up, mask = max(parameters.x_bits - bits, 0) if aligned else int64(0), (int64(1) << bits) - 1
    if op == Op.SHIFT:
        for i in range(patterns.shape[0]):
            values[i] = int32(shift_factor(patterns[i], bits))
    else:
        for i in range(patterns.shape[0]):
            values[i] = int32(signed(patterns[i] & mask, bits) << up)
    if op == Op.THRESHOLD:
        for i in range(patterns.shape[0]):
            signs[i] = int32(-(patterns[i] >> bits))


@njit_in_place(inline="always")
def op_value(op, x, w, sign):
    """Return the op of a pair of values."""
    above = int32(x - w)
    if op == Op.THRESHOLD:
        return int32(int32(max(above, int32(0)) ^ sign) - sign)
    if op == Op.ADDER:
        return int32(min(above, int32(-above)))
    return int32(x * w)


@njit_in_place(inline="always")
def sum_mask(parameters):
    """Return a mask of the bits that a sum has in its register."""
    return int32(signed((int64(1) << parameters.psum_bits) - 1, 32))


@njit_in_place(inline="always")
def bits_between(before, after, mask):
    """Return how many bits of a mask differ between two values."""
    return ones(int32((before ^ after) & mask))
