"""limen_overlap: the folds of one tile, one over another, in issue time.

What limen_folds has too is where its model has it: state, halves, places in words, rows, the edge's registers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, flag
from simulator.cycle.descriptor import LAYER_RECORD, TILE_RECORD
from simulator.cycle.fold_loop import FOLD_LOOP_RECORD, find_last, find_loop_ends, next_fold, start_loop
from simulator.cycle.folds import (
    DRAIN,
    FOLDS_TYPE,
    IDLE,
    PIPELINE,
    POOL,
    STALL_FEEDER,
    STREAM,
    read_sizes,
    walk_words,
)
from simulator.cycle.group import start_group
from simulator.cycle.polarity_rows import step_polarity_rows
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.rows import FOLD_ENDS_RECORD, start_rows, step_rows
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES_RECORD
from simulator.cycle.words import find_element, start_words
from simulator.encoding import FIRST_K, LAST_K, Dataflow, Polarity
from workloads.host.jit import njit_in_place

OVERLAP = record_type(
    *("begun_reg", "preload_reg", "preload_count_reg", "more_reg", "edge_count_reg", "edge_begins_reg", "drain_reg"),
    *("array_shift_reg", "fold_ends_reg", "block_ends_reg", "group_ends_reg", "load_slot", "edge_slot"),
    # Wires.
    *("phase_ends", "begins", "last_operand", "goes", "preload_step", "preload_ends", "edge_step", "edge_starts"),
    *("edge_ends", "load", "tile_last"),
)
"""Registers, the places of this cycle in the lines, and wires."""

OVERLAP_RECORD = from_dtype(OVERLAP)


class Overlap(NamedTuple):
    """registers: OVERLAP. stream, preload, edge: FOLD_LOOP of the three engines. *_ends: FOLD_ENDS.

    load_line [S + 2], edge_line [R + S - 1, os: R + S]: what became so many cycles ago, see the Verilog's skews.
    """

    registers: np.record
    stream: np.record
    preload: np.record
    edge: np.record
    stream_ends: np.record
    preload_ends: np.record
    edge_ends: np.record
    load_line: np.ndarray
    edge_line: np.ndarray


OVERLAP_TYPE = Reference(Overlap, [OVERLAP_RECORD, *[FOLD_LOOP_RECORD] * 3, *[FOLD_ENDS_RECORD] * 3, ROW, ROW])


@njit_in_place(int64(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD))
def preload_steps(folds, overlap, parameters):
    """Return whether a row of the next fold's stationary operands is read in this cycle."""
    registers, own = folds.registers, overlap.registers
    ready = parameters.dataflow == Dataflow.WS or own.preload_count_reg != 0 or registers.ready_reg[registers.half_reg]
    return own.preload_reg and ready


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD))
def find_stream(folds, overlap, parameters):
    """Set what this cycle is of the fold that streams, and whether the next one begins after it."""
    registers, signals, own, loop = folds.registers, folds.signals, overlap.registers, overlap.stream
    state, count, time, rows = registers.state_reg, registers.count_reg, signals.time_size, parameters.rows
    find_last(loop, signals)
    own.tile_last = loop.tile_last
    phase_last = rows - 1
    if state == STREAM:
        phase_last = max(time, rows, parameters.cols - 1)
        if loop.tile_last:
            phase_last = time + rows + parameters.cols + parameters.stages - 4
    elif state == PIPELINE:
        phase_last = int64(2)
    own.phase_ends = count == phase_last
    find_loop_ends(loop, overlap.stream_ends, own.phase_ends and state == STREAM)
    signals.streaming = state == STREAM and count < time
    own.begins = state == STREAM and count == 0
    own.last_operand = state == STREAM and count == time - 1
    half = registers.half_reg
    ready = registers.ready_reg[1 - half] if overlap.stream_ends.block_ends else registers.ready_reg[half]
    ready = parameters.dataflow == Dataflow.IS or ready
    free = state == STALL_FEEDER or (overlap.stream_ends.fold_ends and not loop.tile_last)
    own.goes = not own.preload_reg and ready and free


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD))
def find_preload(folds, overlap, parameters):
    """Set what this cycle is of the fold that is preloaded."""
    signals, own, loop = folds.signals, overlap.registers, overlap.preload
    find_last(loop, signals)
    own.preload_step = preload_steps(folds, overlap, parameters)
    own.preload_ends = own.preload_step and own.preload_count_reg == parameters.rows - 1
    find_loop_ends(loop, overlap.preload_ends, own.preload_ends)
    left = loop.inner_left_reg if parameters.dataflow == Dataflow.IS else loop.outer_left_reg
    signals.preloading = own.preload_step and parameters.rows - 1 - own.preload_count_reg < left


