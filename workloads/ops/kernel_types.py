"""Types of the compiled functions that rooms hand to kernels, which call them by their address."""

from __future__ import annotations

from numba import int64, types, void

from workloads.host.jit import njit_in_place

_ROW, _TABLE = int64[::1], int64[:, ::1]

TERMS = void(_TABLE, _ROW, _ROW, _TABLE)
"""(x, w, p, terms): fill terms [K, B] with those of aligned activations x [K, B], weights w [K], polarities p [K]."""

PATTERNS = void(int64, int64, int64, _ROW, _ROW, _ROW)
"""(x_bits, w_bits, x_signed, x, synapse, result): fill result with the value of each pair of bit patterns."""

TERMS_FUNCTION, PATTERNS_FUNCTION = types.FunctionType(TERMS), types.FunctionType(PATTERNS)


@njit_in_place(inline="always")
def signed(pattern, bits):
    """Return a two's complement pattern as an integer."""
    return pattern - ((pattern >> (bits - 1)) << bits)
