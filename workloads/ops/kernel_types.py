"""Types of the compiled functions that rooms hand to kernels, which call them by their address."""

from __future__ import annotations

from numba import int64, types, void

from workloads.host.jit import njit

_ROW = int64[::1]

TERMS = void(_ROW, int64, int64, _ROW)
"""(x, w, p, terms): fill terms [B] with those of aligned activations x [B], one aligned weight w and polarity p."""

PATTERNS = void(int64, int64, int64, _ROW, _ROW, _ROW)
"""(x_bits, w_bits, x_signed, x, synapse, result): fill result with the value of each pair of bit patterns."""

TERMS_FUNCTION = types.FunctionType(TERMS)
PATTERNS_FUNCTION = types.FunctionType(PATTERNS)


@njit(int64(int64, int64), inline="always")
def signed(pattern, bits):
    """Return a two's complement pattern as an integer."""
    return pattern - ((pattern >> (bits - 1)) << bits)
