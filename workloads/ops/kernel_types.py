"""The type of the compiled function that a room hands to the cycle model, which calls it by its address."""

from __future__ import annotations

from numba import int64, types, void

from workloads.host.jit import njit_in_place

_ROW = int64[::1]

PATTERNS = void(int64, int64, int64, _ROW, _ROW, _ROW)
"""(x_bits, w_bits, x_signed, x, synapse, result): fill result with the value of each pair of bit patterns."""

PATTERNS_FUNCTION = types.FunctionType(PATTERNS)


@njit_in_place(inline="always")
def signed(pattern, bits):
    """Return a two's complement pattern as an integer."""
    return pattern - ((pattern >> (bits - 1)) << bits)
