"""What memories hand to the array in a fold that is leapt over, in a cycle or a chunk, and what skew lines hold."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.array import ARRAY_TYPE
from simulator.cycle.bits import CUBE, ROW, copy_row
from simulator.cycle.filters import FILTERS_TYPE
from simulator.cycle.leap import LEAP_RECORD, LEAP_TYPE
from simulator.cycle.leap_sums import read_activations, read_synapses
from simulator.cycle.scratchpad import read_row
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Dataflow, Op, Polarity
from workloads.host.jit import njit_in_place


@njit_in_place(inline="always")
def operand_address(parameters, facts, k):
    """Return where a lane of operand memory has operand k: under os and is a position of the group's fan-in."""
    if parameters.dataflow == Dataflow.WS:
        return k
    return k // facts.channels * facts.pieces * parameters.feeder + facts.lane + k % facts.channels


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, CUBE, int64, int64, ROW))
def hand_activations(parameters, facts, operands, k, end, row):
    """Write the activations that are handed out together as the operands k; neutral ones if k isn't in 0 … end - 1."""
    row[:] = parameters.neutral_x
    if 0 <= k < end:
        address = operand_address(parameters, facts, k)
        if address < operands.shape[2]:
            for lane in range(facts.cols_used if parameters.dataflow == Dataflow.IS else facts.rows_used):
                row[lane] = operands[facts.half, lane, address]


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, FILTERS_TYPE, int64, ROW))
def hand_synapses(parameters, facts, filters, index, row):
    """Write the synapses of the fold's read `index`; neutral ones where it has none."""
    row[:] = parameters.neutral_synapse
    if 0 <= index < facts.reads:
        word = filters.polarity_word
        read_row(filters.weights[facts.filter_half], facts.row + index, row)
        if facts.polar:
            polarity_row = facts.polarity_row + (index if facts.polarity_moves else 0)
            if parameters.polarity == Polarity.SYNAPSE:
                polarity_row = facts.row + index
            read_row(filters.polarities[facts.filter_half], polarity_row, word)
            for lane in range(row.shape[0]):
                row[lane] |= word[0 if word.shape[0] == 1 else lane] << parameters.w_bits


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, int64, int64))
def gather_activations(parameters, leap, operands, first, count):
    """Write the values of `count` operands of every row's lane, from the fold's operand `first` on (os, ws)."""
    facts, x = leap.facts, leap.x
    leap.patterns[0] = parameters.neutral_x
    read_activations(parameters, facts.op, leap.patterns[:1], x[0, :1])
    for lane in range(parameters.rows - 1, -1, -1):
        x[lane, :count] = x[0, 0]
    done = int64(0)
    while done < count:
        together, address = count - done, operand_address(parameters, facts, first + done)
        if parameters.dataflow == Dataflow.OS:
            together = min(together, facts.channels - (first + done) % facts.channels)
        there = min(together, operands.shape[2] - address)
        for lane in range(facts.rows_used if there > 0 else 0):
            patterns = operands[facts.half, lane, address : address + there]
            read_activations(parameters, facts.op, patterns, x[lane, done : done + there])
        done += together


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, FILTERS_TYPE, int64, int64, int64))
def gather_signs(parameters, leap, filters, first, count, lanes):
    """Write 0 or −1 for the polarity of these synapses: it lies in rows of its own."""
    facts, signs, polarities = leap.facts, leap.signs, filters.polarities[leap.facts.filter_half]
    each = int64(polarities.shape[1] > 1)
    for lane in range(lanes):
        signs[lane, :count] = 0
    row, moves = facts.polarity_row + (first if facts.polarity_moves else 0), facts.polarity_moves
    if parameters.polarity == Polarity.SYNAPSE:
        row, moves = facts.row + first, int64(1)
    for i in range(count if facts.polar else 0):
        if row < polarities.shape[0]:
            for lane in range(lanes):
                signs[lane, i] = -polarities[row, lane * each]
        row += moves


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, FILTERS_TYPE, int64, int64, int64))
def gather_synapses(parameters, leap, filters, first, count, lanes):
    """Write the values of the synapses of every lane, from the fold's read `first` on (os, is): a row a lane."""
    facts, values, signs = leap.facts, leap.values[0, :lanes], leap.values[1, :lanes]
    weights, synapses = filters.weights[facts.filter_half], leap.synapses
    begin = facts.row + first
    for i in range(min(count, weights.shape[0] - begin)):
        read_synapses(parameters, facts.op, weights[begin + i], values, signs)
        for lane in range(lanes):
            synapses[lane, i] = values[lane]
    if facts.op == Op.THRESHOLD:
        gather_signs(parameters, leap, filters, first, count, lanes)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, CUBE, FILTERS_TYPE, int64, ROW))
def hand_left(parameters, facts, operands, filters, time, row):
    """Write the operands `time` of the fold that are handed to the left side; neutral ones before and after them."""
    if parameters.dataflow == Dataflow.IS:
        hand_synapses(parameters, facts, filters, time, row)
    else:
        hand_activations(parameters, facts, operands, time, facts.time, row)


@njit_in_place(inline="always")
def take_skewed(line, slot, out):
    """Set what the skew handed to the array in the last cycle; slot: the present place."""
    lanes = out.shape[0]
    for lane in range(lanes):
        out[lane] = line[(slot - 1 - lane) % lanes, lane]


@njit_in_place(void(PARAMETERS_RECORD, LEAP_RECORD, ARRAY_TYPE, CUBE, FILTERS_TYPE))
def settle_sides(parameters, facts, array, operands, filters):
    """Set what memories hand to the sides of the array, and its skew registers, on top under os alone."""
    rows, cols, slot = array.left.shape[0], array.top.shape[0], array.state.row_slot
    for ago in range(min(facts.cycles, rows)):
        hand_left(parameters, facts, operands, filters, facts.last - 2 - ago, array.left_line[(slot - 1 - ago) % rows])
    take_skewed(array.left_line, slot, array.left)
    hand_left(parameters, facts, operands, filters, facts.last - 1, array.left_out)
    slot = array.state.col_slot
    if parameters.dataflow == Dataflow.OS:
        for ago in range(min(facts.cycles, cols)):
            hand_synapses(parameters, facts, filters, facts.last - 2 - ago, array.top_line[(slot - 1 - ago) % cols])
        take_skewed(array.top_line, slot, array.top)
        hand_synapses(parameters, facts, filters, facts.last - 1, array.top_out)
    else:
        ws = parameters.dataflow == Dataflow.WS
        array.top_out[:] = parameters.neutral_synapse if ws else parameters.neutral_x
        copy_row(array.top, array.top_out)
