"""Op adder in Numba."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit, njit_in_place
from workloads.ops.kernel_types import PATTERNS, signed
from workloads.ops.tally_kernel import TALLY, count_pairs


@njit_in_place(inline="always")
def term(x, w, p):
    """Return the op of aligned operands."""
    return -abs(x - w)


@njit(TALLY)
def tally(x, base, taps, w, p, sums, above, ends):
    """See `count_pairs`."""
    count_pairs(term, True, x, base, taps, w, p, sums, above, ends)


@njit_in_place(PATTERNS, from_python=True, inline="always")
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    """limen_op_adder; a PE of several ops may hold a polarity above w."""
    aligned, w_mask = max(x_bits, w_bits), (int64(1) << w_bits) - 1
    for i in range(result.shape[0]):
        w = signed(synapse[i] & w_mask, w_bits) << (aligned - w_bits)
        result[i] = -abs((signed(x[i], x_bits) << (aligned - x_bits)) - w)
