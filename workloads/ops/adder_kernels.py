"""Op adder in Numba."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit
from workloads.ops.kernel_types import PATTERNS, TERMS, signed


@njit(TERMS)
def fill_terms(x, w, p, terms):
    """−|x − w|."""
    for b in range(x.shape[0]):
        terms[b] = -abs(x[b] - w)


@njit(PATTERNS)
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    """limen_op_adder; a PE of several ops may hold a polarity above w."""
    aligned, w_mask = max(x_bits, w_bits), (int64(1) << w_bits) - 1
    for i in range(result.shape[0]):
        w = signed(synapse[i] & w_mask, w_bits) << (aligned - w_bits)
        result[i] = -abs((signed(x[i], x_bits) << (aligned - x_bits)) - w)
