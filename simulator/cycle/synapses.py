"""limen_synapses: words of a tensor into the scratchpad of weights, as the synapses of a matmul."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.bits import TABLE, signed, take_bits
from simulator.cycle.descriptor import TILE_RECORD
from simulator.cycle.scatter import SCATTER_TYPE, spread
from simulator.cycle.walker import start_walker, take_step
from simulator.cycle.wires import PARAMETERS_RECORD
from workloads.host.jit import njit_in_place


@njit_in_place(void(SCATTER_TYPE, TILE_RECORD, int64))
def start_synapses(unit, tile, transposed):
    """Begin a tensor: its pixels are the tile's outputs where it is transposed, else its fan-in."""
    registers, walker = unit.registers, unit.walker
    channels = tile.k_size if transposed else tile.group_outputs
    registers.count_reg, registers.stream_bit, registers.lane_reg, registers.bank_reg = 0, 0, 0, 0
    registers.pixel_reg, registers.base_reg, registers.channel_reg = 0, 0, 0
    registers.active_reg, registers.channels_left_reg, registers.tile_outputs = 1, channels, channels
    start_walker(walker, tile)
    walker.pixels = tile.group_outputs if transposed else tile.k_size
    walker.fold_reg = walker.word_fold_reg = walker.left_reg = walker.word_left_reg = channels
    walker.group_outputs = channels


@njit_in_place(int64(SCATTER_TYPE, TABLE, int64, PARAMETERS_RECORD))
def write_synapses(unit, half, transposed, parameters):
    """Write the channels of a step into lanes of a row of `half` [depth, C]; return whether the row's first is among
    them.

    A channel is a position of K and its pixel a lane where the tensor is transposed, else the other way round.
    """
    registers, step, x_bits = unit.registers, unit.step, parameters.x_bits
    if transposed:
        spread(unit, parameters.cols, parameters.feeder)
    else:
        take_step(unit.walker, step, parameters.cols, parameters.feeder)
    for i in range(step.moved):
        x = take_bits(unit.stream, registers.stream_bit + (step.lane + i) * x_bits, x_bits)
        if step.addr < half.shape[0]:
            value = signed(x, x_bits) if parameters.x_signed else x
            half[step.addr, step.col + i] = value & ((int64(1) << parameters.w_bits) - 1)
    if step.word_ends:
        used = parameters.feeder * x_bits
        registers.count_reg = 0 if step.plane_ends else registers.count_reg - used
        registers.stream_bit += used
    return int64(step.col == 0)


@njit_in_place(inline="always")
def synapses_wait(unit, transposed, parameters):
    """Return whether there is a word to write, and a place for it."""
    active = unit.registers.active_reg if transposed else unit.walker.active_reg
    return int64(active and unit.registers.count_reg >= parameters.feeder * parameters.x_bits)
