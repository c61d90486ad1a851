"""What the smallest tile of a layer needs: where one memory is too small for it, no cut of the layer fits.

Or the smallest of those that hold all output rows, or all input channels.
"""

from __future__ import annotations

import numpy as np
from numba import from_dtype, int64, void

from simulator.timing.count_kernels import LAYERS, MACHINES
from simulator.timing.cut_kernels import JOB
from simulator.timing.cut_lengths import channel_granule, output_granule, row_granule
from simulator.timing.cut_tables import (
    CHANNELS,
    FILTERS,
    OUTPUTS,
    RESULTS,
    ROWS,
    TABLES,
    Tables,
    fill_tables,
    ifmap_words,
    ofmap_words,
)
from simulator.timing.integers import NEED_INTEGERS, UNCUT
from simulator.timing.tile_kernels import WS
from workloads.host.jit import njit, njit_in_place

NEEDS = from_dtype(NEED_INTEGERS)
ALL_ROWS, ALL_CHANNELS = UNCUT.index("rows"), UNCUT.index("channels")


@njit_in_place(void(JOB, TABLES, int64, NEEDS))
def describe_smallest(job, tables, uncut, needs):
    """Fill in what the smallest tile needs; tables: of one length an axis, overwritten; uncut: a place in UNCUT."""
    layer, machine = job.layer[0], job.machine[0]
    row, output, channel = tables.rows[0], tables.outputs[0], tables.channels[0]
    row.length = layer.out_height if uncut == ALL_ROWS else min(row_granule(layer, machine), layer.out_height)
    output.length = min(output_granule(layer, machine), layer.outputs)
    channel.length = layer.channels if uncut == ALL_CHANNELS else min(channel_granule(layer, machine), layer.channels)
    fill_tables(job, tables)
    filters = job.tiles[1, 0, int64(job.parts[0].channels == 1)]
    needs.ifmap, needs.ofmap = ifmap_words(row, output, channel, job), ofmap_words(row, output, job)
    needs.filter, needs.polarity, needs.channel = filters.weight_rows, filters.polarity_rows, filters.channel_rows
    needs.operand = row.pixels if machine.dataflow == WS and not layer.pool else channel.operands
    needs.pixels, needs.in_rows, needs.filter_beats = row.pixels, row.in_rows, filters.filter_beats
    needs.raw_beats = row.pixels * output.length if layer.raw else 0


@njit(void(JOB, LAYERS, MACHINES, int64, NEEDS[::1]))
def fill_needs(job, layers, machines, uncut, needs):
    """Fill in what the smallest tile of each layer needs on the machine of the same place; job: see `new_job`."""
    rows, outputs, channels = np.zeros(1, ROWS), np.zeros(1, OUTPUTS), np.zeros(1, CHANNELS)
    tables = Tables(rows, outputs, channels, np.zeros((1, 1), FILTERS), np.zeros((1, 1), RESULTS))
    for place in range(len(layers)):
        job.layer[0], job.machine[0] = layers[place], machines[place]
        describe_smallest(job, tables, uncut, needs[place])
