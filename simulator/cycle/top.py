"""limen_top's kernel: steps every register of the Verilog, clock edge by clock edge.

It sees only arrays, records and integers. State, phases and names are those of the Verilog; operands are bit patterns,
partial sums and accumulators are patterns of their own width. Every module's function reads what the registers hold
before the clock edge and leaves what they hold after it; `run_program` calls them so that no module sees another's next
cycle. Addresses that wrap in 16 bits do so only where something uses them.
"""

from __future__ import annotations

from functools import cache

from numba import int64, void

from simulator.cycle import dma as transfers
from simulator.cycle import folds as fold_states
from simulator.cycle import scatter as scatter_unit
from simulator.cycle import sequencer as programs
from simulator.cycle.ahead import step_ahead
from simulator.cycle.array import VALUE, step_array, step_overlapped, step_slots
from simulator.cycle.bits import flag
from simulator.cycle.counters import COUNTERS_RECORD
from simulator.cycle.descriptor import NEXT, PRESENT, PRESENT_LAYER, STORED
from simulator.cycle.dma import announce, step_dma
from simulator.cycle.edge import REST, show_channels, step_edges
from simulator.cycle.folds import rest_folds, step_folds
from simulator.cycle.generator import give_signs, step_generator
from simulator.cycle.im2col import step_im2col
from simulator.cycle.kept import KEPT, keep_registers, keep_signals
from simulator.cycle.leap import leap_cycles, take_block
from simulator.cycle.leap_feeder import fill_operands, transfers_rest
from simulator.cycle.loads import fill_scratchpads
from simulator.cycle.machine import MACHINE
from simulator.cycle.op import bring_nothing
from simulator.cycle.operands import read_operands, write_operands
from simulator.cycle.overlap import preload_steps, step_overlap
from simulator.cycle.packer import start_packer, step_packer
from simulator.cycle.pool import step_pool
from simulator.cycle.port import move_beat, offer, step_port
from simulator.cycle.reference import by_reference
from simulator.cycle.scatter import start_scatter, take_residuals, write_step
from simulator.cycle.scratchpad import read_row
from simulator.cycle.sequencer import decide, step_sequencer, take_descriptor
from simulator.cycle.settle import settle
from simulator.cycle.synapses import start_synapses, synapses_wait, write_synapses
from simulator.encoding import (
    LOAD_IFMAP,
    MATMUL,
    OP_MASK,
    OP_PLACE,
    RAW,
    SEVERAL_OPS,
    TRANSPOSED,
    Dataflow,
    Kind,
    Phase,
    Polarity,
)
from workloads.host.jit import njit_in_place
from workloads.ops.kernel_types import PATTERNS_FUNCTION

_machine, _kept = by_reference(MACHINE), by_reference(KEPT)


@njit_in_place(inline="always")
def present_tile(machine):
    """Return the tile that is computed: in the cycle that starts it, it is still the next one."""
    return machine.descriptors.tiles[NEXT if machine.wires.compute_start else PRESENT]


