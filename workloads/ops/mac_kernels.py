"""Op mac in Numba."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit, njit_in_place
from workloads.ops.kernel_types import PATTERNS, signed
from workloads.ops.tally_kernel import TALLY, count_pairs


@njit_in_place(inline="always")
def term(x, w, p):
    """Return the op of aligned operands."""
    return x * w


@njit(TALLY)
def tally(x, base, taps, w, p, sums, above, ends):
    """See `count_pairs`."""
    count_pairs(term, False, x, base, taps, w, p, sums, above, ends)


@njit_in_place(PATTERNS, from_python=True, inline="always")
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    """limen_op_mac; a PE of several ops may hold a polarity above w."""
    w_mask = (int64(1) << w_bits) - 1
    if x_signed:
        for i in range(result.shape[0]):
            result[i] = signed(x[i], x_bits) * signed(synapse[i] & w_mask, w_bits)
    else:
        for i in range(result.shape[0]):
            result[i] = x[i] * signed(synapse[i] & w_mask, w_bits)
