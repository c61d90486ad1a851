"""Kernels of each op against the MAC's, from a cost table, beside the range that a paper reports for a kernel."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cost_models.kernels import SYNAPSES, weight_bits
from cost_models.table import Quantities, Table, load_table
from dse.text_tables import latex_table, markdown_table
from workloads.errors import LimenError
from workloads.numbers import OPS, Op

DEFINITIONS = {
    "op alone": ("op", ""),
    **{f"{name.removeprefix('neuron_')} neuron": (name, "") for name in SYNAPSES},
    "os PE": ("pe", "os"),
    "ws PE": ("pe", "ws"),
}
"""What may be called a kernel: component and dataflow of its rows in a cost table."""

RATIOS = ("area", "energy", "power", "delay")
PUBLISHED = ("area", "power")
UNKNOWN = "–"


class Kernel(NamedTuple):
    """One definition at one width. Energy is of one cycle: one op, or all of a neuron's; power includes leakage.

    Ratios are those of the MAC over this op. None: no gate equivalent in the table, or slower than the clock.
    """

    definition: str
    x_bits: int
    w_bits: int
    op: Op
    multiplier: str
    area_um2: float
    area_ge: float | None
    energy_pj: float
    power_mw: float | None
    delay_ns: float
    area_ratio: float
    energy_ratio: float
    power_ratio: float | None
    delay_ratio: float


@dataclass(frozen=True)
class KernelTable:
    """Rows by definition and width, the MAC's first; published: low and high of the ratios in PUBLISHED."""

    costs: str
    clock_ns: float
    rows: tuple[Kernel, ...]
    published: dict[str, tuple[float, float]]

    def against(self, row: Kernel, name: str) -> str:
        """Return where a ratio is: below, within or above the published range; empty for the MAC or where unknown."""
        ratio = row.area_ratio if name == "area" else row.power_ratio
        if row.op == "mac" or ratio is None:
            return ""
        low, high = self.published[name]
        return "below" if ratio < low else "within" if ratio <= high else "above"


def kernel_table(costs: str, ops: Sequence[Op], clock_ns: float) -> KernelTable:
    """Return the kernels of `ops` and of the MAC at every width where the table has both.

    Raises:
        LimenError: an unusable table, one without these rows, or a clock period that is no positive number.
    """
    if not (clock_ns > 0 and math.isfinite(clock_ns)):
        raise LimenError(f"clock-ns: {clock_ns:g} is not allowed: a positive number of ns")
    table = load_table(costs)
    published = {
        name: (
            table.quantity("published_kernel", f"{name}_ratio_low").value,
            table.quantity("published_kernel", f"{name}_ratio_high").value,
        )
        for name in PUBLISHED
    }
    gate = table.index.get(("nand2", "", "", "", ""), {}).get(0)
    gate_um2 = gate["area_um2"].value if gate else None
    multipliers = {
        (row["component"], row["dataflow"], row["x_bits"]): row["multiplier"]
        for row in table.rows
        if row["op"] == "mac" and row["x_bits"] == row["w_bits"]
    }
    rows: list[Kernel] = []
    for definition, (component, dataflow) in DEFINITIONS.items():
        for x_bits in _widths(table, component, dataflow):
            mac = _quantities(table, component, dataflow, "mac", x_bits)
            found = {op: _quantities(table, component, dataflow, op, x_bits) for op in OPS if op in ops}
            if mac is None or not any(found.values()):
                continue
            multiplier = multipliers[component, dataflow, str(x_bits)]
            reference = _kernel(definition, x_bits, "mac", mac, clock_ns, gate_um2, None)._replace(
                multiplier=multiplier
            )
            rows.append(reference)
            rows += [
                _kernel(definition, x_bits, op, own, clock_ns, gate_um2, reference)
                for op, own in found.items()
                if own is not None and op != "mac"
            ]
    for component, _ in DEFINITIONS.values():
        if not any(DEFINITIONS[row.definition][0] == component for row in rows):
            raise LimenError(
                f"{table.path}: component: {component!r} of {', '.join(ops)} and mac is missing; "
                "limen costs build makes a table with it"
            )
    return KernelTable(costs, clock_ns, tuple(rows), published)


def _widths(table: Table, component: str, dataflow: str) -> list[int]:
    return sorted({int(x) for name, _, x, _, flow in table.index if name == component and flow == dataflow and x})


def _quantities(table: Table, component: str, dataflow: str, op: Op, x_bits: int) -> Quantities | None:
    """Return the quantities of the widest accumulator or psum at this width; None where the table has no such row."""
    w_bits = weight_bits(op, x_bits)
    found = table.index.get((component, op, str(x_bits), str(w_bits), dataflow))
    if found is None:
        return None
    return Quantities(f"{table.path}: component {component!r}", found[max(found)])


