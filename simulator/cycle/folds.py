"""limen_folds: the folds of one tile, in issue time, as blocks of operands get ready."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, flag
from simulator.cycle.descriptor import LAYER_RECORD, TILE_RECORD
from simulator.cycle.group import GROUP_RECORD, next_group, start_group
from simulator.cycle.polarity_rows import step_polarity_rows
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.rows import FOLD_ENDS_RECORD, ROWS_RECORD, start_rows, step_rows
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES_RECORD
from simulator.cycle.words import WORDS_RECORD, find_element, start_words, step_words
from simulator.encoding import FIRST_K, LAST_K, Dataflow, Phase, Polarity
from workloads.host.jit import njit_in_place

IDLE, PRELOAD, STREAM, DRAIN, PIPELINE, POOL, STALL_FEEDER = map(int, tuple(Phase)[: Phase.STALL_FEEDER + 1])
"""States are phases: waiting for a block of operands is a stall of the feeder."""

FOLDS = record_type(
    *("state_reg", "array_state_reg", "count_reg", "groups_left_reg", "outer_left_reg", "inner_left_reg"),
    *("outer_offset_reg", "half_reg", "fill_half_reg", "inner_first_reg", "outer_first_reg"),
    # Array edge, ws and is; rows of is.
    *("edge_valid_reg", "edge_time_reg", "edge_addr_reg", "edge_first_reg", "edge_last_reg", "edge_cols_left_reg"),
    *("channel_row_reg", "channel_read_reg", "out_row_reg", "group_row_reg"),
    "last_row_slot",
    ready_reg=2,
)
"""Registers, and the place of this cycle in the line `last_row`."""

SIGNALS = record_type(
    *("outer_size", "inner_size", "time_size", "outer_step", "inner_step", "rows_left", "cols_left"),
    *("phase_ends", "last_inner", "last_outer", "shift_row", "shift_row_used", "streaming", "preloading"),
    "last_row_valid",
)
"""Wires of the module."""

FOLDS_RECORD, SIGNALS_RECORD = from_dtype(FOLDS), from_dtype(SIGNALS)


class Folds(NamedTuple):
    """registers: FOLDS. signals: SIGNALS. ends: FOLD_ENDS. *_rows: ROWS. words: WORDS. group: GROUP.

    last_row [R + stages - 1]: whether as many last cycles streamed.
    """

    registers: np.record
    signals: np.record
    ends: np.record
    filter_rows: np.record
    polarity_rows: np.record
    out_rows: np.record
    channel_rows: np.record
    words: np.record
    group: np.record
    last_row: np.ndarray


FOLDS_TYPE = Reference(
    Folds, [FOLDS_RECORD, SIGNALS_RECORD, FOLD_ENDS_RECORD, *[ROWS_RECORD] * 4, WORDS_RECORD, GROUP_RECORD, ROW]
)


@njit_in_place(void(FOLDS_TYPE, PARAMETERS_RECORD, TILE_RECORD))
def read_sizes(folds, parameters, tile):
    """Set what a tile's sizes are to the dataflow."""
    signals, dataflow = folds.signals, parameters.dataflow
    rows, cols = parameters.rows, parameters.cols
    signals.outer_size = tile.k_size if dataflow == Dataflow.WS else tile.pixels
    signals.inner_size = tile.k_size if dataflow == Dataflow.IS else tile.group_outputs
    signals.time_size = tile.pixels if dataflow == Dataflow.WS else tile.group_outputs
    if dataflow == Dataflow.OS:
        signals.time_size = tile.k_size
    signals.outer_step = cols if dataflow == Dataflow.IS else rows
    signals.inner_step = rows if dataflow == Dataflow.IS else cols


