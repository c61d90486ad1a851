"""The timing model's kernel: transfers of a layer's tiles beside their computing, cycle by exact cycle.

It sees only arrays and integers, and no data: computing times come in, waiting times go out. Cycle 0 is the
first after the clock edge that samples `start`.
"""

from __future__ import annotations

import numpy as np
from numba import int64
from numba.types import UniTuple  # type: ignore[attr-defined]

from workloads.host.jit import njit

# Columns of `tiles`. Runs of ifmap; planes of residual and store, all in one run where DENSE; 0 beats: nothing to move.
COMPUTE, FILTER_BEATS, IFMAP_RUNS, IFMAP_BEATS, RESIDUAL_PLANES, RESIDUAL_BEATS = 0, 1, 2, 3, 4, 5
DENSE, STORE_BEATS, PIXELS, OUTPUTS, PLANES = 6, 7, 8, 9, 10
# Entries of `machine`.
COLS, TURNED, RAW, WORD_BITS, PORT_BITS, LATENCY, INTERVAL, LAYER_BEATS, TILE_BEATS = 0, 1, 2, 3, 4, 5, 6, 7, 8
FIRST_LAYER, LAST_LAYER, ROWS, DATAFLOW = 9, 10, 11, 12
# Columns of `folds`: folds of a block, cycles from fold to fold, blocks, words of each block.
INNER, APART, BLOCKS, WORDS = 0, 1, 2, 3
# Entries of the result.
IFMAP, FILTER, OFMAP, CONTROL, END, HIDDEN = 0, 1, 2, 3, 4, 5

_ONE = int64[::1]
_TWO = int64[:, ::1]


@njit(int64(int64, _ONE))
def allowed(cycle, mask):
    """Return the first cycle from `cycle` on in which the memory answers."""
    while mask[cycle % len(mask)] == 0:
        cycle += 1
    return cycle


@njit(int64(int64, int64, _ONE, _ONE))
def load_run(request, beats, machine, mask):
    """Return the cycle of the last beat of a run requested from cycle `request` on."""
    moved = allowed(allowed(request, mask) + machine[LATENCY], mask)
    if len(mask) == 1:
        return moved + (beats - 1) * machine[INTERVAL]
    for _ in range(beats - 1):
        moved = allowed(moved + machine[INTERVAL], mask)
    return moved


