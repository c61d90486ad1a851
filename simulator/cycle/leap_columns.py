"""The array under ws and is at the end of a leap, column by column: psums have gone down and out in order."""

from __future__ import annotations

from numba import int32, int64, void

from simulator.cycle.array import MOVING, STILL, VALUE
from simulator.cycle.bits import CUBE, ROW, TABLE, population
from simulator.cycle.descriptor import LAYER_RECORD
from simulator.cycle.edge import EDGES_TYPE
from simulator.cycle.filters import FILTERS_TYPE
from simulator.cycle.leap import LEAP_TYPE
from simulator.cycle.leap_edges import add_column, write_column
from simulator.cycle.leap_operands import (
    gather_activations,
    gather_synapses,
    hand_activations,
    hand_left,
    hand_synapses,
)
from simulator.cycle.leap_sums import CHUNK, bits_between, op_value, read_activations, read_synapses, sum_mask
from simulator.cycle.leap_toggles import count_chunk
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Dataflow, Op
from workloads.host.jit import njit_in_place


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, TABLE))
def settle_still(parameters, leap, operands, filters, registers):
    """Set what stays in the PEs, as registers and as values: what is read first, in the last row in use."""
    facts, cols = leap.facts, parameters.cols
    for row in range(parameters.rows):
        index = facts.rows_used - 1 - row
        still = registers[STILL, row * cols : (row + 1) * cols]
        if parameters.dataflow == Dataflow.WS:
            hand_synapses(parameters, facts, filters, index, still)
            read_synapses(parameters, facts.op, still, leap.synapses[row, :cols], leap.signs[row, :cols])
        else:
            end = facts.first_k + facts.rows_used if index >= 0 else 0
            hand_activations(parameters, facts, operands, facts.first_k + index, end, still)
            read_activations(parameters, facts.op, still, leap.x[row, :cols])


@njit_in_place(inline="always")
def pair_value(parameters, leap, row, col):
    """Return the op of what stays in a PE with the value in `values` of what moves past its row."""
    moving, sign = leap.values[0, row], leap.values[1, row]
    if parameters.dataflow == Dataflow.WS:
        return op_value(leap.facts.op, moving, leap.synapses[row, col], leap.signs[row, col])
    return op_value(leap.facts.op, leap.x[row, col], moving, sign)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, int64))
def read_moving(parameters, leap, operands, filters, time):
    """Write what moves past the rows as operand `time` of the fold: patterns, and values."""
    patterns, values, rows = leap.patterns[: parameters.rows], leap.values, parameters.rows
    hand_left(parameters, leap.facts, operands, filters, time, patterns)
    if parameters.dataflow == Dataflow.WS:
        read_activations(parameters, leap.facts.op, patterns, values[0, :rows])
    else:
        read_synapses(parameters, leap.facts.op, patterns, values[0, :rows], values[1, :rows])


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, TABLE))
def settle_psums(parameters, leap, operands, filters, registers):
    """Set psums and what moves: neutral operands follow the fold's, of which the last few are still in the corner."""
    facts, rows, cols, mask = leap.facts, parameters.rows, parameters.cols, (int64(1) << parameters.psum_bits) - 1
    moving, psums = registers[MOVING], registers[VALUE]
    read_moving(parameters, leap, operands, filters, -1)
    for row in range(rows):
        for col in range(cols):
            place = row * cols + col
            above = psums[place - cols] if row > 0 else int64(0)
            psums[place] = (above + pair_value(parameters, leap, row, col)) & mask
            moving[place] = leap.patterns[row]
    first = facts.last - rows - cols + 1 - parameters.stages  # the first whose psums aren't all out
    for time in range(max(0, first), facts.time):
        read_moving(parameters, leap, operands, filters, time)
        for col in range(cols):
            reached = facts.last - 2 - time - col  # the row that has it; a psum is a stage behind
            if 0 <= reached < rows:
                moving[reached * cols + col] = leap.patterns[reached]
            reached += 1 - parameters.stages
            if 0 <= reached < rows:
                total = int64(0)
                for row in range(reached + 1):
                    total += pair_value(parameters, leap, row, col)
                psums[reached * cols + col] = total & mask