def _kernel(
    definition: str,
    x_bits: int,
    op: Op,
    own: Quantities,
    clock_ns: float,
    gate_um2: float | None,
    mac: Kernel | None,
) -> Kernel:
    area, energy = own["area_um2"].value, own["energy_per_op_pj"].value
    delay = own["delay_ns" if definition == "op alone" else "min_clock_ns"].value
    power = energy / clock_ns + own["leakage_nw"].value * 1e-6 if delay <= clock_ns else None
    return Kernel(
        definition, x_bits, weight_bits(op, x_bits), op, "", area, area / gate_um2 if gate_um2 else None,
        energy, power, delay,
        mac.area_um2 / area if mac else 1.0,
        mac.energy_pj / energy if mac else 1.0,
        (None if mac.power_mw is None or power is None else mac.power_mw / power) if mac else 1.0,
        mac.delay_ns / delay if mac else 1.0,
    )  # fmt: skip


def table_csv(table: KernelTable) -> str:
    """Return a row a kernel with all figures, the published ranges beside them and where the ratios are."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    bounds = [f"published_{name}_ratio_{end}" for name in PUBLISHED for end in ("low", "high")]
    writer.writerow([*Kernel._fields, "clock_ns", *bounds, *(f"{name}_against_published" for name in PUBLISHED)])
    ranges = [end for name in PUBLISHED for end in table.published[name]]
    for row in table.rows:
        figures = ["" if value is None else f"{value:.6g}" if isinstance(value, float) else value for value in row]
        writer.writerow([*figures, table.clock_ns, *ranges, *(table.against(row, name) for name in PUBLISHED)])
    return text.getvalue()


def table_markdown(table: KernelTable) -> str:
    """Return the table, and which kernels reach the published ranges."""
    rows = [cells for group in _groups(table) for cells in group]
    return "\n\n".join([_caption(table), markdown_table(_head(table), rows).rstrip(), *_reach(table)]) + "\n"


def table_latex(table: KernelTable) -> str:
    """Return the table for the package booktabs, a rule above each definition; who reaches the range is the caption."""
    head = _head(table)
    caption = " ".join([_caption(table), *_reach(table)])
    return latex_table(caption, f"lrrll{'r' * (len(head) - 6)}l", head, _groups(table))


def _head(table: KernelTable) -> list[str]:
    ratios = []
    for name in RATIOS:
        paper = " (paper {:g}–{:g})".format(*table.published[name]) if name in PUBLISHED else ""
        ratios.append(f"{name} MAC/op{paper}")
    figures = ["area, µm²", "GE", "energy, pJ", "power, mW", "delay, ns"]
    return ["kernel", "x bits", "w bits", "op", "multiplier", *figures, *ratios, "area, power against the paper"]


def _groups(table: KernelTable) -> list[list[list[str]]]:
    groups: dict[str, list[list[str]]] = {}
    for row in table.rows:
        figures = [row.area_um2, row.area_ge, row.energy_pj, row.power_mw, row.delay_ns]
        ratios = [row.area_ratio, row.energy_ratio, row.power_ratio, row.delay_ratio]
        mac = row.op == "mac"
        groups.setdefault(row.definition, []).append(
            [
                row.definition, str(row.x_bits), str(row.w_bits), row.op, row.multiplier.replace("_", " ") or UNKNOWN,
                *(_figure(value) for value in figures),
                *(UNKNOWN if mac or value is None else f"{value:.2f}" for value in ratios),
                ", ".join(table.against(row, name) or UNKNOWN for name in PUBLISHED),
            ]
        )  # fmt: skip
    return list(groups.values())


def _figure(value: float | None) -> str:
    """Return three significant digits, whole numbers in full."""
    return UNKNOWN if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _caption(table: KernelTable) -> str:
    return (
        f"Kernels on {table.costs}: MAC over op, above 1 where the op is smaller. Energy of a cycle: one op, or all of "
        f"a neuron's. Power at {table.clock_ns:g} ns, leakage included. Delay: from operands to result of an op alone, "
        "otherwise the shortest clock period."
    )


def _reach(table: KernelTable) -> list[str]:
    """Return a sentence per op and published ratio: which kernels are within the range, and which above it."""
    sentences = []
    for op in dict.fromkeys(row.op for row in table.rows if row.op != "mac"):
        for name in PUBLISHED:
            low, high = table.published[name]
            found = [f"{place} it: {_named(table, op, name, place) or 'none'}" for place in ("within", "above")]
            sentences.append(f"Published {name} ratio {low:g}–{high:g}, {op}: {'; '.join(found)}.")
    return sentences


def _named(table: KernelTable, op: Op, name: str, place: str) -> str:
    widths: dict[str, list[str]] = {}
    for row in table.rows:
        if row.op == op and table.against(row, name) == place:
            widths.setdefault(row.definition, []).append(str(row.x_bits))
    return ", ".join(f"{definition} at {'/'.join(own)} bits" for definition, own in widths.items())
