"""Bits that change in a leap under ws and is in what stays in PEs, and in psums until operands of the fold move.

While rows are preloaded, psums go down beside them: neutral operands with what is in the PEs add to them, too. So these
cycles are stepped, in 32-bit integers, each row until the first operand of the fold comes to it.
"""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.array import STILL, VALUE
from simulator.cycle.bits import TABLE, copy_row, population, signed
from simulator.cycle.leap import FLUSHED, LEAP_TYPE
from simulator.cycle.leap_sums import LANES, bits_between, op_value, read_activations, read_synapses, sum_mask
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Dataflow
from workloads.host.jit import njit_in_place
from workloads.ops.vectors import changed, load, nothing, plus, store, total


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, TABLE))
def keep_begun(parameters, leap, registers):
    """Keep what PEs hold as the leap begins, when the last rows in use, or neutral ones, have come to the first PEs."""
    rows, cols = parameters.rows, parameters.cols
    for row in range(rows):
        for col in range(cols):
            leap.stills[rows + 1 - FLUSHED + row, col] = registers[STILL, row * cols + col]
            leap.psums[row, col] = signed(registers[VALUE, row * cols + col], parameters.psum_bits)


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, int64))
def fill_terms(parameters, leap, count):
    """Write to terms [count, C and more] what rows of `stills` and neutral operands make."""
    op, cols, patterns, values, terms = leap.facts.op, parameters.cols, leap.patterns, leap.values, leap.terms
    ws = parameters.dataflow == Dataflow.WS
    patterns[0] = parameters.neutral_x if ws else parameters.neutral_synapse
    if ws:
        read_activations(parameters, op, patterns[:1], values[0, :1])
    else:
        read_synapses(parameters, op, patterns[:1], values[0, :1], values[1, :1])
    neutral, sign = values[0, 0], values[1, 0]
    for i in range(count):
        if ws:
            read_synapses(parameters, op, leap.stills[i], values[0, :cols], values[1, :cols])
        else:
            read_activations(parameters, op, leap.stills[i], values[0, :cols])
        for col in range(cols):
            if ws:
                terms[i, col] = op_value(op, neutral, values[0, col], values[1, col])
            else:
                terms[i, col] = op_value(op, values[0, col], neutral, sign)


@njit_in_place(int64(PARAMETERS_RECORD, LEAP_TYPE))
def step_psums(parameters, leap):
    """Take clock edges, counted from the preload's first; return the bits that change in psums."""
    rows, stages, psums, terms = parameters.rows, parameters.stages, leap.psums, leap.terms
    width, mask, bits, changes = psums.shape[1], sum_mask(parameters), nothing(psums), int64(0)
    for edge in range(FLUSHED, 2 * rows + stages):
        for row in range(rows - 1, max(0, edge - rows - stages) - 1, -1):
            place, first = row * width, psums[row, 0]
            term = (max(rows - edge + stages, 0) + row) * width
            for at in range(0, width, LANES):
                above = load(psums, place - width + at) if row > 0 else nothing(psums)
                after = plus(above, load(terms, term + at))
                bits = plus(bits, changed(load(psums, place + at), after, mask))
                store(psums, place + at, after)
            if edge == rows + row + stages:  # The fold's first operand has come to the first column already.
                changes -= bits_between(first, psums[row, 0], mask)
                psums[row, 0] = first
    return changes + total(bits)


@njit_in_place(int64(PARAMETERS_RECORD, LEAP_TYPE))
def still_changes(parameters, leap):
    """Return the bits that change in what stays in PEs: `stills` goes down by a row in each cycle."""
    rows, changes = parameters.rows, int64(0)
    for i in range(2 * rows - FLUSHED):
        bits = int64(0)
        for col in range(parameters.cols):
            bits += population(leap.stills[i, col] ^ leap.stills[i + 1, col])
        changes += bits * (min(rows, 2 * rows - 1 - i) - max(FLUSHED, rows - i) + 1)
    return changes


@njit_in_place(void(PARAMETERS_RECORD, LEAP_TYPE, TABLE, TABLE))
def count_preload(parameters, leap, registers, staged):
    """Count what changes until the fold's first operands come; registers: with what stays in the PEs during the fold.

    staged: what stood between two stages as the leap began.
    """
    facts, rows, cols, stages = leap.facts, parameters.rows, parameters.cols, parameters.stages
    for row in range(rows + 1 - FLUSHED):
        copy_row(leap.stills[row], registers[STILL, row * cols : (row + 1) * cols])
    facts.toggles[STILL] += still_changes(parameters, leap)
    fill_terms(parameters, leap, 2 * rows + 1 - FLUSHED)
    if stages == 2:
        for row in range(rows):
            for col in range(cols):
                leap.terms[rows + 2 - FLUSHED + row, col] = staged[0, row * cols + col]
    facts.toggles[VALUE] += step_psums(parameters, leap)
