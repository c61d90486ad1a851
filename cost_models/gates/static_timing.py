"""Static timing of a mapped netlist over the library's delay tables: the shortest clock period, register to register.

Late arrivals of both edges go through the gates in topological order, with slews (bilinear in slew and load). Input
ports count as the output of a neighbour's flip-flop that drives nothing else, and output ports as loaded
with the neighbour's like-named input: PEs side by side. A pin of a black box (`INSTANCE.PIN`: a memory, or another
unit) is the output or the input of a flip-flop. No wires, no derating, an ideal clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from cost_models.gates.netlist import Netlist
from cost_models.liberty.liberty_cells import Arc, Cell, Library


@dataclass(frozen=True)
class Timing:
    """period_ns: shortest clock period. arrival_ns, slew_ns [nets, 2]: latest rising and falling edge.

    port_ns: latest arrival at any output port, flip-flop launch included.
    """

    period_ns: float
    port_ns: float
    arrival_ns: np.ndarray
    slew_ns: np.ndarray
    loads_pf: np.ndarray


def port_loads_pf(netlist: Netlist) -> np.ndarray:
    """Return pin loads plus, on every NAME_out port, what the neighbour's NAME_in pins add, in pF [nets]."""
    pin_loads = netlist.loads_pf
    loads = pin_loads.copy()
    for name, nets in netlist.outputs.items():
        twin = netlist.inputs.get(name.removesuffix("_out") + "_in", ())
        for net, neighbour in zip(nets, twin, strict=False):
            loads[net] += pin_loads[neighbour]
    return loads


def analyse(netlist: Netlist, library: Library, launch: Cell, only: Collection[str] | None = None) -> Timing:
    """Return the timing of `netlist`; `launch` is the flip-flop that drives the input ports.

    only: paths that start in these input ports; by default in all of them and in every register.
    """
    clock_slew = library.clock_slew_ns()
    loads = port_loads_pf(netlist)
    arrival = np.full((netlist.nets, 2), -np.inf)
    slew = np.full((netlist.nets, 2), clock_slew)

    def leave_register(cell: Cell, net: int) -> None:
        assert cell.flip_flop is not None
        slew[net] = 0.0
        for arc in cell.outputs[cell.flip_flop.output].arcs:
            for edge, (delay, leaving) in enumerate(zip(arc.delay_ns, arc.slew_ns, strict=True)):
                if delay is not None and leaving is not None:
                    arrival[net, edge] = max(arrival[net, edge], delay.at(clock_slew, loads[net]))
                    slew[net, edge] = max(slew[net, edge], leaving.at(clock_slew, loads[net]))

    for name, nets in netlist.inputs.items():
        for net in nets if only is None or name in only else ():
            leave_register(launch, net)
    for register in netlist.registers if only is None else ():
        leave_register(register.cell, register.output)
    for gate in netlist.gates:
        nets_of = dict(zip(gate.cell.inputs, gate.inputs, strict=True))
        latest, slews = [-np.inf, -np.inf], [0.0, 0.0]
        load = float(loads[gate.net])
        for arc in gate.cell.outputs[gate.output].arcs:
            source = nets_of[arc.pin]
            for edge, (delay, leaving) in enumerate(zip(arc.delay_ns, arc.slew_ns, strict=True)):
                for start in _starts(arc, edge):
                    if delay is None or leaving is None or arrival[source, start] == -np.inf:
                        continue
                    entering = float(slew[source, start])
                    latest[edge] = max(latest[edge], arrival[source, start] + delay.at(entering, load))
                    slews[edge] = max(slews[edge], leaving.at(entering, load))
        arrival[gate.net] = latest
        slew[gate.net] = slews
    ends = [(register.cell, register.data) for register in netlist.registers]
    ends += [(launch, net) for name, nets in netlist.outputs.items() if "." in name for net in nets]
    period = 0.0
    for cell, net in ends:
        assert cell.flip_flop is not None
        for edge in (0, 1):
            if arrival[net, edge] > -np.inf:
                entering = float(slew[net, edge])
                setup = max(grid.at(entering, clock_slew) for grid in cell.flip_flop.setup_ns[edge])
                period = max(period, float(arrival[net, edge]) + setup)
    ports = [float(arrival[net].max()) for nets in netlist.outputs.values() for net in nets]
    return Timing(period, max([port for port in ports if port > -np.inf], default=0.0), arrival, slew, loads)


def delays_ps(netlist: Netlist, library: Library, timing: Timing) -> np.ndarray:
    """Return the delay of a rise and of a fall of each net for simulation, int64 [nets, 2] in whole ps.

    Inputs come out of the smallest flip-flop, as in `analyse`. A gate's is the mean over its arcs and the input edges
    that can start them, at its own load and slews, at least 1. The slowest arc, which timing takes, would slow every
    pin to it, and take more pulses for too short.
    """
    clock_slew = library.clock_slew_ns()
    delays = np.zeros((netlist.nets, 2), dtype=np.int64)

    def set_delay(net: int, edge: int, delays_ns: list[float]) -> None:
        delays[net, edge] = max(1, round(1000 * sum(delays_ns) / len(delays_ns))) if delays_ns else 1

    launch = smallest_flip_flop(library)
    launches = [(launch, net) for nets in netlist.inputs.values() for net in nets]
    for cell, net in launches + [(register.cell, register.output) for register in netlist.registers]:
        assert cell.flip_flop is not None
        output, load = cell.outputs[cell.flip_flop.output], float(timing.loads_pf[net])
        for edge in (0, 1):
            set_delay(net, edge, output.delays_ns(edge, clock_slew, load))
    for gate in netlist.gates:
        nets_of = dict(zip(gate.cell.inputs, gate.inputs, strict=True))
        load = float(timing.loads_pf[gate.net])
        for edge in (0, 1):
            delays_ns = [
                delay.at(float(timing.slew_ns[nets_of[arc.pin], start]), load)
                for arc in gate.cell.outputs[gate.output].arcs
                if (delay := arc.delay_ns[edge]) is not None
                for start in _starts(arc, edge)
            ]
            set_delay(gate.net, edge, delays_ns)
    return delays


def _starts(arc: Arc, edge: int) -> tuple[int, ...]:
    """Return the input edges (0 a rise, 1 a fall) that can make an output edge over an arc."""
    return (edge,) if arc.sense > 0 else (1 - edge,) if arc.sense < 0 else (0, 1)


def smallest_flip_flop(library: Library) -> Cell:
    """Return the flip-flop of least area: the one mapping uses. Library.clock_slew_ns refuses none."""
    library.clock_slew_ns()
    return min((cell for cell in library.cells.values() if cell.flip_flop), key=lambda cell: (cell.area_um2, cell.name))