@njit_in_place(void(MACHINE, COUNTERS_RECORD, int64))
def begin_cycle(machine, counts, cycle):
    """Sequencer, DMA and memory port say what happens in this cycle; a beat moves."""
    dma, wires, parameters = machine.dma, machine.wires, machine.parameters
    wires.dma_busy = dma.state_reg != transfers.IDLE
    wires.compute_busy = machine.folds.registers.state_reg != fold_states.IDLE
    waiting = max(machine.scatter.registers.count_reg, machine.synapses.tensor.registers.count_reg)
    wires.scatter_busy = waiting >= parameters.feeder * parameters.x_bits
    decide(machine.sequencer, machine.descriptors, wires)
    step_ahead(machine.ahead, wires, parameters.overlap, machine.im2col.registers.active_reg)
    announce(dma, machine.descriptors.tiles[NEXT], wires)
    offer(machine.port, dma, wires, machine.packer.registers.beat_valid_reg, cycle)
    if wires.moved:
        counts.beats[wires.kind] += 1
        move_beat(machine.port, machine.packer.beat, wires)


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def name_phase(machine, counts):
    """Count the cycle as a phase of the folds, or as a stall by what is waited for."""
    wires, phase = machine.wires, machine.folds.registers.state_reg
    transfer = wires.dma_busy and machine.dma.state_reg != transfers.PICK
    if machine.parameters.overlap and phase == fold_states.STALL_FEEDER and not machine.overlap.registers.begun_reg:
        if preload_steps(machine.folds, machine.overlap, machine.parameters):
            phase = int64(Phase.PRELOAD)
    if not wires.compute_busy:
        phase = int64(Phase.STALL_CONTROL)
        if transfer and wires.kind == Kind.STORE:
            phase = int64(Phase.STALL_OFMAP)
        elif transfer and wires.kind == Kind.FILTER:
            phase = int64(Phase.STALL_FILTER)
        elif (transfer and wires.kind >= Kind.IFMAP) or (not wires.dma_busy and wires.scatter_busy):
            phase = int64(Phase.STALL_IFMAP)
    wires.phase = phase
    counts.phases[phase] += 1
    counts.tiles += wires.compute_start


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def run_folds(machine, counts):
    """Step the folds, and count what of the array is in use."""
    wires, folds, im2col = machine.wires, machine.folds, machine.im2col
    wires.fold_state, wires.fold_count = folds.registers.state_reg, folds.registers.count_reg
    wires.hold = machine.pool.registers.pool_wait_reg
    wires.pool_busy = im2col.registers.active_reg or wires.hold
    layer = machine.descriptors.layers[PRESENT_LAYER]
    if machine.parameters.overlap:
        if wires.compute_start or wires.compute_busy:
            wires.block_filled = im2col.registers.block_ends_reg
            step_overlap(folds, machine.overlap, machine.parameters, wires, layer, present_tile(machine))
    elif wires.compute_start or wires.compute_busy or folds.registers.array_state_reg != fold_states.IDLE:
        tile = present_tile(machine)
        step_folds(folds, machine.parameters, wires, layer, tile, im2col.registers.block_ends_reg)
    else:
        rest_folds(folds.registers, machine.parameters)
    counts.folds += wires.fold_ends
    counts.streaming += wires.streaming
    counts.busy += wires.used_rows * wires.used_cols
    counts.used_rows += wires.used_rows
    counts.used_cols += wires.used_cols


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def run_edges(machine, counts):
    """Step the edges, if something is under way in them."""
    edges, wires, slot = machine.edges, machine.wires, machine.array.state.col_slot
    edges.channel_line[slot] = edges.channel_word[0]
    edges.state.cycles_left = (
        machine.parameters.cols + REST if wires.edge_valid or wires.edge_begins else edges.state.cycles_left - 1
    )
    if edges.state.cycles_left > 0:
        wires.edge_reads, wires.edge_writes = 0, 0
        bottom = machine.array.pe[VALUE, machine.parameters.rows - 1]
        if machine.parameters.overlap and machine.parameters.dataflow == Dataflow.OS:
            bottom = machine.shadows.value[-machine.parameters.cols :]
        show_channels(edges, machine.parameters, slot)
        layer, half = machine.descriptors.layers[PRESENT_LAYER], machine.sequencer.ofmap_half_reg
        step_edges(edges, machine.parameters, wires, layer, bottom, half)
        counts.ofmap_reads += wires.edge_reads
        counts.ofmap_writes += wires.edge_writes


@njit_in_place(int64(MACHINE))
def has_polarity(machine):
    """Return whether synapses of the layer have polarity other than +1."""
    matmul = flag(machine.descriptors.layers[PRESENT_LAYER].flag_bits, MATMUL)
    return int64(machine.array.state.polar and not matmul)


@njit_in_place(void(MACHINE))
def run_generator(machine):
    """Put generated signs beside the weights that were read, and step the generator."""
    wires, generator = machine.wires, machine.generator
    layer, tile = machine.descriptors.layers[PRESENT_LAYER], present_tile(machine)
    if wires.filter_read and has_polarity(machine):
        give_signs(generator, machine.parameters, wires, layer, machine.array.synapse_out)
    if wires.compute_start or wires.compute_busy:
        step_generator(generator, machine.parameters, wires, layer, tile)


