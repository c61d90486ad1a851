"""Op mac in Numba."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit_in_place
from workloads.ops.kernel_types import PATTERNS, TERMS, signed


@njit_in_place(TERMS)
def fill_terms(x, w, p, terms):
    """x·w."""
    for k in range(x.shape[0]):
        for b in range(x.shape[1]):
            terms[k, b] = x[k, b] * w[k]


@njit_in_place(PATTERNS, inline="always")
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    """limen_op_mac; a PE of several ops may hold a polarity above w."""
    w_mask = (int64(1) << w_bits) - 1
    if x_signed:
        for i in range(result.shape[0]):
            result[i] = signed(x[i], x_bits) * signed(synapse[i] & w_mask, w_bits)
    else:
        for i in range(result.shape[0]):
            result[i] = x[i] * signed(synapse[i] & w_mask, w_bits)
