"""The array under os at the end of a leap: every operand but the last few has been added, and neutral ones follow."""

from __future__ import annotations

from numba import int32, int64, void

from simulator.cycle.array import MOVING, STILL, VALUE
from simulator.cycle.bits import CUBE, ROW, TABLE
from simulator.cycle.filters import FILTERS_TYPE
from simulator.cycle.leap import LEAP_TYPE
from simulator.cycle.leap_operands import gather_activations, gather_synapses, hand_activations, hand_synapses
from simulator.cycle.leap_sums import CHUNK, op_value, read_activations, read_synapses, sum_pairs
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Op
from workloads.host.jit import njit_in_place


@njit_in_place(void(LEAP_TYPE, int64, int64, int64))
def add_lanes(leap, rows, cols, count):
    """Add to sums [rows, cols] those of lanes x [rows, count] with synapses, signs [cols, count]."""
    op, x, w, signs, sums = leap.facts.op, leap.x, leap.synapses, leap.signs, leap.sums
    for row in range(rows):
        for col in range(cols):
            if op == Op.THRESHOLD:
                total = sum_pairs(Op.THRESHOLD, x[row], w[col], signs[col], count)
            elif op == Op.ADDER:
                total = sum_pairs(Op.ADDER, x[row], w[col], signs[col], count)
            else:
                total = sum_pairs(Op.MAC, x[row], w[col], signs[col], count)
            sums[row, col] = int32(sums[row, col] + total)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, ROW))
def sum_fold(parameters, leap, operands, filters, value):
    """Set accumulators to the sums of the whole fold, which began at 0."""
    facts, rows, cols = leap.facts, parameters.rows, parameters.cols
    leap.sums[:rows, :cols] = 0
    for first in range(0, facts.time, CHUNK):
        count = min(CHUNK, facts.time - first)
        gather_activations(parameters, leap, operands, first, count)
        gather_synapses(parameters, leap, filters, first, count, cols)
        add_lanes(leap, rows, cols, count)
    mask = (int64(1) << parameters.psum_bits) - 1
    for row in range(rows):
        for col in range(cols):
            value[row * cols + col] = leap.sums[row, col] & mask


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, TABLE, int64))
def settle_operands(parameters, leap, operands, filters, registers, k):
    """Go back to where operands k of the fold stand at the leap's end: some PEs have them, those behind not yet."""
    facts, rows, cols, x, synapses = leap.facts, parameters.rows, parameters.cols, leap.x[0], leap.values
    mask, patterns = (int64(1) << parameters.psum_bits) - 1, leap.patterns
    reached = facts.last - 2 - k  # row + column of PEs that have them
    hand_activations(parameters, facts, operands, k, facts.time, patterns[:rows])
    read_activations(parameters, facts.op, patterns[:rows], x[:rows])
    for row in range(rows):
        if 0 <= reached - row < cols:
            registers[MOVING, row * cols + reached - row] = patterns[row]
    hand_synapses(parameters, facts, filters, k, patterns[:cols])
    read_synapses(parameters, facts.op, patterns[:cols], synapses[0, :cols], synapses[1, :cols])
    for row in range(rows):
        if 0 <= reached - row < cols:
            registers[STILL, row * cols + reached - row] = patterns[reached - row]
        for behind in range(max(0, reached + 2 - parameters.stages - row), cols):
            term = op_value(facts.op, x[row], synapses[0, behind], synapses[1, behind])
            place = row * cols + behind
            registers[VALUE, place] = (registers[VALUE, place] - term) & mask


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, TABLE))
def settle_draining(parameters, leap, operands, filters, registers):
    """Set the PEs' registers [3, R * C]."""
    sum_fold(parameters, leap, operands, filters, registers[VALUE])
    registers[MOVING, :] = parameters.neutral_x
    registers[STILL, :] = parameters.neutral_synapse
    first = leap.facts.last - parameters.rows - parameters.cols  # the first that not every PE has passed on
    for k in range(max(0, first), leap.facts.time):
        settle_operands(parameters, leap, operands, filters, registers, k)