@njit_in_place(int64(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, int64))
def last_psum(parameters, leap, operands, filters, time):
    """Return the psum of the last PE of the last column as operand `time` has come to it."""
    total = int64(0)
    read_moving(parameters, leap, operands, filters, time)
    for row in range(parameters.rows):
        total += pair_value(parameters, leap, row, parameters.cols - 1)
    return total


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, ROW))
def count_last(parameters, leap, operands, filters, psums):
    """Count what changes as neutral operands follow the fold's last; take off what is still to change at the end.

    psums [R * C]: at the end of the leap, when the last PE still waits for two operands, those beside it for one.
    """
    facts, rows, cols = leap.facts, parameters.rows, parameters.cols
    mask, changes = (int64(1) << parameters.psum_bits) - 1, int64(0)
    for row in range(rows):
        for col in range(cols):
            bits = population((leap.psums[row, col] ^ psums[row * cols + col]) & mask)
            changes += bits if rows + cols - 2 - row - col > 1 else -bits
    before = last_psum(parameters, leap, operands, filters, facts.time - 2)
    changes += population((leap.psums[rows - 1, cols - 1] ^ psums[rows * cols - 1]) & mask)
    changes -= population((leap.psums[rows - 1, cols - 1] ^ before) & mask)
    changes -= population((psums[rows * cols - 1] ^ before) & mask)
    facts.toggles[VALUE] += changes


@njit_in_place(inline="always")
def add_scaled(op, leap, x_moves, col, count, mask):
    """Add to sums [count] of column `col` what stays in its PEs with what moves past them; see `sum_column`."""
    x, w, signs, sums, changes = leap.x, leap.synapses, leap.signs, leap.sums[col], int64(0)
    for row in range(leap.psums.shape[0]):
        before, bits = leap.psums[row, col], int32(0)
        if x_moves:
            moving, still, sign = x[row], w[row, col], signs[row, col]
            for i in range(count):
                total = int32(sums[i] + op_value(op, moving[i], still, sign))
                bits = int32(bits + bits_between(before, total, mask))
                before = sums[i] = total
        else:
            still_x, moving_w, moving_signs = x[row, col], w[row], signs[row]
            for i in range(count):
                total = int32(sums[i] + op_value(op, still_x, moving_w[i], moving_signs[i]))
                bits = int32(bits + bits_between(before, total, mask))
                before = sums[i] = total
        leap.psums[row, col] = before
        changes += bits
    return changes


@njit_in_place(int64(LEAP_TYPE, int64, int64, int64, int32))
def sum_column(leap, x_moves, col, count, mask):
    """Write to sums [count] what leaves a column; x_moves: x is [rows, count], w, signs [rows, cols], else turned.

    Return how many bits of a mask change in its psums, which begin as they ended before.
    """
    op, sums = leap.facts.op, leap.sums[col]
    for i in range(count):
        sums[i] = int32(0)
    if op == Op.THRESHOLD:
        return add_scaled(Op.THRESHOLD, leap, x_moves, col, count, mask)
    if op == Op.ADDER:
        return add_scaled(Op.ADDER, leap, x_moves, col, count, mask)
    return add_scaled(Op.MAC, leap, x_moves, col, count, mask)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, EDGES_TYPE, LAYER_RECORD))
def sum_columns(parameters, leap, operands, filters, edges, layer):
    """Let all psums of the fold leave the array, and the edges add them up."""
    facts, turned = leap.facts, parameters.dataflow == Dataflow.IS
    for first in range(0, facts.time, CHUNK):
        facts.first, count = first, min(CHUNK, facts.time - first)
        if turned:
            gather_synapses(parameters, leap, filters, first, count, parameters.rows)
        else:
            gather_activations(parameters, leap, operands, first, count)
        if facts.counted:
            count_chunk(parameters, leap, filters, first, count)
        for col in range(parameters.cols if facts.counted else facts.cols_used):
            facts.toggles[VALUE] += sum_column(leap, not turned, col, count, sum_mask(parameters))
            if col < facts.cols_used:
                channels = filters.channels[facts.filter_half]
                add_column(parameters, leap, edges, channels, col)
                write_column(parameters, leap, edges, channels, layer, col)
