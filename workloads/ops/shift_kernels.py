"""Op shift in Numba."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit_in_place
from workloads.ops.kernel_types import PATTERNS, signed

WIDEST_WEIGHT = 5


@njit_in_place(PATTERNS, from_python=True, inline="always")
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    """limen_op_shift; a PE of several ops may have wider weights, of which it takes the lowest bits."""
    sign = min(w_bits, WIDEST_WEIGHT) - 1
    zero = (int64(1) << sign) - 1
    for i in range(result.shape[0]):
        exponent = synapse[i] & zero
        shifted = (signed(x[i], x_bits) if x_signed else x[i]) << exponent
        value = int64(0) if exponent == zero else shifted
        result[i] = -value if (synapse[i] >> sign) & 1 else value
