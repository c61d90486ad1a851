"""limen_im2col: visits the words of the ifmap, pixel by pixel, and fills the operand memory block by block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, TABLE, signed
from simulator.cycle.descriptor import LAYER_RECORD, TILE_RECORD
from simulator.cycle.group import GROUP_RECORD, next_group, start_group
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES_RECORD
from simulator.encoding import Dataflow
from workloads.host.jit import njit_in_place

IM2COL = record_type(
    *("active_reg", "half_reg", "filling_reg", "first_reg", "release_half_reg", "groups_left_reg", "pixels_left_reg"),
    *("lane_reg", "out_col_reg", "row_reg", "col_reg", "addr_reg", "line_reg", "word_reg"),
    # What is written to the operand memory, or pooled, in this cycle.
    *("write_valid_reg", "write_inside_reg", "write_half_reg", "write_addr_reg", "write_lane_reg", "write_from_reg"),
    *("write_count_reg", "write_first_reg", "write_last_reg", "block_ends_reg"),
    claimed_reg=2,
)

PLACE = record_type("kh", "kw", "kh_addr", "piece", "plane", "offset")
"""A word of a pixel: kh, kw, its row in a plane, piece of the group, that piece's plane, position of K (ws)."""

WORD = record_type(
    *("lanes", "split", "on_map", "first", "count", "reach", "past", "last_piece", "last_kw", "last_word"),
    *("last_pixel", "pixel_ends", "ends", "group_ends", "plane_ends"),
)
"""Wires of the module, of the word that is visited; plane_ends: the last of all pixels."""

IM2COL_RECORD, PLACE_RECORD, WORD_RECORD = from_dtype(IM2COL), from_dtype(PLACE), from_dtype(WORD)


class Im2col(NamedTuple):
    """registers: IM2COL. place: PLACE of the next word, begin: of the first of this block's pixels. word: WORD.

    group: GROUP. ifmap_word [FEEDER]: what the scratchpad answered.
    """

    registers: np.record
    place: np.record
    begin: np.record
    word: np.record
    group: np.record
    ifmap_word: np.ndarray


IM2COL_TYPE = Reference(Im2col, [IM2COL_RECORD, PLACE_RECORD, PLACE_RECORD, WORD_RECORD, GROUP_RECORD, ROW])


@njit_in_place(inline="always")
def copy_place(target, source):
    """Make a place another's."""
    target.kh, target.kw, target.kh_addr = source.kh, source.kw, source.kh_addr
    target.piece, target.plane, target.offset = source.piece, source.plane, source.offset


@njit_in_place(inline="always")
def clear_place(place):
    """Go to a pixel's first word."""
    place.kh, place.kw, place.kh_addr, place.piece, place.plane, place.offset = 0, 0, 0, 0, 0, 0


@njit_in_place(void(IM2COL_TYPE, TABLE, LAYER_RECORD, TILE_RECORD, WIRES_RECORD))
def read_word(im2col, ifmap, layer, tile, wires):
    """Read the word at the present place from the ifmap scratchpad [depth, FEEDER], if it lies inside the ifmap."""
    registers, place = im2col.registers, im2col.place
    row, col = registers.row_reg + place.kh, registers.col_reg + place.kw
    im2col.word.on_map = 0 <= row < tile.tile_rows and 0 <= col < layer.in_width
    wires.issue = 1
    if im2col.word.on_map:
        wires.ifmap_read = 1
        address = registers.addr_reg + place.kh_addr + place.kw + place.plane + im2col.group.plane_addr_reg
        address &= 0xFFFF
        if address < ifmap.shape[0]:
            for e in range(ifmap.shape[1]):
                im2col.ifmap_word[e] = ifmap[address, e]


@njit_in_place(void(IM2COL_TYPE, PARAMETERS_RECORD, LAYER_RECORD, TILE_RECORD, WIRES_RECORD))
def find_ends(im2col, parameters, layer, tile, wires):
    """Set which channels of the word belong to the group, and what ends with it."""
    registers, place, word, feeder = im2col.registers, im2col.place, im2col.word, parameters.feeder
    last = im2col.group.lane_reg + tile.channels - 1
    word.last_piece = place.piece == last // feeder
    word.first = im2col.group.lane_reg if place.piece == 0 else int64(0)
    word.count = (last % feeder + 1 if word.last_piece else feeder) - word.first
    word.reach = place.offset + word.count  # ws: positions of K up to here, counted from the block's first
    word.split = parameters.dataflow == Dataflow.WS and not wires.pool  # blocks are ranges of K, not of pixels
    word.past = word.split and word.reach > word.lanes
    word.last_kw = place.kw == layer.kernel_w - 1
    word.last_word = word.last_piece and word.last_kw and place.kh == layer.kernel_h - 1
    word.last_pixel = registers.pixels_left_reg == 1
    word.pixel_ends = word.last_word or word.past or (word.split and word.reach == word.lanes)
    block_full = not word.split and not wires.pool and registers.lane_reg == word.lanes - 1
    word.ends = word.pixel_ends and (word.last_pixel or block_full)
    word.plane_ends = word.ends and word.last_pixel
    word.group_ends = word.plane_ends and word.last_word and not word.past
    wires.pixel_ends = word.pixel_ends


