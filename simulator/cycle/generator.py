"""limen_generator: rows of generated signs, replayed from where a tile's descriptor says that they begin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, copy_row, flag, population
from simulator.cycle.descriptor import LAYER_RECORD, TILE_RECORD
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES_RECORD
from simulator.encoding import EXCITATORY, Dataflow
from workloads.host.jit import njit_in_place

MASK, CHANNEL_TOP = 0xFFFF, 0x8000

GENERATOR = record_type(
    *("channel_reg", "group_channel_reg", "position_reg", "element_reg", "head_position_reg", "head_element_reg"),
)
"""Registers. head: the last row of the next block under ws, where position and element go down."""

GENERATOR_RECORD = from_dtype(GENERATOR)


class Generator(NamedTuple):
    """registers: GENERATOR. position_words [lanes]: under is those of the lanes; kept_words: of the fold that streams,
    where folds overlap.
    """

    registers: np.record
    position_words: np.ndarray
    kept_words: np.ndarray


GENERATOR_TYPE = Reference(Generator, [GENERATOR_RECORD, ROW, ROW])


@njit_in_place(inline="always")
def rotated(word, left):
    """Return a 16-bit word rotated left."""
    return (word << left | word >> (16 - left)) & MASK


@njit_in_place(inline="always")
def mixed_once(word, first, second, third, constant):
    """Return a word after one round of mixing."""
    return word ^ (rotated(word, first) & rotated(word, second)) ^ rotated(word, third) ^ constant


@njit_in_place(int64(int64))
def mixed(word):
    """Return a position word: gates that all lanes share."""
    word = mixed_once(word, 1, 2, 5, 0x9E37)
    word = mixed_once(word, 3, 7, 11, 0x79B9)
    return mixed_once(word, 1, 5, 8, 0x7F4A)


@njit_in_place(int64(GENERATOR_RECORD, LAYER_RECORD))
def present_word(registers, layer):
    """Return the word of the present position; all of its signs are +1 where the layer's are."""
    return int64(0) if flag(layer.flag_bits, EXCITATORY) else mixed(registers.position_reg)


@njit_in_place(void(GENERATOR_TYPE, PARAMETERS_RECORD, WIRES_RECORD, LAYER_RECORD, ROW))
def give_signs(generator, parameters, wires, layer, synapses):
    """Put the row of signs that is read beside the weights of `synapses`."""
    registers = generator.registers
    position, words = present_word(registers, layer), generator.position_words
    if parameters.overlap and not wires.begins:
        words = generator.kept_words
    for lane in range(synapses.shape[0]):
        if parameters.dataflow == Dataflow.IS:
            word = words[lane] & (registers.channel_reg | CHANNEL_TOP)
        else:
            channel = (registers.channel_reg + lane) & MASK
            word = position & (channel | CHANNEL_TOP) if lane < wires.cols_left else int64(0)
        synapses[lane] |= (population(word) & 1) << parameters.w_bits


@njit_in_place(inline="always")
def move_words(generator, layer, wires):
    """Let the word of a position that is preloaded under is move into the lanes; where none is, 0."""
    words = generator.position_words
    for lane in range(words.shape[0] - 1, 0, -1):
        words[lane] = words[lane - 1]
    words[0] = present_word(generator.registers, layer) if wires.x_read else 0


@njit_in_place(inline="always")
def step_up(position, element, channels, gap):
    """Return (position, element) of the next position of the tile."""
    if element == channels - 1:
        return (position + gap + 1) & MASK, int64(0)
    return (position + 1) & MASK, element + 1


@njit_in_place(void(GENERATOR_RECORD, PARAMETERS_RECORD, WIRES_RECORD, int64, int64))
def walk_positions(registers, parameters, wires, channels, gap):
    """Step the positions within a fold."""
    position, element = registers.position_reg, registers.element_reg
    if parameters.dataflow != Dataflow.WS:
        if wires.x_read if parameters.dataflow == Dataflow.IS else wires.filter_read:
            registers.position_reg, registers.element_reg = step_up(position, element, channels, gap)
        return
    if wires.next_row:
        position, element = registers.head_position_reg, registers.head_element_reg
        registers.head_position_reg, registers.head_element_reg = step_up(position, element, channels, gap)
    if wires.filter_read:
        position, element = registers.position_reg, registers.element_reg
        registers.position_reg = (position - 1 - (gap if element == 0 else 0)) & MASK
        registers.element_reg = (channels if element == 0 else element) - 1


@njit_in_place(void(GENERATOR_RECORD, PARAMETERS_RECORD, WIRES_RECORD, TILE_RECORD))
def return_positions(registers, parameters, wires, tile):
    """Go back to where the next fold's positions begin, where one ends."""
    dataflow = parameters.dataflow
    if dataflow == Dataflow.WS and wires.sign_fold_ends:
        registers.position_reg, registers.element_reg = registers.head_position_reg, registers.head_element_reg
    back = wires.sign_fold_ends if dataflow == Dataflow.OS else wires.sign_block_ends
    if wires.compute_start or (wires.sign_group_ends if dataflow == Dataflow.WS else back):
        registers.position_reg, registers.element_reg = tile.polarity_beats, tile.first_element
        registers.head_position_reg, registers.head_element_reg = tile.polarity_beats, tile.first_element


@njit_in_place(void(GENERATOR_RECORD, PARAMETERS_RECORD, WIRES_RECORD, TILE_RECORD))
def walk_channels(registers, parameters, wires, tile):
    """Step the channels: from fold to fold, under is in time."""
    turned = parameters.dataflow == Dataflow.IS
    if wires.filter_read if turned else wires.sign_fold_ends:
        registers.channel_reg = (registers.channel_reg + (1 if turned else parameters.cols)) & MASK
    if wires.sign_fold_ends if turned else wires.sign_block_ends:
        registers.channel_reg = registers.group_channel_reg
    if wires.sign_group_ends:
        registers.group_channel_reg = (registers.group_channel_reg + tile.group_outputs) & MASK
        registers.channel_reg = registers.group_channel_reg
    if wires.compute_start:
        registers.channel_reg, registers.group_channel_reg = tile.polarity_rows, tile.polarity_rows


@njit_in_place(void(GENERATOR_TYPE, PARAMETERS_RECORD, WIRES_RECORD, LAYER_RECORD, TILE_RECORD))
def step_generator(generator, parameters, wires, layer, tile):
    """Take the clock edge."""
    registers = generator.registers
    if wires.begins:
        copy_row(generator.kept_words, generator.position_words)
    if parameters.dataflow == Dataflow.IS and wires.preloads:
        move_words(generator, layer, wires)
    walk_positions(registers, parameters, wires, tile.channels, layer.tap_positions - tile.channels)
    return_positions(registers, parameters, wires, tile)
    walk_channels(registers, parameters, wires, tile)
