"""Bits that change in a leap in the registers that hand operands on: each operand goes from PE to PE of its lane.

Most go through all of them, right behind the one before; they are counted by chunks, as `leap_sums` adds them up. The
first and last of the fold, which some PEs have before the leap or after it, are counted one by one.
"""

from __future__ import annotations

from numba import int32, int64, void

from simulator.cycle.array import MOVING, STILL
from simulator.cycle.bits import CUBE, ROW, TABLE, population
from simulator.cycle.filters import FILTERS_TYPE
from simulator.cycle.leap import FLUSHED, LEAP_RECORD, LEAP_TYPE
from simulator.cycle.leap_operands import hand_left, hand_synapses
from simulator.cycle.leap_sums import CHUNK, aligned_up, bits_between
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Dataflow, Polarity
from workloads.host.jit import njit_in_place
from workloads.ops.vectors import changed, lanes, load, nothing, plus, total


@njit_in_place(inline="always")
def last_of_all(parameters, facts):
    """Return the last operand that all PEs of its lane have at the end of the leap."""
    return facts.last - parameters.rows - parameters.cols


@njit_in_place(int64(LEAP_RECORD, int64, int64, int64, int64))
def pes_reached(facts, k, lane, pes, begun):
    """Return how many PEs of a lane operand k reaches in the leap; begun: lane + PE + operand of the first that do."""
    return max(int64(0), min(pes, facts.last - 1 - lane - k) - max(int64(0), begun - lane - k))


@njit_in_place(int64(LEAP_RECORD, ROW, ROW, int64, int64, int64))
def lane_changes(facts, before, after, k, pes, begun):
    """Return the bits that change in PEs of all lanes as they go from operands k - 1 to operands k."""
    changes = int64(0)
    for lane in range(after.shape[0]):
        changes += population(before[lane] ^ after[lane]) * pes_reached(facts, k, lane, pes, begun)
    return changes


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, int64))
def count_handed(parameters, leap, operands, filters, k):
    """Count what changes as operands k take the place of those before them."""
    facts, rows, cols, drains = leap.facts, parameters.rows, parameters.cols, parameters.dataflow == Dataflow.OS
    before, after = leap.handed[0], leap.handed[1]
    begun = FLUSHED - 1 - (0 if drains else rows)
    hand_left(parameters, facts, operands, filters, k - 1, before[:rows])
    hand_left(parameters, facts, operands, filters, k, after[:rows])
    facts.toggles[MOVING] += lane_changes(facts, before[:rows], after[:rows], k, cols, begun)
    if drains:
        hand_synapses(parameters, facts, filters, k - 1, before[:cols])
        hand_synapses(parameters, facts, filters, k, after[:cols])
        facts.toggles[STILL] += lane_changes(facts, before[:cols], after[:cols], k, rows, begun)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE))
def count_ends(parameters, leap, operands, filters):
    """Count what `count_chunk` doesn't: the fold's first operands, each chunk's first, the last, and what follows."""
    whole = last_of_all(parameters, leap.facts)
    for k in range(leap.facts.time + 1):
        if k < FLUSHED - 1 or k > whole or k % CHUNK == 0:
            count_handed(parameters, leap, operands, filters, k)


@njit_in_place(int64(PARAMETERS_RECORD, LEAP_TYPE, int64, int64))
def activation_changes(parameters, leap, begin, end):
    """Return the bits that change along rows of activations, each with the one before."""
    mask, changes = int32(((int64(1) << parameters.x_bits) - 1) << aligned_up(parameters, leap.facts.op)), int64(0)
    for row in range(parameters.rows):
        before, after, bits = leap.x[row, begin - 1 : end - 1], leap.x[row, begin:end], int32(0)
        for i in range(after.shape[0]):
            bits = int32(bits + bits_between(before[i], after[i], mask))
        changes += bits
    return changes


@njit_in_place(int64(TABLE, int64, int64))
def row_changes(rows, begin, end):
    """Return in how many bits rows `begin` to `end` differ from the row before each; rows beyond the last are none."""
    width, size = rows.shape[1], lanes(rows)
    first, last = begin * width, max(begin, min(end, rows.shape[0])) * width
    whole, bits = last - (last - first) % size, nothing(rows)
    for at in range(first, whole, size):
        bits = plus(bits, changed(load(rows, at - width), load(rows, at), int64(-1)))
    changes = total(bits)
    for at in range(whole, last):
        row, lane = at // width, at % width
        changes += population(rows[row - 1, lane] ^ rows[row, lane])
    return changes


@njit_in_place(int64(PARAMETERS_RECORD, LEAP_RECORD, FILTERS_TYPE, int64, int64))
def synapse_changes(parameters, facts, filters, begin, end):
    """Return the bits that change from synapses to those read next, in all lanes, of the fold's reads begin to end."""
    weights, polarities = filters.weights[facts.filter_half], filters.polarities[facts.filter_half]
    of_synapses = parameters.polarity == Polarity.SYNAPSE
    changes = row_changes(weights, facts.row + begin, facts.row + end)
    if facts.polar and (of_synapses or facts.polarity_moves):
        row, each = facts.row if of_synapses else facts.polarity_row, weights.shape[1] // polarities.shape[1]
        changes += row_changes(polarities, row + begin, row + end) * each
    return changes


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, FILTERS_TYPE, int64, int64))
def count_chunk(parameters, leap, filters, first, count):
    """Count what changes as `count` operands in hand, from `first` on, go through all PEs; see `count_ends`."""
    facts, dataflow = leap.facts, parameters.dataflow
    begin, end = max(first + 1, FLUSHED - 1), min(first + count, last_of_all(parameters, facts) + 1)
    if dataflow != Dataflow.IS and end > begin:
        changes = activation_changes(parameters, leap, begin - first, end - first)
        facts.toggles[MOVING] += changes * parameters.cols
    if dataflow != Dataflow.WS and end > begin:
        changes = synapse_changes(parameters, facts, filters, begin, end)
        facts.toggles[MOVING if dataflow == Dataflow.IS else STILL] += changes * (
            parameters.cols if dataflow == Dataflow.IS else parameters.rows
        )
