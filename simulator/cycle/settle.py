"""The end of a leap: registers, memories and counts become what the steps of its cycles would have left."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.array import MOVING, STILL, VALUE
from simulator.cycle.bits import ROW, flag
from simulator.cycle.counters import COUNTERS_RECORD
from simulator.cycle.descriptor import PRESENT, PRESENT_LAYER
from simulator.cycle.leap import count_leap, find_fold, find_reads, find_sums, settle_folds
from simulator.cycle.leap_array import settle_draining
from simulator.cycle.leap_columns import count_last, settle_psums, settle_still, sum_columns
from simulator.cycle.leap_edges import begin_edges, settle_channels, settle_stages, settle_tags
from simulator.cycle.leap_operands import hand_synapses, settle_sides
from simulator.cycle.leap_preload import count_preload, keep_begun
from simulator.cycle.leap_toggles import count_ends
from simulator.cycle.machine import MACHINE
from simulator.cycle.op import apply_op
from simulator.encoding import MATMUL, Dataflow
from workloads.host.jit import njit_in_place


@njit_in_place(void(MACHINE, COUNTERS_RECORD, ROW, int64))
def settle(machine, counts, toggles, cycles):
    """End a leap over so many cycles: what folds, array and edges hold, but for the folds' own places as they began.

    toggles [3]: where bits that change are counted; [0]: they aren't.
    """
    parameters, folds, leap, facts, array = (
        machine.parameters,
        machine.folds,
        machine.leap,
        machine.leap.facts,
        machine.array,
    )
    tile, layer = machine.descriptors.tiles[PRESENT], machine.descriptors.layers[PRESENT_LAYER]
    operands, filters, edges, registers = machine.operands, machine.filters, machine.edges, machine.array.registers
    facts.op, facts.polar = array.state.op_reg, array.state.polar and not flag(layer.flag_bits, MATMUL)
    facts.filter_half, facts.ofmap_half = machine.sequencer.filter_half_reg, machine.sequencer.ofmap_half_reg
    channels, slot = filters.channels[facts.filter_half], array.state.col_slot
    find_fold(parameters, facts, folds, cycles)
    find_reads(parameters, facts, folds, tile)
    find_sums(parameters, facts, folds, tile, layer)
    count_leap(parameters, facts, counts)
    facts.counted = toggles.shape[0]
    if facts.counted:
        facts.toggles[:] = 0
        count_ends(parameters, leap, operands, filters)
    if parameters.dataflow == Dataflow.OS:
        settle_draining(parameters, leap, operands, filters, registers)
        edges.state.cycles_left -= cycles
        settle_channels(parameters, facts, edges, channels, slot, edges.channel_word[0])
    else:
        before = begin_edges(parameters, facts, edges, channels, folds.channel_rows.row_reg)
        if facts.counted:
            keep_begun(parameters, leap, registers)
        settle_still(parameters, leap, operands, filters, registers)
        if facts.counted:
            count_preload(parameters, leap, registers, array.staged)
        sum_columns(parameters, leap, operands, filters, edges, layer)
        settle_psums(parameters, leap, operands, filters, registers)
        if facts.counted:
            count_last(parameters, leap, operands, filters, registers[VALUE])
        settle_channels(parameters, facts, edges, channels, slot, before)
        settle_tags(parameters, facts, folds)
        settle_stages(parameters, facts, edges, counts)
    settle_sides(parameters, facts, array, operands, filters)
    if parameters.stages == 2:
        turned = parameters.dataflow == Dataflow.IS
        x, synapses = registers[STILL if turned else MOVING], registers[MOVING if turned else STILL]
        apply_op(parameters, facts.op, x, synapses, array.staged[0])
    # The scratchpad of polarity has answered last for the last synapses that were read.
    last_read = facts.reads_before + facts.filter_reads - 1
    hand_synapses(parameters, facts, filters, last_read, leap.patterns[: array.synapse_out.shape[0]])
    settle_folds(parameters, facts, folds)
    machine.wires.x_held = parameters.dataflow == Dataflow.OS and facts.last - 1 < facts.time
    array.state.quiet = 0
    if facts.counted:
        for register in range(toggles.shape[0]):
            toggles[register] += facts.toggles[register]
