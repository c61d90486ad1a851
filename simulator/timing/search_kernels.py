"""The best cut of all: bounds of every cut from tables, exact cycles of those that could still be the best."""

from __future__ import annotations

import numpy as np
from numba import int64, void
from numba.types import UniTuple  # type: ignore[attr-defined]

from simulator.timing.access_kernels import COUNTS, ROWS_INSIDE, layer_fetches
from simulator.timing.count_kernels import COUNT_ROWS, CUTS, LAYERS, MACHINES, count_job, cycles_of_cut
from simulator.timing.cut_kernels import JOB
from simulator.timing.cut_lengths import channel_granule, count_lengths, next_length, output_granule, row_granule
from simulator.timing.cut_tables import (
    CHANNEL,
    CHANNELS,
    FILTER,
    FILTERS,
    OUTPUT,
    OUTPUTS,
    RESULT,
    RESULTS,
    ROW,
    ROWS,
    TABLES,
    Tables,
    cut_fits,
    fill_tables,
)
from simulator.timing.integers import COUNT_INTEGERS
from simulator.timing.tile_kernels import FLUSH_OS, FLUSH_STATIONARY, OS, READY, WS, overlapped_fold
from simulator.timing.transfer_kernels import beats_of, planes_cycles, run_cycles
from workloads.host.jit import njit, njit_in_place

NEVER = 1 << 62
"""The bound of what doesn't fit, or was looked at."""


@njit_in_place(int64(ROW, OUTPUT, CHANNEL, JOB))
def least_computing(row, output, channel, job):
    """Return the cycles that all tiles compute at least; of pooling, exactly.

    A tile's folds follow one another, the first after its first block is filled; or its blocks are filled one after
    another, and the last one's folds follow. Where they overlap, a fold takes a cycle more than its operands and no
    less than the array needs; the last one at most a cycle less than that, which the flush makes up for. There, too,
    first blocks may be filled under the tile before, of all tiles but the layer's first; yet a word takes a cycle.
    """
    layer, machine = job.layer[0], job.machine[0]
    tiles = row.parts * output.parts * channel.parts
    pixels, taps = layer.out_height * layer.out_width, layer.kernel_h * layer.kernel_w
    if layer.pool:
        return pixels * (output.planes * (taps + 1) + output.steps) + tiles
    by_group = job.parts[0].by_group
    k, setup = taps * layer.channels // layer.groups, 2 * machine.rows + machine.cols - 2 + machine.pe_stages - 1
    shortest = overlapped_fold(0, machine) if machine.overlap else int64(0)
    setup = int64(1) if machine.overlap else setup
    again = 1 if by_group else output.parts  # every part of the output channels fills its blocks
    first = last = int64(0)
    if machine.dataflow == OS:
        time = max(k + channel.parts * setup, channel.parts * shortest)
        folding = row.blocks * output.folds * time
        last = row.parts * output.part_folds * time
    elif machine.dataflow == WS:
        time = max(pixels + row.parts * setup, row.parts * shortest)
        folding = channel.folds * output.folds * time
        last = channel.parts * output.part_folds * time
    else:
        time = max(layer.outputs + output.all_groups * setup, output.all_groups * shortest)
        folding = channel.folds * row.blocks * time
        last = channel.folds * row.parts * time
    if machine.dataflow == WS:
        filling = pixels * channel.range_words * again
        first = pixels * channel.first_range_words * again
    else:
        filling = pixels * taps * channel.all_words * again
        first = row.first_pixels * taps * channel.all_words * again
    if by_group:
        first, last = 0, 0
    flush = FLUSH_OS if machine.dataflow == OS or machine.overlap else FLUSH_STATIONARY
    through = READY - 1 + flush
    if machine.overlap and tiles > 1:
        in_steps = int64(0) if by_group else filling - first + last
        return max(max(folding, in_steps) + tiles * through, filling + through - (tiles - 1))
    return max(folding + first, filling + last) + tiles * through


@njit_in_place(UniTuple(int64, 2)(ROW, OUTPUT, CHANNEL, FILTER, RESULT, JOB))
def least_of_cut(row, output, channel, filters, results, job):
    """Return (cycles that a layer takes at least by a cut in the job's order, its beats exactly)."""
    layer, machine, by_group, order = job.layer[0], job.machine[0], job.parts[0].by_group, job.cut[0].order
    tiles = row.parts * output.parts * channel.parts
    fetch = run_cycles(1, machine.tile_beats, machine)
    filter_times, ifmap_times = int64(1), int64(1)
    if channel.parts > 1 or (order != ROWS_INSIDE and output.parts > 1):
        filter_times = row.parts
    if channel.parts > 1 or (order == ROWS_INSIDE and row.parts > 1):
        ifmap_times = output.parts
    words, loads = channel.all_words * ifmap_times, channel.parts * ifmap_times
    first_words = channel.words
    if by_group:
        words, loads, first_words = output.words, output.parts, output.first_words
    first = fetch + filters.first_cycles + results.first_residual
    stride = beats_of(layer.height * layer.width, machine)
    first += planes_cycles(first_words, row.first_beats, stride, machine)
    moving = tiles * fetch + filter_times * filters.cycles + words * row.plane_cycles + loads * row.load_cycles
    moving += results.cycles + results.residual_cycles + tiles + 1
    layer_fetch = run_cycles(1, machine.layer_beats, machine)
    moving += 0 if layer.last else layer_fetch + 1
    computing = least_computing(row, output, channel, job) + first + results.last_cycles + 2
    # Every tile is a step, and there is one before and one after; the first layer's descriptor and the last hand-over.
    cycles = max(moving, computing) + tiles + 3 + (layer_fetch + 2 if layer.first else 0)
    beats = filter_times * filters.beats + words * row.beats + results.beats + results.residual_beats
    return cycles, beats + layer_fetches(layer) * machine.layer_beats + tiles * machine.tile_beats


