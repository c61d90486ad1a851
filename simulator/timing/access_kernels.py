"""Reads, writes and beats of a layer, from the kinds of its tiles."""

from __future__ import annotations

from numba import from_dtype, int64, void
from numba.types import UniTuple  # type: ignore[attr-defined]

from simulator.encoding import TRANSPOSED_MATMUL, Polarity
from simulator.timing.cut_kernels import JOB, LAYER, MACHINE, OUTPUT_CLASS
from simulator.timing.integers import COUNT_INTEGERS
from simulator.timing.tile_kernels import IS, OS, TILE_KIND, WS, ceil_div, even_ranges, lane_period
from simulator.timing.transfer_kernels import beats_of, is_dense, run_cycles, synapse_cycles
from workloads.host.jit import njit_in_place
from workloads.layers.order import ORDERS

COUNTS = from_dtype(COUNT_INTEGERS)
KIND = from_dtype(TILE_KIND)
SYNAPSE, INPUT, GENERATED = int(Polarity.SYNAPSE), int(Polarity.INPUT), int(Polarity.GENERATED)
ROWS_INSIDE = ORDERS.index("rows")
"""Code of the loop order in which filters stay from tile to tile."""


@njit_in_place(int64(int64, int64, int64, int64))
def places_inside(count, stride, first, size):
    """Return how many of `count` places, `stride` apart from `first` on, lie within 0 … size - 1."""
    below = min(max(-(first // stride), 0), count)
    return min(max((size - 1 - first) // stride + 1, below), count) - below


@njit_in_place(int64(int64, LAYER))
def rows_inside(tap, layer):
    """Return the output rows for which a tap down the kernel lies inside the ifmap."""
    outputs, height = layer.out_height // layer.images, layer.height // layer.images
    return layer.images * places_inside(outputs, layer.stride_h, tap - layer.pad_top, height)


@njit_in_place(int64(int64, LAYER))
def columns_inside(tap, layer):
    """Return the output columns for which a tap across the kernel lies inside the ifmap."""
    return places_inside(layer.out_width, layer.stride_w, tap - layer.pad_left, layer.width)


@njit_in_place(int64(LAYER))
def pairs_inside(layer):
    """Return the (output pixel, tap) pairs that lie inside the ifmap; how the rows are cut doesn't change them."""
    rows, columns = int64(0), int64(0)
    for tap in range(layer.kernel_h):
        rows += rows_inside(tap, layer)
    for tap in range(layer.kernel_w):
        columns += columns_inside(tap, layer)
    return rows * columns


@njit_in_place(UniTuple(int64, 2)(int64, int64, LAYER))
def as_second(outputs, channels, layer):
    """Return the (pixels, channels) of the tensor that a matmul's synapses are, of so many outputs and channels."""
    if layer.matmul == TRANSPOSED_MATMUL:
        return outputs, channels
    return channels, outputs


@njit_in_place(int64(LAYER, MACHINE))
def second_stride(layer, machine):
    """Return the beats from plane to plane of that tensor."""
    return beats_of(as_second(layer.outputs, layer.channels, layer)[0], machine)


@njit_in_place(int64(LAYER, MACHINE))
def lanes_of_second(layer, machine):
    """Return the lanes that a word's channels lie in side by side; 0 where each goes to a lane of another row."""
    outputs_of_word = layer.matmul != TRANSPOSED_MATMUL
    return machine.synapse_lanes if outputs_of_word == (machine.dataflow != IS) else int64(0)


@njit_in_place(void(KIND, LAYER, MACHINE))
def load_second(kind, layer, machine):
    """Fill in the beats and cycles of a tile's part of the tensor that a matmul's synapses are; 0 of other layers."""
    kind.second_beats, kind.second_cycles, kind.second_free = 0, 0, 0
    if layer.matmul:
        pixels, channels = as_second(kind.outputs, kind.channels, layer)
        planes, beats = ceil_div(channels, machine.feeder), beats_of(pixels, machine)
        dense, lanes = is_dense(planes, beats, second_stride(layer, machine)), lanes_of_second(layer, machine)
        kind.second_beats = planes * beats
        kind.second_cycles, kind.second_free = synapse_cycles(pixels, channels, lanes, dense, machine)


@njit_in_place(void(KIND, LAYER, MACHINE))
def load_filters(kind, layer, machine):
    """Fill in a tile's rows of filters, their beats, and the cycles of their load; a matmul's synapses beside them."""
    load_second(kind, layer, machine)
    kind.weight_rows, kind.polarity_rows, kind.channel_rows, kind.filter_beats, kind.filter_cycles = 0, 0, 0, 0, 0
    if layer.pool:
        return
    k = layer.kernel_h * layer.kernel_w * kind.channels
    if machine.dataflow == IS:
        by_input = kind.groups * ceil_div(k, machine.rows)
        kind.weight_rows, kind.channel_rows = by_input * kind.group_outputs, kind.outputs
    else:
        kind.channel_rows = kind.groups * ceil_div(kind.group_outputs, machine.cols)
        kind.weight_rows, by_input = kind.channel_rows * k, kind.groups * k
    beats = ceil_div(kind.weight_rows * machine.weight_row_bits, machine.port_bits)
    if layer.matmul:
        beats = int64(1)  # empty: in the place of weights that are another tensor
    if layer.polar and machine.polarity != GENERATED:
        by_structure = by_input if machine.polarity == INPUT else kind.channel_rows
        kind.polarity_rows = kind.weight_rows if machine.polarity == SYNAPSE else by_structure
        beats += ceil_div(kind.polarity_rows * machine.polarity_row_bits, machine.port_bits)
    kind.filter_beats = beats + ceil_div(kind.channel_rows * machine.channel_row_bits, machine.port_bits)
    kind.filter_cycles = run_cycles(1, kind.filter_beats, machine)


@njit_in_place(int64(int64, KIND, LAYER, MACHINE))
def _ws_ifmap_reads(pairs, kind, layer, machine):
    """Return the words that a tile of all output rows reads under ws: two ranges of K that share one read it each.

    pairs: as `pairs_inside` has them.
    """
    taps = layer.kernel_h * layer.kernel_w
    if kind.groups == 1 and even_ranges(kind.first_lane, kind.channels, machine):
        return pairs * (kind.channels // machine.feeder)
    period = lane_period(kind.group_lanes, machine.feeder)
    total, lane = int64(0), kind.first_lane
    for group in range(min(period, kind.groups)):
        alike = ceil_div(kind.groups - group, period)
        for tap in range(taps):
            words, start = int64(0), tap * kind.channels
            first = start
            while first < start + kind.channels:  # a range of K's share of the tap
                end = min((first // machine.rows + 1) * machine.rows, start + kind.channels)
                words += (lane + end - 1 - start) // machine.feeder - (lane + first - start) // machine.feeder + 1
                first = end
            inside = rows_inside(tap // layer.kernel_w, layer) * columns_inside(tap % layer.kernel_w, layer)
            total += alike * words * inside
        lane = (lane + kind.group_lanes) % machine.feeder
    return total


@njit_in_place(int64(JOB))
def _planes_loaded(job):
    """Return how often a word of channels is loaded for all output rows, summed over the words."""
    cut, parts = job.cut[0], job.parts[0]
    if parts.by_group:
        planes = int64(0)
        for index in range(parts.classes):
            planes += job.classes[index].count * job.classes[index].words
        return planes
    words = int64(0)
    for last in range(2):
        count = parts.channels - 1 if last == 0 else 1
        words += count * job.tiles[1, 0, last].words
    again = parts.channels > 1 or (cut.order == ROWS_INSIDE and parts.rows > 1)
    return words * parts.outputs if again else words


@njit_in_place(void(int64, KIND, JOB, COUNTS))
def _add_filters(count, kind, job, counts):
    """Add what loading the filters of `count` parts of the channels moves, as often as they are loaded."""
    cut, parts = job.cut[0], job.parts[0]
    if parts.channels > 1 or (cut.order != ROWS_INSIDE and parts.outputs > 1):
        count *= parts.rows
    counts.weight_writes += count * kind.weight_rows
    counts.polarity_writes += count * kind.polarity_rows
    counts.channel_writes += count * kind.channel_rows
    counts.beats_filter += count * kind.filter_beats
    counts.beats_residual += count * kind.second_beats


@njit_in_place(void(int64, int64, KIND, LAYER, MACHINE, COUNTS))
def _add_sums(count, pairs, kind, layer, machine, counts):
    """Add what does not depend on how rows are cut, of `count` parts of the channels; pairs: see `pairs_inside`."""
    pixels = layer.out_height * layer.out_width
    n, k = kind.group_outputs, layer.kernel_h * layer.kernel_w * kind.channels
    k_folds = 1 if machine.dataflow == OS else ceil_div(k, machine.rows)
    counts.ofmap_writes += count * k_folds * pixels * kind.outputs
    counts.ofmap_reads += count * k_folds * pixels * kind.outputs
    counts.busy += count * kind.groups * pixels * n * k
    if machine.dataflow == WS:
        counts.ifmap_reads += count * _ws_ifmap_reads(pairs, kind, layer, machine)
    else:
        counts.ifmap_reads += count * pairs * kind.piece_words


@njit_in_place(void(int64, from_dtype(OUTPUT_CLASS), JOB, COUNTS))
def _add_results(pairs, part, job, counts):
    """Add stores, residuals and pooling of the tiles that end their sums, of one class of output channels.

    pairs: see `pairs_inside`.
    """
    layer, machine, cut, parts = job.layer[0], job.machine[0], job.cut[0], job.parts[0]
    steps = job.word_steps[part.last]
    for last in range(2):
        count = part.count * (1 if last else parts.rows - 1)
        pixels = (parts.last_rows if last else cut.rows) * layer.out_width
        plane_beats = ceil_div(pixels * machine.word_bits, machine.port_bits)
        if layer.residual:
            counts.beats_residual += count * steps.planes * plane_beats
        counts.beats_store += count * (pixels * part.outputs if layer.raw else steps.planes * plane_beats)
        if machine.dataflow == IS:
            counts.pack_reads += count * ceil_div(pixels, machine.cols) * part.outputs
        else:
            counts.pack_reads += count * pixels * (part.outputs if layer.raw else steps.total)
    if layer.pool:
        counts.ifmap_reads += part.count * pairs * steps.planes


@njit_in_place(int64(LAYER))
def layer_fetches(layer):
    """Return the descriptors of layers fetched in a layer: of the first its own, of all but the last the next."""
    return layer.first + 1 - layer.last


@njit_in_place(void(JOB, COUNTS))
def add_accesses(job, counts):
    """Add all reads, writes and beats of a layer, and what is busy of the array."""
    layer, machine, parts = job.layer[0], job.machine[0], job.parts[0]
    planes, pairs = _planes_loaded(job), pairs_inside(layer)
    counts.ifmap_writes += planes * parts.in_rows * layer.width
    counts.beats_ifmap += planes * parts.ifmap_beats
    counts.beats_descriptor += layer_fetches(layer) * machine.layer_beats + parts.tiles * machine.tile_beats
    counts.tiles += parts.tiles
    results = layer.out_height * layer.out_width * layer.outputs
    if layer.residual:
        counts.scatter_writes += results
    for index in range(parts.classes):
        part = job.classes[index]
        for last in range(2):
            count = part.count * (1 if last else parts.channels - 1)
            if count > 0:
                kind = job.tiles[1, index, last]
                _add_filters(count, kind, job, counts)
                if not layer.pool:
                    _add_sums(count, pairs, kind, layer, machine, counts)
        _add_results(pairs, part, job, counts)
    if layer.pool:
        counts.scatter_writes += results
    else:
        counts.ofmap_reads -= 0 if layer.residual else results


@njit_in_place(void(int64, KIND, LAYER, MACHINE, COUNTS))
def add_tiles(count, kind, layer, machine, counts):
    """Add the phases of `count` tiles of a kind and what the array reads and writes meanwhile."""
    counts.preload += count * kind.stationary
    counts.stream += count * kind.stream
    counts.drain += count * kind.drain
    counts.pipeline += count * kind.pipeline
    counts.pool += count * kind.pool
    counts.stall_feeder += count * kind.waiting
    if layer.pool:
        return
    m, n, k = kind.pixels, kind.group_outputs, layer.kernel_h * layer.kernel_w * kind.channels
    folds, pairs = kind.blocks * kind.inner, kind.groups * m * k
    counts.folds += count * folds
    counts.streaming += count * folds * kind.time
    if machine.dataflow == WS:
        down, along, time = k, n, m
        weights, channels, reads, writes = kind.groups * k * kind.inner, folds, pairs * kind.inner, pairs
    elif machine.dataflow == OS:
        down, along, time = m, n, k
        weights, channels, reads, writes = folds * k, folds, pairs * kind.inner, kind.fill_words
    else:
        down, along, time = k, m, n
        weights, channels, reads, writes = folds * n, folds * n, pairs, kind.fill_words
    counts.weight_reads += count * weights
    counts.polarity_reads += count * weights * (layer.polar and machine.polarity != GENERATED)
    counts.channel_reads += count * channels
    counts.operand_reads += count * reads
    counts.operand_writes += count * writes
    counts.used_rows += count * kind.groups * down * time * ceil_div(along, machine.cols)
    counts.used_cols += count * kind.groups * along * time * ceil_div(down, machine.rows)
