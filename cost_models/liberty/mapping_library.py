"""A kit's used cells written anew, for the tools that map to it: one library in the plain words they all read.

Yosys and ABC each read a part of Liberty, stop without a word at the rest, and map to outputs that we leave open. They
get what mapping needs: areas, pins, functions, delays over slew and load. Numbers are those of the files, in
the first file's units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cost_models.liberty.liberty_cells import Cell, Library
from cost_models.liberty.liberty_functions import Literal, literal, sum_of_products
from cost_models.liberty.liberty_header import Header, Table, wire_capacitance
from cost_models.liberty.liberty_pins import COMBINATIONAL, DELAYS, related_pins
from cost_models.liberty.liberty_reader import LibertyFile
from cost_models.liberty.liberty_text import Group

CAPACITANCES = ("capacitance", "rise_capacitance", "fall_capacitance")
WIRE_DEFAULTS = ("default_wire_load", "default_wire_load_selection")
LIMITS = {"max_capacitance": "load", "max_transition": "slew"}
CONSTANT = re.compile(r"(?<!\w)[01]")
"""A constant in a function, at which ABC crashes unless it is all of the function."""

Tables = tuple[Table, Table]
"""Delay and slew of one output edge."""


def mapping_library(files: Sequence[LibertyFile], library: Library) -> str:
    """Return the text of a Liberty file with a library's used cells."""
    first = files[0].header
    lines = [
        "library (kit) {",
        "  delay_model : table_lookup;",
        f'  time_unit : "{_unit(first.time_ns, "ns", "ps")}";',
        f"  capacitive_load_unit ({', '.join(_unit(first.load_pf, 'pf', 'ff', ' ').split())});",
    ]
    if first.default_slew is not None:
        lines.append(f"  default_max_transition : {first.default_slew!r};")
    wired = next((file for file in files if file.header.wires), None)
    sizes: set[tuple[int, int]] = set()
    cells: list[str] = []
    for file in files:
        factors = {"slew": file.header.time_ns / first.time_ns, "load": file.header.load_pf / first.load_pf}
        if file is wired:
            lines += _wire_loads(file.tree, factors["load"])
        writer = _Writer(file.header, factors, sizes)
        for group in file.cells:
            if group.arguments[0] in library.cells:
                cells += writer.cell(group, library.cells[group.arguments[0]])
    lines += [line for size in sorted(sizes) for line in _template(*size)]
    return "\n".join([*lines, *cells, "}", ""])


def _template(slews: int, loads: int) -> Iterator[str]:
    """Yield the lines of the template of tables of a size: ABC wants that of its template."""
    yield f"  lu_table_template (limen_{slews}x{loads}) {{"
    yield "    variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;"
    yield f"    index_1 ({_row(np.arange(slews))}); index_2 ({_row(np.arange(loads))});"
    yield "  }"


def _wire_loads(library: Group, factor: float) -> Iterator[str]:
    """Yield the lines of a library's wire loads, which ABC sizes cells by."""
    for name in WIRE_DEFAULTS:
        if name in library.attributes:
            yield f"  {name} : {_quoted(library.get(name))};"
    for load in library.named("wire_load"):
        yield f"  wire_load ({_quoted(*load.arguments)}) {{"
        yield f"    capacitance : {wire_capacitance(library, load) * factor!r}; slope : {load.number('slope', 0)!r};"
        for pair in load.lists.get("fanout_length", []):
            yield f"    fanout_length ({', '.join(pair)});"
        yield "  }"
    for choice in library.named("wire_load_selection"):
        yield f"  wire_load_selection ({_quoted(*choice.arguments)}) {{"
        for *area, name in choice.lists.get("wire_load_from_area", []):
            yield f"    wire_load_from_area ({', '.join([*area, _quoted(name)])});"
        yield "  }"


def _quoted(*words: str) -> str:
    return '"' + " ".join(words).replace('"', "").replace("\\", "") + '"'


def _unit(size: float, unit: str, smaller: str, between: str = "") -> str:
    """Return a unit as its tools know them: a whole number of one of two."""
    small = size * 1000
    return f"{size:g}{between}{unit}" if round(size) >= 1 else f"{small:g}{between}{smaller}"


