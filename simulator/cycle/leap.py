"""Leaps: while a fold runs and nobody watches, its array and edges rest; then they are set to what steps would leave.

What folds, array and edges do in a cycle of a fold follows from its begin: nothing else writes the blocks and rows
that it reads, or reads the sums that it writes. So from FLUSHED cycles after a fold's begin to the last cycle of its
stream only the other units are stepped; `settle` then writes registers, sums and counts as the steps of `top` would
have, and counts the bits that change in registers of PEs. These steps are what leaps are held against; they run where
traces, signals or a flip are wanted, where folds overlap, operands rest while x is 0, signs are generated, an op is
brought, or sums have more than 32 bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, TABLE, flag
from simulator.cycle.counters import COUNTERS_RECORD
from simulator.cycle.descriptor import LAYER_RECORD, TILE_RECORD
from simulator.cycle.folds import FOLDS_RECORD, FOLDS_TYPE, PRELOAD, STREAM
from simulator.cycle.leap_sums import CHUNK, LANES, VALUE_ROW, VALUES
from simulator.cycle.op import BROUGHT
from simulator.cycle.records import new_record, record_type
from simulator.cycle.reference import Reference
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import FIRST_K, LAST_K, RESIDUAL, Dataflow, Phase, Polarity
from workloads.host.jit import njit_in_place

FLUSHED = 3
"""Cycles from a fold's begin until nothing of the fold before is under way in the edges."""

SHORTEST_TIME, SHORTEST = 3, 8
"""Operands of a fold, and cycles, below which it is stepped."""

LEAP = record_type(
    # The fold.
    *("time", "last", "cycles", "rows_left", "cols_left", "rows_used", "cols_used", "first_k"),
    # What it reads.
    *("op", "half", "lane", "channels", "pieces", "filter_half", "row", "polar", "polarity_row", "polarity_moves"),
    *("reads", "reads_before", "filter_reads", "x_reads"),
    # What its edges add up.
    *("begins", "ends", "holds", "ofmap_half", "out_row", "group_row", "first"),
    # Whether bits that change are counted, and how many did, by PE register.
    "counted",
    toggles=3,
)
"""Of the fold that is leapt over: see `find_leap`. first: of the operands in hand, at most CHUNK of a lane."""

LEAP_RECORD = from_dtype(LEAP)


class Leap(NamedTuple):
    """facts: LEAP. x, synapses, signs [lanes, CHUNK]: operands as values. sums [lanes, CHUNK]: of ops.

    column [CHUNK]: sums as a column's edge has them. patterns [lanes], values [2, lanes]: operands of a cycle.

    turned [blocks, CHUNK * LANES]: x of LANES rows side by side. bits [LANES]: how many changed in as many PEs.
    handed [2, lanes]: operands of two cycles. psums [R, C up to a multiple of LANES]: of the last operand yet.
    stills [2 * R, C]: what has been in the PEs or will be, last first; terms, as wide as psums: what of it is added to
    them while neutral operands move.
    """

    facts: np.record
    x: np.ndarray
    synapses: np.ndarray
    signs: np.ndarray
    sums: np.ndarray
    column: np.ndarray
    patterns: np.ndarray
    values: np.ndarray
    turned: np.ndarray
    bits: np.ndarray
    handed: np.ndarray
    psums: np.ndarray
    stills: np.ndarray
    terms: np.ndarray


LEAP_TYPE = Reference(
    Leap, [LEAP_RECORD, *[VALUES] * 4, ROW, ROW, VALUES, VALUES, VALUE_ROW, TABLE, VALUES, TABLE, VALUES]
)


