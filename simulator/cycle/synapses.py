"""limen_synapses: words of a tensor into the scratchpad of weights, as the synapses of a matmul."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, void

from simulator.cycle.bits import TABLE, signed, take_bits
from simulator.cycle.descriptor import TILE_RECORD
from simulator.cycle.reference import Reference
from simulator.cycle.scatter import SCATTER_TYPE, Scatter, spread
from simulator.cycle.synapse_walker import SYNAPSE_WALKER_RECORD, start_synapse_walker, take_synapse_step
from simulator.cycle.walker import start_walker, take_step
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Dataflow
from workloads.host.jit import njit_in_place


class Synapses(NamedTuple):
    """tensor: the words that wait and, under os, where they go. walker: where they go under ws and is."""

    tensor: Scatter
    walker: np.record


SYNAPSES_TYPE = Reference(Synapses, [SCATTER_TYPE, SYNAPSE_WALKER_RECORD])


@njit_in_place(void(SYNAPSES_TYPE, TILE_RECORD, int64, PARAMETERS_RECORD))
def start_synapses(unit, tile, transposed, parameters):
    """Begin a tensor: its pixels are the tile's outputs where it is transposed, else its fan-in."""
    registers, walker, ranges = unit.tensor.registers, unit.tensor.walker, unit.walker
    channels = tile.k_size if transposed else tile.group_outputs
    registers.count_reg, registers.stream_bit, registers.lane_reg, registers.bank_reg = 0, 0, 0, 0
    registers.pixel_reg, registers.base_reg, registers.channel_reg = 0, 0, 0
    registers.active_reg, registers.channels_left_reg, registers.tile_outputs = 1, channels, channels
    start_walker(walker, tile)
    walker.pixels = tile.group_outputs if transposed else tile.k_size
    walker.fold_reg = walker.word_fold_reg = walker.left_reg = walker.word_left_reg = channels
    walker.group_outputs = channels
    ranges.transposed, ranges.outputs, ranges.fan_in = transposed, tile.group_outputs, tile.k_size
    turned = parameters.dataflow == Dataflow.IS
    ranges.range_rows = tile.group_outputs if turned else tile.channel_rows * parameters.rows
    ranges.rest = tile.polarity_rows
    start_synapse_walker(ranges)


@njit_in_place(int64(SYNAPSES_TYPE, TABLE, int64, PARAMETERS_RECORD))
def write_synapses(unit, half, transposed, parameters):
    """Write the channels of a step into lanes of a row of `half` [depth, lanes]; return whether the row's first is
    among them.

    A channel is a position of K and its pixel an output where the tensor is transposed, else the other way round.
    """
    registers, step, x_bits = unit.tensor.registers, unit.tensor.step, parameters.x_bits
    mask, turned = (int64(1) << parameters.w_bits) - 1, parameters.dataflow == Dataflow.IS
    height = int64(0)
    if parameters.dataflow != Dataflow.OS:
        height = take_synapse_step(
            unit.walker, step, parameters.rows, parameters.cols, parameters.feeder, int64(turned)
        )
    elif transposed:
        spread(unit.tensor, parameters.cols, parameters.feeder)
    else:
        take_step(unit.tensor.walker, step, parameters.cols, parameters.feeder)
    row_begins = step.col == (height - 1 if turned else 0)
    for i in range(step.moved):
        x = take_bits(unit.tensor.stream, registers.stream_bit + (step.lane + i) * x_bits, x_bits)
        if step.addr < half.shape[0]:
            value = signed(x, x_bits) if parameters.x_signed else x
            half[step.addr, step.col - i if turned else step.col + i] = value & mask
    if turned and row_begins and step.addr < half.shape[0]:
        half[step.addr, height:] = parameters.neutral_synapse & mask
    if step.word_ends:
        used = parameters.feeder * x_bits
        registers.count_reg = 0 if step.plane_ends else registers.count_reg - used
        registers.stream_bit += used
    return int64(row_begins)


@njit_in_place(int64(SYNAPSES_TYPE, int64, PARAMETERS_RECORD))
def synapses_wait(unit, transposed, parameters):
    """Return whether there is a word to write, and a place for it."""
    if parameters.dataflow != Dataflow.OS:
        active = unit.walker.active_reg
    else:
        active = unit.tensor.registers.active_reg if transposed else unit.tensor.walker.active_reg
    return int64(active and unit.tensor.registers.count_reg >= parameters.feeder * parameters.x_bits)