@njit(UniTuple(int64, 2)(int64, int64, int64, _ONE, int64, _ONE, _ONE))
def load_residual_plane(moved, free, pixels, tile, steps, machine, mask):
    """Return (cycle of the last beat, cycle from which the scatter unit is free) of one plane of a tile.

    moved: first cycle in which the memory has the first beat. free: cycle from which the unit is free now. steps:
    cycles it takes a word, of which it begins when a word is whole.
    """
    bits, words = int64(0), pixels
    for beat in range(tile[RESIDUAL_BEATS]):
        if beat > 0:
            moved += machine[INTERVAL]
        moved = allowed(max(moved, free), mask)
        bits += machine[PORT_BITS]
        whole = min(bits // machine[WORD_BITS], words)
        bits -= whole * machine[WORD_BITS]
        words -= whole
        free = moved + 1 + whole * steps
    return moved, free


@njit(int64(int64, _ONE, _ONE, _ONE, _ONE, _ONE))
def store(pick, tile, lanes, steps, machine, mask):
    """Return the cycle of the last beat of a tile's store, which was picked in cycle `pick`.

    The packer makes one step a cycle unless a beat waits; its first step is two cycles after `pick`.
    """
    pixels = tile[PIXELS]
    taken = pick + 2  # the last beat taken, or the cycle that counts as such
    request = pick + 1
    planes = tile[OUTPUTS] if machine[RAW] else tile[PLANES]
    word_bits = machine[PORT_BITS] if machine[RAW] else machine[WORD_BITS]
    next_beat = int64(0)
    for plane in range(planes):
        if plane == 0 or not (machine[RAW] or tile[DENSE]):  # a raw tile is one run
            next_beat = allowed(request, mask) + machine[LATENCY]
        bits, work = int64(0), int64(0)
        for pixel in range(pixels + 1):
            if pixel < pixels:
                if not machine[TURNED]:
                    work += 1 if machine[RAW] else steps[plane]
                else:
                    work += 1
                    if pixel % machine[COLS] == 0:
                        work += 1 if machine[RAW] else lanes[plane]
                bits += word_bits
                if bits < machine[PORT_BITS]:
                    continue
                bits -= machine[PORT_BITS]
            elif bits > 0:
                work = max(work, 1)
            else:
                continue
            taken = allowed(max(next_beat, taken + work), mask)
            next_beat = taken + machine[INTERVAL]
            work = int64(0)
        request = taken + 1
    return taken


@njit(int64(int64, int64, int64))
def waited(start, end, computed):
    """Return how many of the cycles from `start` until before `end` lie after the array is done, at `computed`."""
    return max(0, end - max(start, computed))


@njit(UniTuple(int64, 3)(_ONE, int64, int64, int64))
def step_folds(folds, ahead, rows, dataflow):
    """Return (first cycle of a tile's last fold, cycle of its last word's issue, the last one in which the block before
    its last is used), cycle 0 the tile's first. The fill of the first block began `ahead` cycles before that.

    What a fold waits for: see `tile_timing`. In the cycle after a tile's first one the array can begin at the earliest.
    """
    filled, last, left, left_before = -1 - ahead, int64(-1), int64(-1), int64(-1)
    for block in range(folds[BLOCKS]):
        filled = filled if block == 0 else max(filled, -1, left_before)
        filled += folds[WORDS + block]
        left_before = left
        for fold in range(folds[INNER]):
            first = block == 0 and fold == 0
            earliest = int64(1) if first else last + folds[APART]
            if dataflow == 2:
                preload = max(int64(0) if first else last, filled + 2)
                last = max(earliest, preload + rows + 1)
                left = preload + rows - 1
            else:
                last = max(earliest, filled + 3, rows + 1 if first and dataflow == 1 else 0)
                left = last + folds[APART] - 1
    return last, filled, left_before


@njit(UniTuple(int64, 3)(_ONE, int64, _ONE))
def step_folds_ahead(folds, ahead, machine):
    """Return (cycles that a tile saves where its first block is ahead, and the two others that `step_folds` gives)."""
    alone, _, _ = step_folds(folds, 0, machine[ROWS], machine[DATAFLOW])
    begins, last_word, left_before = step_folds(folds, ahead, machine[ROWS], machine[DATAFLOW])
    return alone - begins, last_word, left_before


@njit(UniTuple(int64, 2)(int64, int64, _ONE, _ONE, _ONE, _ONE, _ONE))
def load_residual(cycle, free, tile, words, second, machine, mask):
    """Return (cycle of the last beat of what a tile adds, or of its synapses, cycle in which the unit is free).

    cycle, free: before. words [planes]: steps of a word of a residual; second: as `time_layer`, of the tile.
    """
    last = cycle
    for plane in range(tile[RESIDUAL_PLANES]):
        pixels, dense, each = tile[PIXELS], tile[DENSE], words[plane]
        if second[0] > 0:
            pixels, dense, each = second[0], second[1], second[2 + plane]
        first = last + machine[INTERVAL] if plane > 0 and dense else allowed(last + 1, mask) + machine[LATENCY]
        last, free = load_residual_plane(first, free, pixels, tile, each, machine, mask)
    return last, free


@njit(_ONE(int64, _TWO, _TWO, _TWO, _TWO, _TWO, _ONE, _ONE))
def time_layer(start, tiles, lanes, steps, folds, second, machine, mask):
    """Return waiting cycles by cause, the cycle after the layer's last, and by how many cycles less than on their own
    tiles wait for operands: [IFMAP, FILTER, OFMAP, CONTROL, END, HIDDEN].

    start: first cycle; of the first layer, of the descriptor's fetch. lanes, steps [tiles, planes]: of the packer's
    words. folds [tiles, 3 + blocks]: where they overlap, else without columns. second [tiles, 2 + planes]: of a matmul,
    pixels and density of what its synapses are, and steps of a word of each of its planes; else zeros. mask: 0 in
    cycles (modulo its length) in which the memory doesn't answer.
    """
    result = np.zeros(6, dtype=np.int64)
    count, overlap = len(tiles), folds.shape[1] > 0
    step, fill_begins = start, int64(-1)  # where the next tile's first block begins to fill, if before its step
    if machine[FIRST_LAYER]:
        step = load_run(start + 1, machine[LAYER_BEATS], machine, mask) + 3
    result[CONTROL] = step - start
    for i in range(-1, count + 1):
        # In cycle `step` the units start; they work from the next one on.
        result[CONTROL] += 1
        computed = step + 1
        if 0 <= i < count:
            computed += tiles[i, COMPUTE]
        last_word, left_before = int64(0), int64(0)
        if 0 <= i < count and overlap:
            ahead = max(0, step + 1 - fill_begins) if fill_begins >= 0 else 0
            saved, last_word, left_before = step_folds_ahead(folds[i], ahead, machine)
            result[HIDDEN] += saved
            computed -= saved
        fill_begins = int64(-1)
        cycle = step + 1
        free = cycle
        storing = i >= 1 and tiles[i - 1, STORE_BEATS] > 0
        loading = i + 1 < count
        fetching = i + 1 == count and not machine[LAST_LAYER]
        if storing:
            tile = tiles[i - 1]
            last = store(cycle, tile, lanes[i - 1], steps[i - 1], machine, mask)
            result[CONTROL] += waited(cycle, cycle + 1, computed)
            result[OFMAP] += waited(cycle + 1, last + 1, computed)
            cycle = last + 1
        if loading:
            tile = tiles[i + 1]
            last = load_run(cycle + 1, machine[TILE_BEATS], machine, mask)
            result[CONTROL] += waited(cycle, last + 1, computed)
            cycle = last + 1
            if tile[FILTER_BEATS] > 0:
                last = load_run(cycle + 1, tile[FILTER_BEATS], machine, mask)
                result[CONTROL] += waited(cycle, cycle + 1, computed)
                result[FILTER] += waited(cycle + 1, last + 1, computed)
                cycle = last + 1
            if tile[IFMAP_BEATS] > 0:
                last = cycle
                for _ in range(tile[IFMAP_RUNS]):
                    last = load_run(last + 1, tile[IFMAP_BEATS], machine, mask)
                result[CONTROL] += waited(cycle, cycle + 1, computed)
                result[IFMAP] += waited(cycle + 1, last + 1, computed)
                cycle = last + 1
            if tile[RESIDUAL_BEATS] > 0:
                words = lanes[i + 1] if machine[TURNED] else steps[i + 1]
                last, free = load_residual(cycle, free, tile, words, second[i + 1], machine, mask)
                result[CONTROL] += waited(cycle, cycle + 1, computed)
                result[IFMAP] += waited(cycle + 1, last + 1, computed)
                cycle = last + 1
        if fetching:
            last = load_run(cycle + 1, machine[LAYER_BEATS], machine, mask)
            result[CONTROL] += waited(cycle, last + 1, computed)
            cycle = last + 1
        if storing or loading or fetching:  # one more cycle to find that nothing is left
            result[CONTROL] += waited(cycle, cycle + 1, computed)
            cycle += 1
        result[IFMAP] += waited(cycle, free, computed)
        if i >= 0 and loading and overlap:
            # The unit begins the next tile when nothing moves and it has no word left, and while the array computes.
            begins = max(cycle, free, step + 1 + last_word + 1)
            if begins < computed:
                fill_begins = max(begins + 1, step + 1 + left_before + 1)
        step = max(cycle, computed, free)
    # One more hand-over finds that the layer is done.
    result[CONTROL] += 1
    result[END] = step + 1
    return result
