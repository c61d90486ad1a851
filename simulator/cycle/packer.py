"""limen_packer: reads a finished tile out of the ofmap banks and packs it densely into beats."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, TABLE, WORD_MASK, put_bits, signed
from simulator.cycle.descriptor import TILE_RECORD
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.walker import STEP_RECORD, WALKER_RECORD, start_walker, take_step
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Dataflow
from workloads.host.jit import njit_in_place

PACKER = record_type(
    *("raw", "beat_valid_reg", "flush_reg", "stream_bits", "valid_reg"),
    # Under is, the turning of pixels into channels.
    *("turned_reg", "place_reg", "ends_reg", "active_reg", "emit_reg", "index_reg"),
    *("pixels_left_reg", "channels_left_reg", "base_reg", "channel_reg"),
)
"""A port that stays during a tile, and registers; stream_bits: in the stream of the beat that isn't full."""

PACKER_RECORD = from_dtype(PACKER)


class Packer(NamedTuple):
    """registers: PACKER. walker: WALKER. step: STEP, of which stage 2 has the banks' answer.

    block [C, FEEDER]: words, under is one a column, else the first only. raw_values [C]: under is, what was answered
    last. stream: words of the beat that isn't full. beat: the beat that is.
    """

    registers: np.record
    walker: np.record
    step: np.record
    block: np.ndarray
    raw_values: np.ndarray
    stream: np.ndarray
    beat: np.ndarray


PACKER_TYPE = Reference(Packer, [PACKER_RECORD, WALKER_RECORD, STEP_RECORD, TABLE, ROW, ROW, ROW])


@njit_in_place(void(PACKER_RECORD, ROW, ROW))
def pass_beat(registers, stream, beat):
    """Hand over the first beat of the stream."""
    for i in range(beat.shape[0]):
        beat[i] = stream[i]
        stream[i] = stream[i + beat.shape[0]]
        stream[i + beat.shape[0]] = 0
    registers.beat_valid_reg = 1
    registers.stream_bits = max(registers.stream_bits - 32 * beat.shape[0], 0)


@njit_in_place(void(PACKER_TYPE, ROW, int64, int64, PARAMETERS_RECORD))
def pack_word(packer, word, value, plane_ends, parameters):
    """Put a whole word, or a raw value, into the stream; hand over the beat that is then full, or a plane's last."""
    registers, stream, beat, x_bits = packer.registers, packer.stream, packer.beat, parameters.x_bits
    if registers.raw:
        beat[:] = 0
        beat[0] = signed(value, parameters.acc_bits) & WORD_MASK
        registers.beat_valid_reg = 1
        return
    for e in range(word.shape[0]):
        put_bits(stream, registers.stream_bits + e * x_bits, word[e], x_bits)
    registers.stream_bits += word.shape[0] * x_bits
    if registers.stream_bits >= 32 * beat.shape[0] or plane_ends:
        pass_beat(registers, stream, beat)
        registers.flush_reg = plane_ends and registers.stream_bits > 0


@njit_in_place(void(PACKER_TYPE, ROW, PARAMETERS_RECORD))
def pack_side_by_side(packer, answer, parameters):
    """Stage 2 under os and ws: the banks' answer [C] into a word, and that, when it is whole, into beats."""
    step, block, mask = packer.step, packer.block, (int64(1) << parameters.x_bits) - 1
    for i in range(step.moved):
        block[0, step.lane + i] = answer[step.col + i] & mask
    if step.word_ends:
        pack_word(packer, block[0], answer[step.col], step.plane_ends, parameters)
        block[0, :] = 0


@njit_in_place(void(PACKER_TYPE, ROW, PARAMETERS_RECORD))
def pack_turned(packer, answer, parameters):
    """Stage 2 under is: the banks' answer [C], a channel of C pixels, into C words; or one of these into beats."""
    registers, block, mask = packer.registers, packer.block, (int64(1) << parameters.x_bits) - 1
    place = registers.place_reg
    if registers.turned_reg:
        pack_word(packer, block[place], packer.raw_values[place], registers.ends_reg, parameters)
        return
    for c in range(block.shape[0]):
        packer.raw_values[c] = answer[c]
        if place == 0:
            block[c, :] = 0
        block[c, place] = answer[c] & mask


