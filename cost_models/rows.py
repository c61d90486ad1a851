"""Rows of a table from characterised units: a netlist's quantities, or the terms of a fit over several netlists."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from cost_models.characterise import SETTLED, WIRES, Point, rounded, unit_of
from cost_models.fits import delay_terms, fit, terms
from cost_models.full_adders import FULL_ADDERS
from cost_models.stimulus import UNIFORM
from cost_models.table import COLUMNS, Row
from cost_models.units import PES


def row(component: str, quantity: str, value: float, unit: str, method: str, source: str, **more: str) -> Row:
    """Return one row, absent fields empty."""
    fields = dict.fromkeys(COLUMNS, "") | more
    return fields | {
        "component": component,
        "quantity": quantity,
        "value": f"{value:.6g}",
        "unit": unit,
        "method": method,
        "source": source,
    }


def _how(quantity: str) -> str:
    """Return what a quantity was worked out with."""
    if quantity.endswith(SETTLED):
        return "zero-delay netlist simulation"
    if quantity.endswith(WIRES):
        return "event-driven netlist simulation, the library's wire load alone"
    if quantity.startswith("energy"):
        return "event-driven netlist simulation, with glitches"
    return "static timing" if quantity.endswith("_ns") else "mapped cells"


def point_rows(point: Point, versions: str, library: str) -> list[Row]:
    """Return a row per quantity of a characterised unit."""
    unit, source = point.unit, point.unit.source()
    rows = []
    for name, value in point.values.items():
        quantity, _, operands = name.partition("@")
        energy = quantity.startswith("energy")
        rows.append(
            row(
                unit.component,
                quantity,
                value,
                unit_of(quantity),
                "synthesis",
                f"{source.top} on {library}, {_how(quantity)}",
                op=unit.op,
                multiplier=point.multiplier if unit.op == "mac" or point.multiplier == FULL_ADDERS else "",
                x_bits=str(unit.x_bits or ""),
                w_bits=str(unit.w_bits or ""),
                acc_bits=str(unit.acc_bits or ""),
                dataflow=unit.dataflow,
                stages=str(unit.stages) if unit.component in PES else "",
                stream=operands or UNIFORM if energy else "",
                tool_versions=versions,
                hash=point.digest,
            )
        )
    return rows


def line_rows(points: Sequence[Point], versions: str, library: str) -> list[Row]:
    """Return how far a PE's area and energies are, at most, from straight lines over its widths of op bits and more.

    The widths are three: op bits, the widest, and one half-way. No rows where the group has no such three.
    """
    unit = points[0].unit
    if unit.component != "pe":
        return []
    on_line = [point for point in points if point.unit.acc_bits >= unit.op_bits]
    if len(on_line) < 3:
        return []
    widths = [point.unit.acc_bits for point in on_line]
    digest = hashlib.sha256("".join(point.digest for point in on_line).encode()).hexdigest()[:16]
    found = []
    for quantity in ("area_um2", "energy_per_op_pj", "energy_per_idle_cycle_pj"):
        values = np.array([point.values[quantity] for point in on_line])
        line = np.polyval(np.polyfit(widths, values, 1), widths)
        worst = float(np.abs(line / values - 1).max())
        text = f"{unit.source().top} on {library}, straight line over acc_bits {', '.join(map(str, widths))}"
        found.append(
            row(
                "pe_line",
                f"largest_residual:{quantity}",
                rounded(worst),
                "ratio",
                "synthesis",
                text,
                op=unit.op,
                x_bits=str(unit.x_bits),
                w_bits=str(unit.w_bits),
                dataflow=unit.dataflow,
                tool_versions=versions,
                hash=digest,
            )
        )
    return found


def fit_rows(points: Sequence[Point], versions: str, library: str) -> list[Row]:
    """Return the rows of a group of points of one component: a row per quantity and term, the range, the clock."""
    unit = points[0].unit
    digest = hashlib.sha256("".join(point.digest for point in points).encode()).hexdigest()[:16]
    more = {"dataflow": unit.dataflow, "tool_versions": versions, "hash": digest}
    rows = []
    for quantity in points[0].values:
        delay = quantity.endswith("_ns")
        sizes = [(delay_terms if delay else terms)(point.unit) for point in points]
        found, worst = fit(sizes, [point.values[quantity] for point in points])
        text = f"{unit.source().top} on {library}, {_how(quantity)}; "
        text += f"fit of {len(points)} points, largest error {100 * worst:.0f} %"
        stream = UNIFORM if quantity.startswith("energy") else ""
        for name, value in found.items():
            label = f"{quantity}:{name}"
            kind = unit_of(quantity)
            rows.append(row(unit.component, label, rounded(value), kind, "synthesis", text, stream=stream, **more))
    for name in terms(unit):
        most = math.ceil(max(terms(point.unit)[name] for point in points))
        rows.append(row(unit.component, f"largest:{name}", most, "count", "synthesis", "range of the fit", **more))
    if unit.component == "bank":
        most = max(point.unit.x_bits << point.unit.acc_bits for point in points)
        rows.append(row("bank", "most_bits", most, "count", "synthesis", "range of the fit", **more))
    return rows