@njit_in_place(int64(int64, JOB, TABLES))
def take_cut(index, job, tables):
    """Set the job's cut to the `index`-th of all, and return its order; the last axis of the index is the order."""
    outputs, channels = len(tables.outputs), len(tables.channels)
    job.cut[0].rows = tables.rows[index // 2 // channels // outputs].length
    job.cut[0].outputs = tables.outputs[index // 2 // channels % outputs].length
    job.cut[0].channels = tables.channels[index // 2 % channels].length
    job.cut[0].order = index % 2
    return index % 2


@njit_in_place(int64(JOB, TABLES, int64[:, ::1]))
def fill_bounds(job, tables, bounds):
    """Fill in (least cycles, beats, index) of every cut that fits, of two equal orders the first; return how many."""
    index, filled = int64(0), int64(0)
    for row_index in range(len(tables.rows)):
        row = tables.rows[row_index]
        for output_index in range(len(tables.outputs)):
            output, results = tables.outputs[output_index], tables.results[row_index, output_index]
            for channel_index in range(len(tables.channels)):
                channel, filters = tables.channels[channel_index], tables.filters[output_index, channel_index]
                fits = cut_fits(row, output, channel, filters, results, job)
                for order in range(2):
                    job.cut[0].order = order
                    if fits and (order == ROWS_INSIDE or (row.parts > 1 and output.parts > 1)):
                        bound, beats = least_of_cut(row, output, channel, filters, results, job)
                        bounds[filled, 0], bounds[filled, 1], bounds[filled, 2] = bound, beats, index
                        filled += 1
                    index += 1
    return filled


@njit_in_place(int64(JOB, TABLES, int64[:, ::1], COUNTS))
def search(job, tables, bounds, counts):
    """Leave the best of all cuts in the job; return its cycles, NEVER where none fits.

    The best has the fewest cycles, then the fewest beats, then comes first: the fewest parts of rows, of output
    channels, of input channels, then the order. bounds [cuts, 3]: scratch; a cut whose bound is beyond the best one's
    cycles is not looked at. counts: scratch.
    """
    fill_tables(job, tables)
    left = fill_bounds(job, tables, bounds)
    best, best_cycles, best_beats = int64(-1), int64(NEVER), int64(NEVER)
    while True:
        chosen, least, kept = int64(-1), best_cycles, int64(0)
        for place in range(left):
            bound = bounds[place, 0]
            if bound > best_cycles:
                continue  # not the best, and not looked at again
            bounds[kept, 0], bounds[kept, 1], bounds[kept, 2] = bound, bounds[place, 1], bounds[place, 2]
            if bound < least or (bound == least and chosen < 0):
                chosen, least = kept, bound
            kept += 1
        left = kept
        if chosen < 0:
            break
        bounds[chosen, 0] = NEVER
        beats, index = bounds[chosen, 1], bounds[chosen, 2]
        if least == best_cycles and (beats, index) > (best_beats, best):
            continue
        take_cut(index, job, tables)
        cycles = cycles_of_cut(job, counts)
        if (cycles, beats, index) < (best_cycles, best_beats, best):
            best, best_cycles, best_beats = index, cycles, beats
    if best >= 0:
        take_cut(best, job, tables)
    return best_cycles


@njit(int64(JOB, COUNTS))
def choose_cut(job, counts):
    """Leave the best of all cuts of a layer in the job; return its cycles, NEVER where none fits. counts: scratch."""
    layer, machine = job.layer[0], job.machine[0]
    granules = row_granule(layer, machine), output_granule(layer, machine), channel_granule(layer, machine)
    rows = np.zeros(count_lengths(layer.out_height, granules[0]), ROWS)
    outputs = np.zeros(count_lengths(layer.outputs, granules[1]), OUTPUTS)
    channels = np.zeros(count_lengths(layer.channels, granules[2]), CHANNELS)
    length = layer.out_height
    for index in range(len(rows)):
        rows[index].length = length
        length = next_length(length, layer.out_height, granules[0])
    length = layer.outputs
    for index in range(len(outputs)):
        outputs[index].length = length
        length = next_length(length, layer.outputs, granules[1])
    length = layer.channels
    for index in range(len(channels)):
        channels[index].length = length
        length = next_length(length, layer.channels, granules[2])
    filters = np.zeros((len(outputs), len(channels)), FILTERS)
    results = np.zeros((len(rows), len(outputs)), RESULTS)
    bounds = np.zeros((2 * len(rows) * len(outputs) * len(channels), 3), np.int64)
    return search(job, Tables(rows, outputs, channels, filters, results), bounds, counts)


@njit(void(JOB, LAYERS, MACHINES, CUTS, int64[::1], COUNT_ROWS))
def search_batch(job, layers, machines, cuts, reached, counts):
    """Add to `counts` [machines, layers], zeros before, those of every layer on every machine by the best of its cuts.

    cuts: [machines, layers], set to these. reached: [machines], set to how many layers were counted: up to the first
    one without a cut that fits. job: see `new_job`.
    """
    scratch = np.zeros(1, COUNT_INTEGERS)
    for machine in range(len(machines)):
        job.machine[0] = machines[machine]
        reached[machine] = len(layers)
        for layer in range(len(layers)):
            job.layer[0] = layers[layer]
            if choose_cut(job, scratch[0]) == NEVER:
                reached[machine] = layer
                break
            cuts[machine, layer] = job.cut[0]
            count_job(job, counts[machine, layer])
