"""Closed forms of one tile on its own: the cycles its folds or its pooling take, and what they read and write.

Kernels: records and integers in, records out. A tile is of one kind with all tiles that give the same numbers.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, from_dtype, int64, void

from simulator.encoding import Dataflow
from simulator.timing.integers import LAYER_INTEGERS, MACHINE_INTEGERS
from workloads.host.jit import njit_in_place

OS, WS, IS = int(Dataflow.OS), int(Dataflow.WS), int(Dataflow.IS)

FLUSH_OS, FLUSH_STATIONARY = 2, 3
"""Cycles from the last fold to the last ofmap write: bank read, [psum register,] requantiser.

Overlapped folds have the register too: under os the shadow of the last row.
"""

READY = 3
"""Cycles from the issue of a block's last word to the first cycle of a fold that uses it."""

TILE_KIND = np.dtype(
    (
        np.record,
        [
            (name, np.int64)
            for name in (
                *("groups", "group_outputs", "outputs", "channels", "first_lane", "group_lanes", "words"),
                *("pixels", "stream", "stationary", "drain", "pipeline", "pool", "waiting", "cycles"),
                *("blocks", "inner", "time", "fold", "fill_words", "piece_words"),
                *("first_fill", "ahead", "computed", "waited", "filled", "released"),
                *("weight_rows", "polarity_rows", "channel_rows", "filter_beats", "filter_cycles"),
                *("second_beats", "second_cycles", "second_free"),
            )
        ],
    )
)
"""Kinds of tiles. The first seven fields as in `TileShape`, words: of input channels held; then what they lead to:

cycles by phase (stationary: preload), blocks of operands, folds that share each (inner), T (time), cycles from fold to
fold (fold), words that fill the blocks (fill_words), words of input channels that a pixel's tap touches, summed over
groups (piece_words); of filters: rows of weights, of polarity and of bias and shift, beats, cycles of their load; of
the tensor that a matmul's synapses are: beats and cycles, and from picking its load until the unit that writes is free.
first_fill: words of the first block, of pooling 0. Of a tile that begins to fill it `ahead` cycles before its step:
cycles that it computes (computed) and waits for operands (waited), issue cycle of its last word (filled), last cycle in
which the block before its last is used (released); see `time_ahead`.
"""

BLOCK_STATE = np.dtype(
    (np.record, [(name, np.int64) for name in ("filled", "released_before", "released", "next", "waiting")])
)
"""Where a run of blocks stands: issue cycle of the last block's last word; last cycles in which the two blocks before
are used, and may not be filled; first cycle that the next fold can have; cycles waited for operands so far. Cycle 0 is
the first of the tile."""

LAYER = from_dtype(LAYER_INTEGERS)
MACHINE = from_dtype(MACHINE_INTEGERS)
KIND = from_dtype(TILE_KIND)
STATE = from_dtype(BLOCK_STATE)


