"""A cut of a layer as kinds of tiles: how many tiles there are of each, and how kinds follow one another.

Tiles of equal shape take equal time, and what they wait for depends on the tiles before and after. So the parts of
each axis are put together by what they and their followers are: the cost grows with the kinds, not the tiles.
"""

from __future__ import annotations

import numpy as np
from numba import from_dtype, int64, types, void

from simulator.timing.integers import CUT_INTEGERS, LAYER_INTEGERS, MACHINE_INTEGERS, records
from simulator.timing.tile_kernels import BLOCK_STATE, IS, TILE_KIND, ceil_div, compute_tile
from workloads.host.jit import njit_in_place

PARTS = records(
    *("rows", "outputs", "channels", "last_rows", "last_outputs", "last_channels", "by_group"),
    *("row_kinds", "output_kinds", "classes", "in_rows", "most_in_rows", "ifmap_beats", "tiles"),
    "ahead",
)
"""How a cut divides a layer: parts along each axis and the length of the last one.

by_group: output channels decide which input channels a tile holds. *_kinds, classes: how many of them there are.
in_rows, ifmap_beats: input rows of all parts of the rows together, and beats of one word's plane of each; most_in_rows:
of the part with most. ahead: cycles by which the tile that is counted now is, see `time_ahead`.
"""

ROW_KIND = records("first", "last", "beats", "next_beats", "next_last", "count")
"""Parts of the output rows: the first, the last, beats of an input plane of theirs and of the next part."""

OUTPUT_KIND = records("first", "last", "part", "next_part", "count")
"""Parts of the output channels; part, next_part: which of the classes of `OUTPUT_CLASS`."""

OUTPUT_CLASS = records(
    *("last", "outputs", "groups", "group_outputs", "first_lane", "words", "count"),
)
"""Parts of the output channels that are alike but for what follows. last: of the length of the last part."""

WORD_STEPS = records("planes", "total", "first", "last", "most")
"""Planes of words of a part of the output channels; steps that one word of each takes the packer: their sum, of the
first plane, of the last, the most. Under is, channels of the plane take their place."""

MOST_CLASSES, MOST_OUTPUT_KINDS, MOST_STEPS = 40, 160, 33
"""A group begins in one of at most 32 lanes, which recur in turn: that bounds what there is of each."""

MOST_ROW_KINDS = 2400
"""Parts of the output rows differ in what padding clips of their windows, 255 rows above and below at most, and each in
one image or another, in a beat more or less, as does the next."""


MOVES = records("store", "residual", "free")
"""Cycles of a tile's store, of its residual's load, and from picking that until the scatter unit is free."""

LOAD = records("filter", "ifmap", "residual", "free", "first_fill")
"""Cycles of a tile's loads after its descriptor, 0 where nothing is; free: see `MOVES`; first_fill: its kind's."""


JOB_RECORD = np.dtype(
    (
        np.record,
        [
            ("layer", LAYER_INTEGERS, (1,)),
            ("machine", MACHINE_INTEGERS, (1,)),
            ("cut", CUT_INTEGERS, (1,)),
            ("parts", PARTS, (1,)),
            ("row", ROW_KIND, (1,)),
            ("output", OUTPUT_KIND, (1,)),
            ("row_kinds", ROW_KIND, (MOST_ROW_KINDS,)),
            ("output_kinds", OUTPUT_KIND, (MOST_OUTPUT_KINDS,)),
            ("classes", OUTPUT_CLASS, (MOST_CLASSES,)),
            ("tiles", TILE_KIND, (2, MOST_CLASSES, 2)),
            ("moves", MOVES, (2, 2)),
            ("word_steps", WORD_STEPS, (2,)),
            ("planes_of_steps", np.int64, (2, MOST_STEPS)),
            ("state", BLOCK_STATE, (1,)),
            ("load", LOAD, (1,)),
        ],
    )
)
"""One cut of one layer on one machine, and what the kernels work out of it, shared by all of them.

tiles [rows' last, class, channels' last]; moves [rows' last, outputs' last]; word_steps [outputs' last];
planes_of_steps [outputs' last, steps]. "last": 0 for all parts but the last, 1 for the last. row, output: parts where
they are gone through in order. One record is one address: handing a dozen arrays from function to function took longer
than the counting.
"""


