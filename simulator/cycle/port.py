"""The memory behind the port: a run's first beat after its latency, then one an interval; it may be silent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle import dma as transfers
from simulator.cycle.bits import ROW, TABLE
from simulator.cycle.dma import DMA_RECORD
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES_RECORD
from simulator.encoding import Kind
from workloads.host.jit import njit_in_place

PORT = record_type("beats_left", "addr", "due", "place")
"""Of the run that moves: beats still to move, the next one's address, its first cycle; and the place in the mask."""

PORT_RECORD = from_dtype(PORT)


class Port(NamedTuple):
    """dram [beats, words]: 32-bit words, stored to in place. mask [period]: 0 in cycles without an answer.

    beat: read in this cycle. state: PORT.
    """

    dram: np.ndarray
    mask: np.ndarray
    beat: np.ndarray
    state: np.record


PORT_TYPE = Reference(Port, [TABLE, ROW, ROW, PORT_RECORD])


@njit_in_place(void(PORT_TYPE, DMA_RECORD, WIRES_RECORD, int64, int64))
def offer(port, dma, wires, store_valid, cycle):
    """Say what the port does in this cycle: a request is taken, a beat moves."""
    state, ready = port.state, port.mask[port.state.place] != 0
    wires.kind, wires.mem_write = dma.kind_reg, dma.kind_reg == Kind.STORE
    wires.mem_request = dma.state_reg == transfers.REQUEST
    wires.mem_write_valid = dma.state_reg == transfers.DATA and wires.mem_write and store_valid
    wires.accepted = wires.mem_request and state.beats_left == 0 and ready
    wires.offered = state.beats_left > 0 and cycle >= state.due and ready
    blocked = wires.kind == Kind.RESIDUAL and wires.scatter_busy
    wires.moved = wires.offered and (store_valid if wires.mem_write else not blocked)
    wires.pack_taken = wires.moved and wires.mem_write
    wires.beat_valid, wires.beat_first = wires.moved and not wires.mem_write, dma.first_reg


@njit_in_place(void(PORT_TYPE, ROW, WIRES_RECORD))
def move_beat(port, store_beat, wires):
    """Move a beat to or from the memory."""
    at = port.state.addr
    for i in range(port.beat.shape[0]):
        if wires.mem_write:
            port.dram[at, i] = store_beat[i]
        else:
            port.beat[i] = port.dram[at, i]


@njit_in_place(void(PORT_TYPE, DMA_RECORD, WIRES_RECORD, PARAMETERS_RECORD, int64))
def step_port(port, dma, wires, parameters, cycle):
    """Take the clock edge."""
    state = port.state
    state.place = 0 if state.place == port.mask.shape[0] - 1 else state.place + 1
    if wires.accepted:
        state.beats_left, state.addr, state.due = dma.run_beats_reg, dma.addr_reg, cycle + parameters.memory_latency
    elif wires.moved:
        state.beats_left -= 1
        state.addr += 1
        state.due = cycle + parameters.port_interval