@njit_in_place(void(FOLDS_TYPE, PARAMETERS_RECORD))
def find_ends(folds, parameters):
    """Set what this cycle is: of its phase, its fold, its block and its group."""
    registers, signals, ends, dataflow = folds.registers, folds.signals, folds.ends, parameters.dataflow
    rows, state = parameters.rows, registers.state_reg
    phase_last = rows - 1
    if state == STREAM:
        phase_last = signals.time_size + rows + parameters.cols + parameters.stages - 4
    elif state == PIPELINE:
        phase_last = int64(1) if dataflow == Dataflow.OS else int64(2)
    outer_left, inner_left = registers.outer_left_reg, registers.inner_left_reg
    signals.phase_ends = registers.count_reg == phase_last
    signals.last_inner = inner_left <= signals.inner_step
    signals.last_outer = outer_left <= signals.outer_step
    ends.fold_ends = signals.phase_ends and state == (DRAIN if dataflow == Dataflow.OS else STREAM)
    ends.block_ends = ends.fold_ends and signals.last_inner
    ends.group_ends = ends.block_ends and signals.last_outer
    signals.rows_left = inner_left if dataflow == Dataflow.IS else outer_left
    signals.cols_left = outer_left if dataflow == Dataflow.IS else inner_left
    # Preload and drain go through the rows from the last to the first.
    signals.shift_row = rows - 1 - registers.count_reg
    signals.shift_row_used = 0 <= signals.shift_row < signals.rows_left
    signals.streaming = state == STREAM and registers.count_reg < signals.time_size
    signals.preloading = state == PRELOAD and signals.shift_row_used
    slot = registers.last_row_slot
    folds.last_row[slot] = signals.streaming
    registers.last_row_slot = 0 if slot == folds.last_row.shape[0] - 1 else slot + 1
    signals.last_row_valid = folds.last_row[registers.last_row_slot]


@njit_in_place(void(FOLDS_TYPE, PARAMETERS_RECORD, WIRES_RECORD))
def read_operands(folds, parameters, wires):
    """Set the wires to operand memory, scratchpads and array."""
    registers, signals, dataflow = folds.registers, folds.signals, parameters.dataflow
    wires.array_shift = registers.array_state_reg == PRELOAD or registers.array_state_reg == DRAIN
    wires.release_block, wires.fold_ends = folds.ends.block_ends, folds.ends.fold_ends
    wires.sign_fold_ends, wires.sign_block_ends = folds.ends.fold_ends, folds.ends.block_ends
    wires.sign_group_ends, wires.cols_left = folds.ends.group_ends, signals.cols_left
    wires.preloads = registers.state_reg == PRELOAD
    # Said in the preload of a block's last fold: after the last block there is none.
    more = not signals.last_outer and registers.count_reg < signals.rows_left - parameters.rows
    wires.next_row = wires.preloads and signals.last_inner and more and dataflow == Dataflow.WS
    wires.streaming = signals.streaming
    wires.used_rows = min(parameters.rows, signals.rows_left) if signals.streaming else int64(0)
    wires.used_cols = min(parameters.cols, signals.cols_left) if signals.streaming else int64(0)
    wires.filter_read = signals.preloading if dataflow == Dataflow.WS else signals.streaming
    wires.filter_row = folds.filter_rows.row_reg
    wires.polarity_row = wires.filter_row if parameters.polarity == Polarity.SYNAPSE else folds.polarity_rows.row_reg
    wires.x_read = signals.preloading if dataflow == Dataflow.IS else signals.streaming
    wires.x_half = registers.half_reg
    find_element(folds.words, folds.group)
    wires.x_addr = registers.count_reg & 0xFFFF if dataflow == Dataflow.WS else folds.words.addr_reg
    wires.x_element = 0 if dataflow == Dataflow.WS else folds.words.element
    wires.x_lanes_left = signals.cols_left if dataflow == Dataflow.IS else signals.rows_left


@njit_in_place(void(FOLDS_TYPE, TILE_RECORD, WIRES_RECORD))
def drain_edge(folds, tile, wires):
    """Set the wires to the edges under os: the accumulator drained next reaches the bottom one cycle after this one."""
    registers, signals = folds.registers, folds.signals
    wires.edge_valid = registers.state_reg == DRAIN and signals.shift_row_used
    wires.edge_addr = (folds.out_rows.row_reg + registers.outer_offset_reg + signals.shift_row) & 0xFFFF
    wires.edge_first, wires.edge_last = flag(tile.flag_bits, FIRST_K), flag(tile.flag_bits, LAST_K)
    wires.edge_cols_left = signals.cols_left
    wires.channel_read = registers.state_reg == DRAIN and registers.count_reg == 0
    wires.channel_row = folds.channel_rows.row_reg


