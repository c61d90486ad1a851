"""Units of each op against the MAC's, from cost tables, beside the range that a paper reports for its "kernel"."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cost_models.table.operands import FAMILY, NETWORK, UNIFORM
from cost_models.table.table import SMALLEST, Table, Value, load_table
from cost_models.units.neurons import SYNAPSES, weight_bits
from cost_models.units.unit import GATED, PE_COMPONENTS
from simulator.designs.design import MAX_ACC_BITS
from workloads.errors import LimenError
from workloads.host.text_tables import SIX_DIGITS, csv_text, markdown_table
from workloads.host.width import columns, wrapped
from workloads.ops.names import BASELINE
from workloads.ops.op_field import Op
from workloads.ops.registry import known_ops


class Definition(NamedTuple):
    """Rows of a cost table that the paper may call a kernel; mac: the MAC's component, where it is another."""

    component: str
    dataflow: str = ""
    stages: str = "1"
    mac: str = ""


DEFINITIONS = {
    "op alone": Definition("op"),
    "op alone, one number": Definition("op_result", mac="op"),
    **{f"{name.removeprefix('neuron_')} neuron": Definition(name) for name in SYNAPSES},
    **{f"{flow} PE": Definition("pe", flow) for flow in ("os", "ws")},
    **{f"{flow} PE, 2 stages": Definition("pe", flow, "2") for flow in ("os", "ws")},
    **{f"{flow} PE, 2 stages, MAC zero-gated": Definition("pe", flow, "2", GATED) for flow in ("os", "ws")},
}

RATIOS = ("area MAC", "area smallest MAC", "energy MAC", "power MAC", "delay MAC")
PUBLISHED = ("area", "power")
UNKNOWN = "–"
NOT_MEASURABLE = "not measurable"
"""Power on an FPGA: open tools don't tell it, and an ASIC's energy isn't it."""

CITED_IN = "ihp130"
"""The built-in table whose published range stands beside tables of FPGAs, which cite nothing."""


class UnitRow(NamedTuple):
    """One definition at one width, by one cost table. Energy is of one cycle: one op, or all of a neuron's.

    area: in um2, or LUTs of an FPGA (area_unit), where energy and power are None. power_mw: leakage included; None too
    where slower than the clock. area_ge: None without a gate equivalent. delay_ns: None where not placed.
    smallest: a MAC of least area; the other MACs are the best by area × energy × clock. Ratios are those of the best
    MAC over this op; smallest_area_ratio: of the smallest one.
    """

    costs: str
    definition: str
    x_bits: int
    w_bits: int
    op: Op
    multiplier: str
    smallest: bool
    area: float
    area_unit: str
    area_ge: float | None
    energy_pj: float | None
    power_mw: float | None
    delay_ns: float | None
    area_ratio: float | None
    smallest_area_ratio: float | None
    energy_ratio: float | None
    power_ratio: float | None
    delay_ratio: float | None


@dataclass(frozen=True)
class Choice:
    """clock_ns of the powers, operands of the energies, with wires or without, widths (none: all)."""

    clock_ns: float = 20.0
    stream: str = UNIFORM
    wires: bool = False
    bits: tuple[int, ...] = ()


@dataclass(frozen=True)
class UnitTable:
    """Rows by table, definition and width, the MAC's first; published: low and high of the ratios in PUBLISHED."""

    choice: Choice
    rows: tuple[UnitRow, ...]
    published: dict[str, tuple[float, float]]

    def against(self, row: UnitRow, name: str) -> str:
        """Return where a ratio is: below, within or above the published range; empty for the MAC or where unknown."""
        ratio = row.area_ratio if name == "area" else row.power_ratio
        if row.op == BASELINE or ratio is None:
            return ""
        low, high = self.published[name]
        return "below" if ratio < low else "within" if ratio <= high else "above"


