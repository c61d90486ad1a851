"""Energy of a mapped netlist: a stimulus simulated, edges counted, edges priced by the library's tables.

With delays glitches count, see `event_kernels`; with zero delay a net changes at most once a cycle. An edge costs
½ C V² of the input pins on its net and the driving cell's internal energy at its own load and input slew, averaged over
that cell's arcs. Flip-flops pay their clock pin every cycle by (data, output) state. No wires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from cost_models.gates.netlist import Netlist
from cost_models.gates.static_timing import Timing
from cost_models.liberty.liberty_cells import Cell, Energy, Library
from cost_models.liberty.liberty_functions import truth_table

if TYPE_CHECKING:
    from cost_models.gates.event_kernels import Readers
    from cost_models.gates.switching_kernels import Circuit

LANES = 64
"""Sequences simulated side by side, one a bit."""

ALL_LANES = (1 << LANES) - 1

Pair = tuple[float, float]


@dataclass(frozen=True)
class Activity:
    """Edges over `cycles` cycles (all sequences together). outputs: name to settled values [steps, LANES]."""

    cycles: int
    rises: np.ndarray
    falls: np.ndarray
    register_states: np.ndarray
    outputs: dict[str, np.ndarray]


@dataclass(frozen=True)
class Prices:
    """Energy in pJ of a rise and of a fall of each net [nets, 2], and of a clock pulse at each register [registers, 4].

    The columns of the latter are those of Activity.register_states.
    """

    edges_pj: np.ndarray
    pulses_pj: np.ndarray


def pack(values: np.ndarray, bits: int) -> np.ndarray:
    """Return uint64 [steps, bits] of int64 values [steps, LANES]: lane i is bit i of every word."""
    planes = (values[:, None, :] >> np.arange(bits)[None, :, None]) & 1
    return (planes.astype(np.uint64) << np.arange(LANES, dtype=np.uint64)).sum(axis=2, dtype=np.uint64)


def unpack(words: np.ndarray) -> np.ndarray:
    """Return unsigned int64 [steps, LANES] of uint64 words [steps, bits]: the inverse of `pack`."""
    planes = (words[:, :, None] >> np.arange(LANES, dtype=np.uint64)) & np.uint64(1)
    return (planes.astype(np.int64) << np.arange(words.shape[1])[None, :, None]).sum(axis=1)


def run_stimulus(
    netlist: Netlist, stimulus: dict[str, np.ndarray], warm_up: int, delays_ps: np.ndarray | None = None
) -> Activity:
    """Simulate `stimulus`, values [steps, LANES] of every input port but the clock; absent ports are 0.

    The first `warm_up` steps bring registers into use and are not counted. delays_ps: int64 [nets, 2] of a rise and a
    fall, 1 at least for nets that gates drive: edges of glitches are counted too. Without, every net changes
    at most once a step.
    """
    from cost_models.gates.event_kernels import make_queue, simulate_events
    from cost_models.gates.switching_kernels import Tally, simulate

    steps = len(next(iter(stimulus.values())))
    names = [name for name in netlist.inputs if name in stimulus]
    words = [pack(stimulus[name], len(netlist.inputs[name])) for name in names]
    input_words = np.ascontiguousarray(np.concatenate(words, axis=1))
    circuit = _circuit(netlist, names)
    tally = Tally(
        output_words=np.zeros((steps, len(circuit.output_nets)), dtype=np.uint64),
        rises=np.zeros(netlist.nets, dtype=np.int64),
        falls=np.zeros(netlist.nets, dtype=np.int64),
        register_states=np.zeros((len(netlist.registers), 4), dtype=np.int64),
    )
    if delays_ps is None:
        simulate(circuit, input_words, warm_up, tally)
    else:
        queue = make_queue(np.ascontiguousarray(delays_ps))
        simulate_events(circuit, queue, _readers(netlist), input_words, warm_up, tally)
    ends = np.cumsum([0, *(len(bits) for bits in netlist.outputs.values())])
    outputs = {
        name: unpack(tally.output_words[:, start:end])
        for name, (start, end) in zip(netlist.outputs, pairwise(ends), strict=True)
    }
    return Activity((steps - warm_up) * LANES, tally.rises, tally.falls, tally.register_states, outputs)


def _circuit(netlist: Netlist, inputs: Sequence[str]) -> Circuit:
    """Return the arrays of a netlist, driven at these input ports."""
    from cost_models.gates.switching_kernels import Circuit

    gates, registers = netlist.gates, netlist.registers
    operands = np.zeros((len(gates), max([len(gate.inputs) for gate in gates], default=1)), dtype=np.int64)
    for index, gate in enumerate(gates):
        operands[index, : len(gate.inputs)] = gate.inputs
    return Circuit(
        tables=np.array([gate.cell.outputs[gate.output].table for gate in gates], dtype=np.uint64),
        gate_inputs=np.array([len(gate.inputs) for gate in gates], dtype=np.int64),
        gate_operands=operands,
        gate_nets=np.array([gate.net for gate in gates], dtype=np.int64),
        register_data=np.array([register.data for register in registers], dtype=np.int64),
        register_inverts=np.array([ALL_LANES if register.inverts else 0 for register in registers], dtype=np.uint64),
        register_outputs=np.array([register.output for register in registers], dtype=np.int64),
        input_nets=np.array([net for name in inputs for net in netlist.inputs[name]], dtype=np.int64),
        output_nets=np.array([net for bits in netlist.outputs.values() for net in bits], dtype=np.int64),
    )


def _readers(netlist: Netlist) -> Readers:
    """Return the gates that read each net, each once."""
    from cost_models.gates.event_kernels import Readers

    readers: list[list[int]] = [[] for _ in range(netlist.nets)]
    for index, gate in enumerate(netlist.gates):
        for net in set(gate.inputs):
            readers[net].append(index)
    return Readers(
        starts=np.cumsum([0, *(len(gates_of_net) for gates_of_net in readers)], dtype=np.int64),
        readers=np.array([index for gates_of_net in readers for index in gates_of_net], dtype=np.int64),
        affected=np.zeros(len(netlist.gates), dtype=np.int64),
        is_affected=np.zeros(len(netlist.gates), dtype=np.bool_),
    )


def prices(netlist: Netlist, library: Library, timing: Timing) -> Prices:
    """Return what edges and clock pulses of a netlist cost, at its own loads and slews."""
    voltage_squared = library.voltage_v**2
    edges = np.repeat(0.5 * netlist.loads_pf * voltage_squared, 2).reshape(-1, 2)
    for gate in netlist.gates:
        nets = dict(zip(gate.cell.inputs, gate.inputs, strict=True))
        slews = {pin: float(timing.slew_ns[net].mean()) for pin, net in nets.items()}
        energies = gate.cell.outputs[gate.output].energies
        edges[gate.net] += _edges_pj(energies, slews, float(timing.loads_pf[gate.net]))
        for pin, net in nets.items() if gate.output == next(iter(gate.cell.outputs)) else ():
            edges[net] += _edges_pj(gate.cell.input_energies.get(pin, ()), slews, 0.0, pin)
    clock_slew = library.clock_slew_ns()
    pulses = np.zeros((len(netlist.registers), 4))
    for index, register in enumerate(netlist.registers):
        cell = register.cell
        assert cell.flip_flop is not None
        data, clock = cell.flip_flop.data, cell.flip_flop.clock
        slews = {clock: clock_slew, data: float(timing.slew_ns[register.data].mean())}
        energies_of_output = _clocked(cell, cell.flip_flop.output)
        edges[register.output] += _edges_pj(energies_of_output, slews, float(timing.loads_pf[register.output]))
        for name, opposes in cell.flip_flop.open.items():  # it switches too, and drives nothing
            rise, fall = _edges_pj(_clocked(cell, name), slews, 0.0)
            edges[register.output] += (fall, rise) if opposes else (rise, fall)
        edges[register.data] += _edges_pj(cell.input_energies.get(data, ()), slews, 0.0, data)
        pulses[index] = cell.capacitance_pf[clock] * voltage_squared
        pulses[index] += [_clock_pj(cell, state >> 1, state & 1, clock_slew) for state in range(4)]
    return Prices(edges, pulses)


def energy_pj(edge_prices: Prices, activity: Activity) -> float:
    """Return the dynamic energy of one cycle in pJ, averaged over the activity's cycles."""
    edges = np.stack([activity.rises, activity.falls], axis=1)
    total = (edge_prices.edges_pj * edges).sum() + (edge_prices.pulses_pj * activity.register_states).sum()
    return float(total) / activity.cycles