def make_leap(rows: int, cols: int) -> Leap:
    """Return room for leaps over folds of an array."""
    lanes = max(rows, cols)
    # Were rows a power of two apart, the same element of all lanes would meet in one set of the processor's cache.
    x, synapses, signs, sums = np.zeros((4, lanes, max(CHUNK, lanes) + 16), np.int32)
    width = -(-cols // LANES) * LANES
    return Leap(
        *(new_record(LEAP), x, synapses, signs, sums),
        column=np.zeros(CHUNK, np.int64),
        patterns=np.zeros(lanes, np.int64),
        values=np.zeros((2, lanes), np.int32),
        turned=np.zeros((-(-rows // LANES), CHUNK * LANES), np.int32),
        bits=np.zeros(LANES, np.int32),
        handed=np.zeros((2, lanes), np.int64),
        psums=np.zeros((rows, width), np.int32),
        stills=np.zeros((2 * rows, cols), np.int64),
        terms=np.zeros((2 * rows, width), np.int32),
    )


@njit_in_place(int64(PARAMETERS_RECORD, FOLDS_RECORD, int64, int64, int64))
def leap_cycles(parameters, folds, time, op, room):
    """Return how many cycles can be leapt over, at most `room`; 0: this one is stepped. time: a fold's operands."""
    drains = parameters.dataflow == Dataflow.OS
    if folds.count_reg != FLUSHED or folds.state_reg != (STREAM if drains else PRELOAD):
        return int64(0)
    cycles = time + parameters.rows + parameters.cols + parameters.stages - 4 - FLUSHED
    if not drains:
        cycles += parameters.rows
    odd = parameters.overlap or parameters.zero_gating or parameters.psum_bits > 32 or op == BROUGHT
    if odd or parameters.polarity == Polarity.GENERATED or time < SHORTEST_TIME or cycles < SHORTEST:
        return int64(0)
    return cycles if cycles <= room else int64(0)


@njit_in_place(void(FOLDS_RECORD, int64))
def take_block(folds, block_filled):
    """Let a block get ready, as `folds.step_phase` does."""
    if block_filled:
        folds.ready_reg[folds.fill_half_reg] = 1
        folds.fill_half_reg ^= 1


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, FOLDS_TYPE, int64))
def find_fold(parameters, facts, folds, cycles):
    """Say which fold is leapt over, by folds that are where the leap began.

    time, last: operands of a lane, and the count of the stream's last cycle, before which the leap ends. rows_left,
    cols_left: of the tile from this fold on; rows_used, cols_used: of them in the array. first_k: under is, of its
    fan-in.
    """
    registers, signals, rows, cols = folds.registers, folds.signals, parameters.rows, parameters.cols
    turned = parameters.dataflow == Dataflow.IS
    facts.time, facts.cycles = signals.time_size, cycles
    facts.last = signals.time_size + rows + cols + parameters.stages - 4
    facts.rows_left = registers.inner_left_reg if turned else registers.outer_left_reg
    facts.cols_left = registers.outer_left_reg if turned else registers.inner_left_reg
    facts.rows_used, facts.cols_used = min(rows, facts.rows_left), min(cols, facts.cols_left)
    facts.first_k = signals.inner_size - registers.inner_left_reg if turned else int64(0)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, FOLDS_TYPE, TILE_RECORD))
def find_reads(parameters, facts, folds, tile):
    """Say what the fold reads: by its first read, and by how many there are, were before the leap, and are in it.

    half, filter_half: of the memories. lane, channels, pieces: of a group in words. polar: whether polarity is read;
    polarity_moves: whether its row goes on with each read.
    """
    dataflow, turned = parameters.dataflow, parameters.dataflow == Dataflow.IS
    facts.half, facts.lane, facts.channels = folds.registers.half_reg, folds.group.lane_reg, tile.channels
    facts.pieces = (facts.lane + facts.channels - 1) // parameters.feeder + 1
    streamed = min(facts.time, facts.last)
    stayed = max(FLUSHED - (parameters.rows - facts.rows_used), 0)  # rows of what is stationary that were read before
    facts.reads = facts.rows_used if dataflow == Dataflow.WS else facts.time
    if dataflow == Dataflow.OS:
        facts.reads_before, facts.filter_reads, facts.x_reads = FLUSHED, streamed - FLUSHED, streamed - FLUSHED
    elif dataflow == Dataflow.WS:
        facts.reads_before, facts.filter_reads, facts.x_reads = stayed, facts.rows_used - stayed, streamed
    else:
        facts.reads_before, facts.filter_reads, facts.x_reads = 0, streamed, facts.rows_used - stayed
    facts.polarity_moves = (parameters.polarity == Polarity.INPUT) != turned
    facts.row = folds.filter_rows.row_reg - facts.reads_before
    facts.polarity_row = folds.polarity_rows.row_reg - (facts.reads_before if facts.polarity_moves else 0)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, FOLDS_TYPE, TILE_RECORD, LAYER_RECORD))