@njit_in_place(void(FOLDS_TYPE, TILE_RECORD, WIRES_RECORD, int64))
def stream_edge(folds, tile, wires, turned):
    """Set the wires to the edges under ws and is (turned), and step what is behind: a psum leaves in array time."""
    registers, signals = folds.registers, folds.signals
    wires.edge_valid, wires.edge_addr = registers.edge_valid_reg, registers.edge_addr_reg
    wires.edge_first, wires.edge_last = registers.edge_first_reg, registers.edge_last_reg
    wires.edge_cols_left = registers.edge_cols_left_reg
    wires.channel_read, wires.channel_row = registers.channel_read_reg, registers.channel_row_reg
    out_row = registers.out_row_reg if turned else folds.out_rows.row_reg
    group_row = registers.group_row_reg if turned else folds.channel_rows.row_reg
    time = registers.edge_time_reg
    registers.channel_read_reg = signals.last_row_valid and (turned or time == 0)
    registers.channel_row_reg = group_row + time if turned else group_row
    registers.edge_valid_reg, registers.edge_addr_reg = signals.last_row_valid, (out_row + time) & 0xFFFF
    registers.edge_time_reg = int64(0) if registers.state_reg == PRELOAD else time + signals.last_row_valid
    first = registers.inner_first_reg if turned else registers.outer_first_reg
    registers.edge_first_reg = flag(tile.flag_bits, FIRST_K) and first
    registers.edge_last_reg = flag(tile.flag_bits, LAST_K) and (signals.last_inner if turned else signals.last_outer)
    registers.edge_cols_left_reg = signals.cols_left


@njit_in_place(void(FOLDS_TYPE, PARAMETERS_RECORD, TILE_RECORD, int64))
def walk_rows(folds, parameters, tile, filter_read):
    """Step the rows of filters, polarity, outputs and channels."""
    ends, dataflow = folds.ends, parameters.dataflow
    fold_ends, back = ends.fold_ends, dataflow != Dataflow.WS
    step_rows(folds.filter_rows, filter_read, 0, back, ends)
    step_polarity_rows(folds.polarity_rows, parameters, filter_read, ends)
    step_rows(folds.out_rows, tile.pixels if fold_ends else 0, 0, 1, ends)
    step_rows(folds.channel_rows, fold_ends, 0, 1, ends)
    if ends.group_ends:
        folds.registers.group_row_reg += tile.group_outputs
        folds.registers.out_row_reg = folds.registers.group_row_reg
    elif ends.block_ends:
        folds.registers.out_row_reg += tile.tile_outputs


@njit_in_place(void(FOLDS_TYPE, PARAMETERS_RECORD, LAYER_RECORD, TILE_RECORD, int64))
def walk_words(folds, parameters, layer, tile, x_read):
    """Step from channel to channel, where lanes hold words, and from group to group."""
    back = folds.ends.block_ends or (folds.ends.fold_ends and parameters.dataflow == Dataflow.OS)
    read = x_read and parameters.dataflow != Dataflow.WS
    step_words(folds.words, folds.group, tile.channels, parameters.feeder, read, back)
    if folds.ends.group_ends:
        next_group(folds.group, layer, 0, 0, parameters.feeder)


@njit_in_place(void(FOLDS_RECORD, SIGNALS_RECORD, PARAMETERS_RECORD, int64, int64))
def step_phase(registers, signals, parameters, block_filled, pool_busy):
    """Step from phase to phase, as long as no fold ends."""
    state, ready = registers.state_reg, registers.ready_reg[registers.half_reg]
    registers.array_state_reg = state
    count = registers.count_reg
    registers.count_reg = 0 if signals.phase_ends or state == STALL_FEEDER else (count + 1) & 0x1FFFF
    if block_filled:
        registers.ready_reg[registers.fill_half_reg] = 1
        registers.fill_half_reg ^= 1
    if state == STALL_FEEDER and ready:
        registers.state_reg = STREAM if parameters.dataflow == Dataflow.OS else PRELOAD
    elif state == PRELOAD and signals.phase_ends:
        registers.state_reg = STREAM
    elif state == STREAM and signals.phase_ends and parameters.dataflow == Dataflow.OS:
        registers.state_reg = DRAIN
    elif (state == PIPELINE and signals.phase_ends) or (state == POOL and not pool_busy):
        registers.state_reg = IDLE