def wires_pj(netlist: Netlist, library: Library, activity: Activity) -> float | None:
    """Return what wires would add to `energy_pj`: ½ C V² an edge, by the library's wire load; None if it has none."""
    if library.wires is None:
        return None
    pins = np.zeros(netlist.nets)
    for gate in netlist.gates:
        if gate.output == next(iter(gate.cell.outputs)):  # pins of a cell with two outputs are there once
            pins[list(gate.inputs)] += 1
    ends = [register.data for register in netlist.registers]
    for net in ends + [net for port in netlist.outputs.values() for net in port]:
        pins[net] += 1
    capacitances = library.wires.at(pins)
    total = 0.5 * library.voltage_v**2 * (capacitances * (activity.rises + activity.falls)).sum()
    return float(total) / activity.cycles


def _edges_pj(energies: tuple[Energy, ...], slews: dict[str, float], load_pf: float, pin: str | None = None) -> Pair:
    """Return the internal energy of a rise and of a fall: the mean over the tables that apply to them.

    Of one input's tables, what supplies give on average adds up; inputs count by the conditions that they have.
    """
    means = []
    for edge in (0, 1):
        by_input: dict[str, dict[str, list[float]]] = {}  # by input and supply
        for energy in energies:
            name, grid = energy.pin or pin or "", energy.edges_pj[edge]
            if grid is not None:
                applying = by_input.setdefault(name, {}).setdefault(energy.supply, [])
                applying.append(grid.at(slews.get(name, 0.0), load_pf))
        counts = [max(map(len, supplies.values())) for supplies in by_input.values()]
        sums = [sum(map(fmean, supplies.values())) for supplies in by_input.values()]
        means.append(fmean(sums, counts) if sums else 0.0)
    return means[0], means[1]