def new_job() -> np.record:
    """Return what a count works in."""
    job: np.record = np.zeros(1, JOB_RECORD)[0]
    return job


LAYER, MACHINE, CUT = (from_dtype(kind) for kind in (LAYER_INTEGERS, MACHINE_INTEGERS, CUT_INTEGERS))
ROW, OUTPUT, LOADING = (from_dtype(kind) for kind in (ROW_KIND, OUTPUT_KIND, LOAD))
JOB = from_dtype(JOB_RECORD)


@njit_in_place(int64(int64, LAYER))
def input_row(row, layer):
    """Return the input row that the window of an output row begins in, clipped to its image."""
    outputs, height = layer.out_height // layer.images, layer.height // layer.images
    return row // outputs * height + max(0, min(row % outputs * layer.stride_h - layer.pad_top, height - 1))


@njit_in_place(void(types.boolean, types.boolean, int64, int64, types.boolean, JOB))
def _add_row_kind(first, last, beats, next_beats, next_last, job):
    parts = job.parts[0]
    kinds = job.row_kinds
    for index in range(parts.row_kinds):
        kind = kinds[index]
        if kind.first == first and kind.last == last and kind.beats == beats:
            if kind.next_beats == next_beats and kind.next_last == next_last:
                kind.count += 1
                return
    kind = kinds[parts.row_kinds]
    kind.first, kind.last, kind.beats, kind.next_beats, kind.next_last = first, last, beats, next_beats, next_last
    kind.count = 1
    parts.row_kinds += 1


@njit_in_place(types.UniTuple(int64, 2)(int64, JOB))
def ifmap_of_rows(part, job):
    """Return (input rows of a part of the output rows, beats of one of their planes)."""
    layer, machine, cut = job.layer[0], job.machine[0], job.cut[0]
    row, row_bits = part * cut.rows, layer.width * machine.word_bits
    last, start = min(row + cut.rows, layer.out_height) - 1, input_row(row, layer)
    outputs, height = layer.out_height // layer.images, layer.height // layer.images
    bottom = last % outputs * layer.stride_h - layer.pad_top + layer.kernel_h
    end = last // outputs * height + min(height, max(bottom, 1))
    in_rows = max(end - start, 1)  # windows wholly in the padding load one
    return in_rows, ceil_div(start * row_bits % machine.port_bits + in_rows * row_bits, machine.port_bits)


@njit_in_place(void(JOB))
def divide_rows(job):
    """Fill in the kinds of the parts of the output rows."""
    layer, cut, parts = job.layer[0], job.cut[0], job.parts[0]
    parts.rows = ceil_div(layer.out_height, cut.rows)
    parts.last_rows = layer.out_height - (parts.rows - 1) * cut.rows
    parts.in_rows, parts.most_in_rows, parts.ifmap_beats, parts.row_kinds = 0, 0, 0, 0
    beats = int64(0)
    for part in range(parts.rows):
        first = part == 0
        last = part == parts.rows - 1
        in_rows, now = ifmap_of_rows(part, job)
        parts.in_rows += in_rows
        parts.most_in_rows = max(parts.most_in_rows, in_rows)
        parts.ifmap_beats += now
        if not first:
            _add_row_kind(part == 1, False, beats, now, last, job)
        if last:
            _add_row_kind(first, True, now, 0, False, job)
        beats = now


@njit_in_place(void(JOB))
def divide_channels(job):
    """Fill in the parts of the input channels."""
    layer, cut, parts = job.layer[0], job.cut[0], job.parts[0]
    if layer.groups > 1 or layer.pool:
        parts.channels, parts.last_channels = 1, layer.channels
    else:
        parts.channels = ceil_div(layer.channels, cut.channels)
        parts.last_channels = layer.channels - (parts.channels - 1) * cut.channels


