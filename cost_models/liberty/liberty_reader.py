"""A kit's Liberty files as a `Library`: every construct of a used cell is read, or stops with a line that names it.

A cell that simulation and timing don't understand is left out, and the reason kept. Not read on purpose: limits
(max_...), constraints but setup (holds, pulse widths: they don't bound the clock here), current sources and noise (the
same arcs told again), and arcs from pins of a flip-flop that are held inactive.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from cost_models.liberty.liberty_attributes import CUTOFF, check_cell_attributes
from cost_models.liberty.liberty_cells import Cell, Energy, FlipFlop, Library, Output
from cost_models.liberty.liberty_functions import Literal, depends_on, literal, truth_table
from cost_models.liberty.liberty_groups import check_groups
from cost_models.liberty.liberty_header import Header
from cost_models.liberty.liberty_left_out import refuse_strange, refuse_strange_pin
from cost_models.liberty.liberty_pins import (
    CLOCKED,
    COMBINATIONAL,
    Sources,
    States,
    Unusable,
    arcs,
    constraints,
    energies,
    leakage_nw,
    unfollowed,
)
from cost_models.liberty.liberty_text import Group, parse_liberty, read_text
from workloads.errors import LimenError, shown

MAX_INPUTS = 6
"""Inputs of a combinational cell: a truth table is one 64-bit word."""

EDGES = ("rise", "fall")
CAPACITANCES = ("capacitance", "rise_capacitance", "fall_capacitance")
LIMITS = ("max_capacitance", "max_transition")
"""Of an output, which mapping is given."""

OTHER_CELLS = {"scaled_cell": "a cell at other operating conditions", "model": "a block, not a cell"}
Files = Path | Sequence[Path]
"""A kit: one file or several."""


@dataclass(frozen=True)
class LibertyFile:
    """One file of a kit: its text, its head, and all of it as a tree."""

    path: Path
    text: str
    header: Header
    tree: Group

    @property
    def cells(self) -> list[Group]:
        return self.tree.named("cell")


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put a place before what is said of it."""
    try:
        yield
    except LimenError as error:
        raise LimenError(f"{where}: {error}") from None
    except Unusable as reason:
        raise Unusable(f"{where}: {reason}") from None


