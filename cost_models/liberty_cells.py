"""A standard-cell library as numbers: cells, truth tables, capacitances, delay and energy tables.

Units here: ns, pF, V, pJ, nW, µm²; the file's own
units are converted from its header. Tables stay as the library has them: no fit, no derating.
"""

from __future__ import annotations

import gzip
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cost_models.liberty_functions import truth_table
from cost_models.liberty_text import Group, parse_liberty
from workloads.errors import LimenError

MAX_INPUTS = 6
"""Inputs of a combinational cell: a truth table is one 64-bit word."""

SPECIAL = re.compile(r"lpflow|probe")
"""Cells of sky130 for isolation and for probing that a netlist mustn't use, though nothing in the file says so."""

SCALES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}


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

    def plus(self, other: Grid) -> Grid:
        """Return the sum of two tables. Raises ValueError where their axes differ."""
        if (self.first, self.second) != (other.first, other.second):
            raise ValueError("axes differ")
        rows = zip(self.values, other.values, strict=True)
        return Grid(self.first, self.second, tuple(tuple(a + b for a, b in zip(*pair, strict=True)) for pair in rows))


def _segment(axis: tuple[float, ...], value: float) -> tuple[int, float]:
    if len(axis) < 2:
        return 0, 0.0
    index = min(max(bisect_right(axis, value) - 1, 0), len(axis) - 2)
    return index, (value - axis[index]) / (axis[index + 1] - axis[index])


@dataclass(frozen=True)
class Arc:
    """Delay of one input pin to one output: (input slew, load) to delay and output slew, for both output edges.

    sense: +1 the output follows the input, -1 it opposes it, 0 either (the slower one counts).
    """

    pin: str
    sense: int
    delay_ns: tuple[Grid, Grid]
    slew_ns: tuple[Grid, Grid]


@dataclass(frozen=True)
class Energy:
    """Internal energy in pJ of a rising and a falling edge: (input slew, load) for an output, (slew,) for an input.

    when: the condition, an expression over the cell's pins; None where always.
    """

    pin: str | None
    when: str | None
    edges_pj: tuple[Grid, Grid]


@dataclass(frozen=True)
class Output:
    """One output pin: its function over the cell's inputs (truth table, pin i is bit i of the index)."""

    table: int
    arcs: tuple[Arc, ...]
    energies: tuple[Energy, ...]


@dataclass(frozen=True)
class FlipFlop:
    """A positive-edge flip-flop: clock and data pin, output, pins that are held inactive.

    inverts: the output is the complement of the data, as that of ASAP7's only flip-flop.
    """

    clock: str
    data: str
    output: str
    inactive: dict[str, int]
    setup_ns: tuple[Grid, Grid]
    inverts: bool = False


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
    """Every cell the simulation and timing understand, and the names of those they don't; its wires, if it says.

    enabled: those of the unused that are flip-flops with an enable; mapping would choose them.
    """

    name: str
    voltage_v: float
    cells: dict[str, Cell]
    unused: tuple[str, ...]
    wires: WireLoad | None = None
    enabled: tuple[str, ...] = ()

    def clock_slew_ns(self) -> float:
        """Return the second point of the flip-flops' input slew axis: the slew clocks are taken to arrive with."""
        for cell in self.cells.values():
            if cell.flip_flop:
                axis = cell.outputs[cell.flip_flop.output].arcs[0].delay_ns[0].first
                return axis[min(1, len(axis) - 1)]
        raise LimenError(f"library {self.name}: holds no flip-flop with a positive clock edge and plain data")


def read_text(path: Path) -> str:
    """Return the text of a .lib or .lib.gz. Raises LimenError where it can't be read."""
    try:
        data = Path(path).read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", "replace")
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LimenError(f"{path}: cannot be read: {reason}; expected a Liberty file, .lib or .lib.gz") from None


def read_library(path: Path) -> Library:
    """Return the library in a Liberty file.

    Raises:
        LimenError: an unreadable file, or no usable cells.
    """
    text = read_text(path)
    try:
        group = parse_liberty(text)
        reader = _Reader(group)
    except (LimenError, ValueError) as error:
        raise LimenError(f"{path}: is not valid Liberty: {error}") from None
    cells: dict[str, Cell] = {}
    unused: list[str] = []
    groups = {cell.arguments[0]: cell for cell in group.named("cell")}
    for name, cell in groups.items():
        built = reader.cell(name, cell)
        if built is None:
            unused.append(name)
        else:
            cells[name] = built
    if not cells:
        raise LimenError(f"{path}: holds no usable cell; expected combinational cells and flip-flops")
    enabled = tuple(name for name in unused if any(map(_keeps_state, groups[name].named("ff"))))
    return Library(group.arguments[0], reader.voltage_v, cells, tuple(unused), reader.wires(group), enabled)


