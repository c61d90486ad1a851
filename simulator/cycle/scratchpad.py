"""limen_scratchpad: densely packed beats in, one row a cycle out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, TABLE, take_bits
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from workloads.host.jit import njit_in_place

SCRATCHPAD = record_type(
    *("skip", "first_row", "rows", "width"), *("row_reg", "rows_left_reg", "stream_bit", "stream_words")
)
"""Ports of the run that is loaded: bits before its first row, that row, how many, bits of a lane. Then registers: next
row, rows left, and the words of `stream` with the bit in them at which the next row begins."""

SCRATCHPAD_RECORD = from_dtype(SCRATCHPAD)


class Scratchpad(NamedTuple):
    """registers: SCRATCHPAD. stream: words of a row that has not ended. One fill serves all: there is one DMA."""

    registers: np.record
    stream: np.ndarray


SCRATCHPAD_TYPE = Reference(Scratchpad, [SCRATCHPAD_RECORD, ROW])


@njit_in_place(int64(SCRATCHPAD_TYPE, TABLE, ROW, int64))
def fill_scratchpad(scratchpad, half, beat, beat_first):
    """Take a beat into `half` [depth, lanes] and return how many rows were written.

    Rows of lanes lie densely in a run.
    """
    registers, stream = scratchpad.registers, scratchpad.stream
    if beat_first:
        registers.row_reg, registers.rows_left_reg = registers.first_row, registers.rows
        registers.stream_bit, registers.stream_words = registers.skip, 0
    if registers.rows_left_reg == 0:
        return int64(0)
    words, lanes, written, width = registers.stream_words, half.shape[1], int64(0), registers.width
    for i in range(beat.shape[0]):
        stream[words + i] = beat[i]
    words += beat.shape[0]
    bit = registers.stream_bit
    while words * 32 - bit >= lanes * width and written < registers.rows_left_reg:
        row = registers.row_reg + written
        if row < half.shape[0]:
            for lane in range(lanes):
                half[row, lane] = take_bits(stream, bit + lane * width, width)
        bit += lanes * width
        written += 1
    used = bit >> 5
    for i in range(used, words):
        stream[i - used] = stream[i]
    registers.stream_bit, registers.stream_words = bit & 31, words - used
    registers.row_reg += written
    registers.rows_left_reg -= written
    return written


@njit_in_place(void(TABLE, int64, ROW))
def read_row(half, row, answer):
    """Let a half answer with one of its rows."""
    if row < half.shape[0]:
        for lane in range(answer.shape[0]):
            answer[lane] = half[row, lane]