class _Writer:
    """Writes cells of one file. factors: from its units to those of the text. sizes: tables' so far, added to."""

    def __init__(self, header: Header, factors: dict[str, float], sizes: set[tuple[int, int]]) -> None:
        self.header = header
        self.factors = factors
        self.sizes = sizes

    def cell(self, group: Group, cell: Cell) -> Iterator[str]:
        """Yield the lines of a cell."""
        yield f"  cell ({cell.name}) {{"
        yield f"    area : {cell.area_um2!r};"
        output = ""
        if cell.flip_flop:
            state = group.named("ff")[0]
            data = literal(state.get("next_state"), (*cell.inputs, *state.arguments[:2]))
            assert data is not None
            output = "IQ" if cell.flip_flop.inverts == data.inverted else "IQN"
            yield f'    ff (IQ, IQN) {{ clocked_on : "{cell.flip_flop.clock}"; next_state : "{_word(data)}";'
            for kind in ("clear", "preset"):
                function = literal(state.get(kind), cell.inputs) if state.get(kind) else None
                if function:
                    yield f'      {kind} : "{_word(function)}";'
            yield "    }"
        for pin in group.named("pin"):
            for name in pin.arguments:
                if name in cell.inputs:
                    yield f"    pin ({name}) {{ direction : input;{self._capacitances(pin, cell, name)} }}"
                elif cell.flip_flop is None:
                    yield from self._output(pin, name, cell)
                elif name == cell.flip_flop.output:
                    yield f'    pin ({name}) {{ direction : output; function : "{output}"; }}'
        yield "  }"

    def _capacitances(self, pin: Group, cell: Cell, name: str) -> str:
        capacitances = {
            kind: pin.number(kind) * self.factors["load"] for kind in CAPACITANCES if kind in pin.attributes
        }
        capacitances.setdefault("capacitance", cell.capacitance_pf[name] / self.header.load_pf * self.factors["load"])
        return "".join(f" {kind} : {value!r};" for kind, value in capacitances.items())

    def _output(self, pin: Group, name: str, cell: Cell) -> Iterator[str]:
        function = pin.get("function").replace('"', "")
        if CONSTANT.search(function):
            function = sum_of_products(cell.outputs[name].table, cell.inputs)
        yield f'    pin ({name}) {{ direction : output; function : "{function}";'
        for limit, factor in LIMITS.items():
            if limit in pin.attributes:
                yield f"      {limit} : {pin.number(limit) * self.factors[factor]!r};"
        for arc in self._arcs(pin, cell.inputs):
            yield f'      timing () {{ related_pin : "{arc.related}";'
            if arc.sense:
                yield f"        timing_sense : {arc.sense};"
            for names, tables in zip(DELAYS, arc.edges, strict=True):
                for table_name, table in zip(names, tables or (), strict=True):
                    yield f"        {table_name} {self._table(table)}"
            yield "      }"
        yield "    }"

    def _arcs(self, pin: Group, inputs: Sequence[str]) -> list[_Arc]:
        """Return arcs with tables of both edges, as ABC wants them: those of one edge alone are paired in order."""
        arcs = []
        for timing in pin.named("timing"):
            edges = COMBINATIONAL.get(timing.get("timing_type", "combinational"), ())
            tables = [self._edge(timing, edge) if edge in edges else None for edge in (0, 1)]
            for name in related_pins(timing) if any(tables) else ():
                if name in inputs:
                    arcs.append(_Arc(name, timing.get("timing_sense"), (tables[0], tables[1])))
        wholes = [arc for arc in arcs if all(arc.edges)]
        for name in dict.fromkeys(arc.related for arc in arcs if not all(arc.edges)):
            halves = [[arc for arc in arcs if arc.related == name and arc.edges[edge]] for edge in (0, 1)]
            alone = [[arc for arc in half if not all(arc.edges)] for half in halves]
            rises, falls = (alone[edge] or halves[edge] for edge in (0, 1))
            for place in range(max(len(edge_arcs) for edge_arcs in alone)):
                rise, fall = rises[place % len(rises)], falls[place % len(falls)]
                sense = rise.sense if rise.sense == fall.sense else ""
                wholes.append(_Arc(name, sense, (rise.edges[0], fall.edges[1])))
        return wholes

    def _edge(self, timing: Group, edge: int) -> Tables | None:
        delay, slew = (self.header.delay_table(timing, name) for name in DELAYS[edge])
        return None if delay is None or slew is None else (delay, slew)

    def _table(self, table: Table) -> str:
        """Return the text of a table; an axis of one point is written as one along which nothing changes."""
        first, second, values = table.first, table.second, table.values * self.factors["slew"]
        if len(first) == 1:
            first, values = np.append(first, first + 1), np.repeat(values, 2, axis=0)
        if len(second) == 1:
            second, values = np.append(second, second + 1), np.repeat(values, 2, axis=1)
        rows = ", ".join(_row(row) for row in values)
        slews, loads = first * self.factors["slew"], second * self.factors["load"]
        self.sizes.add((len(slews), len(loads)))
        template = f"limen_{len(slews)}x{len(loads)}"
        return f"({template}) {{ index_1 ({_row(slews)}); index_2 ({_row(loads)}); values ({rows}); }}"


@dataclass(frozen=True)
class _Arc:
    """A timing group to write: tables of both edges, or of one."""

    related: str
    sense: str
    edges: tuple[Tables | None, Tables | None]


def _row(numbers: np.ndarray) -> str:
    return f'"{", ".join(map(repr, numbers.tolist()))}"'


def _word(function: Literal) -> str:
    return f"!{function.name}" if function.inverted else function.name
