"""The array under os at the end of a leap: every operand but the last few has been added, and neutral ones follow."""

from __future__ import annotations

from numba import int32, int64, void

from simulator.cycle.array import MOVING, STILL, VALUE
from simulator.cycle.bits import CUBE, ROW, TABLE, population
from simulator.cycle.filters import FILTERS_TYPE
from simulator.cycle.leap import FLUSHED, LEAP_TYPE
from simulator.cycle.leap_operands import gather_activations, gather_synapses, hand_activations, hand_synapses
from simulator.cycle.leap_sums import (
    CHUNK,
    LANES,
    bits_between,
    op_value,
    read_activations,
    read_synapses,
    sum_mask,
)
from simulator.cycle.leap_toggles import count_chunk
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Op
from workloads.host.jit import njit_in_place
from workloads.ops.terms import distance_term, larger_term, product_term
from workloads.ops.vectors import changed, load, minus, nothing, plus, spread, store


@njit_in_place(void(LEAP_TYPE, int64, int64))
def turn_activations(leap, rows, count):
    """Write x [rows, count] with rows side by side, as vectors have them."""
    for row in range(rows):
        x, block, lane = leap.x[row], leap.turned[row // LANES], row % LANES
        for k in range(count):
            block[k * LANES + lane] = x[k]


@njit_in_place(inline="always")
def add_vector(op, leap, block, col, count, mask):
    """Let the accumulators of LANES rows of a column add up `count` operands; return the bits that change in each."""
    x, w, signs, sums = leap.turned, leap.synapses, leap.signs, leap.sums
    first, lane, place = block * CHUNK * LANES, col * w.shape[1], col * sums.shape[1] + block * LANES
    total, bits = load(sums, place), nothing(x)
    for k in range(count):
        moving, still, sign = load(x, first + k * LANES), spread(w, lane + k), spread(signs, lane + k)
        before = total
        if op == Op.THRESHOLD:
            total = larger_term(minus(moving, still), nothing(x), sign, before)
        elif op == Op.ADDER:
            total = distance_term(moving, still, sign, before)
        else:
            total = product_term(moving, still, sign, before)
        bits = plus(bits, changed(before, total, mask))
    store(sums, place, total)
    return bits


@njit_in_place(int64(PARAMETERS_RECORD, LEAP_TYPE, int64))
def add_lanes(parameters, leap, count):
    """Add to sums [cols, rows] those of turned x with synapses, signs [cols, count]; return the bits that change."""
    op, rows, mask, total = leap.facts.op, parameters.rows, sum_mask(parameters), int64(0)
    for block in range(leap.turned.shape[0]):
        bits = nothing(leap.turned)
        for col in range(parameters.cols):
            if op == Op.THRESHOLD:
                bits = plus(bits, add_vector(Op.THRESHOLD, leap, block, col, count, mask))
            elif op == Op.ADDER:
                bits = plus(bits, add_vector(Op.ADDER, leap, block, col, count, mask))
            else:
                bits = plus(bits, add_vector(Op.MAC, leap, block, col, count, mask))
        store(leap.bits, 0, bits)
        for lane in range(min(LANES, rows - block * LANES)):
            total += leap.bits[lane]
    return total


@njit_in_place(void(LEAP_TYPE, int64, int64))
def weigh_terms(leap, cols, count):
    """Let signs [cols, count] be what terms are multiplied by."""
    for col in range(cols):
        signs = leap.signs[col]
        if leap.facts.op == Op.ADDER:
            signs[:count] = -1
        else:
            for k in range(count):
                signs[k] |= 1


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, ROW))
def sum_fold(parameters, leap, operands, filters, value):
    """Set accumulators to the sums of the whole fold, which began at 0."""
    facts, rows, cols = leap.facts, parameters.rows, parameters.cols
    leap.sums[:cols, : leap.turned.shape[0] * LANES] = 0
    for first in range(0, facts.time, CHUNK):
        count = min(CHUNK, facts.time - first)
        gather_activations(parameters, leap, operands, first, count)
        gather_synapses(parameters, leap, filters, first, count, cols)
        turn_activations(leap, rows, count)
        weigh_terms(leap, cols, count)
        facts.toggles[VALUE] += add_lanes(parameters, leap, count)
        if facts.counted:
            count_chunk(parameters, leap, filters, first, count)
    mask = (int64(1) << parameters.psum_bits) - 1
    for row in range(rows):
        for col in range(cols):
            value[row * cols + col] = leap.sums[col, row] & mask


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, TABLE, int64))
def settle_operands(parameters, leap, operands, filters, registers, k):
    """Go back to where operands k of the fold stand at the leap's end: some PEs have them, those behind not yet.

    Operands after them have gone back.
    """
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
            total = registers[VALUE, place]
            registers[VALUE, place] = (total - term) & mask
            facts.toggles[VALUE] -= population(total ^ registers[VALUE, place])


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE))
def count_begun(parameters, leap, operands, filters):
    """Take off the bits that changed in accumulators before the leap: its sums begin with the fold."""
    facts, sums, x, synapses, patterns = leap.facts, leap.sums, leap.x[0], leap.values, leap.patterns
    rows, cols, mask = min(parameters.rows, 2), min(parameters.cols, 2), sum_mask(parameters)
    sums[:2, :2] = 0
    for k in range(FLUSHED - parameters.stages):
        hand_activations(parameters, facts, operands, k, facts.time, patterns[: parameters.rows])
        read_activations(parameters, facts.op, patterns[:rows], x[:rows])
        hand_synapses(parameters, facts, filters, k, patterns[: parameters.cols])
        read_synapses(parameters, facts.op, patterns[:cols], synapses[0, :cols], synapses[1, :cols])
        for row in range(rows):
            for col in range(min(cols, FLUSHED - parameters.stages - k - row)):
                total = int32(sums[col, row] + op_value(facts.op, x[row], synapses[0, col], synapses[1, col]))
                facts.toggles[VALUE] -= bits_between(sums[col, row], total, mask)
                sums[col, row] = total


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, CUBE, FILTERS_TYPE, TABLE))
def settle_draining(parameters, leap, operands, filters, registers):
    """Set the PEs' registers [3, R * C]."""
    if leap.facts.counted:
        count_begun(parameters, leap, operands, filters)
    sum_fold(parameters, leap, operands, filters, registers[VALUE])
    registers[MOVING, :] = parameters.neutral_x
    registers[STILL, :] = parameters.neutral_synapse
    first = leap.facts.last - parameters.rows - parameters.cols  # the first that not every PE has passed on
    for k in range(leap.facts.time - 1, max(0, first) - 1, -1):
        settle_operands(parameters, leap, operands, filters, registers, k)