def unit_table(costs: Sequence[str], ops: Sequence[Op], choice: Choice) -> UnitTable:
    """Return the units of `ops` and of the MAC at every width where a table has both, table after table.

    Raises:
        LimenError: an unusable table, one without these rows, a width or stream that none has, or a clock period that
            is no positive number.
    """
    if not (choice.clock_ns > 0 and math.isfinite(choice.clock_ns)):
        raise LimenError(f"clock-ns: {choice.clock_ns:g} is not allowed: a positive number of ns")
    tables = [load_table(name) for name in costs]
    _refuse_unknown(tables, costs, choice)
    cited = next((table for table in tables if not table.of_fpga), None) or load_table(CITED_IN)
    published = {
        name: (
            cited.quantity("published_kernel", f"{name}_ratio_low").value,
            cited.quantity("published_kernel", f"{name}_ratio_high").value,
        )
        for name in PUBLISHED
    }
    rows: list[UnitRow] = []
    for name, table in zip(costs, tables, strict=True):
        table_rows = _rows(table, Path(name).stem, ops, choice)
        if not table_rows:
            raise LimenError(
                f"{table.path}: component: 'op' of {', '.join(ops)} and mac is missing for these bits and this stream; "
                "limen costs build makes a table with it"
            )
        rows += table_rows
    return UnitTable(choice, tuple(rows), published)


def _refuse_unknown(tables: Sequence[Table], costs: Sequence[str], choice: Choice) -> None:
    """Raise LimenError for a width or a stream that none of the tables has."""
    widths = {
        x_bits for table in tables for definition in DEFINITIONS.values() for x_bits in _widths(table, definition)
    }
    streams = {stream for table in tables for stream, _ in table.variants}
    asked = [("bits", bits, widths) for bits in choice.bits] + [("stream", choice.stream, streams)]
    for field, value, known in asked:
        if known and value not in known:
            raise LimenError(
                f"{field}: {value} is not allowed: {', '.join(costs)} has {', '.join(map(str, sorted(known)))}"
            )


def _rows(table: Table, costs: str, ops: Sequence[Op], choice: Choice) -> list[UnitRow]:
    gate = table.index.get(("nand2", "", "", "", ""), {}).get(0)
    gate_um2 = gate["area_um2"].value if gate else None
    multipliers = {
        (row["component"], row["dataflow"], row["stages"] or "1", row["x_bits"]): row["multiplier"]
        for row in table.rows
        if row["op"] == BASELINE and row["x_bits"] == row["w_bits"]
    }
    rows: list[UnitRow] = []
    for name, definition in DEFINITIONS.items():
        if choice.stream != UNIFORM and definition.component not in PE_COMPONENTS:
            continue
        for x_bits in _widths(table, definition):
            of_mac = definition._replace(component=definition.mac or definition.component)
            mac = _quantities(table, of_mac, BASELINE, x_bits, choice)
            others = [op for op in known_ops() if op in ops and op != BASELINE]
            by_op = {op: _quantities(table, definition, op, x_bits, choice) for op in others}
            if mac is None or not any(by_op.values()) or (choice.bits and x_bits not in choice.bits):
                continue
            multiplier = multipliers[of_mac.component, of_mac.dataflow, of_mac.stages, str(x_bits)]
            best = _unit_row(costs, name, x_bits, BASELINE, mac, choice, gate_um2)._replace(multiplier=multiplier)
            rows.append(best)
            of_least = of_mac._replace(component=of_mac.component + SMALLEST)
            least = _quantities(table, of_least, BASELINE, x_bits, choice)
            smallest = None
            if least:
                multiplier = multipliers[of_least.component, of_least.dataflow, of_least.stages, str(x_bits)]
                smallest = _unit_row(costs, name, x_bits, BASELINE, least, choice, gate_um2)
                smallest = smallest._replace(multiplier=multiplier, smallest=True)
                if smallest.multiplier != best.multiplier:
                    rows.append(smallest)
            rows += [
                _against(best, smallest, _unit_row(costs, name, x_bits, op, quantities, choice, gate_um2))
                for op, quantities in by_op.items()
                if quantities
            ]
    return rows


def _widths(table: Table, definition: Definition) -> list[int]:
    keys = table.variants.get((UNIFORM, definition.stages), {})
    return sorted({int(x) for name, _, x, _, flow in keys if (name, flow) == definition[:2] and x})


def _quantities(table: Table, definition: Definition, op: Op, x_bits: int, choice: Choice) -> dict[str, Value] | None:
    """Return the quantities of the widest accumulator or psum at this width; None where the table has no such row.

    It is that of many inputs: PEs of MAX_ACC_BITS, whatever the op, are there for designs that ask for more.
    """
    key = (definition.component, op, str(x_bits), str(weight_bits(op, x_bits)), definition.dataflow)
    by_width = table.variants.get((UNIFORM, definition.stages), {}).get(key)
    if by_width is None or choice.stream == UNIFORM:
        return dict(by_width[_widest(by_width)]) if by_width else None
    operands = table.variants.get((choice.stream, definition.stages), {}).get(key)
    return {**by_width[_widest(by_width)], **operands[_widest(operands)]} if operands else None