@njit_in_place(inline="always")
def run_array(machine, toggles, brought):
    """Step the array, with its shadows where folds overlap."""
    array, parameters, wires = machine.array, machine.parameters, machine.wires
    if parameters.overlap:
        step_overlapped(array, machine.shadows, parameters, wires, toggles, brought)
    else:
        step_array(array, parameters, wires.array_shift, toggles, brought)


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def run_filters(machine, counts):
    """Let the scratchpads of filters answer: operands of the next cycle, neutral ones where none are read."""
    wires, filters, synapses = machine.wires, machine.filters, machine.array.synapse_out
    half, w_bits, polarity_word = machine.sequencer.filter_half_reg, machine.parameters.w_bits, filters.polarity_word
    synapses[:] = machine.parameters.neutral_synapse
    if wires.filter_read:
        counts.weight_reads += 1
        read_row(filters.weights[half], wires.filter_row, synapses)
    if machine.parameters.polarity == Polarity.GENERATED:
        run_generator(machine)
    elif wires.filter_read and has_polarity(machine):
        counts.polarity_reads += 1
        read_row(filters.polarities[half], wires.polarity_row, polarity_word)
        for lane in range(synapses.shape[0]):
            synapses[lane] |= polarity_word[0 if polarity_word.shape[0] == 1 else lane] << w_bits
    if wires.channel_read:
        counts.channel_reads += 1
        read_row(filters.channels[half], wires.channel_row, machine.edges.channel_word)


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def run_operands(machine, counts):
    """Hand out operands of the next cycle."""
    wires, x_out = machine.wires, machine.array.x_out
    if wires.x_read or wires.x_held:
        read_operands(machine.operands, x_out, machine.parameters, wires)
    wires.x_held = wires.x_read
    if wires.x_read:
        counts.operand_reads += min(x_out.shape[0], wires.x_lanes_left)


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def take_word(machine, counts):
    """Take the word the im2col unit has read into operand memory."""
    wires, im2col = machine.wires, machine.im2col
    if im2col.registers.write_valid_reg and not wires.pool:
        counts.operand_writes += write_operands(
            machine.operands, im2col.ifmap_word, im2col.registers, machine.parameters
        )


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def run_packer(machine, counts):
    """Step the packer while a tile is stored."""
    packer, wires, descriptors = machine.packer, machine.wires, machine.descriptors
    half, stored_tile = 1 - machine.sequencer.ofmap_half_reg, descriptors.tiles[STORED]
    if wires.dma_busy and wires.kind == Kind.STORE:
        answer, banks = machine.edges.answer[half], machine.edges.ofmap[half]
        counts.pack_reads += step_packer(packer, answer, banks, stored_tile, machine.parameters, wires.pack_taken)
    if wires.pack_start:
        start_packer(packer, stored_tile, flag(descriptors.layers[PRESENT_LAYER].flag_bits, RAW))


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def run_synapses(machine, counts):
    """Step the unit that puts a tensor into the other half of the scratchpad of weights."""
    unit, wires, parameters = machine.synapses, machine.wires, machine.parameters
    layer = machine.descriptors.layers[PRESENT_LAYER]
    matmul, transposed = flag(layer.flag_bits, MATMUL), flag(layer.residual_shift, TRANSPOSED)
    if matmul and synapses_wait(unit, transposed, parameters):
        half = machine.filters.weights[1 - machine.sequencer.filter_half_reg]
        counts.weight_writes += write_synapses(unit, half, transposed, parameters)
    if matmul and wires.beat_valid and wires.kind == Kind.RESIDUAL:
        take_residuals(unit.tensor, machine.port.beat, wires.beat_first)
    if matmul and wires.residual_start:
        start_synapses(unit, machine.descriptors.tiles[NEXT], transposed, parameters)


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def run_scatter(machine, counts):
    """Step the scatter unit: it belongs to the tile being pooled, or to the one whose residual is being loaded."""
    scatter, wires, sequencer, descriptors = machine.scatter, machine.wires, machine.sequencer, machine.descriptors
    wires.scattered, wires.pool_taken = 0, 0
    if scatter_unit.steps(scatter, machine.pool.registers.out_valid_reg, machine.parameters):
        half = sequencer.ofmap_half_reg if wires.pool else 1 - sequencer.ofmap_half_reg
        write_step(scatter, machine.pool, machine.edges.ofmap[half], machine.parameters, wires)
        counts.scatter_writes += wires.scattered
    layer = descriptors.layers[PRESENT_LAYER]
    matmul = flag(layer.flag_bits, MATMUL)
    if wires.beat_valid and wires.kind == Kind.RESIDUAL and not (wires.pool or matmul):
        take_residuals(scatter, machine.port.beat, wires.beat_first)
    if wires.compute_start if wires.pool else wires.residual_start and not matmul:
        tile = present_tile(machine) if wires.pool else descriptors.tiles[NEXT]
        start_scatter(scatter, tile, 0 if wires.pool else layer.residual_shift)


