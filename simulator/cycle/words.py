"""limen_words: where operand memory has the next channel of the present group."""

from __future__ import annotations

from numba import from_dtype

from simulator.cycle.records import record_type
from workloads.host.jit import njit_in_place

WORDS = record_type("addr_reg", "element_reg", "piece_reg", "element")
"""Registers, and the element of the word."""

WORDS_RECORD = from_dtype(WORDS)


@njit_in_place(inline="always")
def find_element(words, group):
    """Set the wire; group: GROUP, a part of the module."""
    words.element = words.element_reg + (group.lane_reg if words.piece_reg == 0 else 0)


@njit_in_place(inline="always")
def step_words(words, group, channels, feeder, read, back):
    """Go on behind a channel that is read, or back to the group's first of its `channels`."""
    if read:
        last = group.lane_reg + channels - 1
        last_piece = words.piece_reg == last // feeder
        if words.element == (last % feeder if last_piece else feeder - 1):
            words.element_reg = 0
            words.addr_reg += 1
            words.piece_reg = 0 if last_piece else words.piece_reg + 1
        else:
            words.element_reg += 1
    if back:
        start_words(words)


@njit_in_place(inline="always")
def start_words(words):
    """Go to a group's first channel."""
    words.addr_reg, words.element_reg, words.piece_reg = 0, 0, 0
