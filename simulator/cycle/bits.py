"""Bit patterns: signs, flags, ones, and fields of packed words."""

from __future__ import annotations

from numba import int64, void

from workloads.host.jit import njit_in_place
from workloads.ops.vectors import ones

ROW, TABLE, CUBE = int64[::1], int64[:, ::1], int64[:, :, ::1]
"""Numba's types of arrays of integers."""

WORD_MASK = 0xFFFFFFFF


@njit_in_place(int64(int64, int64))
def signed(pattern, bits):
    """Return the two's complement value of a bit pattern."""
    return pattern - ((pattern >> (bits - 1)) << bits)


@njit_in_place(void(ROW, ROW))
def copy_row(target, source):
    """Make a row equal to another."""
    for i in range(target.shape[0]):
        target[i] = source[i]


@njit_in_place(int64(int64, int64))
def flag(flag_bits, which):
    """Return whether one of a descriptor's flags is set."""
    return int64(flag_bits & which != 0)


@njit_in_place(int64(int64))
def population(pattern):
    """Return the number of ones of a pattern."""
    return ones(pattern)


@njit_in_place(int64(ROW, int64, int64))
def take_bits(words, position, bits):
    """Return `bits` (up to 62) bits of 32-bit words, from bit `position` on."""
    index = position >> 5
    value = words[index] >> (position & 31)
    taken = 32 - (position & 31)
    while taken < bits:
        index += 1
        value |= (words[index] & ((int64(1) << (bits - taken)) - 1)) << taken
        taken += 32
    return value & ((int64(1) << bits) - 1)


@njit_in_place(void(ROW, int64, int64, int64))
def put_bits(words, position, value, bits):
    """Set `bits` (up to 32) bits of 32-bit words, zeros until now, from bit `position` on."""
    index, offset = position >> 5, position & 31
    words[index] |= (value << offset) & WORD_MASK
    if offset + bits > 32:
        words[index + 1] |= value >> (32 - offset)
