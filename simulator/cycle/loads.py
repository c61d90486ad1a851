"""Beats into scratchpads: activations, weights, polarities, biases and shifts of the tile that comes next."""

from __future__ import annotations

from numba import void

from simulator.cycle.counters import COUNTERS_RECORD
from simulator.cycle.descriptor import NEXT
from simulator.cycle.machine import MACHINE
from simulator.cycle.scratchpad import fill_scratchpad
from simulator.encoding import SHIFT_BITS, Kind
from workloads.host.jit import njit_in_place


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def load_ifmap(machine, counts):
    """Take a beat into the other half of the ifmap scratchpad."""
    ports, next_tile = machine.scratchpad.registers, machine.descriptors.tiles[NEXT]
    ports.skip, ports.first_row = next_tile.skip, machine.dma.base_reg
    ports.rows, ports.width = next_tile.plane_words, machine.parameters.x_bits
    half = machine.ifmap[1 - machine.sequencer.ifmap_half_reg]
    counts.ifmap_writes += fill_scratchpad(machine.scratchpad, half, machine.port.beat, machine.wires.beat_first)


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def load_filters(machine, counts):
    """Take a beat into the other half of the scratchpad of weights, of polarity, or of bias and shift."""
    ports, next_tile, parameters = machine.scratchpad.registers, machine.descriptors.tiles[NEXT], machine.parameters
    beat, first, filters = machine.port.beat, machine.wires.beat_first, machine.filters
    half = 1 - machine.sequencer.filter_half_reg
    ports.skip, ports.first_row = 0, 0
    if machine.dma.plane_reg == 0:
        ports.rows, ports.width = next_tile.weight_rows, parameters.w_bits
        counts.weight_writes += fill_scratchpad(machine.scratchpad, filters.weights[half], beat, first)
    elif machine.dma.plane_reg == 1:
        ports.rows, ports.width = next_tile.polarity_rows, 1
        counts.polarity_writes += fill_scratchpad(machine.scratchpad, filters.polarities[half], beat, first)
    else:
        ports.rows, ports.width = next_tile.channel_rows, parameters.acc_bits + SHIFT_BITS
        counts.channel_writes += fill_scratchpad(machine.scratchpad, filters.channels[half], beat, first)


@njit_in_place(void(MACHINE, COUNTERS_RECORD))
def fill_scratchpads(machine, counts):
    """Take a beat of activations or of filters."""
    if machine.wires.beat_valid and machine.wires.kind == Kind.IFMAP:
        load_ifmap(machine, counts)
    elif machine.wires.beat_valid and machine.wires.kind == Kind.FILTER:
        load_filters(machine, counts)