@njit_in_place(int64(int64, JOB))
def class_of(part, job):
    """Return the class of a part of the output channels, a new one of none where none is like it."""
    layer, machine, cut, parts = job.layer[0], job.machine[0], job.cut[0], job.parts[0]
    feeder = machine.feeder
    start = part * cut.outputs
    last = part == parts.outputs - 1
    outputs = parts.last_outputs if last else cut.outputs
    first_lane, words, groups, group_outputs = int64(0), int64(0), int64(1), outputs
    if layer.pool:
        groups = ceil_div(outputs, feeder)
        words = groups
    elif layer.groups > 1:
        group_outputs, group_channels = layer.outputs // layer.groups, layer.channels // layer.groups
        groups = outputs // group_outputs
        first = start // group_outputs * group_channels
        first_lane = first % feeder
        words = ceil_div(first + groups * group_channels, feeder) - first // feeder
    for index in range(parts.classes):
        known = job.classes[index]
        if known.outputs == outputs and known.first_lane == first_lane and known.words == words and known.last == last:
            return index
    new = job.classes[parts.classes]
    new.last, new.outputs, new.groups, new.group_outputs = last, outputs, groups, group_outputs
    new.first_lane, new.words, new.count = first_lane, words, 0
    parts.classes += 1
    return parts.classes - 1


@njit_in_place(void(types.boolean, types.boolean, int64, int64, JOB))
def _add_output_kind(first, last, part, next_part, job):
    parts = job.parts[0]
    kinds = job.output_kinds
    for index in range(parts.output_kinds):
        kind = kinds[index]
        if kind.first == first and kind.last == last and kind.part == part and kind.next_part == next_part:
            kind.count += 1
            return
    kind = kinds[parts.output_kinds]
    kind.first, kind.last, kind.part, kind.next_part, kind.count = first, last, part, next_part, 1
    parts.output_kinds += 1


@njit_in_place(int64(int64, LAYER))
def outputs_of_group(outputs, layer):
    """Return the channels that one group has of a part of `outputs` output channels."""
    return outputs if layer.pool or layer.groups == 1 else layer.outputs // layer.groups


@njit_in_place(int64(int64, int64, LAYER, MACHINE))
def steps_of_word(plane, outputs, layer, machine):
    """Return the steps under os and ws of a word of a plane of a part of `outputs` channels.

    A step ends with the word, or with a fold of `cols` channels of a group.
    """
    group_outputs = outputs_of_group(outputs, layer)
    folds = ceil_div(group_outputs, machine.cols)
    start = plane * machine.feeder
    final = min(start + machine.feeder, outputs) - 1
    ended = start // group_outputs * folds + start % group_outputs // machine.cols
    return 1 + final // group_outputs * folds + final % group_outputs // machine.cols - ended


@njit_in_place(void(int64, int64, LAYER, MACHINE, JOB))
def _steps_of_words(outputs, last, layer, machine, job):
    """Fill in the steps that words of a part of `outputs` channels take.

    Under os and ws a step ends with its word or with a fold of `cols` channels of a group; under is each channel of a
    word is a step, once for each block of columns.
    """
    words, counted, feeder = job.word_steps[last], job.planes_of_steps[last], machine.feeder
    counted[:] = 0
    words.planes = ceil_div(outputs, feeder)
    group_outputs = outputs_of_group(outputs, layer)
    if machine.dataflow == IS:
        words.total = outputs
        words.first, words.last = min(feeder, outputs), outputs - (words.planes - 1) * feeder
        words.most = words.first
        counted[feeder] += words.planes - 1
        counted[words.last] += 1
    elif machine.cols % feeder == 0 and (group_outputs == outputs or group_outputs % feeder == 0):
        words.total, words.first, words.last, words.most = words.planes, 1, 1, 1
        counted[1] = words.planes
    else:
        words.total, words.most = 0, 0
        for plane in range(words.planes):
            steps = steps_of_word(plane, outputs, layer, machine)
            words.total += steps
            counted[steps] += 1
            if plane == 0:
                words.first = steps
            words.last, words.most = steps, max(words.most, steps)


@njit_in_place(void(JOB))
def divide_outputs(job):
    """Fill in the classes and kinds of the parts of the output channels, and the steps of their words."""
    layer, machine, cut, parts = job.layer[0], job.machine[0], job.cut[0], job.parts[0]
    parts.outputs = ceil_div(layer.outputs, cut.outputs)
    parts.last_outputs = layer.outputs - (parts.outputs - 1) * cut.outputs
    parts.by_group = layer.groups > 1 or layer.pool
    parts.classes, parts.output_kinds = 0, 0
    before = int64(0)
    # Parts that don't differ in their groups are all alike but the last.
    alike = not layer.groups > 1 and parts.outputs > 4
    for part in range(parts.outputs):
        if alike and 2 <= part < parts.outputs - 2:
            continue
        now = class_of(part, job)
        job.classes[now].count += 1
        if part > 0:
            _add_output_kind(part == 1, False, before, now, job)
        if part == parts.outputs - 1:
            _add_output_kind(part == 0, True, now, 0, job)
        before = now
    if alike:
        job.classes[0].count += parts.outputs - 4
        job.output_kinds[1].count += parts.outputs - 4
    _steps_of_words(cut.outputs, 0, layer, machine, job)
    _steps_of_words(parts.last_outputs, 1, layer, machine, job)


