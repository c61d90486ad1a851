"""A VCD of one layer from the cycle model, under the names the signals have in the Verilog."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.cycle.counters import SIGNALS
from simulator.cycle.cycle import REGISTERS, CycleRun, register_bits, run_cycle
from workloads.errors import LimenError
from workloads.host.files import check_writable, write_whole

if TYPE_CHECKING:
    import numpy as np

    from simulator.designs.design import FittedDesign
    from simulator.program.program import Program

TOP = "limen_chip.machine"
WIDTHS = {"phase": 4, "mem_kind": 3, "state_reg": 3, "count_reg": 17, "filter_row": 16, "edge_addr": 16}
"""Widths of the signals of more than one bit, as in the Verilog."""

TIMESCALE, CYCLE_UNITS = "100 ps", 10
"""A clock cycle is a nanosecond, so that viewers show its number: the clock rises at its begin and falls halfway."""

MOST_VALUES = 1 << 27
"""PE register values kept for one file, 8 bytes each."""


class Scope(str):
    """A name of the Verilog's hierarchy; as text it is before another where its numbers are lower: [2] before [10]."""

    def __lt__(self, other: str) -> bool:
        return _by_number(self) < _by_number(other)


def _by_number(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def pe_scope(design: FittedDesign, row: int, col: int) -> str:
    """Return the Verilog's path of a PE."""
    block = "g_os" if design.dataflow == "os" else "g_stationary"
    return f"{TOP}.array.g_row[{row}].g_col[{col}].{block}.pe"


def _scopes(path: str) -> tuple[Scope, ...]:
    return tuple(map(Scope, path.split(".")))


def write_vcd(program: Program, x: np.ndarray, layer: str, path: Path) -> int:
    """Write the signals and PE registers of one layer to `path`; return the number of clock cycles in it.

    x: one input [H, W, C]. One nanosecond is one clock cycle, counted from the edge that samples `start`.

    Raises:
        LimenError: no such layer, a layer too long to keep, pyvcd missing, or the file can't be written.
    """
    names = [known.name for known in program.network.layers]
    if layer not in names:
        raise LimenError(f"layer: {layer!r} is not allowed: one of {', '.join(names)}")
    check_writable(path.absolute().parent)
    counts = run_cycle(program, x).counts
    first = sum(layer_counts.cycles for layer_counts in counts[: names.index(layer)])
    end = first + counts[names.index(layer)].cycles
    if end * 3 * program.design.pes > MOST_VALUES:
        raise LimenError(
            f"layer: {layer!r} is not allowed: its {end} cycles on {program.design.pes} PEs are more than a file holds"
        )
    run = run_cycle(program, x, traced_cycles=end, signal_cycles=end)
    write_whole(path, _format(run, program.design, first, end).encode())
    return end - first


def _format(run: CycleRun, design: FittedDesign, first: int, end: int) -> str:
    from vcd import VCDWriter

    assert run.trace is not None and run.signals is not None
    text = io.StringIO()
    with VCDWriter(text, timescale=TIMESCALE, date="", comment="one nanosecond is one clock cycle") as writer:
        clock = writer.register_var(_scopes(TOP), "clk", "wire", size=1, init=0)
        signals = []
        for name in SIGNALS.names or ():
            scope, _, signal_name = f"{TOP}.{name.replace('__', '.')}".rpartition(".")
            signals.append(
                writer.register_var(_scopes(scope), signal_name, "wire", size=WIDTHS.get(signal_name, 1), init=0)
            )
        registers = []
        for kind, (name, bits) in enumerate(register_bits(design).items()):
            for row in range(design.rows):
                for col in range(design.cols):
                    scopes = _scopes(pe_scope(design, row, col))
                    variable = writer.register_var(scopes, f"{name}_reg", "reg", size=bits, init=0)
                    registers.append((variable, run.trace[first:end, kind, row, col].tolist()))
        assert tuple(register_bits(design)) == REGISTERS[design.dataflow]
        ports = run.signals[first:end].tolist()
        for cycle in range(end - first):
            begin = (first + cycle) * CYCLE_UNITS
            writer.change(clock, begin, 1)
            for signal, value in zip(signals, ports[cycle], strict=True):
                writer.change(signal, begin, value)
            writer.change(clock, begin + CYCLE_UNITS // 2, 0)
            # Registers change at the clock edge that ends a cycle: they are seen in the next one.
            for variable, values in registers:
                writer.change(variable, begin + CYCLE_UNITS, values[cycle])
        writer.change(clock, end * CYCLE_UNITS, 1)
    return text.getvalue()