@njit_in_place(inline="always")
def delay(line, slot, value):
    """Put a value into a line; return the place of the next one, at which stands what comes out."""
    line[slot] = value
    return 0 if slot == line.shape[0] - 1 else slot + 1


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD))
def find_edge(folds, overlap, parameters):
    """Set what this cycle is of the fold whose values come to the edge."""
    signals, own, loop, drains = folds.signals, overlap.registers, overlap.edge, parameters.dataflow == Dataflow.OS
    find_last(loop, signals)
    own.load_slot = delay(overlap.load_line, own.load_slot, own.last_operand)
    own.edge_slot = delay(overlap.edge_line, own.edge_slot, own.last_operand if drains else signals.streaming)
    own.load = overlap.load_line[own.load_slot] if drains else own.begins
    own.edge_step = overlap.edge_line[own.edge_slot] or (drains and own.edge_count_reg != 0)
    own.edge_starts = own.edge_step and own.edge_count_reg == 0
    last = parameters.rows - 1 if drains else signals.time_size - 1
    own.edge_ends = own.edge_step and own.edge_count_reg == last
    find_loop_ends(loop, overlap.edge_ends, own.edge_ends)


@njit_in_place(void(OVERLAP_TYPE, PARAMETERS_RECORD, WIRES_RECORD))
def give_walks(overlap, parameters, wires):
    """Set the wires to the generator: ends of what its walks follow, under ws a cycle late."""
    own, preload, dataflow = overlap.registers, overlap.preload, parameters.dataflow
    wires.preloads, wires.begins = own.preload_step, own.begins
    wires.cols_left = overlap.stream.inner_left_reg if dataflow == Dataflow.OS else preload.inner_left_reg
    more = not preload.outer_last and own.preload_count_reg < preload.outer_left_reg - parameters.rows
    wires.next_row = own.preload_step and preload.inner_last and more and dataflow == Dataflow.WS
    if dataflow == Dataflow.WS:
        wires.sign_fold_ends, wires.sign_block_ends = own.fold_ends_reg, own.block_ends_reg
        wires.sign_group_ends, ends = own.group_ends_reg, overlap.preload_ends
        own.fold_ends_reg, own.block_ends_reg, own.group_ends_reg = ends.fold_ends, ends.block_ends, ends.group_ends
    else:
        ends = overlap.stream_ends
        wires.sign_fold_ends, wires.sign_group_ends = ends.fold_ends, ends.group_ends
        wires.sign_block_ends = ends.block_ends
        if dataflow == Dataflow.IS:
            wires.sign_block_ends = overlap.preload_ends.block_ends


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD, WIRES_RECORD))
def read_operands(folds, overlap, parameters, wires):
    """Set the wires to operand memory, scratchpads and array."""
    registers, signals, own, dataflow = folds.registers, folds.signals, overlap.registers, parameters.dataflow
    by_preload = dataflow == Dataflow.IS
    loop, turned = overlap.stream, dataflow == Dataflow.IS
    rows_left = loop.inner_left_reg if turned else loop.outer_left_reg
    cols_left = loop.outer_left_reg if turned else loop.inner_left_reg
    wires.array_shift, wires.array_load = own.array_shift_reg, own.load
    wires.fold_ends = overlap.stream_ends.fold_ends
    wires.streaming = signals.streaming
    wires.used_rows = min(parameters.rows, rows_left) if signals.streaming else int64(0)
    wires.used_cols = min(parameters.cols, cols_left) if signals.streaming else int64(0)
    wires.filter_read = signals.preloading if dataflow == Dataflow.WS else signals.streaming
    wires.filter_row = folds.filter_rows.row_reg
    wires.polarity_row = wires.filter_row if parameters.polarity == Polarity.SYNAPSE else folds.polarity_rows.row_reg
    wires.x_read = signals.preloading if by_preload else signals.streaming
    wires.x_half = registers.half_reg
    find_element(folds.words, folds.group)
    wires.x_addr = registers.count_reg & 0xFFFF if dataflow == Dataflow.WS else folds.words.addr_reg
    wires.x_element = 0 if dataflow == Dataflow.WS else folds.words.element
    wires.x_lanes_left = overlap.preload.outer_left_reg if by_preload else loop.outer_left_reg
    ends = overlap.preload_ends if by_preload else overlap.stream_ends
    folds.ends.fold_ends, folds.ends.block_ends, folds.ends.group_ends = (
        ends.fold_ends,
        ends.block_ends,
        ends.group_ends,
    )
    wires.release_block = folds.ends.block_ends
    give_walks(overlap, parameters, wires)


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD, TILE_RECORD, WIRES_RECORD))
def step_edge(folds, overlap, parameters, tile, wires):
    """Set the wires to the edges, and step what is behind."""
    registers, own, loop, dataflow = folds.registers, overlap.registers, overlap.edge, parameters.dataflow
    drains, turned = dataflow == Dataflow.OS, dataflow == Dataflow.IS
    wires.edge_begins, wires.edge_valid, wires.edge_addr = (
        own.edge_begins_reg,
        registers.edge_valid_reg,
        registers.edge_addr_reg,
    )
    wires.edge_first, wires.edge_last = registers.edge_first_reg, registers.edge_last_reg
    wires.edge_cols_left = registers.edge_cols_left_reg
    wires.channel_read, wires.channel_row = registers.channel_read_reg, registers.channel_row_reg
    count = own.edge_count_reg
    drain_row = parameters.rows - 1 - count
    out_row = registers.out_row_reg if turned else folds.out_rows.row_reg
    own.edge_begins_reg = own.edge_starts
    registers.edge_valid_reg = own.edge_step and (not drains or drain_row < loop.outer_left_reg)
    registers.edge_addr_reg = (out_row + (loop.outer_offset_reg + drain_row if drains else count)) & 0xFFFF
    if own.edge_starts:
        first = loop.inner_first_reg if turned else loop.outer_first_reg
        last = loop.inner_last if turned else loop.outer_last
        registers.edge_first_reg = flag(tile.flag_bits, FIRST_K) and (drains or first)
        registers.edge_last_reg = flag(tile.flag_bits, LAST_K) and (drains or last)
        registers.edge_cols_left_reg = loop.outer_left_reg if turned else loop.inner_left_reg
    registers.channel_row_reg = registers.group_row_reg + count if turned else folds.channel_rows.row_reg
    registers.channel_read_reg = own.edge_step and (turned or count == 0)
    if own.edge_step:
        own.edge_count_reg = 0 if own.edge_ends else count + 1
    own.array_shift_reg = own.drain_reg if drains else own.preload_step
    own.drain_reg = own.edge_step


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD, TILE_RECORD, int64))
def walk_rows(folds, overlap, parameters, tile, filter_read):
    """Step the rows of filters, polarity, outputs and channels."""
    dataflow = parameters.dataflow
    ends, back = overlap.stream_ends, dataflow != Dataflow.WS
    if dataflow == Dataflow.WS:
        ends = overlap.preload_ends
    step_rows(folds.filter_rows, filter_read, 0, back, ends)
    step_polarity_rows(folds.polarity_rows, parameters, filter_read, ends)
    edge = overlap.edge_ends
    step_rows(folds.out_rows, tile.pixels if edge.fold_ends else 0, 0, 1, edge)
    step_rows(folds.channel_rows, edge.fold_ends, 0, 1, edge)
    if edge.group_ends:
        folds.registers.group_row_reg += tile.group_outputs
        folds.registers.out_row_reg = folds.registers.group_row_reg
    elif edge.block_ends:
        folds.registers.out_row_reg += tile.tile_outputs


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD, int64, int64))
def step_phase(folds, overlap, parameters, block_filled, pool_busy):
    """Step from phase to phase, and the blocks."""
    registers, own, state = folds.registers, overlap.registers, folds.registers.state_reg
    still = own.phase_ends or state == STALL_FEEDER or state == IDLE
    registers.count_reg = 0 if still else (registers.count_reg + 1) & 0x1FFFF
    if block_filled:
        registers.ready_reg[registers.fill_half_reg] = 1
        registers.fill_half_reg ^= 1
    if folds.ends.block_ends:
        registers.ready_reg[registers.half_reg] = 0
        registers.half_reg ^= 1
    if own.goes:
        own.begun_reg = 1
        registers.state_reg = STREAM
    elif state == STREAM and own.phase_ends:
        registers.state_reg = STALL_FEEDER
        if own.tile_last:
            registers.state_reg = DRAIN if parameters.dataflow == Dataflow.OS else PIPELINE
    elif state == DRAIN and own.phase_ends:
        registers.state_reg = PIPELINE
    elif (state == PIPELINE and own.phase_ends) or (state == POOL and not pool_busy):
        registers.state_reg = IDLE


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE))
def step_engines(folds, overlap):
    """Go on to the next fold in each engine."""
    own, signals = overlap.registers, folds.signals
    if own.preload_step:
        own.preload_count_reg = 0 if own.preload_ends else own.preload_count_reg + 1
    if own.preload_ends:
        own.preload_reg = 0
        own.more_reg = not overlap.preload.tile_last
        next_fold(overlap.preload, signals)
    if own.goes:
        own.preload_reg = own.more_reg
    if overlap.stream_ends.fold_ends:
        next_fold(overlap.stream, signals)
    if own.edge_ends:
        next_fold(overlap.edge, signals)


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD, TILE_RECORD, int64, int64))
def start_overlap(folds, overlap, parameters, tile, pool, ahead):
    """Begin a tile; ahead: its first block is filled, or being filled, already."""
    registers, own = folds.registers, overlap.registers
    registers.state_reg = POOL if pool else STALL_FEEDER
    registers.count_reg = 0
    if not ahead:
        registers.half_reg, registers.fill_half_reg = 0, 0
        registers.ready_reg[0], registers.ready_reg[1] = 0, 0
    registers.out_row_reg, registers.group_row_reg = 0, 0
    own.begun_reg, own.preload_count_reg, own.edge_count_reg = 0, 0, 0
    preloads = parameters.dataflow != Dataflow.OS
    own.preload_reg, own.more_reg = preloads and not pool, preloads
    start_loop(overlap.stream, folds.signals, tile.groups)
    start_loop(overlap.preload, folds.signals, tile.groups)
    start_loop(overlap.edge, folds.signals, tile.groups)
    start_rows(folds.filter_rows)
    start_rows(folds.polarity_rows)
    start_rows(folds.out_rows)
    start_rows(folds.channel_rows)
    start_words(folds.words)
    start_group(folds.group, tile)


@njit_in_place(void(FOLDS_TYPE, OVERLAP_TYPE, PARAMETERS_RECORD, WIRES_RECORD, LAYER_RECORD, TILE_RECORD))
def step_overlap(folds, overlap, parameters, wires, layer, tile):
    """Set the wires of this cycle and take the clock edge."""
    read_sizes(folds, parameters, tile)
    find_stream(folds, overlap, parameters)
    find_preload(folds, overlap, parameters)
    find_edge(folds, overlap, parameters)
    read_operands(folds, overlap, parameters, wires)
    step_edge(folds, overlap, parameters, tile, wires)
    walk_rows(folds, overlap, parameters, tile, wires.filter_read)
    walk_words(folds, parameters, layer, tile, wires.x_read)
    step_phase(folds, overlap, parameters, wires.block_filled, wires.pool_busy)
    step_engines(folds, overlap)
    if wires.compute_start:
        start_overlap(folds, overlap, parameters, tile, wires.pool, wires.ahead)