def read_files(paths: Files) -> list[LibertyFile]:
    """Return the files of a kit.

    Raises:
        LimenError: a file that can't be read or isn't Liberty, none at all, or files of different voltages.
    """
    files = [_read_file(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    if not files:
        raise LimenError("liberty: no file; expected one at least")
    for file in files[1:]:
        if abs(file.header.voltage_v / files[0].header.voltage_v - 1) > 1e-9:
            raise LimenError(
                f"{file.path}: voltage: {file.header.voltage_v:g} V is not the {files[0].header.voltage_v:g} V of "
                f"{files[0].path}; expected files of one kit and corner"
            )
        for name, value in file.header.thresholds.items():
            if value != files[0].header.thresholds[name]:
                raise LimenError(
                    f"{file.path}: {name}: {value:g} is not the {files[0].header.thresholds[name]:g} of "
                    f"{files[0].path}; expected files of one kit and corner"
                )
    return files


def _read_file(path: Path) -> LibertyFile:
    text = read_text(path)
    with naming(f"{path}: is not valid Liberty"):
        group = parse_liberty(text)
        return LibertyFile(path, text, Header(group), group)


def read_library(paths: Files) -> Library:
    """Return the library in a kit's files.

    Raises:
        LimenError: as `read_files`; a cell that is there twice; a construct of a used cell that isn't read; no cells.
    """
    return make_library(read_files(paths))


def make_library(files: Sequence[LibertyFile]) -> Library:
    """Return the library of files that are read. Raises LimenError, as `read_library`."""
    cells: dict[str, Cell] = {}
    left_out: dict[str, str] = {}
    scaled: dict[str, str] = {}
    groups: dict[str, Group] = {}
    homes: dict[str, Path] = {}
    for file in files:
        scaled |= _scaled_cells(file)
        for group in file.cells:
            if len(group.arguments) != 1:
                raise LimenError(f"{file.path}: line {group.line}: a cell of {len(group.arguments)} names")
            name = group.arguments[0]
            if name in groups:
                raise LimenError(f"{file.path}: cell {name}: it is in {homes[name]} already; expected once in a kit")
            groups[name], homes[name] = group, file.path
            with naming(str(file.path)), naming(f"cell {name}"):
                try:
                    cells[name] = _Reader(file.header, group).cell()
                except Unusable as reason:
                    left_out[name] = str(reason)
    _leave_open_outputs(cells, left_out)
    paths = ", ".join(str(file.path) for file in files)
    if not cells:
        first = next((f": {name}: {reason}" for name, reason in left_out.items()), "")
        raise LimenError(f"{paths}: holds no usable cell; expected combinational cells and flip-flops{first}")
    ordered = {name: left_out[name] for name in groups if name in left_out}
    enabled = tuple(name for name in ordered if any(map(_keeps_state, groups[name].named("ff"))))
    wires = next((file.header.wires for file in files if file.header.wires), None)
    name = "+".join(dict.fromkeys(file.header.name for file in files))
    return Library(name, files[0].header.voltage_v, cells, ordered | scaled, wires, enabled)


def _scaled_cells(file: LibertyFile) -> dict[str, str]:
    """Return what else of a file is like a cell, with why it is left out. Raises LimenError for a miswritten cell."""
    left_out = {}
    for group in file.tree.groups:
        if group.kind in OTHER_CELLS:
            left_out[f"{group.kind} {', '.join(group.arguments)}"] = f"{group.kind}: {OTHER_CELLS[group.kind]}"
        elif group.kind != "cell":
            meant = difflib.get_close_matches(group.kind.lower(), ("cell", "scaled_cell"), 1, CUTOFF)
            if meant:
                where = f"{file.path}: line {group.line}"
                raise LimenError(f"{where}: {shown(group.kind)} is not allowed: {meant[0]}, in small letters")
    return left_out


def _leave_open_outputs(cells: dict[str, Cell], left_out: dict[str, str]) -> None:
    """Move flip-flops of two outputs to those left out where the kit has others: an open output is area for nothing."""
    flip_flops = {name: cell.flip_flop for name, cell in cells.items() if cell.flip_flop}
    if all(flip_flop.open for flip_flop in flip_flops.values()):
        return
    for name, flip_flop in flip_flops.items():
        if flip_flop.open:
            left_out[name] = f"pin {next(iter(flip_flop.open))}: an output more; other flip-flops of the kit have one"
            del cells[name]


def _keeps_state(flip_flop: Group) -> bool:
    """Return whether the next state may be the present one."""
    names = flip_flop.arguments[:1]
    return any(re.search(rf"\b{re.escape(name)}\b", flip_flop.get("next_state")) for name in names)


class _Reader:
    """Turns one cell's group into numbers."""

    def __init__(self, header: Header, group: Group) -> None:
        self.header = header
        self.group = group

    def cell(self) -> Cell:
        """Return the cell. Raises Unusable for one that is left out, LimenError for a construct that isn't read."""
        group = self.group
        refuse_strange(self.header, group)
        pins = self._pins()
        inputs = tuple(name for name, pin in pins.items() if pin.get("direction") == "input")
        outputs = {name: pin for name, pin in pins.items() if pin.get("direction") == "output"}
        if not outputs:
            raise Unusable("no output")
        if len(inputs) > MAX_INPUTS:
            raise Unusable(f"{len(inputs)} inputs; at most {MAX_INPUTS} are read")
        for name, pin in outputs.items():
            if "three_state" in pin.attributes:
                raise Unusable(f"pin {name}: three_state")
            if not pin.get("function"):
                raise Unusable(f"pin {name}: no function")
        if "area" not in group.attributes:
            raise Unusable("no area")
        state = group.named("ff")
        if not state:
            check_groups(group, self.header.defined_groups)
        flip_flop = self._flip_flop(state, pins, inputs, outputs) if state else None
        states = self._states(state, inputs, outputs)
        built = {name: self._output(name, inputs, pins, flip_flop, states) for name in outputs}
        check_cell_attributes(group, self.header.defined_attributes)
        area = group.amount("area")
        input_energies = {name: self._input_energies(name, pins[name], pins, states) for name in inputs}
        if flip_flop:
            self._check_conditions(flip_flop, input_energies[flip_flop.clock], tuple(pins))
        return Cell(
            name=group.arguments[0],
            area_um2=area,
            leakage_nw=leakage_nw(self.header, group, states, area),
            inputs=inputs,
            capacitance_pf={name: self._capacitance_pf(name, pins[name]) for name in inputs},
            outputs=built,
            input_energies=input_energies,
            flip_flop=flip_flop,
        )

    def _pins(self) -> dict[str, Group]:
        """Return all pins by name: `pin (A, B)` is two."""
        pins: dict[str, Group] = {}
        for pin in self.group.named("pin"):
            if not pin.arguments:
                raise LimenError(f"line {pin.line}: a pin without a name")
            for name in pin.arguments:
                if name in pins:
                    raise LimenError(f"pin {name}: it is there twice")
                pins[name] = pin
                refuse_strange_pin(self.header, name, pin)
        return pins

    def _states(self, flip_flops: list[Group], inputs: tuple[str, ...], outputs: dict[str, Group]) -> States:
        variables = tuple(flip_flops[0].arguments[:2]) if flip_flops else ()
        free = inputs + variables[:1]
        derived = {name: truth_table(f'!"{variables[0]}"', free) for name in variables[1:]}
        tables = {}
        for name, pin in outputs.items():
            try:
                tables[name] = truth_table(pin.get("function"), free, derived)
            except LimenError as error:
                raise Unusable(f"pin {name}: {error}") from None
        return States(free, {**derived, **tables})

    def _output(
        self, name: str, inputs: tuple[str, ...], pins: dict[str, Group], flip_flop: FlipFlop | None, states: States
    ) -> Output:
        pin, others = pins[name], tuple(other for other in pins if other != name and other not in inputs)
        with naming(f"pin {name}"):
            if flip_flop:
                table, sources = 0, Sources((flip_flop.clock,), (*flip_flop.inactive, *others), tuple(pins))
                output_arcs = arcs(self.header, pin, CLOCKED, sources)
                needed = sources.inputs if name == flip_flop.output else ()
            else:
                table, sources = states.derived[name], Sources(inputs, others, tuple(pins))
                output_arcs = arcs(self.header, pin, COMBINATIONAL, sources)
                needed = tuple(n for i, n in enumerate(inputs) if depends_on(table, i, len(inputs)))
            for source in needed:
                for edge, word in enumerate(EDGES):
                    if not any(arc.pin == source and arc.delay_ns[edge] for arc in output_arcs):
                        raise Unusable(f"no delay of a {word} from {source}")
            output_energies = energies(self.header, pin, sources.inputs, tuple(pins), states)
            for energy in output_energies if flip_flop else ():
                if flip_flop and energy.pin not in (flip_flop.clock, *flip_flop.inactive):
                    raise LimenError(
                        f"internal_power: related_pin: {shown(energy.pin)} is not read: a flip-flop's output switches "
                        f"by its clock, {flip_flop.clock}"
                    )
            for limit in LIMITS:
                pin.amount(limit, 0)
        is_open = flip_flop is not None and name != flip_flop.output
        passed = () if is_open else tuple(dict.fromkeys(unfollowed(pin, others)))
        return Output(table, output_arcs, output_energies, self._capacitance_pf(name, pin), passed)

    def _input_energies(self, name: str, pin: Group, pins: dict[str, Group], states: States) -> tuple[Energy, ...]:
        with naming(f"pin {name}"):
            return energies(self.header, pin, (None,), tuple(pins), states)

    def _check_conditions(self, flip_flop: FlipFlop, clock_energies: tuple[Energy, ...], pins: tuple[str, ...]) -> None:
        """Raise LimenError for conditions of a clock's energies that aren't over pins, or leave a state without one.

        A pulse is priced by what holds while the clock is high, of every supply that has energies of the clock.
        """
        with naming(f"pin {flip_flop.clock}: internal_power: when"):
            tables = [(energy.supply, truth_table(energy.when or "1", pins)) for energy in clock_energies]
        for data, output in product((0, 1), repeat=2):
            state = {**flip_flop.inactive, flip_flop.clock: 1, flip_flop.data: data, flip_flop.output: output}
            state |= {name: output ^ int(opposes) for name, opposes in flip_flop.open.items()}
            row = sum(state.get(name, 0) << index for index, name in enumerate(pins))
            for supply in dict.fromkeys(supply for supply, _ in tables):
                if not any(table >> row & 1 for other, table in tables if other == supply):
                    raise LimenError(
                        f"pin {flip_flop.clock}: internal_power: no when holds at {flip_flop.data} = {data} and "
                        f"{flip_flop.output} = {output}, and none is without"
                    )

    def _capacitance_pf(self, name: str, pin: Group) -> float:
        """Return a pin's capacitance: the one it has for both edges, or their mean, or the library's default."""
        with naming(f"pin {name}"):
            capacitances = {
                kind: pin.amount(kind) * self.header.load_pf for kind in CAPACITANCES if kind in pin.attributes
            }
            if "capacitance" in capacitances:
                return capacitances["capacitance"]
            if len(capacitances) == 2:
                return sum(capacitances.values()) / 2
            if pin.get("direction") == "output":
                return self.header.default_output_capacitance * self.header.load_pf
            if self.header.default_input_capacitance is None:
                raise Unusable("no capacitance")
            return self.header.default_input_capacitance * self.header.load_pf

    def _flip_flop(
        self, states: list[Group], pins: dict[str, Group], inputs: tuple[str, ...], outputs: dict[str, Group]
    ) -> FlipFlop:
        if len(states) > 1:
            raise Unusable(f"{len(states)} ff groups")
        state = states[0]
        variables = tuple(state.arguments[:2])
        if not variables:
            raise LimenError("ff: its state has no name")
        clock = self._literal(state, "clocked_on", inputs)
        if clock.inverted or "clocked_on_also" in state.attributes:
            raise Unusable("ff: not clocked on the rising edge of one pin alone")
        data = self._literal(state, "next_state", inputs, variables)
        inactive: dict[str, int] = {}
        for kind in ("clear", "preset"):
            if state.get(kind):
                control = self._literal(state, kind, inputs)
                inactive[control.name] = int(control.inverted)
        unused = [name for name in inputs if name not in {clock.name, data.name, *inactive}]
        if unused or len({clock.name, data.name, *inactive}) != 2 + len(inactive):
            raise Unusable(f"ff: clock, data, clear and preset are not its inputs, each once ({', '.join(inputs)})")
        inverts = {}
        for name, pin in outputs.items():
            with naming(f"pin {name}"):
                function = self._literal(pin, "function", variables)
            inverts[name] = (function.inverted != (function.name == variables[0])) == data.inverted
        output = min(outputs, key=lambda name: inverts[name])
        check_groups(self.group, self.header.defined_groups)  # not before: others than ours may hold anything
        with naming(f"pin {data.name}"):
            setup = constraints(self.header, pins[data.name], "setup_rising", clock.name)
            for edge, grids in zip(EDGES, setup, strict=True):
                if not grids:
                    raise Unusable(f"no setup_rising table of a {edge} before {clock.name}")
        open_outputs = {name: inverted != inverts[output] for name, inverted in inverts.items() if name != output}
        return FlipFlop(clock.name, data.name, output, inactive, setup, inverts[output], open_outputs)

    def _literal(self, owner: Group, name: str, inputs: tuple[str, ...], others: tuple[str, ...] = ()) -> Literal:
        """Return the input that a function is, inverted or not. others: names it may hold, though it may not be one."""
        try:
            function = literal(owner.get(name), inputs + others)
        except LimenError as error:
            raise Unusable(f"{owner.kind}: {name}: {error}") from None
        if function is None or function.name in others:
            raise Unusable(f"{owner.kind}: {name}: {shown(owner.get(name))} is not one of {', '.join(inputs)}")
        return function