@njit_in_place(int64(PACKER_RECORD, TILE_RECORD, int64, int64))
def turn(registers, tile, cols, word_lanes):
    """Stage 1 under is: for each word of channels, for each fold of pixels, read its channels, then emit its pixels.

    Return whether the banks are read.
    """
    lanes, used = min(registers.channels_left_reg, word_lanes), min(registers.pixels_left_reg, cols)
    emit = registers.emit_reg
    last_index = registers.index_reg == (used if emit else lanes) - 1
    last_fold = registers.pixels_left_reg == used
    registers.turned_reg, registers.place_reg = emit, registers.index_reg
    registers.ends_reg = last_index and last_fold
    registers.index_reg = 0 if last_index else registers.index_reg + 1
    if last_index:
        registers.emit_reg = not emit
    if last_index and emit:
        registers.pixels_left_reg -= used
        registers.base_reg += tile.tile_outputs
        if last_fold:
            registers.pixels_left_reg, registers.base_reg = tile.pixels, 0
            registers.channel_reg += lanes
            registers.channels_left_reg -= lanes
            registers.active_reg = registers.channels_left_reg != 0
    return 1 - emit


@njit_in_place(int64(PACKER_TYPE, ROW, TABLE, TILE_RECORD, PARAMETERS_RECORD))
def read_banks(packer, answer, half, tile, parameters):
    """Stage 1: an address to the banks [C, depth], which answer; return whether they are read."""
    registers, feeder = packer.registers, parameters.feeder
    lanes = int64(1) if registers.raw else feeder
    if parameters.dataflow != Dataflow.IS:
        registers.valid_reg = packer.walker.active_reg
        read = packer.walker.active_reg
        if read:
            take_step(packer.walker, packer.step, parameters.cols, lanes)
        address = packer.step.addr
    else:
        registers.valid_reg = registers.active_reg
        address = registers.base_reg + registers.channel_reg + registers.index_reg
        read = turn(registers, tile, parameters.cols, lanes) if registers.active_reg else int64(0)
    if read and address < half.shape[1]:
        for c in range(answer.shape[0]):
            answer[c] = half[c, address]
    return read


@njit_in_place(void(PACKER_TYPE, TILE_RECORD, int64))
def start_packer(packer, tile, raw):
    """Begin a tile."""
    registers = packer.registers
    registers.raw, registers.beat_valid_reg, registers.flush_reg = raw, 0, 0
    registers.stream_bits, registers.valid_reg = 0, 0
    registers.turned_reg, registers.place_reg, registers.ends_reg = 0, 0, 0
    registers.active_reg, registers.emit_reg, registers.index_reg = 1, 0, 0
    registers.pixels_left_reg, registers.channels_left_reg = tile.pixels, tile.tile_outputs
    registers.base_reg, registers.channel_reg = 0, 0
    packer.stream[:] = 0
    packer.block[0, :] = 0
    start_walker(packer.walker, tile)


@njit_in_place(int64(PACKER_TYPE, ROW, TABLE, TILE_RECORD, PARAMETERS_RECORD, int64))
def step_packer(packer, answer, half, tile, parameters, taken):
    """Take the clock edge, in which a beat may be taken; return whether the banks are read."""
    registers = packer.registers
    blocked = registers.beat_valid_reg and not taken
    goes = not blocked and not registers.flush_reg
    if taken:
        registers.beat_valid_reg = 0
    if registers.flush_reg and not blocked:
        pass_beat(registers, packer.stream, packer.beat)
        registers.flush_reg = 0
    if not goes:
        return int64(0)
    if registers.valid_reg and parameters.dataflow != Dataflow.IS:
        pack_side_by_side(packer, answer, parameters)
    elif registers.valid_reg:
        pack_turned(packer, answer, parameters)
    return read_banks(packer, answer, half, tile, parameters)
