"""Waiting cycles of a layer on a memory that pauses: the transfers of every tile, beat by beat, beside its folds.

Cycle 0 is the first after the clock edge that samples `start`. On a memory that answers in every cycle, this gives
what `count_kernels` has in closed form.
"""

from __future__ import annotations

import numpy as np
from numba import from_dtype, int64, void
from numba.types import UniTuple  # type: ignore[attr-defined]

from simulator.timing.access_kernels import COUNTS, ROWS_INSIDE, as_second, lanes_of_second, second_stride
from simulator.timing.count_kernels import count_tiles, waited
from simulator.timing.cut_kernels import JOB, MACHINE, class_of, ifmap_of_rows, steps_of_word
from simulator.timing.integers import records
from simulator.timing.tile_kernels import IS, ceil_div, next_ahead, time_ahead
from simulator.timing.transfer_kernels import beats_of, is_dense, synapse_steps
from workloads.host.jit import njit, njit_in_place

MASKED_TILE = records(
    *("filter_beats", "ifmap_runs", "ifmap_beats", "residual_beats", "store_beats"),
    *("planes", "dense", "pixels", "outputs", "channels", "last_outputs", "last_rows", "part", "last_channels"),
    *("picked", "described", "filtered", "fed", "added", "free", "begun", "computed", "ahead"),
    *("store_picked", "stored", "fetch_picked", "fetched"),
)
"""A tile in its order: its beats, 0 where nothing is moved; of ifmap of each run, of residual and store of each plane,
which are one run where they lie densely. channels: of input. last_*: whether it holds the last part of an axis; part:
its class of output channels: which of the job's tiles it is.

When what is done, in cycles from the first one of all: its load is picked; its descriptor, filter, ifmap and residual
are there (the cycle after the last beat); the scatter unit is free; its step begins, of which the first cycle starts
the units; it is computed (the cycle after); ahead: as `time_ahead`; its store is picked and ends; and that of the
next layer's descriptor, in a layer's last tile, 0 where there is none."""

TILE, ARRAY = from_dtype(MASKED_TILE), int64[::1]


@njit_in_place(int64(int64, ARRAY))
def allowed(cycle, mask):
    """Return the first cycle from `cycle` on in which the memory answers."""
    while mask[cycle % len(mask)] == 0:
        cycle += 1
    return cycle


@njit_in_place(int64(int64, int64, MACHINE, ARRAY))
def load_run(request, beats, machine, mask):
    """Return the cycle of the last beat of a run requested from cycle `request` on."""
    moved = allowed(allowed(request, mask) + machine.latency, mask)
    for _ in range(beats - 1):
        moved = allowed(moved + machine.interval, mask)
    return moved


@njit_in_place(int64(int64, int64, JOB))
def steps_of_plane(plane, last_outputs, job):
    """Return the packer's steps of a word of a plane under os and ws; under is, the plane's channels."""
    layer, machine, outputs = job.layer[0], job.machine[0], job.cut[0].outputs
    if last_outputs:
        outputs = job.parts[0].last_outputs
    if machine.dataflow == IS:
        return min(machine.feeder, outputs - plane * machine.feeder)
    return steps_of_word(plane, outputs, layer, machine)


@njit_in_place(UniTuple(int64, 3)(TILE, JOB), from_python=True)
def planes_of_second(tile, job):
    """Return (planes, pixels, whether planes are one run) of a tile's residual, or of what its synapses are."""
    layer, machine = job.layer[0], job.machine[0]
    if not layer.matmul:
        return tile.planes, tile.pixels, tile.dense
    pixels, channels = as_second(tile.outputs, tile.channels, layer)
    planes = ceil_div(channels, machine.feeder)
    return planes, pixels, int64(is_dense(planes, tile.residual_beats, second_stride(layer, machine)))


@njit_in_place(int64(int64, TILE, JOB))
def steps_of_second(plane, tile, job):
    """Return the cycles that a word of such a plane takes."""
    layer, machine = job.layer[0], job.machine[0]
    if layer.matmul:
        channels = as_second(tile.outputs, tile.channels, layer)[1]
        return synapse_steps(plane, channels, lanes_of_second(layer, machine), machine)
    return steps_of_plane(plane, tile.last_outputs, job)