def _keeps_state(flip_flop: Group) -> bool:
    """Return whether the next state may be the present one."""
    return bool(re.search(rf"\b{re.escape(flip_flop.arguments[0])}\b", flip_flop.get("next_state")))


class _Reader:
    """Turns parsed Liberty groups into cells, in this module's units."""

    def __init__(self, library: Group) -> None:
        self.time_ns = _unit(library.get("time_unit", "1ns"), "s") / 1e-9
        self.load_pf = _unit("".join(library.lists.get("capacitive_load_unit", ["1", "pf"])).lower(), "f") / 1e-12
        volt = _unit(library.get("voltage_unit", "1V"), "V")
        self.leakage_nw = _unit(library.get("leakage_power_unit", "1nW"), "W") / 1e-9
        self.voltage_v = float(library.get("nom_voltage", "1")) * volt
        # Liberty's internal energy has the unit of load times voltage squared.
        self.energy_pj = self.load_pf * volt**2
        self.templates = {
            template.arguments[0]: (template.get("variable_1"), template.get("variable_2"))
            for template in library.named("lu_table_template") + library.named("power_lut_template")
        }
        self.default_leakage = library.get("default_cell_leakage_power", "0")

    def cell(self, name: str, cell: Group) -> Cell | None:
        """Return a cell, or None for one that simulation and timing don't understand."""
        if (
            cell.get("dont_use") == "true"
            or SPECIAL.search(name)
            or cell.named("latch")
            or cell.named("statetable")
            or cell.named("bus")
        ):
            return None
        if cell.get("clock_gating_integrated_cell"):
            return None
        pins = {pin.arguments[0]: pin for pin in cell.named("pin")}
        inputs = tuple(n for n, pin in pins.items() if pin.get("direction") == "input")
        outputs = {n: pin for n, pin in pins.items() if pin.get("direction") == "output"}
        if not outputs or len(inputs) > MAX_INPUTS or any(pin.get("three_state") for pin in outputs.values()):
            return None
        state = cell.named("ff")
        if len(state) > 1 or not all(pin.get("function") for pin in outputs.values()):
            return None
        built: dict[str, Output] = {}
        flip_flop = None
        try:
            if state:
                flip_flop = self._flip_flop(state[0], pins, inputs, outputs)
                if flip_flop is None:
                    return None
            for pin_name, pin in outputs.items():
                table = 0 if state else truth_table(pin.get("function"), inputs)
                built[pin_name] = Output(table, self._arcs(pin, inputs), self._energies(pin))
            return Cell(
                name=name,
                area_um2=float(cell.get("area", "0")),
                leakage_nw=self._leakage_nw(cell),
                inputs=inputs,
                capacitance_pf={n: float(pins[n].get("capacitance", "0")) * self.load_pf for n in inputs},
                outputs=built,
                input_energies={n: self._energies(pins[n]) for n in inputs},
                flip_flop=flip_flop,
            )
        except (LimenError, KeyError, ValueError):
            return None

    def wires(self, library: Group) -> WireLoad | None:
        """Return the wire load of the smallest blocks: the first one whose wires are longer than nothing."""
        for load in library.named("wire_load"):
            points = load.numbers("fanout_length").reshape(-1, 2) if "fanout_length" in load.lists else np.zeros((0, 2))
            per_length = float(load.get("capacitance", "0")) * self.load_pf
            if len(points) > 1 and points[-1, 1] > points[0, 1] and per_length > 0:
                order = np.argsort(points[:, 0])
                fanouts, lengths = points[order].T
                slope = float(load.get("slope", "0")) * per_length
                return WireLoad(load.arguments[0], tuple(fanouts), tuple(lengths * per_length), slope)
        return None

    def _flip_flop(
        self, state: Group, pins: dict[str, Group], inputs: tuple[str, ...], outputs: dict[str, Group]
    ) -> FlipFlop | None:
        clock, following = state.get("clocked_on"), state.get("next_state").replace(" ", "")
        data = following.removeprefix("!")
        if clock not in inputs or data not in inputs or len(outputs) != 1:
            return None
        output, function = next((name, pin.get("function")) for name, pin in outputs.items())
        if function not in state.arguments[:2]:
            return None
        inverts = (function == state.arguments[0]) == following.startswith("!")
        inactive: dict[str, int] = {}
        for kind in ("clear", "preset"):
            condition = state.get(kind).replace(" ", "")
            if condition:
                match = re.fullmatch(r"\(?(!?)(\w+)('?)\)?", condition)
                if not match or match[2] not in inputs:
                    return None
                inactive[match[2]] = 1 if match[1] or match[3] else 0
        if set(inputs) != {clock, data, *inactive}:
            return None
        for timing in pins[data].named("timing"):
            if timing.get("timing_type") == "setup_rising":
                grids = [self._grid(timing, name, self.time_ns) for name in ("rise_constraint", "fall_constraint")]
                return FlipFlop(clock, data, output, inactive, (grids[0], grids[1]), inverts)
        return None

    def _arcs(self, pin: Group, inputs: tuple[str, ...]) -> tuple[Arc, ...]:
        arcs = []
        for timing in pin.named("timing"):
            kind = timing.get("timing_type", "combinational")
            if kind not in ("combinational", "rising_edge") or not timing.named("cell_rise"):
                continue
            sense = {"positive_unate": 1, "negative_unate": -1}.get(timing.get("timing_sense"), 0)
            delay = [self._grid(timing, name, self.time_ns) for name in ("cell_rise", "cell_fall")]
            slew = [self._grid(timing, name, self.time_ns) for name in ("rise_transition", "fall_transition")]
            for related in timing.get("related_pin").split():
                if related in inputs:
                    arcs.append(Arc(related, sense, (delay[0], delay[1]), (slew[0], slew[1])))
        return tuple(arcs)

    def _energies(self, pin: Group) -> tuple[Energy, ...]:
        """Return the energies of a pin; what is drawn from one supply and from the other adds up."""
        found: list[Energy] = []
        supplies: list[str] = []
        for power in pin.named("internal_power"):
            rise, fall = (self._grid(power, name, self.energy_pj) for name in ("rise_power", "fall_power"))
            own = Energy(power.get("related_pin") or None, power.get("when") or None, (rise, fall))
            supply = power.get("related_pg_pin")
            last = found[-1] if found else None
            if last and (last.pin, last.when) == (own.pin, own.when) and supplies[-1] != supply:
                found[-1] = Energy(own.pin, own.when, (last.edges_pj[0].plus(rise), last.edges_pj[1].plus(fall)))
            else:
                found.append(own)
            supplies.append(supply)
        return tuple(found)

    def _leakage_nw(self, cell: Group) -> float:
        """Return the leakage of a cell: the library's mean, or else that of its states, all supplies together."""
        stated = cell.get("cell_leakage_power")
        if stated:
            return float(stated) * self.leakage_nw
        by_supply: dict[str, list[float]] = {}
        for state in cell.named("leakage_power"):
            if state.get("when"):
                by_supply.setdefault(state.get("related_pg_pin"), []).append(float(state.get("value")))
        if not by_supply:
            return float(self.default_leakage) * self.leakage_nw
        return sum(sum(values) / len(values) for values in by_supply.values()) * self.leakage_nw

    def _grid(self, group: Group, name: str, unit: float) -> Grid:
        """Return table `name` of a timing or power group; the slew of the pin itself is the first axis."""
        tables = group.named(name)
        if not tables:
            return Grid((0.0,), (0.0,), ((0.0,),))
        table = tables[0]
        values = table.numbers("values") * unit
        if len(values) == 1:
            return Grid((0.0,), (0.0,), ((float(values[0]),),))
        one, two = self.templates.get(table.arguments[0], ("", ""))
        first = table.numbers("index_1")
        second = table.numbers("index_2") if "index_2" in table.lists else np.zeros(1)
        matrix = values.reshape(len(first), len(second))
        if two and ("capacitance" in one or "related" in one):
            matrix, first, second, two = matrix.T, second, first, one
        second_unit = self.load_pf if "capacitance" in two else self.time_ns
        return Grid(
            tuple(float(number) for number in first * self.time_ns),
            tuple(float(number) for number in second * second_unit),
            tuple(tuple(float(number) for number in row) for row in matrix),
        )


def _unit(text: str, base: str) -> float:
    match = re.fullmatch(r"([\d.eE+-]+)\s*([fpnum]?)" + base, text)
    if not match:
        raise LimenError(f"unit: {text!r} is not allowed: a number and a prefixed {base}")
    return float(match[1]) * SCALES[match[2]]