@njit_in_place(int64(int64, JOB))
def take_row(index, job):
    """Set the job's part of the rows; return how many from there on are alike, but for where they lie."""
    row, rows = job.row[0], job.parts[0].rows
    row.first, row.last, row.next_last, row.next_beats = index == 0, index == rows - 1, index == rows - 2, 0
    _, row.beats = ifmap_of_rows(index, job)
    if row.last:
        return 1
    _, row.next_beats = ifmap_of_rows(index + 1, job)
    count, beats = int64(1), row.next_beats
    while index > 0 and index + count < rows - 2 and beats == row.beats:
        _, beats = ifmap_of_rows(index + count + 1, job)
        if beats != row.next_beats:
            break
        count += 1
    return count


@njit_in_place(int64(int64, JOB))
def take_output(index, job):
    """Set the job's part of the output channels; return how many from there on are alike, but for where they lie."""
    output, outputs = job.output[0], job.parts[0].outputs
    output.first, output.last, output.next_part = index == 0, index == outputs - 1, 0
    output.part = class_of(index, job)
    if output.last:
        return 1
    output.next_part = class_of(index + 1, job)
    count, part = int64(1), output.next_part
    while index > 0 and index + count < outputs - 2 and part == output.part:
        part = class_of(index + count + 1, job)
        if part != output.next_part:
            break
        count += 1
    return count


@njit_in_place(void(from_dtype(TILE_KIND), int64, int64, LAYER))
def _pool_tile(kind, planes, steps, layer):
    """A pixel of each plane takes its taps, one cycle to settle and the steps of its word."""
    taps = layer.kernel_h * layer.kernel_w
    kind.stream, kind.stationary, kind.drain, kind.pipeline, kind.waiting = 0, 0, 0, 0, 0
    kind.blocks, kind.inner, kind.fill_words, kind.piece_words = 0, 0, 0, 0
    kind.pool = kind.pixels * (planes * (taps + 1) + steps) + 1
    kind.cycles = kind.pool
    kind.first_fill, kind.ahead, kind.computed = 0, 0, kind.pool


@njit_in_place(void(int64, int64, JOB))
def describe_tile(index, last_channels, job):
    """Fill in what tiles of a class of output channels and a part of the input channels are, whatever their rows."""
    layer, machine, cut, parts = job.layer[0], job.machine[0], job.cut[0], job.parts[0]
    part = job.classes[index]
    for last_rows in range(2):
        kind = job.tiles[last_rows, index, last_channels]
        kind.groups, kind.group_outputs, kind.outputs = part.groups, part.group_outputs, part.outputs
        kind.first_lane, kind.group_lanes, kind.words = part.first_lane, 0, part.words
        if layer.groups > 1:
            kind.channels = layer.channels // layer.groups
            kind.group_lanes = kind.channels % machine.feeder
        elif not layer.pool:
            kind.channels = parts.last_channels if last_channels else cut.channels
            kind.words = ceil_div(kind.channels, machine.feeder)


@njit_in_place(void(JOB))
def time_tiles(job):
    """Fill in what a tile of each kind takes to compute."""
    layer, machine, cut, parts = job.layer[0], job.machine[0], job.cut[0], job.parts[0]
    for index in range(parts.classes):
        words = job.word_steps[job.classes[index].last]
        for last_channels in range(2):
            describe_tile(index, last_channels, job)
            for last_rows in range(2):
                kind = job.tiles[last_rows, index, last_channels]
                kind.pixels = (parts.last_rows if last_rows else cut.rows) * layer.out_width
                if (not last_rows and parts.rows == 1) or (not last_channels and parts.channels == 1):
                    continue  # there is none
                if layer.pool:
                    _pool_tile(kind, words.planes, words.total, layer)
                else:
                    compute_tile(kind, layer, machine, job.state[0])
