"""limen_array with limen_skew in front: R x C PEs, operands from the left and from the top."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import CUBE, ROW, TABLE, population
from simulator.cycle.op import BROUGHT, apply_stages
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.shadow import step_shadows, step_waves
from simulator.cycle.wires import PARAMETERS_RECORD
from simulator.encoding import Dataflow
from workloads.host.jit import njit_in_place

MOVING, STILL, VALUE = range(3)
"""Registers of a PE: os: x, synapse, accumulator; ws, is: moving, stationary, psum."""

ARRAY = record_type("op_reg", "polar", "row_slot", "col_slot", "last_shift", "quiet")
"""Op of the tile that is computed, this cycle's places in the skew lines, and whether the last edge changed nothing."""

ARRAY_RECORD = from_dtype(ARRAY)


class Array(NamedTuple):
    """state: ARRAY. registers [3, R * C]: of the PEs; pe [3, R, C]: the same memory. fresh: what they load next.
    staged [3, R * C]: what stands between the two stages of PEs that have two, see `apply_stages`.

    x_out, synapse_out: what memories hand out; left_out, top_out: the same, by the array's side. left_line [R, R],
    top_line [C, C]: skew registers, by cycle modulo their length and lane. left, top: what reaches the array.
    """

    state: np.record
    registers: np.ndarray
    pe: np.ndarray
    fresh: np.ndarray
    staged: np.ndarray
    x_out: np.ndarray
    synapse_out: np.ndarray
    left_out: np.ndarray
    top_out: np.ndarray
    left_line: np.ndarray
    top_line: np.ndarray
    left: np.ndarray
    top: np.ndarray


ARRAY_TYPE = Reference(Array, [ARRAY_RECORD, TABLE, CUBE, TABLE, TABLE, *[ROW] * 4, TABLE, TABLE, ROW, ROW])


@njit_in_place(int64(TABLE, int64, ROW, ROW))
def step_skew(line, slot, straight, out):
    """Hand lane i what it was given i cycles ago; return whether any lane gets something new."""
    lanes, changed = out.shape[0], int64(0)
    for lane in range(lanes):
        line[slot, lane] = straight[lane]
        operand = line[slot - lane + (lanes if lane > slot else 0), lane]
        changed |= out[lane] ^ operand
        out[lane] = operand
    return changed


@njit_in_place(int64(ROW, ROW))
def pass_straight(straight, out):
    """Hand every lane what it is given; return whether any lane gets something new."""
    changed = int64(0)
    for lane in range(out.shape[0]):
        changed |= out[lane] ^ straight[lane]
        out[lane] = straight[lane]
    return changed


@njit_in_place(int64(ROW, ROW, int64))
def load_registers(registers, fresh, counted):
    """Take a clock edge; return how many bits changed, or, where they aren't counted, whether any did."""
    changed = int64(0)
    if counted:
        for i in range(registers.shape[0]):
            changed += population(registers[i] ^ fresh[i])
            registers[i] = fresh[i]
    else:
        for i in range(registers.shape[0]):
            changed |= registers[i] ^ fresh[i]
            registers[i] = fresh[i]
    return changed