@njit_in_place(void(FOLDS_TYPE, PARAMETERS_RECORD, int64))
def step_ends(folds, parameters, other_ready):
    """Go on to the next fold, block and group where one ends. other_ready: the other block was, before this cycle."""
    registers, signals, ends = folds.registers, folds.signals, folds.ends
    if ends.fold_ends:
        registers.state_reg = STREAM if parameters.dataflow == Dataflow.OS else PRELOAD
        registers.inner_left_reg -= signals.inner_step
        registers.inner_first_reg = 0
    if ends.block_ends:
        registers.inner_left_reg, registers.inner_first_reg = signals.inner_size, 1
        registers.outer_left_reg -= signals.outer_step
        registers.outer_offset_reg += signals.outer_step
        registers.outer_first_reg = 0
        registers.ready_reg[registers.half_reg] = 0
        registers.half_reg ^= 1
        if not other_ready:
            registers.state_reg = STALL_FEEDER
    if ends.group_ends:
        registers.outer_left_reg, registers.outer_offset_reg = signals.outer_size, 0
        registers.outer_first_reg = 1
        registers.groups_left_reg -= 1
        if registers.groups_left_reg == 0:
            registers.state_reg = PIPELINE


@njit_in_place(void(FOLDS_TYPE, TILE_RECORD, int64))
def start_folds(folds, tile, pool):
    """Begin a tile."""
    registers, signals = folds.registers, folds.signals
    registers.state_reg = POOL if pool else STALL_FEEDER
    registers.count_reg, registers.groups_left_reg, registers.outer_offset_reg = 0, tile.groups, 0
    registers.outer_left_reg, registers.inner_left_reg = signals.outer_size, signals.inner_size
    registers.half_reg, registers.fill_half_reg = 0, 0
    registers.ready_reg[0], registers.ready_reg[1] = 0, 0
    registers.inner_first_reg, registers.outer_first_reg = 1, 1
    registers.out_row_reg, registers.group_row_reg = 0, 0
    start_rows(folds.filter_rows)
    start_rows(folds.polarity_rows)
    start_rows(folds.out_rows)
    start_rows(folds.channel_rows)
    start_words(folds.words)
    start_group(folds.group, tile)


@njit_in_place(void(FOLDS_TYPE, PARAMETERS_RECORD, WIRES_RECORD, LAYER_RECORD, TILE_RECORD, int64))
def step_folds(folds, parameters, wires, layer, tile, block_filled):
    """Set the wires of this cycle and take the clock edge."""
    dataflow = parameters.dataflow
    read_sizes(folds, parameters, tile)
    find_ends(folds, parameters)
    read_operands(folds, parameters, wires)
    if dataflow == Dataflow.OS:
        drain_edge(folds, tile, wires)
    else:
        stream_edge(folds, tile, wires, dataflow == Dataflow.IS)
    walk_rows(folds, parameters, tile, wires.filter_read)
    walk_words(folds, parameters, layer, tile, wires.x_read)
    other_ready = folds.registers.ready_reg[1 - folds.registers.half_reg]
    step_phase(folds.registers, folds.signals, parameters, block_filled, wires.pool_busy)
    step_ends(folds, parameters, other_ready)
    if wires.compute_start:
        start_folds(folds, tile, wires.pool)


@njit_in_place(void(FOLDS_RECORD, PARAMETERS_RECORD))
def rest_folds(registers, parameters):
    """Without a tile, only the count goes on."""
    last = registers.count_reg == parameters.rows - 1
    registers.count_reg = 0 if last else (registers.count_reg + 1) & 0x1FFFF
