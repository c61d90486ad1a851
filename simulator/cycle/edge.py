"""limen_edge of every column, with limen_tag and limen_requantiser: accumulation over K folds in the ofmap banks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import CUBE, ROW, TABLE, flag, signed
from simulator.cycle.descriptor import LAYER_RECORD
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES_RECORD
from simulator.encoding import RAW, RESIDUAL, Dataflow
from workloads.host.jit import njit_in_place

EDGE = record_type(
    *("tag_valid", "tag_addr", "b_valid_reg", "b_first_reg", "b_last_reg", "b_addr_reg"),
    *("c_valid_reg", "c_addr_reg", "c_acc_reg", "c_shift_reg", "b_bias", "b_shift"),
    *("begins", "first", "last", "used", "channel"),
)
"""Of a column: the tag of stage A, registers of stages B and C, bias and shift as it sees them; and of its fold."""

EDGE_RECORD = from_dtype(EDGE)

REST = 3
"""Cycles, beside one a column, in which something of the last valid tag is still under way."""

EDGES = record_type("cycles_left")
"""Cycles in which an edge has something to do."""

EDGES_RECORD = from_dtype(EDGES)


class Edges(NamedTuple):
    """state: EDGES. columns [C]: EDGE. ofmap [2, C, depth]: banks. answer [2, C]: what they read last.

    channel_word: what the scratchpad of bias and shift answered. channel_line [C]: its first, of the last C cycles.
    """

    state: np.record
    columns: np.ndarray
    ofmap: np.ndarray
    answer: np.ndarray
    channel_word: np.ndarray
    channel_line: np.ndarray


EDGES_TYPE = Reference(Edges, [EDGES_RECORD, EDGE_RECORD[::1], CUBE, TABLE, ROW, ROW])


@njit_in_place(int64(int64, int64, int64, int64, int64, int64))
def requantise(acc, acc_bits, shift, raw, y_low, y_high):
    """Return the pattern the requantiser writes for an accumulator pattern."""
    if raw:
        return acc
    value = signed(acc, acc_bits)
    if shift > 0:
        value = ((value >> (shift - 1)) + 1) >> 1
    return min(max(value, y_low), y_high) & ((int64(1) << acc_bits) - 1)


@njit_in_place(void(EDGES_TYPE, PARAMETERS_RECORD, int64))
def show_channels(edges, parameters, slot):
    """Set bias and shift as each column sees them: under is those of as many cycles ago as its number.

    Where folds overlap, another column than the first keeps its own from a cycle after its fold begins there.
    """
    cols, acc_bits, turned = parameters.cols, parameters.acc_bits, parameters.dataflow == Dataflow.IS
    mask = (int64(1) << acc_bits) - 1
    for c in range(cols):
        delayed = edges.channel_line[slot - c + (cols if c > slot else 0)]
        pattern = delayed if turned else edges.channel_word[c]
        if parameters.overlap and c > 0 and not turned:
            if edges.columns[c].begins:
                edges.columns[c].channel = pattern
            pattern = edges.columns[c].channel
        edges.columns[c].b_bias, edges.columns[c].b_shift = pattern & mask, pattern >> acc_bits


@njit_in_place(int64(EDGE_RECORD, int64, int64, int64, int64))
def add_psum(edge, psum, held, residual, acc_bits):
    """Return stage B's sum: a psum to what the bank held, or to bias and residual in the first K fold."""
    total = psum
    if edge.b_first_reg:
        total += edge.b_bias
    if residual or not edge.b_first_reg:
        total += held
    return total & ((int64(1) << acc_bits) - 1)


@njit_in_place(int64(EDGE_RECORD, ROW, int64, LAYER_RECORD, PARAMETERS_RECORD))
def write_bank(edge, bank, total, layer, parameters):
    """Write stage C's activation, or stage B's sum that is not final; return whether."""
    if edge.c_valid_reg:
        address, y_bits = edge.c_addr_reg, parameters.x_bits + 1
        mask = (int64(1) << y_bits) - 1
        y_low, y_high = signed(layer.y_low & mask, y_bits), signed(layer.y_high & mask, y_bits)
        raw = flag(layer.flag_bits, RAW)
        value = requantise(edge.c_acc_reg, parameters.acc_bits, edge.c_shift_reg, raw, y_low, y_high)
    elif edge.b_valid_reg and not edge.b_last_reg:
        address, value = edge.b_addr_reg, total
    else:
        return int64(0)
    if address < bank.shape[0]:
        bank[address] = value
    return int64(1)


@njit_in_place(void(EDGES_TYPE, PARAMETERS_RECORD, WIRES_RECORD))
def turn_columns(edges, parameters, wires):
    """limen_turn: set what each column takes the present value for; where folds overlap, as its fold had it."""
    for c in range(parameters.cols - 1, -1, -1):
        edge = edges.columns[c]
        edge.begins = edges.columns[c - 1].begins if c > 0 else wires.edge_begins
        if edge.begins or c == 0 or not parameters.overlap:
            edge.first, edge.last, edge.used = wires.edge_first, wires.edge_last, c < wires.edge_cols_left


@njit_in_place(void(EDGES_TYPE, PARAMETERS_RECORD, WIRES_RECORD, LAYER_RECORD, ROW, int64))
def step_edges(edges, parameters, wires, layer, bottom, half):
    """Take the clock edge; bottom [C]: what leaves the array."""
    cols, residual = parameters.cols, flag(layer.flag_bits, RESIDUAL)
    turn_columns(edges, parameters, wires)
    for c in range(cols if parameters.dataflow == Dataflow.OS and not parameters.overlap else 1):
        edges.columns[c].tag_valid, edges.columns[c].tag_addr = wires.edge_valid, wires.edge_addr
    for c in range(cols - 1, -1, -1):
        edge, bank, total = edges.columns[c], edges.ofmap[half, c], int64(0)
        if edge.b_valid_reg:
            psum = signed(bottom[c], parameters.psum_bits)
            total = add_psum(edge, psum, edges.answer[half, c], residual, parameters.acc_bits)
        valid = edge.tag_valid and edge.used
        if valid and (residual or not edge.first):
            wires.edge_reads += 1
            if edge.tag_addr < bank.shape[0]:
                edges.answer[half, c] = bank[edge.tag_addr]
        wires.edge_writes += write_bank(edge, bank, total, layer, parameters)
        edge.c_valid_reg = edge.b_valid_reg and edge.b_last_reg
        edge.c_addr_reg, edge.c_acc_reg, edge.c_shift_reg = edge.b_addr_reg, total, edge.b_shift
        edge.b_valid_reg, edge.b_addr_reg = valid, edge.tag_addr
        edge.b_first_reg, edge.b_last_reg = edge.first, edge.last
        if c > 0:
            edge.tag_valid, edge.tag_addr = edges.columns[c - 1].tag_valid, edges.columns[c - 1].tag_addr
