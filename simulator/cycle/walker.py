"""limen_walker: a tile's outputs in the order of their words, as they lie in the ofmap banks under os and ws."""

from __future__ import annotations

from numba import from_dtype, int64, void

from simulator.cycle.descriptor import TILE_RECORD
from simulator.cycle.records import record_type
from workloads.host.jit import njit_in_place

WALKER = record_type(
    *("active_reg", "pixel_reg", "lane_reg", "col_reg", "base_reg", "fold_reg", "left_reg"),
    *("word_col_reg", "word_base_reg", "word_fold_reg", "word_left_reg", "pixels", "group_outputs"),
)
"""The step's place in channels, where the present words began, and ports that stay as they are during a tile."""

STEP = record_type("addr", "col", "lane", "moved", "word_ends", "plane_ends")
"""What a step says: word in every bank, bank and lane of its first channel, channels it moves, and what it ends."""

WALKER_RECORD, STEP_RECORD = from_dtype(WALKER), from_dtype(STEP)


@njit_in_place(void(WALKER_RECORD, TILE_RECORD))
def start_walker(walker, tile):
    """Begin at the tile's first word."""
    walker.active_reg, walker.pixel_reg, walker.lane_reg = 1, 0, 0
    walker.col_reg, walker.base_reg, walker.word_col_reg, walker.word_base_reg = 0, 0, 0, 0
    walker.fold_reg, walker.word_fold_reg = tile.group_outputs, tile.group_outputs
    walker.left_reg, walker.word_left_reg = tile.tile_outputs, tile.tile_outputs
    walker.pixels, walker.group_outputs = tile.pixels, tile.group_outputs


@njit_in_place(void(WALKER_RECORD, STEP_RECORD, int64, int64))
def take_step(walker, step, cols, lanes):
    """Write what this step says, and advance. lanes: channels of a word."""
    width = min(walker.fold_reg, cols)  # channels in this fold
    room, there = lanes - walker.lane_reg, width - walker.col_reg
    count = min(room, there)
    left = walker.left_reg - count
    last_pixel = walker.pixel_reg == walker.pixels - 1
    step.addr, step.moved = walker.base_reg + walker.pixel_reg, count
    step.col, step.lane = walker.col_reg, walker.lane_reg
    step.word_ends = count == room or left == 0
    step.plane_ends = step.word_ends and last_pixel
    walker.lane_reg += count
    walker.col_reg += count
    walker.left_reg = left
    if count == there:
        walker.col_reg = 0
        walker.base_reg += walker.pixels
        walker.fold_reg -= width
        if walker.fold_reg == 0:
            walker.fold_reg = walker.group_outputs
    if step.word_ends:
        walker.lane_reg = 0
        walker.pixel_reg = 0 if last_pixel else walker.pixel_reg + 1
    if step.plane_ends:
        walker.active_reg = left != 0
        walker.word_col_reg, walker.word_base_reg = walker.col_reg, walker.base_reg
        walker.word_fold_reg, walker.word_left_reg = walker.fold_reg, walker.left_reg
    elif step.word_ends:
        walker.col_reg, walker.base_reg = walker.word_col_reg, walker.word_base_reg
        walker.fold_reg, walker.left_reg = walker.word_fold_reg, walker.word_left_reg
