"""The edges at the end of a leap: under ws and is the banks have all psums but the last few; under os they rest."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.bits import TABLE, flag, signed
from simulator.cycle.counters import COUNTERS_RECORD
from simulator.cycle.descriptor import LAYER_RECORD
from simulator.cycle.edge import EDGES_TYPE, REST, requantise
from simulator.cycle.folds import FOLDS_TYPE
from simulator.cycle.leap import LEAP_RECORD, LEAP_TYPE
from simulator.cycle.leap_sums import CHUNK
from simulator.cycle.scratchpad import read_row
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import RAW, Dataflow
from workloads.host.jit import njit_in_place


@njit_in_place(inline="always")
def last_tag(parameters, facts, col):
    """Return the operand whose psum a column's tag stood for in the last cycle; past the fold's there is none."""
    return facts.last - parameters.rows - parameters.stages - col


@njit_in_place(inline="always")
def turned_pattern(facts, channels, time):
    """Return bias and shift of the channel that operand `time` is (is)."""
    return channels[min(facts.group_row + time, channels.shape[0] - 1), 0]


@njit_in_place(int64(PARAMETERS_RECORD, LEAP_RECORD, EDGES_TYPE, TABLE, int64))
def begin_edges(parameters, facts, edges, channels, channel_row):
    """Read what edges held before they add to it, and under ws bias and shift; return the first of these before."""
    for col in range(facts.cols_used if facts.holds else 0):
        address = facts.out_row + min(last_tag(parameters, facts, col), facts.time - 1)
        if address < edges.ofmap.shape[2]:
            edges.answer[facts.ofmap_half, col] = edges.ofmap[facts.ofmap_half, col, address]
    before = edges.channel_word[0]
    if parameters.dataflow == Dataflow.WS:
        read_row(channels, channel_row, edges.channel_word)
    return before


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, EDGES_TYPE, TABLE, int64))
def add_column(parameters, leap, edges, channels, col):
    """Let a column's edge add up its psums of operands from `first` on: with bias, or with what the bank held."""
    facts, sums, totals = leap.facts, leap.sums[col], leap.column
    first, count = facts.first, min(CHUNK, facts.time - facts.first)
    psum_bits, acc_mask = parameters.psum_bits, (int64(1) << parameters.acc_bits) - 1
    mask = (int64(1) << psum_bits) - 1
    for i in range(count):
        totals[i] = signed(sums[i] & mask, psum_bits)
    if facts.begins and parameters.dataflow == Dataflow.IS:
        for i in range(count):
            totals[i] += turned_pattern(facts, channels, first + i) & acc_mask
    elif facts.begins:
        bias = edges.channel_word[col] & acc_mask
        for i in range(count):
            totals[i] += bias
    if facts.holds:
        bank, at = edges.ofmap[facts.ofmap_half, col], facts.out_row + first
        for i in range(min(count, bank.shape[0] - at)):
            totals[i] += bank[at + i]
    for i in range(count):
        totals[i] &= acc_mask


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, EDGES_TYPE, TABLE, LAYER_RECORD, int64))
def write_column(parameters, leap, edges, channels, layer, col):
    """Write a column's totals into its bank: those that have come so far; one more is between two stages."""
    facts, totals = leap.facts, leap.column
    first, count = facts.first, min(CHUNK, facts.time - facts.first)
    acc_bits, turned, y_bits = parameters.acc_bits, parameters.dataflow == Dataflow.IS, parameters.x_bits + 1
    bank, at, tag = edges.ofmap[facts.ofmap_half, col], facts.out_row + first, last_tag(parameters, facts, col)
    y_mask, raw, shift = (int64(1) << y_bits) - 1, flag(layer.flag_bits, RAW), edges.channel_word[0] >> acc_bits
    if not turned:
        shift = edges.channel_word[col] >> acc_bits
    y_low, y_high = signed(layer.y_low & y_mask, y_bits), signed(layer.y_high & y_mask, y_bits)
    for i in range(min(count, tag - first - (1 if facts.ends else 0), bank.shape[0] - at)):
        if turned:
            shift = turned_pattern(facts, channels, first + i) >> acc_bits
        bank[at + i] = requantise(totals[i], acc_bits, shift, raw, y_low, y_high) if facts.ends else totals[i]
    between = tag - 1 - first
    if facts.ends and 0 <= between < count:
        if turned:
            shift = turned_pattern(facts, channels, first + between) >> acc_bits
        edges.columns[col].c_acc_reg, edges.columns[col].c_shift_reg = totals[between], shift


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, EDGES_TYPE, TABLE, int64, int64))
def settle_channels(parameters, facts, edges, channels, slot, before):
    """Set what the scratchpad of bias and shift answered, in the last cycles too; before: its first before the leap."""
    turned, cols = parameters.dataflow == Dataflow.IS, parameters.cols
    begun = parameters.rows + parameters.stages  # the count at which the first is there
    if parameters.dataflow == Dataflow.OS:
        begun = int64(0)
    elif turned:
        edges.channel_word[0] = turned_pattern(facts, channels, min(facts.last - begun, facts.time - 1))
    for ago in range(min(facts.cycles, cols)):
        time = facts.last - 1 - ago - begun
        word = edges.channel_word[0]
        if time < 0:
            word = before
        elif turned:
            word = turned_pattern(facts, channels, min(time, facts.time - 1))
        edges.channel_line[(slot - 1 - ago) % cols] = word


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, FOLDS_TYPE))
def settle_tags(parameters, facts, folds):
    """Set the registers of the folds for the edges, behind which the array is."""
    registers, turned = folds.registers, parameters.dataflow == Dataflow.IS
    cycle = facts.last - 1 - (parameters.rows + parameters.stages - 2)
    time, valid = min(max(cycle, 0), facts.time), int64(0 <= cycle < facts.time)
    row = registers.group_row_reg + time if turned else folds.channel_rows.row_reg
    registers.channel_read_reg, registers.channel_row_reg = valid and (turned or time == 0), row
    registers.edge_valid_reg, registers.edge_addr_reg = valid, (facts.out_row + time) & 0xFFFF
    registers.edge_time_reg = time + valid
    registers.edge_first_reg, registers.edge_last_reg = facts.begins, facts.ends
    registers.edge_cols_left_reg = facts.cols_left


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, EDGES_TYPE, COUNTERS_RECORD))
def settle_stages(parameters, facts, edges, counts):
    """Set the columns' registers, a tag, what is in stage B and what in stage C; count what was accessed."""
    cols, turned = parameters.cols, parameters.dataflow == Dataflow.IS
    for col in range(cols):
        edge, tag, used = edges.columns[col], last_tag(parameters, facts, col), col < facts.cols_used
        comes = tag if col == 0 else tag + 1  # its own tag the first column has from the folds
        edge.tag_valid, edge.tag_addr = int64(0 <= comes < facts.time), facts.out_row + comes
        edge.b_valid_reg, edge.b_addr_reg = used and 0 <= tag < facts.time, facts.out_row + tag
        edge.b_first_reg, edge.b_last_reg = facts.begins, facts.ends
        edge.c_valid_reg, edge.c_addr_reg = used and facts.ends and 0 < tag <= facts.time, facts.out_row + tag - 1
        if used:
            counts.ofmap_reads += min(facts.time, tag + 1) if facts.holds else 0
            counts.ofmap_writes += max(0, min(facts.time, tag - (1 if facts.ends else 0)))
    edges.state.cycles_left = cols + REST - max(cols - 3, 0)
    counts.channel_reads += min(facts.time, last_tag(parameters, facts, 0) + 1) if turned else 1
