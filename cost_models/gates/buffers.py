"""Buffers on nets that flip-flops and ports drive: mapping buffers what gates drive, and leaves these alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cost_models.gates.netlist import Gate, Netlist
from cost_models.liberty.liberty_cells import Cell, Library

MOST_PINS = 16
"""Data pins on a net, as the mapping recipe has it."""


def is_buffer(cell: Cell) -> bool:
    return _repeats(cell, 0b10)


def is_inverter(cell: Cell) -> bool:
    return _repeats(cell, 0b01)


def is_gate(cell: Cell) -> bool:
    """Return whether a cell is an and or an or of two inputs, they or it inverted or not: what mapping starts from."""
    tables = [output.table.bit_count() for output in cell.outputs.values()]
    return len(cell.inputs) == 2 and cell.flip_flop is None and tables in ([1], [3])


def _repeats(cell: Cell, table: int) -> bool:
    return len(cell.inputs) == 1 and cell.flip_flop is None and any(o.table == table for o in cell.outputs.values())


@dataclass(frozen=True)
class _Pin:
    """A data pin: its capacitance, and the entry of a list that says which net it is on."""

    load_pf: float
    nets: list[int]
    place: int


def with_buffers(netlist: Netlist, library: Library) -> Netlist:
    """Return the netlist with trees of buffers behind every wide net of a flip-flop or an input port."""
    cell = _choose(library)
    output = next(iter(cell.outputs))
    operands = [list(gate.inputs) for gate in netlist.gates]
    data = [register.data for register in netlist.registers]
    starts = [*(net for nets in netlist.inputs.values() for net in nets), *(r.output for r in netlist.registers)]
    pins: dict[int, list[_Pin]] = {net: [] for net in starts}
    for gate, nets in zip(netlist.gates, operands, strict=True):
        whole = gate.output == next(iter(gate.cell.outputs))  # pins of a cell with two outputs load once
        for place, (name, net) in enumerate(zip(gate.cell.inputs, gate.inputs, strict=True)):
            if net in pins:
                load = gate.cell.capacitance_pf[name] if whole else 0.0
                pins[net].append(_Pin(load, nets, place))
    for place, register in enumerate(netlist.registers):
        assert register.cell.flip_flop is not None
        if register.data in pins:
            load = register.cell.capacitance_pf[register.cell.flip_flop.data]
            pins[register.data].append(_Pin(load, data, place))
    loads = list(netlist.loads_pf)
    buffers: list[list[int]] = []  # [input net, output net], leaves first

    def attach(net: int, net_pins: list[_Pin]) -> None:
        for pin in net_pins:
            pin.nets[pin.place] = net
            loads[net] += pin.load_pf

    for net, net_pins in pins.items():
        if len(net_pins) <= MOST_PINS:
            continue
        loads[net] -= sum(pin.load_pf for pin in net_pins)
        while len(net_pins) > MOST_PINS:
            above = []
            for start in range(0, len(net_pins), MOST_PINS):
                nets = [net, len(loads)]
                loads.append(cell.outputs[output].capacitance_pf)
                buffers.append(nets)
                attach(nets[1], net_pins[start : start + MOST_PINS])
                above.append(_Pin(cell.capacitance_pf[cell.inputs[0]], nets, 0))
            net_pins = above
        attach(net, net_pins)
    tree = [Gate(cell, output, (source,), target) for source, target in reversed(buffers)]
    return replace(
        netlist,
        nets=len(loads),
        gates=(*tree, *(replace(gate, inputs=tuple(nets)) for gate, nets in zip(netlist.gates, operands, strict=True))),
        registers=tuple(replace(register, data=net) for register, net in zip(netlist.registers, data, strict=True)),
        cells=(*netlist.cells, *[cell] * len(tree)),
        loads_pf=np.array(loads),
    )


def _choose(library: Library) -> Cell:
    """Return the buffer that is fastest, for its area, in front of MOST_PINS others like itself."""
    slew = library.clock_slew_ns()

    def merit(cell: Cell) -> float:
        load = MOST_PINS * cell.capacitance_pf[cell.inputs[0]]
        delays = [
            delay for out in cell.outputs.values() for edge in (0, 1) for delay in out.delays_ns(edge, slew, load)
        ]
        return cell.area_um2 * max(delays)

    return min((cell for cell in library.cells.values() if is_buffer(cell)), key=lambda cell: (merit(cell), cell.name))
