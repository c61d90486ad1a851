"""limen_rows: a row of a scratchpad that the folds of a tile walk through, going back as told."""

from __future__ import annotations

from numba import from_dtype

from simulator.cycle.records import record_type
from workloads.host.jit import njit_in_place

FOLD_ENDS = record_type("fold_ends", "block_ends", "group_ends")
"""What ends in this cycle."""

ROWS = record_type("row_reg", "base_reg")
FOLD_ENDS_RECORD, ROWS_RECORD = from_dtype(FOLD_ENDS), from_dtype(ROWS)


@njit_in_place(inline="always")
def step_rows(rows, moves, back_fold, back_block, ends):
    """`moves` rows on; back to the base after a fold or block as told, onward after a group."""
    rows.row_reg += moves
    if ends.group_ends or (ends.block_ends and not back_block):
        rows.base_reg = rows.row_reg
    elif ends.fold_ends and (back_fold or (ends.block_ends and back_block)):
        rows.row_reg = rows.base_reg


@njit_in_place(inline="always")
def start_rows(rows):
    """Begin a tile."""
    rows.row_reg, rows.base_reg = 0, 0
