"""Op adder in Numba."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit_in_place
from workloads.ops.kernel_types import PATTERNS, TERMS, signed


@njit_in_place(TERMS)
def fill_terms(x, w, p, terms):
    """−|x − w|."""
    for k in range(x.shape[0]):
        for b in range(x.shape[1]):
            terms[k, b] = -abs(x[k, b] - w[k])


@njit_in_place(PATTERNS, inline="always")
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    """limen_op_adder; a PE of several ops may hold a polarity above w."""
    aligned, w_mask = max(x_bits, w_bits), (int64(1) << w_bits) - 1
    for i in range(result.shape[0]):
        w = signed(synapse[i] & w_mask, w_bits) << (aligned - w_bits)
        result[i] = -abs((signed(x[i], x_bits) << (aligned - x_bits)) - w)