def _widest(widths: Iterable[int]) -> int:
    return max((width for width in widths if width < MAX_ACC_BITS), default=MAX_ACC_BITS)


def _unit_row(
    costs: str, name: str, x_bits: int, op: Op, quantities: dict[str, Value], choice: Choice, gate_um2: float | None
) -> UnitRow:
    """Return a unit without ratios."""
    delay = quantities.get("delay_ns" if name.startswith("op alone") else "min_clock_ns")
    delay_ns = delay.value if delay else None
    w_bits = weight_bits(op, x_bits)
    if "area_um2" not in quantities:
        luts = quantities["lut"].value
        return UnitRow(costs, name, x_bits, w_bits, op, "", False, luts, "LUT", None, None, None, delay_ns,
                       None, None, None, None, None)  # fmt: skip
    area, energy = quantities["area_um2"].value, quantities["energy_per_op_pj"].value
    if choice.wires:
        if "energy_per_op_wires_pj" not in quantities:
            raise LimenError(f"costs: {costs} is not allowed with wires: its library has no wire load")
        energy += quantities["energy_per_op_wires_pj"].value
    fits = delay_ns is not None and delay_ns <= choice.clock_ns
    power = energy / choice.clock_ns + quantities["leakage_nw"].value * 1e-6 if fits else None
    gates = area / gate_um2 if gate_um2 else None
    return UnitRow(costs, name, x_bits, w_bits, op, "", False, area, "um2", gates, energy, power, delay_ns,
                   None, None, None, None, None)  # fmt: skip


def _against(mac: UnitRow, smallest: UnitRow | None, unit: UnitRow) -> UnitRow:
    """Return a unit with the ratios to it of the best MAC and, in area, of the smallest."""

    def ratio(of_mac: float | None, of_op: float | None) -> float | None:
        return None if of_mac is None or not of_op else of_mac / of_op

    return unit._replace(
        area_ratio=ratio(mac.area, unit.area),
        smallest_area_ratio=ratio(smallest.area, unit.area) if smallest else None,
        energy_ratio=ratio(mac.energy_pj, unit.energy_pj),
        power_ratio=ratio(mac.power_mw, unit.power_mw),
        delay_ratio=ratio(mac.delay_ns, unit.delay_ns),
    )


def table_csv(table: UnitTable) -> str:
    """Return a row a unit with all figures, the published ranges beside them and where the ratios are."""
    bounds = [f"published_{name}_ratio_{end}" for name in PUBLISHED for end in ("low", "high")]
    verdicts = [f"{name}_against_published" for name in PUBLISHED]
    ranges = [end for name in PUBLISHED for end in table.published[name]]
    settings = [table.choice.clock_ns, table.choice.stream, table.choice.wires]
    rows = []
    for row in table.rows:
        rows.append([*row, *map(str, [*settings, *ranges]), *(table.against(row, name) for name in PUBLISHED)])
    return csv_text([*UnitRow._fields, "clock_ns", "stream", "wires", *bounds, *verdicts], rows, SIX_DIGITS)


def table_markdown(table: UnitTable) -> str:
    """Return the table, and which units reach the published ranges."""
    rows = [cells for group in _groups(table) for cells in group]
    return "\n\n".join([_caption(table), markdown_table(_head(table), rows).rstrip(), *_reach(table)]) + "\n"


TEXT_HEAD = ("kernel", "x,w", "op", "area", "pJ", "ns", "area×", "least×", "energy×", "power×", "delay×")
"""Columns of the table for a terminal. pJ: energy; ns: delay; ×: of the MAC over the op, in area of the least, too."""


def table_text(table: UnitTable) -> str:
    """Return the same for a terminal: fewer columns, a table for each cost table, prose in lines of a width."""
    parts = [wrapped(_caption(table), 0)]
    for costs in dict.fromkeys(row.costs for row in table.rows):
        rows = [row for row in table.rows if row.costs == costs]
        title = f"{costs}, areas in {UNITS[rows[0].area_unit]}"
        parts.append(f"{title}\n{columns([TEXT_HEAD, *map(_text_cells, rows)], right=range(3, len(TEXT_HEAD)))}")
    return "\n\n".join([*parts, *map(wrapped, _reach(table))]) + "\n"


