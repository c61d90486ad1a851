"""A mapped netlist: gates in topological order, flip-flops, ports; the form simulation and timing share.

Nets are numbered; 0 and 1 are the constants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cost_models.liberty.liberty_cells import Cell, Library
from workloads.errors import LimenError


@dataclass(frozen=True)
class Gate:
    """One output of a combinational cell: `inputs` are nets in the order of the cell's inputs."""

    cell: Cell
    output: str
    inputs: tuple[int, ...]
    net: int


@dataclass(frozen=True)
class Register:
    """A flip-flop: data net in, output net out, inverted where its cell inverts."""

    cell: Cell
    data: int
    output: int

    @property
    def inverts(self) -> bool:
        return self.cell.flip_flop is not None and self.cell.flip_flop.inverts


@dataclass(frozen=True)
class Netlist:
    """Gates topologically sorted. Ports map a name to its nets, least significant first.

    loads_pf: capacitance of the data pins on each net, outputs' own where a kit has it; no wires, and no clock, which
    is priced apart.
    Pins of a module that isn't in the library (a memory) are ports too: what it reads is an output named
    `INSTANCE.PIN` (`memory.PIN` where there is one such module), what it drives an input.
    """

    nets: int
    gates: tuple[Gate, ...]
    registers: tuple[Register, ...]
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    cells: tuple[Cell, ...]
    loads_pf: np.ndarray

    @property
    def area_um2(self) -> float:
        return sum(cell.area_um2 for cell in self.cells)

    @property
    def leakage_nw(self) -> float:
        return sum(cell.leakage_nw for cell in self.cells)


def read_netlist(document: dict[str, Any], top: str, library: Library) -> Netlist:
    """Return the netlist of module `top` in Yosys' JSON.

    Raises:
        LimenError: an unmapped cell, a net without or with two drivers, or a combinational loop.
    """
    module = document["modules"][top]
    numbers: dict[Any, int] = {"0": 0, "1": 1, "x": 0, "z": 0}  # an undefined bit is built as a 0

    def net(bit: Any) -> int:
        return numbers.setdefault(bit, len(numbers) - 2)

    inputs: dict[str, tuple[int, ...]] = {}
    outputs: dict[str, tuple[int, ...]] = {}
    for name, port in module["ports"].items():
        (inputs if port["direction"] == "input" else outputs)[name] = tuple(net(bit) for bit in port["bits"])
    gates: list[Gate] = []
    registers: list[Register] = []
    cells: list[Cell] = []
    clocks: set[int] = set()
    loads: list[tuple[int, float]] = []
    boxes = sum(description["type"] not in library.cells for description in module["cells"].values())
    for instance, description in sorted(module["cells"].items()):
        pins = {pin: [net(bit) for bit in bits] for pin, bits in description["connections"].items()}
        cell = library.cells.get(description["type"])
        if cell is None:
            if description["type"].startswith("$_") or "port_directions" not in description:
                raise LimenError(
                    f"netlist {top}: cell {instance} of type {description['type']} is not in {library.name}"
                )
            for pin, nets in pins.items():
                side = inputs if description["port_directions"][pin] == "output" else outputs
                side[f"{'memory' if boxes == 1 else instance}.{pin}"] = tuple(nets)
            continue
        cells.append(cell)
        if cell.flip_flop is None:
            operands = tuple(pins[name][0] for name in cell.inputs)
            loads += zip(operands, (cell.capacitance_pf[name] for name in cell.inputs), strict=True)
            cell_gates = [Gate(cell, name, operands, pins[name][0]) for name in cell.outputs if name in pins]
            loads += [(gate.net, cell.outputs[gate.output].capacitance_pf) for gate in cell_gates]
            gates += cell_gates
            continue
        flip_flop = cell.flip_flop
        clocks.add(pins[flip_flop.clock][0])
        for pin, level in flip_flop.inactive.items():
            if pins[pin][0] != level:
                raise LimenError(
                    f"netlist {top}: cell {instance}: {pin} is used; only synchronous resets are simulated"
                )
        loads.append((pins[flip_flop.data][0], cell.capacitance_pf[flip_flop.data]))
        loads.append((pins[flip_flop.output][0], cell.outputs[flip_flop.output].capacitance_pf))
        registers.append(Register(cell, pins[flip_flop.data][0], pins[flip_flop.output][0]))
    if len(clocks) > 1:
        raise LimenError(f"netlist {top}: {len(clocks)} clocks; expected one")
    count = len(numbers) - 2
    sources = [0, 1, *clocks, *(n for nets in inputs.values() for n in nets), *(r.output for r in registers)]
    total = np.zeros(count)
    for loaded, capacitance in loads:
        total[loaded] += capacitance
    order = _sort(gates, set(sources), top)
    return Netlist(count, order, tuple(registers), inputs, outputs, tuple(cells), total)


def _sort(gates: list[Gate], known: set[int], top: str) -> tuple[Gate, ...]:
    """Return gates so that every operand is computed before its use (Kahn's algorithm)."""
    waiting: dict[int, list[int]] = {}
    missing = []
    for index, gate in enumerate(gates):
        unknown = {operand for operand in gate.inputs if operand not in known}
        missing.append(len(unknown))
        for operand in unknown:
            waiting.setdefault(operand, []).append(index)
    ready = [index for index, count in enumerate(missing) if count == 0]
    order: list[Gate] = []
    while ready:
        gate = gates[ready.pop()]
        order.append(gate)
        if gate.net in known:
            raise LimenError(f"netlist {top}: a net has two drivers")
        known.add(gate.net)
        for index in waiting.pop(gate.net, []):
            missing[index] -= 1
            if missing[index] == 0:
                ready.append(index)
    if len(order) != len(gates):
        raise LimenError(f"netlist {top}: a net has no driver, or gates form a loop")
    return tuple(order)
