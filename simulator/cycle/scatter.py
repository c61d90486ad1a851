"""limen_scatter: words of channels into the ofmap banks, one step a cycle: residuals, and pooled words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, TABLE, signed, take_bits
from simulator.cycle.descriptor import TILE_RECORD
from simulator.cycle.pool import POOL_TYPE
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.walker import STEP_RECORD, WALKER_RECORD, start_walker, take_step
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES_RECORD
from simulator.encoding import Dataflow
from workloads.host.jit import njit_in_place

SCATTER = record_type(
    *("shift", "tile_outputs", "count_reg", "stream_bit"),
    # Under is, where the next lane goes.
    *("active_reg", "lane_reg", "bank_reg", "pixel_reg", "base_reg", "channel_reg", "channels_left_reg"),
)
"""Ports that stay during a tile; registers. count_reg: bits that wait; stream_bit: the first of them in `stream`."""

SCATTER_RECORD = from_dtype(SCATTER)


class Scatter(NamedTuple):
    """registers: SCATTER. walker: WALKER. step: STEP. stream: words of residuals that wait."""

    registers: np.record
    walker: np.record
    step: np.record
    stream: np.ndarray


SCATTER_TYPE = Reference(Scatter, [SCATTER_RECORD, WALKER_RECORD, STEP_RECORD, ROW])


@njit_in_place(inline="always")
def spread(scatter, cols, feeder):
    """Take a step under is: a channel of a pixel goes into the bank of that pixel."""
    registers, step, pixels = scatter.registers, scatter.step, scatter.walker.pixels
    lanes = min(registers.channels_left_reg, feeder)
    step.addr = registers.base_reg + registers.channel_reg + registers.lane_reg
    step.col, step.lane, step.moved = registers.bank_reg, registers.lane_reg, 1
    step.word_ends = registers.lane_reg == lanes - 1
    step.plane_ends = step.word_ends and registers.pixel_reg == pixels - 1
    registers.lane_reg += 1
    if step.word_ends:
        registers.lane_reg = 0
        registers.pixel_reg += 1
        registers.bank_reg += 1
        if registers.bank_reg == cols:
            registers.bank_reg = 0
            registers.base_reg += registers.tile_outputs
    if step.plane_ends:
        registers.bank_reg, registers.pixel_reg, registers.base_reg = 0, 0, 0
        registers.channel_reg += lanes
        registers.channels_left_reg -= lanes
        registers.active_reg = registers.channels_left_reg != 0


@njit_in_place(void(SCATTER_TYPE, POOL_TYPE, TABLE, PARAMETERS_RECORD, WIRES_RECORD))
def write_step(scatter, pool, half, parameters, wires):
    """Write the channels of a step into the banks `half` [C, depth]: of the pooled word, or of residuals."""
    registers, step, x_bits, depth = scatter.registers, scatter.step, parameters.x_bits, half.shape[1]
    word_valid, mask = pool.registers.out_valid_reg, (int64(1) << parameters.acc_bits) - 1
    if parameters.dataflow == Dataflow.IS:
        spread(scatter, parameters.cols, parameters.feeder)
    else:
        take_step(scatter.walker, step, parameters.cols, parameters.feeder)
    for i in range(step.moved):
        lane = step.lane + i
        place = registers.stream_bit + lane * x_bits
        x = pool.best_reg[lane] if word_valid else take_bits(scatter.stream, place, x_bits)
        if step.addr < depth:
            value = (signed(x, x_bits) if parameters.x_signed else x) << registers.shift
            half[step.col + i, step.addr] = value & mask
    wires.scattered = step.moved
    wires.pool_taken = step.word_ends and word_valid
    if step.word_ends and not word_valid:
        used = parameters.feeder * x_bits
        registers.count_reg = 0 if step.plane_ends else registers.count_reg - used
        registers.stream_bit += used


@njit_in_place(void(SCATTER_TYPE, ROW, int64))
def take_residuals(scatter, beat, beat_first):
    """Put a beat behind the bits that wait, which end with a word."""
    registers, stream = scatter.registers, scatter.stream
    if beat_first or registers.count_reg == 0:
        registers.count_reg, registers.stream_bit = 0, 0
    held = (registers.count_reg + 31) >> 5
    begin = registers.stream_bit >> 5
    for i in range(held):
        stream[i] = stream[begin + i]
    for i in range(beat.shape[0]):
        stream[held + i] = beat[i]
    registers.stream_bit &= 31
    registers.count_reg += 32 * beat.shape[0]


@njit_in_place(void(SCATTER_TYPE, TILE_RECORD, int64))
def start_scatter(scatter, tile, shift):
    """Begin a tile."""
    registers = scatter.registers
    registers.shift, registers.tile_outputs = shift, tile.tile_outputs
    registers.count_reg, registers.stream_bit, registers.lane_reg, registers.bank_reg = 0, 0, 0, 0
    registers.pixel_reg, registers.base_reg, registers.channel_reg = 0, 0, 0
    registers.active_reg, registers.channels_left_reg = 1, tile.tile_outputs
    start_walker(scatter.walker, tile)


@njit_in_place(int64(SCATTER_TYPE, int64, PARAMETERS_RECORD))
def steps(scatter, word_valid, parameters):
    """Return whether there is a word to write, and a place for it."""
    turned = parameters.dataflow == Dataflow.IS
    active = scatter.registers.active_reg if turned else scatter.walker.active_reg
    return int64(active and (word_valid or scatter.registers.count_reg >= parameters.feeder * parameters.x_bits))