def _clocked(cell: Cell, output: str) -> tuple[Energy, ...]:
    """Return the energies of a flip-flop's output that its clock causes."""
    assert cell.flip_flop is not None
    return tuple(energy for energy in cell.outputs[output].energies if energy.pin == cell.flip_flop.clock)


def _clock_pj(cell: Cell, data: int, output: int, slew: float) -> float:
    """Return the internal energy of one clock pulse that finds the flip-flop at (data, output)."""
    assert cell.flip_flop is not None
    energies = cell.input_energies.get(cell.flip_flop.clock, ())
    values = {
        **cell.flip_flop.inactive,
        cell.flip_flop.clock: 1,
        cell.flip_flop.data: data,
        cell.flip_flop.output: output,
        **{name: output ^ int(opposes) for name, opposes in cell.flip_flop.open.items()},
    }
    chosen = []
    for supply in dict.fromkeys(energy.supply for energy in energies):
        of_supply = [e for e in energies if e.supply == supply]
        holding = [e for e in of_supply if e.when is not None and _holds(e.when, values)]
        chosen += holding or [e for e in of_supply if e.when is None]
    rise, fall = _edges_pj(tuple(chosen), {cell.flip_flop.clock: slew}, 0.0, cell.flip_flop.clock)
    return rise + fall


def _holds(expression: str, values: dict[str, int]) -> bool:
    names = tuple(values)
    row = sum(values[name] << index for index, name in enumerate(names))
    return bool(truth_table(expression, names) >> row & 1)
