"""What the parts of each axis of a layer cost and need, once a length: what all its cuts are bounded and admitted by.

A cut's bound is put together from these in a few multiplications: cycles that it takes at least, and its exact beats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import boolean, from_dtype, int64, types, void

from simulator.encoding import MOST_IN_FIELD, MOST_SIGNED
from simulator.timing.access_kernels import load_filters
from simulator.timing.count_kernels import move_tile
from simulator.timing.cut_kernels import JOB, describe_tile, divide_channels, divide_outputs, divide_rows
from simulator.timing.integers import records
from simulator.timing.tile_kernels import IS, WS, ceil_div, lane_period, range_words
from simulator.timing.transfer_kernels import beats_of
from workloads.host.jit import njit_in_place

ROWS = records(
    *("length", "parts", "pixels", "in_rows", "fits", "beats", "plane_cycles", "load_cycles", "first_beats"),
    *("blocks", "first_pixels", "bank_words"),
)
"""Parts of the output rows. pixels: of the longest; in_rows: of the one with most. beats: of one plane of each part,
summed; first_beats: of the first part. plane_cycles, load_cycles: at least, of a plane of each part, and of a load of
each beside its planes, summed. blocks: of as many pixels as
the array takes; first_pixels: of the first block; both summed. bank_words: of an ofmap bank a channel, under is."""

OUTPUTS = records(
    *("length", "parts", "groups", "all_groups", "group_outputs", "words", "most_words", "first_words"),
    *("planes", "steps", "folds", "part_folds"),
)
"""Parts of the output channels. groups: of the longest; all_groups: of all. words: of input channels that they hold by
group, summed, the most, and of the first part. planes, steps: of words of output channels, and a pixel's steps of all,
summed. folds: of `cols` channels of a group, summed over groups; part_folds: the same of one group a part."""

CHANNELS = records(*("length", "parts", "words", "all_words", "folds", "range_words", "first_range_words", "operands"))
"""Parts of the input channels. words: of the longest; all_words: summed, over groups too. folds: ranges of K of a
group. range_words: words that those touch, summed over groups too; first_range_words: of each part's first range.
operands: that a lane holds of a block under os and is, at most."""

FILTERS = records("cycles", "beats", "first_cycles", "fits")
"""Parts of output and input channels: loads of all filters once, a matmul's synapses among them, cycles of the first,
and whether the longest fit."""

RESULTS = records("cycles", "beats", "last_cycles", "residual_cycles", "residual_beats", "first_residual", "fits")
"""Parts of rows and output channels: stores of all, cycles of the last; the same of residuals, of the first."""


class Tables(NamedTuple):
    """The tables of a layer: of each axis by length, of two axes by both."""

    rows: np.ndarray
    outputs: np.ndarray
    channels: np.ndarray
    filters: np.ndarray
    results: np.ndarray


TABLES = types.NamedTuple(
    (
        from_dtype(ROWS)[::1],
        from_dtype(OUTPUTS)[::1],
        from_dtype(CHANNELS)[::1],
        from_dtype(FILTERS)[:, ::1],
        from_dtype(RESULTS)[:, ::1],
    ),
    Tables,
)
ROW, OUTPUT, CHANNEL = (from_dtype(kind) for kind in (ROWS, OUTPUTS, CHANNELS))
FILTER, RESULT = from_dtype(FILTERS), from_dtype(RESULTS)


@njit_in_place(void(ROW, JOB))
def describe_rows(row, job):
    """Fill in the parts of a length."""
    layer, machine, parts = job.layer[0], job.machine[0], job.parts[0]
    job.cut[0].rows = row.length
    divide_rows(job)
    row.parts, row.beats, row.first_beats = parts.rows, parts.ifmap_beats, job.row_kinds[0].beats
    stride, request = beats_of(layer.height * layer.width, machine), 1 + machine.latency - machine.interval
    row.plane_cycles, row.load_cycles = parts.ifmap_beats * machine.interval, 0
    for index in range(parts.row_kinds):
        kind = job.row_kinds[index]
        # Dense planes are one request, unless they have too many beats: at least what takes less of both.
        dense = kind.beats == stride and request > 0
        row.plane_cycles += 0 if dense else kind.count * request
        row.load_cycles += kind.count * (1 + request if dense else 1)
    row.pixels, last = row.length * layer.out_width, parts.last_rows * layer.out_width
    row.in_rows = parts.most_in_rows
    width = machine.cols if machine.dataflow == IS else machine.rows
    row.blocks = (row.parts - 1) * ceil_div(row.pixels, width) + ceil_div(last, width)
    row.first_pixels = (row.parts - 1) * min(row.pixels, width) + min(last, width)
    row.bank_words = ceil_div(row.pixels, machine.cols)
    row.fits = row.pixels <= MOST_IN_FIELD and row.in_rows <= MOST_SIGNED
    row.fits = row.fits and (layer.images == 1 or layer.out_height // layer.images % row.length == 0)
    if machine.dataflow == WS and not layer.pool:
        row.fits = row.fits and row.pixels <= machine.operand_depth


@njit_in_place(void(OUTPUT, JOB))
def describe_outputs(output, job):
    """Fill in the parts of a length; the job then has their classes."""
    machine, parts = job.machine[0], job.parts[0]
    job.cut[0].outputs = output.length
    divide_outputs(job)
    output.parts = parts.outputs
    output.groups, output.group_outputs = job.classes[0].groups, job.classes[0].group_outputs
    output.first_words, output.all_groups, output.words, output.most_words = job.classes[0].words, 0, 0, 0
    output.planes, output.steps, output.folds, output.part_folds = 0, 0, 0, 0
    for index in range(parts.classes):
        part = job.classes[index]
        output.words += part.count * part.words
        output.most_words = max(output.most_words, part.words)
        output.planes += part.count * job.word_steps[part.last].planes
        output.steps += part.count * job.word_steps[part.last].total
        output.all_groups += part.count * part.groups
        output.folds += part.count * part.groups * ceil_div(part.group_outputs, machine.cols)
        output.part_folds += part.count * ceil_div(part.group_outputs, machine.cols)


@njit_in_place(void(CHANNEL, JOB))
def describe_channels(channel, job):
    """Fill in the parts of a length."""
    layer, machine, parts = job.layer[0], job.machine[0], job.parts[0]
    taps = layer.kernel_h * layer.kernel_w
    job.cut[0].channels = channel.length
    divide_channels(job)
    channel.parts = parts.channels
    channel.words, channel.all_words, channel.folds = 0, 0, 0
    channel.range_words, channel.first_range_words, channel.operands = 0, 0, 0
    if layer.pool:
        return
    lanes = layer.channels // layer.groups % machine.feeder if layer.groups > 1 else 0
    period = lane_period(lanes, machine.feeder)
    for last in range(2):
        count = 1 if last else parts.channels - 1
        if count == 0:
            continue
        length = parts.last_channels if last else channel.length
        length = layer.channels // layer.groups if layer.groups > 1 else length
        ranges = ceil_div(taps * length, machine.rows)
        channel.folds += count * ranges
        for group in range(min(period, layer.groups)):
            alike = count * ceil_div(layer.groups - group, period)
            lane = group * lanes % machine.feeder
            words = ceil_div(lane + length, machine.feeder)
            channel.all_words += alike * words
            channel.words = max(channel.words, words)
            if machine.dataflow == WS:
                for index in range(ranges):
                    touched = range_words(index, lane, length, taps, machine)
                    channel.range_words += alike * touched
                    channel.first_range_words += count * touched if index == 0 and layer.groups == 1 else 0
    channel.operands = channel.words * taps * machine.feeder


@njit_in_place(void(FILTER, CHANNEL, JOB))
def describe_filters(filters, channel, job):
    """Fill in the filters of a length of input channels and of the output channels that the job has."""
    layer, machine, parts = job.layer[0], job.machine[0], job.parts[0]
    job.cut[0].channels = channel.length
    divide_channels(job)
    filters.cycles, filters.beats = 0, 0
    for index in range(parts.classes):
        for last in range(2):
            count = job.classes[index].count * (1 if last else parts.channels - 1)
            if count > 0:
                describe_tile(index, last, job)
                kind = job.tiles[1, index, last]
                load_filters(kind, layer, machine)
                filters.cycles += count * (kind.filter_cycles + kind.second_cycles)
                filters.beats += count * (kind.filter_beats + kind.second_beats)
    first = job.tiles[1, 0, int64(parts.channels == 1)]
    filters.first_cycles = first.filter_cycles + first.second_cycles
    filters.fits = first.weight_rows <= machine.filter_depth and first.polarity_rows <= machine.polarity_depth
    filters.fits = filters.fits and first.channel_rows <= machine.channel_depth
    filters.fits = filters.fits and first.filter_beats <= MOST_IN_FIELD


@njit_in_place(int64(ROW, OUTPUT, JOB))
def ofmap_words(row, output, job):
    """Return the rows of the ofmap scratchpad that the largest tile takes."""
    layer, machine = job.layer[0], job.machine[0]
    if machine.dataflow == IS:
        return row.bank_words * output.length
    groups = 1 if layer.pool else output.groups
    return row.pixels * groups * ceil_div(output.group_outputs, machine.cols)


@njit_in_place(int64(ROW, OUTPUT, CHANNEL, JOB))
def ifmap_words(row, output, channel, job):
    """Return the words of the ifmap scratchpad that the largest tile takes."""
    words = output.most_words if job.parts[0].by_group else channel.words
    return words * row.in_rows * job.layer[0].width


@njit_in_place(void(RESULT, ROW, OUTPUT, JOB))
def describe_results(results, row, output, job):
    """Fill in the results of a length of rows and of the output channels that the job has."""
    layer, machine, parts = job.layer[0], job.machine[0], job.parts[0]
    parts.rows, parts.last_rows = row.parts, layer.out_height - (row.parts - 1) * row.length
    job.cut[0].rows = row.length
    results.cycles, results.beats, results.residual_cycles, results.residual_beats = 0, 0, 0, 0
    for last_rows in range(2):
        pixels = (parts.last_rows if last_rows else row.length) * layer.out_width
        plane_beats = ceil_div(pixels * machine.word_bits, machine.port_bits)
        for last_outputs in range(2):
            count = (1 if last_rows else row.parts - 1) * (1 if last_outputs else output.parts - 1)
            if count == 0:
                continue
            move_tile(last_rows, last_outputs, job)
            moves, planes = job.moves[last_rows, last_outputs], job.word_steps[last_outputs].planes
            outputs = parts.last_outputs if last_outputs else output.length
            results.cycles += count * moves.store
            results.beats += count * (pixels * outputs if layer.raw else planes * plane_beats)
            if layer.residual:
                results.residual_cycles += count * moves.residual
                results.residual_beats += count * planes * plane_beats
    results.last_cycles = job.moves[1, 1].store
    results.first_residual = (
        job.moves[int64(row.parts == 1), int64(output.parts == 1)].residual if layer.residual else 0
    )
    results.fits = ofmap_words(row, output, job) <= machine.ofmap_depth
    results.fits = results.fits and (not layer.raw or row.pixels * output.length <= MOST_IN_FIELD)


@njit_in_place(void(JOB, TABLES))
def fill_tables(job, tables):
    """Fill in all tables for the lengths in those of the axes."""
    for index in range(len(tables.rows)):
        describe_rows(tables.rows[index], job)
    for index in range(len(tables.channels)):
        describe_channels(tables.channels[index], job)
    for index in range(len(tables.outputs)):
        output = tables.outputs[index]
        describe_outputs(output, job)
        for channel in range(len(tables.channels)):
            describe_filters(tables.filters[index, channel], tables.channels[channel], job)
        for row in range(len(tables.rows)):
            describe_results(tables.results[row, index], tables.rows[row], output, job)


@njit_in_place(boolean(ROW, OUTPUT, CHANNEL, FILTER, RESULT, JOB))
def cut_fits(row, output, channel, filters, results, job):
    """Return whether every tile of a cut fits, and their number its field."""
    layer, machine = job.layer[0], job.machine[0]
    if not (row.fits and filters.fits and results.fits):
        return False
    if ifmap_words(row, output, channel, job) > machine.ifmap_depth:
        return False
    if machine.dataflow != WS and not layer.pool and channel.operands > machine.operand_depth:
        return False
    return row.parts * output.parts * channel.parts <= MOST_IN_FIELD
