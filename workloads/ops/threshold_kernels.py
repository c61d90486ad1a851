"""Op threshold in Numba."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit, njit_in_place
from workloads.ops.kernel_types import PATTERNS, signed
from workloads.ops.tally_kernel import TALLY, count_pairs


@njit_in_place(inline="always")
def term(x, w, p):
    """Return the op of aligned operands."""
    return p * max(x - w, 0)


@njit(TALLY)
def tally(x, base, taps, w, p, sums, above, ends):
    """See `count_pairs`."""
    count_pairs(term, True, x, base, taps, w, p, sums, above, ends)


@njit_in_place(PATTERNS, from_python=True, inline="always")
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    """limen_op_threshold: the polarity lies above w; 1 is inhibitory."""
    aligned, w_mask = max(x_bits, w_bits), (int64(1) << w_bits) - 1
    for i in range(result.shape[0]):
        w = signed(synapse[i] & w_mask, w_bits)
        above = max((signed(x[i], x_bits) << (aligned - x_bits)) - (w << (aligned - w_bits)), 0)
        result[i] = -above if synapse[i] >> w_bits else above
