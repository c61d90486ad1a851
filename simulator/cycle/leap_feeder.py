"""The rest of a leap in which nothing moves over the port: of all units im2col alone goes on, to full blocks."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle import dma as transfers
from simulator.cycle.array import step_slots
from simulator.cycle.counters import COUNTERS_RECORD
from simulator.cycle.descriptor import PRESENT, PRESENT_LAYER
from simulator.cycle.dma import DMA_RECORD
from simulator.cycle.im2col import step_im2col
from simulator.cycle.leap import take_block
from simulator.cycle.machine import MACHINE
from simulator.cycle.operands import write_operands
from simulator.cycle.scatter import SCATTER_RECORD
from simulator.cycle.wires import PARAMETERS_RECORD
from workloads.host.jit import njit_in_place


@njit_in_place(int64(DMA_RECORD, SCATTER_RECORD, SCATTER_RECORD, PARAMETERS_RECORD))
def transfers_rest(dma, scatter, synapses, parameters):
    """Return whether nothing moves, or waits to be written, until the tile that is computed is through."""
    waiting = max(scatter.count_reg, synapses.count_reg)
    return int64(dma.state_reg == transfers.IDLE and waiting < parameters.feeder * parameters.x_bits)


@njit_in_place(void(MACHINE, COUNTERS_RECORD, int64))
def fill_operands(machine, counts, cycles):
    """Go to the end of a leap in which no transfer moves: blocks of operands are filled, and none is released."""
    layer, tile, port = machine.descriptors.layers[PRESENT_LAYER], machine.descriptors.tiles[PRESENT], machine.port
    ifmap, folds, wires = machine.ifmap[machine.sequencer.ifmap_half_reg], machine.folds.registers, machine.wires
    parameters, im2col, registers = machine.parameters, machine.im2col, machine.im2col.registers
    for _ in range(cycles):
        take_block(folds, registers.block_ends_reg)
        if registers.write_valid_reg:
            counts.operand_writes += write_operands(machine.operands, im2col.ifmap_word, registers, parameters)
        registers.write_valid_reg, registers.block_ends_reg, wires.ifmap_read = 0, 0, 0
        full = not registers.filling_reg and registers.claimed_reg[registers.half_reg]
        if full or not registers.active_reg:
            break
        step_im2col(im2col, parameters, ifmap, layer, tile, wires)
        counts.ifmap_reads += wires.ifmap_read
    step_slots(machine.array.state, parameters, cycles)
    port.state.place = (port.state.place + cycles) % port.mask.shape[0]