@njit_in_place(UniTuple(int64, 2)(UniTuple(int64, 2), int64, UniTuple(int64, 2), MACHINE, ARRAY))
def load_residual_plane(ends, steps, plane, machine, mask):
    """Return (cycle of the last beat, cycle from which the scatter unit is free) of one plane.

    ends: the first cycle in which the memory has the plane's first beat, and the cycle from which the unit is free now.
    steps: cycles it takes a word, of which it begins when a word is whole. plane: its words and its beats.
    """
    moved, free = ends
    bits, words = int64(0), plane[0]
    for beat in range(plane[1]):
        if beat > 0:
            moved += machine.interval
        moved = allowed(max(moved, free), mask)
        bits += machine.port_bits
        whole = min(bits // machine.word_bits, words)
        bits -= whole * machine.word_bits
        words -= whole
        free = moved + 1 + whole * steps
    return moved, free


@njit_in_place(int64(int64, TILE, JOB, ARRAY))
def store(pick, tile, job, mask):
    """Return the cycle of the last beat of a tile's store, which was picked in cycle `pick`.

    The packer makes one step a cycle unless a beat waits; its first step is two cycles after `pick`.
    """
    machine, raw, turned = job.machine[0], job.layer[0].raw, job.machine[0].dataflow == IS
    taken = pick + 2  # the last beat taken, or the cycle that counts as such
    request = pick + 1
    planes = tile.outputs if raw else tile.planes
    word_bits = machine.port_bits if raw else machine.word_bits
    next_beat = int64(0)
    for plane in range(planes):
        if plane == 0 or not (raw or tile.dense):  # a raw tile is one run
            next_beat = allowed(request, mask) + machine.latency
        steps = 1 if raw else steps_of_plane(plane, tile.last_outputs, job)
        bits, work = int64(0), int64(0)
        for pixel in range(tile.pixels + 1):
            if pixel < tile.pixels:
                if not turned:
                    work += steps
                else:
                    work += 1
                    if pixel % machine.cols == 0:
                        work += steps
                bits += word_bits
                if bits < machine.port_bits:
                    continue
                bits -= machine.port_bits
            elif bits > 0:
                work = max(work, 1)
            else:
                continue
            taken = allowed(max(next_beat, taken + work), mask)
            next_beat = taken + machine.interval
            work = int64(0)
        request = taken + 1
    return taken


@njit_in_place(UniTuple(int64, 2)(int64, int64, TILE, JOB, ARRAY, COUNTS))
def load_tile(cycle, computed, tile, job, mask, counts):
    """Add what waits for a tile's loads from `cycle` on; return (cycle after them, from which the scatter is free)."""
    machine, free = job.machine[0], cycle
    tile.picked = cycle
    last = load_run(cycle + 1, machine.tile_beats, machine, mask)
    counts.stall_control += waited(cycle, last + 1, computed)
    cycle = last + 1
    tile.described = cycle
    if tile.filter_beats > 0:
        last = load_run(cycle + 1, tile.filter_beats, machine, mask)
        counts.stall_control += waited(cycle, cycle + 1, computed)
        counts.stall_filter += waited(cycle + 1, last + 1, computed)
        cycle = last + 1
    tile.filtered = cycle
    if tile.ifmap_beats > 0:
        last = cycle
        for _ in range(tile.ifmap_runs):
            last = load_run(last + 1, tile.ifmap_beats, machine, mask)
        counts.stall_control += waited(cycle, cycle + 1, computed)
        counts.stall_ifmap += waited(cycle + 1, last + 1, computed)
        cycle = last + 1
    tile.fed = cycle
    if tile.residual_beats > 0:
        last = cycle
        planes, pixels, dense = planes_of_second(tile, job)
        for plane in range(planes):
            steps = steps_of_second(plane, tile, job)
            first = last + machine.interval
            if plane == 0 or not dense:
                first = allowed(last + 1, mask) + machine.latency
            last, free = load_residual_plane((first, free), steps, (pixels, tile.residual_beats), machine, mask)
        counts.stall_control += waited(cycle, cycle + 1, computed)
        counts.stall_ifmap += waited(cycle + 1, last + 1, computed)
        cycle = last + 1
    tile.added, tile.free = cycle, free
    return cycle, free


@njit_in_place(int64(int64, TILE[::1], JOB, ARRAY, COUNTS), from_python=True)
def step_tiles(start, tiles, job, mask, counts):
    """Add the waiting cycles of a layer's tiles, and tell of each when what is done; return the cycle after the last.

    start: first cycle; of the first layer, of the descriptor's fetch. mask: 0 in cycles (modulo its length) in which
    the memory pauses.
    """
    count, layer, machine, step, ahead = len(tiles), job.layer[0], job.machine[0], start, int64(0)
    if layer.first:
        step = load_run(start + 1, machine.layer_beats, machine, mask) + 3
    counts.stall_control += step - start
    for i in range(-1, count + 1):
        # In cycle `step` the units start; they work from the next one on.
        counts.stall_control += 1
        computed, kind = step + 1, job.tiles[0, 0, 0]
        if 0 <= i < count:
            kind = job.tiles[tiles[i].last_rows, tiles[i].part, tiles[i].last_channels]
            time_ahead(kind, layer, machine, job.state[0], ahead)
            counts.stall_feeder -= kind.cycles - kind.computed
            computed += kind.computed
            tiles[i].begun, tiles[i].computed, tiles[i].ahead = step, computed, ahead
        cycle, free = step + 1, step + 1
        storing = i >= 1 and tiles[i - 1].store_beats > 0
        loading = i + 1 < count
        fetching = i + 1 == count and not layer.last
        if storing:
            last = store(cycle, tiles[i - 1], job, mask)
            counts.stall_control += waited(cycle, cycle + 1, computed)
            counts.stall_ofmap += waited(cycle + 1, last + 1, computed)
            tiles[i - 1].store_picked, tiles[i - 1].stored = cycle, last + 1
            cycle = last + 1
        if loading:
            cycle, free = load_tile(cycle, computed, tiles[i + 1], job, mask, counts)
        if fetching:
            last = load_run(cycle + 1, machine.layer_beats, machine, mask)
            counts.stall_control += waited(cycle, last + 1, computed)
            tiles[i].fetch_picked, tiles[i].fetched = cycle, last + 1
            cycle = last + 1
        if storing or loading or fetching:  # one more cycle to find that nothing is left
            counts.stall_control += waited(cycle, cycle + 1, computed)
            cycle += 1
        counts.stall_ifmap += waited(cycle, free, computed)
        if machine.overlap and i >= 0 and loading:
            following = job.tiles[tiles[i + 1].last_rows, tiles[i + 1].part, tiles[i + 1].last_channels]
            ahead = next_ahead(kind, max(cycle, free) - step - 1, following.first_fill)
        step = max(cycle, computed, free)
    counts.stall_control += 1  # one more hand-over finds that the layer is done
    return step + 1


@njit_in_place(void(TILE[::1], JOB), from_python=True)
def lay_tiles(tiles, job):
    """Fill in a layer's tiles in the order in which they run."""
    layer, machine, cut, parts = job.layer[0], job.machine[0], job.cut[0], job.parts[0]
    before_filter, before_ifmap = int64(-1), int64(-1)
    for index in range(parts.tiles):
        channel, place = index % parts.channels, index // parts.channels
        if cut.order == ROWS_INSIDE:
            row, output = place % parts.rows, place // parts.rows
        else:
            row, output = place // parts.outputs, place % parts.outputs
        last_row, last_channel = int64(row == parts.rows - 1), int64(channel == parts.channels - 1)
        part = class_of(output, job)
        kind, filters = job.tiles[last_row, part, last_channel], job.tiles[1, part, last_channel]
        filter_part = output * parts.channels + channel
        ifmap_part = row * parts.outputs + output if parts.by_group else row * parts.channels + channel
        _, ifmap_beats = ifmap_of_rows(row, job)
        tile = tiles[index]
        tile.last_rows, tile.part, tile.last_channels = last_row, part, last_channel
        tile.pixels, tile.outputs, tile.channels = kind.pixels, kind.outputs, kind.channels
        tile.last_outputs, tile.planes = output == parts.outputs - 1, ceil_div(kind.outputs, machine.feeder)
        plane_beats = beats_of(kind.pixels, machine)
        tile.dense = is_dense(tile.planes, plane_beats, beats_of(layer.out_height * layer.out_width, machine))
        tile.filter_beats = filters.filter_beats if filter_part != before_filter else 0
        tile.ifmap_runs, tile.ifmap_beats = kind.words, ifmap_beats if ifmap_part != before_ifmap else 0
        if is_dense(kind.words, tile.ifmap_beats, beats_of(layer.height * layer.width, machine)):
            tile.ifmap_runs, tile.ifmap_beats = 1, kind.words * tile.ifmap_beats
        tile.residual_beats = plane_beats if layer.residual and channel == 0 else 0
        if layer.matmul and tile.filter_beats > 0:
            tile.residual_beats = beats_of(as_second(kind.outputs, kind.channels, layer)[0], machine)
        tile.store_beats = kind.pixels * kind.outputs if layer.raw else plane_beats
        if not last_channel:
            tile.store_beats = 0
        before_filter, before_ifmap = filter_part, ifmap_part


@njit(int64(int64, JOB, ARRAY, COUNTS))
def count_masked(start, job, mask, counts):
    """Fill in the counts of a layer by a cut on a memory that pauses; return the cycle after its last."""
    count_tiles(job, counts)
    tiles = np.zeros(job.parts[0].tiles, MASKED_TILE)
    lay_tiles(tiles, job)
    return step_tiles(start, tiles, job, mask, counts)
