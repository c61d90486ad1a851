"""limen_ahead: where folds overlap, the next tile's first block of operands is filled while a tile is computed."""

from __future__ import annotations

from numba import from_dtype, int64, void

from simulator.cycle.records import record_type
from simulator.cycle.wires import WIRES_RECORD
from workloads.host.jit import njit_in_place

AHEAD = record_type("ahead_reg", "begins")
"""Registers, and wires."""

AHEAD_RECORD = from_dtype(AHEAD)


@njit_in_place(void(AHEAD_RECORD, WIRES_RECORD, int64, int64))
def step_ahead(ahead, wires, overlap, words_left):
    """Set the wires to the im2col unit and take the clock edge; words_left: it is in the middle of a tile."""
    free = wires.compute_busy and not wires.pool and not words_left and not ahead.ahead_reg
    ahead.begins = overlap and wires.next_loaded and free
    wires.ahead = ahead.begins or ahead.ahead_reg
    wires.begin_tile = ahead.begins or (wires.compute_start and not ahead.ahead_reg)
    ahead.ahead_reg = wires.ahead and not wires.compute_start
