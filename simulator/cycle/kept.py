"""What is kept of a run beside its memory: counters, toggles, registers and signals of cycles, and a bit to invert."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64

from simulator.cycle.bits import ROW, TABLE, copy_row
from simulator.cycle.counters import COUNTERS_RECORD, SIGNALS_RECORD
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from workloads.host.jit import njit_in_place

WISHES = record_type("leaps", "until")
"""Whether cycles are leapt over, see `leap`, and after how many the run ends at the latest."""

WISHES_RECORD = from_dtype(WISHES)


class Kept(NamedTuple):
    """What is kept of a run.

    wishes: WISHES. counters [layers]: COUNTERS. toggles [layers, 3]: bits that changed, by PE register; [layers, 0]:
    not counted. trace [cycles, 3, R, C]: the PE registers after each clock edge. signals [cycles]: SIGNALS; no rows of
    either: not kept. flip: cycle, register, row, col, bit: that bit of that PE register is inverted after that clock
    edge; cycle 0: none is.
    """

    wishes: np.record
    counters: np.ndarray
    toggles: np.ndarray
    trace: np.ndarray
    signals: np.ndarray
    flip: np.ndarray


KEPT = Reference(Kept, [WISHES_RECORD, COUNTERS_RECORD[::1], TABLE, int64[:, :, :, ::1], SIGNALS_RECORD[::1], ROW])


@njit_in_place(inline="always")
def keep_signals(machine, signals):
    """Keep the signals of this cycle; those of the memory port as it sees them."""
    wires = machine.wires
    signals.phase, signals.activations__issue, signals.x_read = wires.phase, wires.issue, wires.x_read
    signals.mem_request, signals.mem_write, signals.mem_kind = wires.mem_request, wires.mem_write, wires.kind
    signals.mem_read_valid = wires.offered and not wires.mem_write
    signals.mem_write_valid = wires.mem_write_valid
    signals.compute_busy, signals.dma_busy = wires.compute_busy, wires.dma_busy
    signals.folds__state_reg, signals.folds__count_reg = wires.fold_state, wires.fold_count
    signals.filter_read, signals.filter_row = wires.filter_read, wires.filter_row
    signals.edge_valid, signals.edge_addr = wires.edge_valid, wires.edge_addr


@njit_in_place(inline="always")
def keep_registers(machine, kept, cycle):
    """Invert the bit that is to be, and keep the PE registers, after clock edge `cycle`."""
    flip, pe = kept.flip, machine.array.pe
    if cycle == flip[0]:
        pe[flip[1], flip[2], flip[3]] ^= int64(1) << flip[4]
        machine.array.state.quiet = 0
    if cycle <= kept.trace.shape[0]:
        for register in range(pe.shape[0]):
            for row in range(pe.shape[1]):
                copy_row(kept.trace[cycle - 1, register, row], pe[register, row])