def _text_cells(row: UnitRow) -> list[str]:
    ratios = (row.area_ratio, row.smallest_area_ratio, row.energy_ratio, row.power_ratio, row.delay_ratio)
    return [
        row.definition, f"{row.x_bits},{row.w_bits}", row.op + ", smallest" * row.smallest,
        *map(figure_text, (row.area, row.energy_pj, row.delay_ns)),
        *(UNKNOWN if row.op == BASELINE or value is None else f"{value:.2f}" for value in ratios),
    ]  # fmt: skip


def _head(table: UnitTable) -> list[str]:
    ratios = []
    for name in RATIOS:
        published = table.published.get(name.removesuffix(" MAC"))
        paper = " (paper {:g}–{:g})".format(*published) if published else ""
        ratios.append(f"{name}/op{paper}")
    figures = ["area", "GE", "energy, pJ", "power, mW", "delay, ns"]
    return [
        "costs",
        "kernel",
        "x bits",
        "w bits",
        "op",
        "multiplier",
        *figures,
        *ratios,
        "area, power against the paper",
    ]


def _groups(table: UnitTable) -> list[list[list[str]]]:
    groups: dict[tuple[str, str], list[list[str]]] = {}
    for row in table.rows:
        unmeasured = NOT_MEASURABLE if row.area_unit == "LUT" else UNKNOWN
        power = [unmeasured if value is None else figure_text(value) for value in (row.energy_pj, row.power_mw)]
        ratios = [row.area_ratio, row.smallest_area_ratio, row.energy_ratio, row.power_ratio, row.delay_ratio]
        mac = row.op == BASELINE
        groups.setdefault((row.costs, row.definition), []).append(
            [
                row.costs, row.definition, str(row.x_bits), str(row.w_bits), row.op + ", smallest" * row.smallest,
                row.multiplier.replace("_", " ") or UNKNOWN,
                f"{figure_text(row.area)} {UNITS[row.area_unit]}", figure_text(row.area_ge), *power,
                figure_text(row.delay_ns),
                *(UNKNOWN if mac or value is None else f"{value:.2f}" for value in ratios),
                ", ".join(table.against(row, name) or UNKNOWN for name in PUBLISHED),
            ]
        )  # fmt: skip
    return list(groups.values())


UNITS = {"um2": "µm²", "LUT": "LUT"}


def figure_text(value: float | None) -> str:
    """Return three significant digits, whole numbers in full."""
    return UNKNOWN if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _caption(table: UnitTable) -> str:
    costs = ", ".join(dict.fromkeys(row.costs for row in table.rows))
    return f"Kernels on {costs}: MAC over op, above 1 where the op is smaller. {how_measured(table)}"


def how_measured(table: UnitTable) -> str:
    """Return sentences on what the figures are of."""
    choice = table.choice
    wires = "with" if choice.wires else "without"
    whose = f" of {FAMILY}" if choice.stream.startswith(NETWORK) else ""
    return (
        f"Energy of a cycle: one op, or all of a neuron's; {choice.stream} operands{whose}, {wires} wires. Power at "
        f"{choice.clock_ns:g} ns, leakage included. Delay: from operands to result of an op alone, otherwise the "
        "shortest clock period. An op alone leaves a carry to the adder behind it, unless its result is one number. A "
        "MAC is the best by area × energy × clock; the smallest stands beside it where that is another."
    )


def _reach(table: UnitTable) -> list[str]:
    """Return a sentence per table, op and published ratio: which units are within the range, and which above it."""
    sentences = []
    for costs, op in dict.fromkeys((row.costs, row.op) for row in table.rows if row.op != BASELINE):
        op_rows = [row for row in table.rows if (row.costs, row.op) == (costs, op)]
        for name in PUBLISHED:
            low, high = table.published[name]
            if not any(table.against(row, name) for row in op_rows):
                sentences.append(f"Published {name} ratio {low:g}–{high:g}, {op} on {costs}: {NOT_MEASURABLE}.")
                continue
            places = [f"{place} it: {_named(table, op_rows, name, place) or 'none'}" for place in ("within", "above")]
            sentences.append(f"Published {name} ratio {low:g}–{high:g}, {op} on {costs}: {'; '.join(places)}.")
    return sentences


def _named(table: UnitTable, rows: Sequence[UnitRow], name: str, place: str) -> str:
    widths: dict[str, list[str]] = {}
    for row in rows:
        if table.against(row, name) == place:
            widths.setdefault(row.definition, []).append(str(row.x_bits))
    return ", ".join(f"{definition} at {'/'.join(bits)} bits" for definition, bits in widths.items())
