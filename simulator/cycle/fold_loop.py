"""limen_fold_loop: which fold of a tile an engine is at."""

from __future__ import annotations

from numba import from_dtype

from simulator.cycle.records import record_type
from workloads.host.jit import njit_in_place

FOLD_LOOP = record_type(
    *("groups_left_reg", "outer_left_reg", "inner_left_reg", "outer_offset_reg", "outer_first_reg", "inner_first_reg"),
    *("outer_last", "inner_last", "tile_last"),
)
"""Registers, and wires: whether block, fold and tile end with this fold."""

FOLD_LOOP_RECORD = from_dtype(FOLD_LOOP)


@njit_in_place(inline="always")
def find_last(loop, signals):
    """Set the wires; signals: SIGNALS of the folds."""
    loop.inner_last = loop.inner_left_reg <= signals.inner_step
    loop.outer_last = loop.outer_left_reg <= signals.outer_step
    loop.tile_last = loop.inner_last and loop.outer_last and loop.groups_left_reg == 1


@njit_in_place(inline="always")
def find_loop_ends(loop, ends, fold_ends):
    """Set what ends with the fold where it ends; ends: FOLD_ENDS."""
    ends.fold_ends = fold_ends
    ends.block_ends = fold_ends and loop.inner_last
    ends.group_ends = ends.block_ends and loop.outer_last


@njit_in_place(inline="always")
def next_fold(loop, signals):
    """Go to the next fold."""
    loop.inner_first_reg = loop.inner_last
    if not loop.inner_last:
        loop.inner_left_reg -= signals.inner_step
    else:
        loop.inner_left_reg = signals.inner_size
        loop.outer_first_reg = loop.outer_last
        if not loop.outer_last:
            loop.outer_left_reg -= signals.outer_step
            loop.outer_offset_reg += signals.outer_step
        else:
            loop.outer_left_reg, loop.outer_offset_reg = signals.outer_size, 0
            loop.groups_left_reg -= 1


@njit_in_place(inline="always")
def start_loop(loop, signals, groups):
    """Go to a tile's first fold."""
    loop.groups_left_reg, loop.outer_offset_reg = groups, 0
    loop.outer_left_reg, loop.inner_left_reg = signals.outer_size, signals.inner_size
    loop.outer_first_reg, loop.inner_first_reg = 1, 1