@njit_in_place(void(IM2COL_TYPE, TILE_RECORD))
def write_word(im2col, tile):
    """Set what is done with the word in the next cycle, when the scratchpad has answered."""
    registers, place, word = im2col.registers, im2col.place, im2col.word
    registers.write_valid_reg, registers.block_ends_reg = 1, word.ends
    registers.write_inside_reg, registers.write_half_reg = word.on_map, registers.half_reg
    registers.write_addr_reg = tile.pixels - registers.pixels_left_reg if word.split else registers.word_reg
    registers.write_lane_reg = place.offset if word.split else registers.lane_reg
    registers.write_from_reg, registers.write_count_reg = word.first, word.count
    registers.write_first_reg, registers.write_last_reg = place.kh == 0 and place.kw == 0, word.last_word


@njit_in_place(void(IM2COL_TYPE, LAYER_RECORD, TILE_RECORD))
def step_place(im2col, layer, tile):
    """Go to the word after this one; the next block begins with what this one did not use of the present word."""
    place, begin, word = im2col.place, im2col.begin, im2col.word
    if not (word.ends and word.past):
        step_kh = word.last_piece and word.last_kw
        place.kh = place.kh + 1 if step_kh else place.kh
        place.kw = int64(0) if step_kh else place.kw + 1 if word.last_piece else place.kw
        place.kh_addr = place.kh_addr + layer.in_width if step_kh else place.kh_addr
        place.piece = int64(0) if word.last_piece else place.piece + 1
        place.plane = int64(0) if word.last_piece else place.plane + tile.plane_words
    unused = place.offset - word.lanes
    place.offset = word.reach if word.split else int64(0)
    if word.ends and word.split and not word.group_ends:
        copy_place(begin, place)
        begin.offset = unused if word.past else int64(0)
    elif word.ends:
        clear_place(begin)
    if word.pixel_ends:
        copy_place(place, begin)


@njit_in_place(void(IM2COL_TYPE, LAYER_RECORD, TILE_RECORD))
def step_pixel(im2col, layer, tile):
    """Go to the next pixel: its window's place, and the first word of that."""
    registers, word = im2col.registers, im2col.word
    registers.word_reg = 0
    registers.lane_reg += 1
    registers.pixels_left_reg = tile.pixels if word.last_pixel else registers.pixels_left_reg - 1
    if registers.out_col_reg == layer.out_width - 1:
        registers.out_col_reg, registers.col_reg = 0, -layer.pad_left
        registers.row_reg += layer.stride_h
        registers.line_reg += layer.row_step
        registers.addr_reg = registers.line_reg
    else:
        registers.out_col_reg += 1
        registers.col_reg += layer.stride_w
        registers.addr_reg += layer.stride_w


@njit_in_place(inline="always")
def start_plane(registers, layer, tile):
    """Go to the tile's first window."""
    registers.out_col_reg, registers.row_reg, registers.col_reg = 0, tile.first_row, -layer.pad_left
    registers.addr_reg = signed(tile.first_addr, 16)
    registers.line_reg = registers.addr_reg


@njit_in_place(void(IM2COL_TYPE, LAYER_RECORD, TILE_RECORD, int64))
def start_im2col(im2col, layer, tile, ahead):
    """Begin a tile; ahead: the one before is still computed."""
    registers = im2col.registers
    registers.active_reg, registers.filling_reg, registers.first_reg = 1, 0, 1
    if not ahead:
        registers.half_reg, registers.release_half_reg = 0, 0
        registers.claimed_reg[0], registers.claimed_reg[1] = 0, 0
    registers.groups_left_reg, registers.pixels_left_reg = tile.groups, tile.pixels
    registers.lane_reg, registers.word_reg = 0, 0
    clear_place(im2col.place)
    clear_place(im2col.begin)
    start_plane(registers, layer, tile)
    start_group(im2col.group, tile)


@njit_in_place(void(IM2COL_TYPE, PARAMETERS_RECORD, TABLE, LAYER_RECORD, TILE_RECORD, WIRES_RECORD))
def visit_word(im2col, parameters, ifmap, layer, tile, wires):
    """Visit a word, and go on to the next."""
    registers, word, half = im2col.registers, im2col.word, im2col.registers.half_reg
    read_word(im2col, ifmap, layer, tile, wires)
    find_ends(im2col, parameters, layer, tile, wires)
    write_word(im2col, tile)
    step_place(im2col, layer, tile)
    registers.filling_reg = 1
    registers.claimed_reg[half] = not wires.pool
    registers.word_reg += 1
    if word.pixel_ends:
        step_pixel(im2col, layer, tile)
    if word.ends:
        registers.filling_reg, registers.first_reg, registers.lane_reg = 0, 0, 0
        registers.half_reg ^= 1
    if word.group_ends:
        registers.groups_left_reg -= 1
        registers.active_reg = registers.groups_left_reg != 0
        next_group(im2col.group, layer, tile.group_step, tile.plane_words, parameters.feeder)
    if word.plane_ends:
        start_plane(registers, layer, tile)


@njit_in_place(void(IM2COL_TYPE, PARAMETERS_RECORD, TABLE, LAYER_RECORD, TILE_RECORD, WIRES_RECORD))
def step_im2col(im2col, parameters, ifmap, layer, tile, wires):
    """Set the wires of this cycle and take the clock edge."""
    registers = im2col.registers
    free = not registers.claimed_reg[registers.half_reg] and (registers.first_reg or not wires.ahead)
    issues = registers.active_reg and not wires.hold and (registers.filling_reg or free)
    if wires.release_block:
        registers.claimed_reg[registers.release_half_reg] = 0
        registers.release_half_reg ^= 1
    if issues:
        visit_word(im2col, parameters, ifmap, layer, tile, wires)
    if wires.begin_tile:
        start_im2col(im2col, layer, tile, wires.ahead)
