"""Op threshold in Numba."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit_in_place
from workloads.ops.kernel_types import PATTERNS, TERMS, signed


@njit_in_place(TERMS)
def fill_terms(x, w, p, terms):
    """p·max(x − w, 0)."""
    for k in range(x.shape[0]):
        for b in range(x.shape[1]):
            terms[k, b] = p[k] * max(x[k, b] - w[k], 0)


@njit_in_place(PATTERNS, inline="always")
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    """limen_op_threshold: the polarity lies above w; 1 is inhibitory."""
    aligned, w_mask = max(x_bits, w_bits), (int64(1) << w_bits) - 1
    for i in range(result.shape[0]):
        w = signed(synapse[i] & w_mask, w_bits)
        above = max((signed(x[i], x_bits) << (aligned - x_bits)) - (w << (aligned - w_bits)), 0)
        result[i] = -above if synapse[i] >> w_bits else above
