"""A standard-cell library as numbers: cells, truth tables, capacitances, delay and energy tables.

Units here: ns, pF, V, pJ, nW, µm². Tables stay as the library has them: no fit, no derating. `liberty_reader` makes
all this of a kit's files.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from workloads.errors import LimenError


@dataclass(frozen=True)
class Grid:
    """A lookup table of one or two axes; a scalar has none. Beyond its axes it goes on linearly."""

    first: tuple[float, ...]
    second: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def at(self, first: float, second: float) -> float:
        """Return the bilinear interpolation at (first axis, second axis)."""
        i, u = _segment(self.first, first)
        j, v = _segment(self.second, second)
        low = self.values[i][j] if v == 0 else self.values[i][j] * (1 - v) + self.values[i][j + 1] * v
        if u == 0:
            return low
        high = self.values[i + 1][j] if v == 0 else self.values[i + 1][j] * (1 - v) + self.values[i + 1][j + 1] * v
        return low * (1 - u) + high * u


def _segment(axis: tuple[float, ...], value: float) -> tuple[int, float]:
    if len(axis) < 2:
        return 0, 0.0
    index = min(max(bisect_right(axis, value) - 1, 0), len(axis) - 2)
    return index, (value - axis[index]) / (axis[index + 1] - axis[index])


Edges = tuple[Grid | None, Grid | None]
"""Tables of a rising and a falling edge; None where they say nothing of one."""


@dataclass(frozen=True)
class Arc:
    """Delay of one input pin to one output: (input slew, load) to delay and output slew, by output edge.

    sense: +1 the output follows the input, -1 it opposes it, 0 either (the slower one counts).
    """

    pin: str
    sense: int
    delay_ns: Edges
    slew_ns: Edges


@dataclass(frozen=True)
class Energy:
    """Internal energy in pJ of a rising and a falling edge: (input slew, load) for an output, (slew,) for an input.

    pin: whose slew; None for the pin's own. when: the condition, an expression over the cell's pins; None where always.
    supply: what it is drawn from; what is drawn from one and from another adds up.
    """

    pin: str | None
    when: str | None
    edges_pj: Edges
    supply: str = ""


@dataclass(frozen=True)
class Output:
    """One output pin: its function over the cell's inputs (truth table, pin i is bit i of the index).

    capacitance_pf: its own, part of what its net weighs. unfollowed: other outputs that the kit tells delays from, too.
    """

    table: int
    arcs: tuple[Arc, ...]
    energies: tuple[Energy, ...]
    capacitance_pf: float = 0.0
    unfollowed: tuple[str, ...] = ()

    def delays_ns(self, edge: int, slew_ns: float, load_pf: float) -> list[float]:
        """Return the delay of every arc that makes an edge, 0 a rise or 1 a fall."""
        return [grid.at(slew_ns, load_pf) for grid in (arc.delay_ns[edge] for arc in self.arcs) if grid is not None]


@dataclass(frozen=True)
class FlipFlop:
    """A positive-edge flip-flop: clock and data pin, output, pins that are held inactive.

    setup_ns: every table of a rising and of a falling edge of the data: the slowest counts.
    inverts: the output is the complement of the data, as that of ASAP7's only flip-flop.
    open: further outputs, which nothing is connected to, and whether they oppose `output`.
    """

    clock: str
    data: str
    output: str
    inactive: dict[str, int]
    setup_ns: tuple[tuple[Grid, ...], tuple[Grid, ...]]
    inverts: bool = False
    open: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """A combinational cell (flip_flop None) or a flip-flop."""

    name: str
    area_um2: float
    leakage_nw: float
    inputs: tuple[str, ...]
    capacitance_pf: dict[str, float]
    outputs: dict[str, Output]
    input_energies: dict[str, tuple[Energy, ...]] = field(default_factory=dict)
    flip_flop: FlipFlop | None = None

    def notes(self) -> list[str]:
        """Return what of the cell doesn't reach our figures though it may bear on them, in words."""
        return [
            f"pin {name}: delays from {', '.join(output.unfollowed)} are not followed, those from inputs are"
            for name, output in self.outputs.items()
            if output.unfollowed
        ]


@dataclass(frozen=True)
class WireLoad:
    """Capacitance of a net's wires by its fanout, as a library has it for blocks of a size; linear between points.

    fanouts, capacitances_pf: the points. slope_pf: per pin beyond the last.
    """

    name: str
    fanouts: tuple[float, ...]
    capacitances_pf: tuple[float, ...]
    slope_pf: float

    def at(self, fanouts: np.ndarray) -> np.ndarray:
        """Return pF by number of pins on a net; nets without a pin have no wire."""
        within = np.interp(fanouts, self.fanouts, self.capacitances_pf)
        beyond = np.maximum(fanouts - self.fanouts[-1], 0) * self.slope_pf
        return np.where(fanouts > 0, within + beyond, 0.0)


@dataclass(frozen=True)
class Library:
    """Every cell the simulation and timing understand, and those they don't, with the reason; its wires, if it says.

    enabled: those left out that are flip-flops with an enable.
    """

    name: str
    voltage_v: float
    cells: dict[str, Cell]
    left_out: dict[str, str]
    wires: WireLoad | None = None
    enabled: tuple[str, ...] = ()

    def clock_slew_ns(self) -> float:
        """Return the second point of the flip-flops' input slew axis: the slew clocks are taken to arrive with."""
        for cell in self.cells.values():
            if cell.flip_flop:
                arc = cell.outputs[cell.flip_flop.output].arcs[0]
                axis = next(grid for grid in arc.delay_ns if grid is not None).first
                return axis[min(1, len(axis) - 1)]
        raise LimenError(f"library {self.name}: holds no flip-flop with a positive clock edge and plain data")