@njit_in_place(int64(int64, int64), from_python=True)
def ceil_div(number, divisor):
    """Return the quotient, rounded up; divisor > 0."""
    return -((-number) // divisor)


@njit_in_place(void(STATE, MACHINE, int64), from_python=True)
def begin_blocks(state, machine, ahead):
    """Nothing is filled, nothing waits; overlapped folds of ws are preloaded meanwhile.

    ahead: cycles by which the first block's fill begins before the tile does.
    """
    state.filled = -1 - ahead
    state.released_before = -1 - ahead
    state.released = -1
    state.next = machine.rows + 1 if machine.overlap and machine.dataflow == WS else 0
    state.waiting = 0


@njit_in_place(int64(STATE, int64, int64, int64, int64, int64))
def _end_block(state, filled, begin, released, following, left):
    """Go on behind a block; of `left` equal ones behind as many as change nothing but the time. Return how many.

    filled, begin, released, following: its last word, its first fold, its release, and where the next fold can begin.
    """
    shift = following - state.next
    steady = filled - state.filled == shift and released - state.released == shift
    repeats = left if steady and state.released - state.released_before == shift else 1
    state.waiting += repeats * (begin - state.next)
    state.filled = filled + (repeats - 1) * shift
    state.released_before = state.released + (repeats - 1) * shift
    state.released = released + (repeats - 1) * shift
    state.next = following + (repeats - 1) * shift
    return repeats


@njit_in_place(void(STATE, int64, int64, int64))
def run_blocks(state, words, block_cycles, count):
    """Add `count` equal blocks of `words` words whose folds take `block_cycles`; two blocks, one filling, one in use.

    A block fills as soon as the one before is full and the one before that is released; its folds start READY cycles
    after its last word at the earliest. Once a block changes nothing but the time, the rest are like it.
    """
    done = int64(0)
    while done < count:
        filled = max(state.filled, state.released_before) + words
        begin = max(state.next, filled + READY)
        following = begin + block_cycles
        done += _end_block(state, filled, begin, following - 1, following, count - done)


@njit_in_place(void(STATE, int64, KIND, int64, int64))
def run_preloaded(state, words, kind, rows, count):
    """As `run_blocks`, for overlapped folds under is: a block is read while its folds are preloaded.

    A preload begins with the stream of the fold before it, READY - 1 cycles after its block's last word at earliest;
    its own fold's stream R + 1 cycles later, a fold's time after the one before at the earliest.
    """
    done = int64(0)
    while done < count:
        filled = max(state.filled, state.released_before) + words
        preload = max(state.next - kind.fold, filled + READY - 1)
        begin = max(state.next, preload + rows + 1)
        following = begin + kind.inner * kind.fold
        last_preload = preload if kind.inner == 1 else following - 2 * kind.fold
        done += _end_block(state, filled, begin, last_preload + rows - 1, following, count - done)


@njit_in_place(void(STATE, int64, KIND, MACHINE, int64), from_python=True)
def add_blocks(state, words, kind, machine, count):
    """Add `count` equal blocks of `words` words."""
    if machine.overlap and machine.dataflow == IS:
        run_preloaded(state, words, kind, machine.rows, count)
    else:
        run_blocks(state, words, kind.inner * kind.fold, count)


@njit_in_place(int64(int64, int64, int64, int64, MACHINE), from_python=True)
def range_words(index, lane, channels, taps, machine):
    """Return the words that a range of K touches under ws; a word that two ranges share is read for each.

    lane: of the group's first channel.
    """
    start = index * machine.rows
    end = min(start + machine.rows, taps * channels)
    touched = 0
    for tap in range(start // channels, (end - 1) // channels + 1):
        first = max(start - tap * channels, 0)
        last = min(end - tap * channels, channels) - 1
        touched += (lane + last) // machine.feeder - (lane + first) // machine.feeder + 1
    return touched


@njit_in_place(boolean(int64, int64, MACHINE))
def even_ranges(lane, channels, machine):
    """Return whether all ranges of K touch the same whole words under ws."""
    return lane == 0 and machine.rows % machine.feeder == 0 and channels % machine.rows == 0


@njit_in_place(int64(int64, int64))
def lane_period(lanes, feeder):
    """Return after how many groups, each `lanes` lanes after the one before, the lane is the first one's again."""
    period, lane = 1, lanes % feeder
    while lane != 0:
        lane = (lane + lanes) % feeder
        period += 1
    return period


@njit_in_place(void(KIND, int64, int64, MACHINE, STATE))
def _run_group(kind, lane, taps, machine, state):
    """Run the blocks of the group whose first channel is in `lane`."""
    m = kind.pixels
    pieces = ceil_div(lane + kind.channels, machine.feeder)
    kind.piece_words += pieces
    if machine.dataflow != WS:
        width = machine.cols if machine.dataflow == IS else machine.rows
        add_blocks(state, width * pieces * taps, kind, machine, m // width)
        if m % width > 0:
            add_blocks(state, m % width * pieces * taps, kind, machine, 1)
        kind.blocks += ceil_div(m, width)
        kind.fill_words += m * pieces * taps
    elif even_ranges(lane, kind.channels, machine):
        ranges = taps * kind.channels // machine.rows
        add_blocks(state, m * (machine.rows // machine.feeder), kind, machine, ranges)
        kind.blocks += ranges
        kind.fill_words += m * (machine.rows // machine.feeder) * ranges
    else:
        ranges = ceil_div(taps * kind.channels, machine.rows)
        for index in range(ranges):
            words = m * range_words(index, lane, kind.channels, taps, machine)
            add_blocks(state, words, kind, machine, 1)
            kind.fill_words += words
        kind.blocks += ranges


@njit_in_place(void(KIND, LAYER, MACHINE, STATE, int64))
def _run_groups(kind, layer, machine, state, ahead):
    """Run the blocks of all groups; once a period of lanes changes nothing but the time, the rest are like it."""
    taps = layer.kernel_h * layer.kernel_w
    period = lane_period(kind.group_lanes, machine.feeder)
    begin_blocks(state, machine, ahead)
    kind.blocks, kind.fill_words, kind.piece_words = 0, 0, 0
    lane, group = kind.first_lane, 0
    while group < kind.groups:
        released, lag = state.released, state.released - state.filled
        fold_lag, waiting = state.released - state.released_before, state.waiting
        next_lag = state.released - state.next
        blocks, fill_words, piece_words = kind.blocks, kind.fill_words, kind.piece_words
        for _ in range(min(period, kind.groups - group)):
            _run_group(kind, lane, taps, machine, state)
            lane = (lane + kind.group_lanes) % machine.feeder
            group += 1
        alike = state.released - state.filled == lag and state.released - state.released_before == fold_lag
        if alike and state.released - state.next == next_lag:
            repeats = (kind.groups - group) // period
            shift = repeats * (state.released - released)
            state.filled += shift
            state.released_before += shift
            state.next += shift
            state.released += shift
            state.waiting += repeats * (state.waiting - waiting)
            kind.blocks += repeats * (kind.blocks - blocks)
            kind.fill_words += repeats * (kind.fill_words - fill_words)
            kind.piece_words += repeats * (kind.piece_words - piece_words)
            group += repeats * period


@njit_in_place(int64(KIND, LAYER, MACHINE))
def _first_fill(kind, layer, machine):
    """Return the words of a tile's first block."""
    taps = layer.kernel_h * layer.kernel_w
    if machine.dataflow == WS:
        return kind.pixels * range_words(0, kind.first_lane, kind.channels, taps, machine)
    pixels = min(kind.pixels, machine.cols if machine.dataflow == IS else machine.rows)
    return pixels * ceil_div(kind.first_lane + kind.channels, machine.feeder) * taps


@njit_in_place(void(KIND, LAYER, MACHINE, STATE, int64))
def time_ahead(kind, layer, machine, state, ahead):
    """Fill in what a tile takes whose first block began to fill `ahead` cycles before its step.

    At most first_fill + 1: a fold's operands can't be there earlier than for the tile's second cycle.
    """
    if kind.ahead != ahead:
        cycles, waiting = kind.computed, kind.waited
        _run_groups(kind, layer, machine, state, ahead)
        kind.computed, kind.waited = cycles + state.waiting - waiting, state.waiting
        kind.ahead, kind.filled, kind.released = ahead, state.filled, state.released_before


@njit_in_place(int64(KIND, int64, int64))
def next_ahead(kind, still, fill):
    """Return the cycles by which the next tile's first block, of `fill` words, is ahead of that tile's step.

    still: first cycle of the step in which nothing moves. The next tile begins in it, or in the one after
    the present tile's last word; its first word comes a cycle later, and when the block before last is released.
    """
    if fill == 0:
        return 0
    begin = max(kind.filled + 2, still + 1, kind.released + 1)
    return min(max(kind.computed + 1 - begin, 0), fill + 1)


@njit_in_place(int64(int64, MACHINE))
def overlapped_fold(time, machine):
    """Return the cycles from the first one of a fold to that of the next where they overlap."""
    return max(time + 1, machine.rows + 1, machine.cols)


@njit_in_place(void(KIND, LAYER, MACHINE, STATE))
def compute_tile(kind, layer, machine, state):
    """Fill in what follows from the first seven fields and `pixels` of a tile that computes."""
    taps = layer.kernel_h * layer.kernel_w
    m, n, k = kind.pixels, kind.group_outputs, taps * kind.channels
    column_folds = ceil_div(n, machine.cols)
    if machine.dataflow == WS:
        kind.inner, time = column_folds, m
    elif machine.dataflow == OS:
        kind.inner, time = column_folds, k
    else:
        kind.inner, time = ceil_div(k, machine.rows), n
    stream, kind.time = time + machine.rows + machine.cols - 2 + machine.pe_stages - 1, time
    kind.fold = overlapped_fold(time, machine) if machine.overlap else stream + machine.rows
    _run_groups(kind, layer, machine, state, 0)
    folds = kind.blocks * kind.inner
    rows_moved, kind.waiting = folds * machine.rows, state.waiting
    kind.stream = folds * stream
    kind.pipeline = FLUSH_OS if machine.dataflow == OS else FLUSH_STATIONARY
    if machine.overlap:
        rows_moved = machine.rows
        kind.stream = (folds - 1) * kind.fold + stream
        kind.pipeline = FLUSH_STATIONARY
        # The first preload: under ws before its block is waited for, under is after.
        kind.waiting += int64(machine.dataflow == WS) - (machine.rows if machine.dataflow == IS else 0)
    kind.stationary = 0 if machine.dataflow == OS else rows_moved
    kind.drain = rows_moved if machine.dataflow == OS else 0
    kind.pool = 0
    kind.cycles = kind.stream + kind.stationary + kind.drain + kind.pipeline + kind.waiting
    kind.ahead, kind.computed, kind.waited = 0, kind.cycles, state.waiting
    if machine.overlap:
        kind.first_fill = _first_fill(kind, layer, machine)
        kind.filled, kind.released = state.filled, state.released_before