@njit_in_place(void(TABLE, TABLE, ROW, ROW, int64))
def pass_operands(registers, fresh, left, top, cols):
    """Let operands go on to the right and down."""
    moving, still, from_left, from_top = registers[MOVING], registers[STILL], fresh[MOVING], fresh[STILL]
    pes = moving.shape[0]
    for i in range(pes - 1):
        from_left[i + 1] = moving[i]
    for row in range(pes // cols):
        from_left[row * cols] = left[row]
    for col in range(cols):
        from_top[col] = top[col]
    for i in range(pes - cols):
        from_top[i + cols] = still[i]


@njit_in_place(inline="always")
def fill_brought(registers, fresh, parameters, brought):
    """Let an op that Limen does not have write its values."""
    still, from_left = registers[STILL], fresh[MOVING]
    x, synapse = from_left, still
    if parameters.dataflow == Dataflow.OS:
        synapse = fresh[STILL]
    elif parameters.dataflow == Dataflow.IS:
        x, synapse = still, from_left
    brought(parameters.x_bits, parameters.w_bits, parameters.x_signed, x, synapse, fresh[VALUE])


@njit_in_place(int64(TABLE, TABLE, TABLE, PARAMETERS_RECORD, int64, int64))
def add_values(registers, fresh, staged, parameters, op, shift):
    """Set what accumulators (os) or psums (ws, is) become; return whether anything changes between two stages."""
    dataflow, cols, mask = parameters.dataflow, parameters.cols, (int64(1) << parameters.psum_bits) - 1
    still, value = registers[STILL], registers[VALUE]
    from_left, from_top, result, pes = fresh[MOVING], fresh[STILL], fresh[VALUE], value.shape[0]
    if dataflow == Dataflow.OS:
        changed = int64(0)
        if parameters.stages == 2 or not shift:
            changed = apply_stages(staged, parameters, op, from_left, from_top, result)
        if shift:
            result[:cols] = 0
            for i in range(pes - cols):
                result[i + cols] = value[i]
        else:
            for i in range(pes):
                result[i] = (value[i] + result[i]) & mask
    else:
        x, synapse = (still, from_left) if dataflow == Dataflow.IS else (from_left, still)
        changed = apply_stages(staged, parameters, op, x, synapse, result)
        for col in range(cols):
            result[col] &= mask
        for i in range(pes - cols):
            result[i + cols] = (value[i] + result[i + cols]) & mask
    return changed


@njit_in_place(int64(TABLE, TABLE, PARAMETERS_RECORD, int64, ROW))
def load_array(registers, fresh, parameters, shift, toggles):
    """Take the clock edge and return whether anything changes; add the bits that do to toggles [3]; [0]: uncounted."""
    counted, stills = toggles.shape[0], int64(0)
    moved = load_registers(registers[MOVING], fresh[MOVING], counted)
    if parameters.dataflow == Dataflow.OS or shift:
        stills = load_registers(registers[STILL], fresh[STILL], counted)
    values = load_registers(registers[VALUE], fresh[VALUE], counted)
    if counted:
        toggles[MOVING] += moved
        toggles[STILL] += stills
        toggles[VALUE] += values
    return moved | stills | values


@njit_in_place(void(TABLE, TABLE, ROW, ROW, int64))
def turn_pes(registers, fresh, shadow, load_in, dataflow):
    """Let PEs turn to their next fold where folds overlap: load_in [R * C]."""
    still, from_shadow = registers[STILL], fresh[STILL]
    for i in range(load_in.shape[0]):
        if dataflow == Dataflow.OS:
            fresh[VALUE, i] = int64(0) if load_in[i] else fresh[VALUE, i]
        else:
            from_shadow[i] = shadow[i] if load_in[i] else still[i]


@njit_in_place(inline="always")
def step_overlapped(array, shadows, parameters, wires, toggles, brought):
    """As `step_array`, with shadows beside the PEs."""
    state, registers, fresh, dataflow = array.state, array.registers, array.fresh, parameters.dataflow
    changed = step_waves(shadows, dataflow == Dataflow.OS, wires.array_load, wires.array_shift)
    changed |= step_skew(array.left_line, state.row_slot, array.left_out, array.left)
    changed |= step_skew(array.top_line, state.col_slot, array.top_out, array.top)
    if changed or not state.quiet:
        pass_operands(registers, fresh, array.left, array.top, parameters.cols)
        if state.op_reg == BROUGHT:
            fill_brought(registers, fresh, parameters, brought)
        staged = add_values(registers, fresh, array.staged, parameters, state.op_reg, 0)
        turn_pes(registers, fresh, shadows.value, shadows.load_in, dataflow)
        moved = step_shadows(shadows, dataflow, registers[VALUE], array.top)
        loaded = load_array(registers, fresh, parameters, 1, toggles)
        state.quiet = loaded == 0 and not (staged | moved)


@njit_in_place(inline="always")
def step_array(array, parameters, shift, toggles, brought):
    """Take the clock edge; without a change at two edges there will be none."""
    state = array.state
    changed = state.last_shift ^ shift
    state.last_shift = shift
    changed |= step_skew(array.left_line, state.row_slot, array.left_out, array.left)
    if parameters.dataflow == Dataflow.OS:
        changed |= step_skew(array.top_line, state.col_slot, array.top_out, array.top)
    else:
        changed |= pass_straight(array.top_out, array.top)
    if changed or not state.quiet:
        registers, fresh = array.registers, array.fresh
        pass_operands(registers, fresh, array.left, array.top, parameters.cols)
        if state.op_reg == BROUGHT:
            fill_brought(registers, fresh, parameters, brought)
        staged = add_values(registers, fresh, array.staged, parameters, state.op_reg, shift)
        state.quiet = load_array(registers, fresh, parameters, shift, toggles) == 0 and not staged


@njit_in_place(void(ARRAY_RECORD, PARAMETERS_RECORD, int64))
def step_slots(state, parameters, cycles):
    """Go on in the skew lines."""
    state.row_slot = (state.row_slot + cycles) % parameters.rows
    state.col_slot = (state.col_slot + cycles) % parameters.cols
