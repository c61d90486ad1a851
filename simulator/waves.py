"""A VCD of one layer from the cycle model, under the names the signals have in the Verilog."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.cycle import REGISTERS, CycleRun, register_bits, run_cycle
from simulator.cycle_kernels import PORT_NAMES
from workloads.errors import LimenError
from workloads.files import check_writable, write_whole

if TYPE_CHECKING:
    import numpy as np

    from simulator.design import Design
    from simulator.program import Program

TOP = "limen_chip.machine"
WIDTHS = {"phase": 4, "mem_kind": 3, "state_reg": 3, "count_reg": 17, "filter_row": 16, "edge_addr": 16}
"""Widths of the signals of more than one bit, as in the Verilog."""

MOST_VALUES = 1 << 27
"""PE register values kept for one file, 8 bytes each."""


def pe_scope(design: Design, row: int, col: int) -> str:
    """Return the Verilog's path of a PE."""
    block = "g_os" if design.dataflow == "os" else "g_stationary"
    return f"{TOP}.array.g_row[{row}].g_col[{col}].{block}.pe"


def write_vcd(program: Program, x: np.ndarray, layer: str, path: Path) -> int:
    """Write the signals and PE registers of one layer to `path`; return the number of clock cycles in it.

    x: one input [H, W, C]. One time unit is one clock cycle, counted from the edge that samples `start`.

    Raises:
        LimenError: no such layer, a layer too long to keep, pyvcd missing, or the file can't be written.
    """
    names = [own.name for own in program.network.layers]
    if layer not in names:
        raise LimenError(f"layer: {layer!r} is not allowed: one of {', '.join(names)}")
    check_writable(path.absolute().parent)
    counts = run_cycle(program, x).counts
    first = sum(own.cycles for own in counts[: names.index(layer)])
    end = first + counts[names.index(layer)].cycles
    if end * 3 * program.design.pes > MOST_VALUES:
        raise LimenError(
            f"layer: {layer!r} is not allowed: its {end} cycles on {program.design.pes} PEs are more than a file holds"
        )
    run = run_cycle(program, x, traced_cycles=end, signal_cycles=end)
    write_whole(path, _format(run, program.design, first, end).encode())
    return end - first


def _format(run: CycleRun, design: Design, first: int, end: int) -> str:
    try:
        from vcd import VCDWriter
    except ImportError:
        raise LimenError("pyvcd: not installed; waves need it: pip install pyvcd") from None
    assert run.trace is not None and run.signals is not None
    text = io.StringIO()
    with VCDWriter(text, timescale="1 ns", date="", comment="one time unit is one clock cycle") as writer:
        signals = []
        for name in PORT_NAMES:
            scope, _, own = f"{TOP}.{name}".rpartition(".")
            signals.append(writer.register_var(scope, own, "wire", size=WIDTHS.get(own, 1), init=0))
        registers = []
        for kind, (name, bits) in enumerate(register_bits(design).items()):
            for row in range(design.rows):
                for col in range(design.cols):
                    variable = writer.register_var(pe_scope(design, row, col), f"{name}_reg", "reg", size=bits, init=0)
                    registers.append((variable, run.trace[first:end, kind, row, col].tolist()))
        assert tuple(register_bits(design)) == REGISTERS[design.dataflow]
        ports = run.signals[first:end].tolist()
        for cycle in range(end - first):
            for signal, value in zip(signals, ports[cycle], strict=True):
                writer.change(signal, first + cycle, value)
            # Registers change at the clock edge that ends a cycle: they are seen in the next one.
            for variable, values in registers:
                writer.change(variable, first + cycle + 1, values[cycle])
    return text.getvalue()