@njit_in_place(void(MACHINE))
def run_pool(machine):
    """Let the pooling unit compare the word the im2col unit has read."""
    pool, wires, im2col, parameters = machine.pool, machine.wires, machine.im2col, machine.parameters
    if wires.pool_taken:
        pool.registers.out_valid_reg, pool.registers.pool_wait_reg = 0, 0
    if wires.pool and im2col.registers.write_valid_reg:
        lowest = machine.descriptors.layers[PRESENT_LAYER].y_low & ((int64(1) << parameters.x_bits) - 1)
        step_pool(pool, im2col, lowest, parameters)


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def run_im2col(machine, counts):
    """Step the im2col unit."""
    im2col, wires, pool, sequencer = machine.im2col, machine.wires, machine.pool.registers, machine.sequencer
    im2col.registers.write_valid_reg, im2col.registers.block_ends_reg = 0, 0
    wires.issue, wires.pixel_ends, wires.ifmap_read = 0, 0, 0
    if wires.begin_tile or wires.release_block or im2col.registers.active_reg:
        layer, tile, half = machine.descriptors.layers[PRESENT_LAYER], present_tile(machine), sequencer.ifmap_half_reg
        if wires.ahead:
            tile = machine.descriptors.tiles[NEXT]
            half ^= flag(tile.flag_bits, LOAD_IFMAP)
        step_im2col(im2col, machine.parameters, machine.ifmap[half], layer, tile, wires)
    pool.pool_wait_reg |= wires.pool and wires.issue and wires.pixel_ends
    counts.ifmap_reads += wires.ifmap_read


@njit_in_place(void(MACHINE))
def choose_op(machine):
    """Take a layer's op when a tile of it begins: it stays as it is from the first operand to the last."""
    if machine.parameters.op == SEVERAL_OPS and machine.wires.compute_start:
        state, op = machine.array.state, (machine.descriptors.layers[PRESENT_LAYER].flag_bits >> OP_PLACE) & OP_MASK
        state.quiet = state.quiet and state.op_reg == op
        state.op_reg = op
        state.polar = machine.parameters.polar_ops >> op & 1


@njit_in_place(void(MACHINE, int64))
def end_cycle(machine, cycle):
    """Memory port, DMA and sequencer take the clock edge."""
    wires, descriptors, dma = machine.wires, machine.descriptors, machine.dma
    step_port(machine.port, dma, wires, machine.parameters, cycle)
    matmul = flag(descriptors.layers[PRESENT_LAYER].flag_bits, MATMUL)
    step_dma(dma, descriptors.tiles[NEXT], descriptors.tiles[STORED], wires, matmul)
    take_descriptor(descriptors, machine.port.beat, wires)
    step_sequencer(machine.sequencer, descriptors, wires)
    step_slots(machine.array.state, machine.parameters, 1)


@njit_in_place(inline="always")
def run_cycles(machine, kept, brought):
    """Run the program at beat 0 of the memory behind the port from `start` to `done` and return its cycles.

    brought: the compiled function of an op that brings Verilog of its own.
    """
    cycle, sequencer, leap, left = int64(0), machine.sequencer, int64(0), int64(0)
    synapses = machine.synapses.tensor.registers
    while sequencer.state_reg != programs.IDLE and cycle < kept.wishes.until:
        layer = sequencer.layers_done
        counts = kept.counters[layer]
        if kept.wishes.leaps and not left:
            time, op = machine.folds.signals.time_size, machine.array.state.op_reg
            leap = left = leap_cycles(
                machine.parameters, machine.folds.registers, time, op, kept.wishes.until - cycle - 1
            )
        if left and transfers_rest(machine.dma, machine.scatter.registers, synapses, machine.parameters):
            fill_operands(machine, counts, left)
            settle(machine, counts, kept.toggles[layer], leap)
            cycle, left = cycle + left, int64(0)
        begin_cycle(machine, counts, cycle)
        if left:
            take_block(machine.folds.registers, machine.im2col.registers.block_ends_reg)
        else:
            name_phase(machine, counts)
            run_folds(machine, counts)
            run_edges(machine, counts)
            run_array(machine, kept.toggles[layer], brought)
            run_filters(machine, counts)
            run_operands(machine, counts)
        take_word(machine, counts)
        run_packer(machine, counts)
        run_scatter(machine, counts)
        run_synapses(machine, counts)
        run_pool(machine)
        run_im2col(machine, counts)
        fill_scratchpads(machine, counts)
        choose_op(machine)
        end_cycle(machine, cycle)
        if cycle < kept.signals.shape[0]:
            keep_signals(machine, kept.signals[cycle])
        cycle += 1
        keep_registers(machine, kept, cycle)
        if left == 1:
            settle(machine, counts, kept.toggles[layer], leap)
        left = max(left - 1, 0)
    return cycle


@njit_in_place(int64(MACHINE.values, KEPT.values), from_python=True)
def run_program(machine, kept):
    """Run a program of Limen's own ops, see `run_cycles`."""
    return run_cycles(_machine(machine), _kept(kept), bring_nothing)


def _run_brought(machine, kept, brought):
    return run_cycles(_machine(machine), _kept(kept), brought)


@cache
def brought_program():
    """Return `run_cycles` for an op that brings Verilog of its own, compiled where one is run: others are faster."""
    return njit_in_place(int64(MACHINE.values, KEPT.values, PATTERNS_FUNCTION), from_python=True)(_run_brought)