def find_sums(parameters, facts, folds, tile, layer):
    """Say what the edges do under ws and is: whether sums begin and end with this fold; whether banks hold what is
    added to; their word of the first output; under is, the row of the first bias.
    """
    registers, signals, turned = folds.registers, folds.signals, parameters.dataflow == Dataflow.IS
    first = registers.inner_first_reg if turned else registers.outer_first_reg
    facts.begins = flag(tile.flag_bits, FIRST_K) and first
    facts.ends = flag(tile.flag_bits, LAST_K) and (signals.last_inner if turned else signals.last_outer)
    facts.holds = flag(layer.flag_bits, RESIDUAL) or not facts.begins
    facts.out_row = registers.out_row_reg if turned else folds.out_rows.row_reg
    facts.group_row = registers.group_row_reg


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, COUNTERS_RECORD))
def count_leap(parameters, facts, counts):
    """Count what is accessed and in use; accesses of ofmap banks and of bias and shift are counted where they are."""
    drains, turned = parameters.dataflow == Dataflow.OS, parameters.dataflow == Dataflow.IS
    streaming = facts.x_reads if drains else min(facts.time, facts.last)
    counts.phases[Phase.PRELOAD] += 0 if drains else parameters.rows - FLUSHED
    counts.phases[Phase.STREAM] += facts.last - (FLUSHED if drains else 0)
    counts.streaming += streaming
    counts.busy += streaming * facts.rows_used * facts.cols_used
    counts.used_rows += streaming * facts.rows_used
    counts.used_cols += streaming * facts.cols_used
    counts.weight_reads += facts.filter_reads
    counts.polarity_reads += facts.filter_reads if facts.polar else 0
    counts.operand_reads += facts.x_reads * (facts.cols_used if turned else facts.rows_used)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, FOLDS_TYPE))
def settle_folds(parameters, facts, folds):
    """Go to the last cycle of the stream."""
    registers, line, words = folds.registers, folds.last_row, folds.words
    registers.state_reg, registers.array_state_reg, registers.count_reg = STREAM, STREAM, facts.last
    slot = (registers.last_row_slot + facts.cycles) % line.shape[0]
    registers.last_row_slot = slot
    for ago in range(min(facts.cycles, line.shape[0])):
        line[(slot - 1 - ago) % line.shape[0]] = int64(0 <= facts.last - 1 - ago < facts.time)
    folds.filter_rows.row_reg += facts.filter_reads
    folds.polarity_rows.row_reg += facts.filter_reads if facts.polarity_moves else 0
    if parameters.dataflow != Dataflow.WS:
        turned = parameters.dataflow == Dataflow.IS
        read = facts.first_k + facts.rows_used if turned else min(facts.time, facts.last)
        tap, channel = read // facts.channels, read % facts.channels
        words.piece_reg = (facts.lane + channel) // parameters.feeder if channel else 0
        words.addr_reg = tap * facts.pieces + words.piece_reg
        words.element_reg = channel if words.piece_reg == 0 else (facts.lane + channel) % parameters.feeder
