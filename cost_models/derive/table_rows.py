"""Rows of a table from characterised units: a netlist's quantities, or the terms of a fit over several netlists."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from cost_models.derive.characterise import SETTLED, WIRES, UnitFigures, rounded, unit_of
from cost_models.derive.size_fits import fit
from cost_models.derive.straight_lines import LINEAR, residual, stretches
from cost_models.liberty.full_adders import FULL_ADDERS
from cost_models.sources.unit_sources import unit_source
from cost_models.table.operands import UNIFORM
from cost_models.table.table import COLUMNS, SMALLEST, Row
from cost_models.units.catalogue import is_straightened, pe_units
from cost_models.units.sizes import delay_terms, terms
from cost_models.units.unit import Fitted, RegisterBank

MILLIONTHS = 6
"""Decimals of a residual: it is worked out from values of six digits, the rest differs from processor to processor."""


def row(component: str, quantity: str, value: float, unit: str, method: str, source: str, **others: str) -> Row:
    """Return one row, absent fields empty."""
    fields = dict.fromkeys(COLUMNS, "") | others
    return fields | {
        "component": component,
        "quantity": quantity,
        "value": f"{value:.6g}",
        "unit": unit,
        "method": method,
        "source": source,
    }


def how(quantity: str) -> str:
    """Return what a quantity was worked out with."""
    if quantity.endswith(SETTLED):
        return "zero-delay netlist simulation"
    if quantity.endswith(WIRES):
        return "event-driven netlist simulation, the library's wire load alone"
    if quantity.startswith("energy"):
        return "event-driven netlist simulation, with glitches"
    return "static timing" if quantity.endswith("_ns") else "mapped cells"


def figure_rows(figures: UnitFigures, versions: str, library: str) -> list[Row]:
    """Return a row per quantity of a characterised unit."""
    unit, source = figures.unit, unit_source(figures.unit)
    rows = []
    for name, value in figures.values.items():
        quantity, _, operands = name.partition("@")
        energy = quantity.startswith("energy")
        rows.append(
            row(
                unit.component + SMALLEST * unit.smallest,
                quantity,
                value,
                unit_of(quantity),
                "synthesis",
                f"{source.top} on {library}, {how(quantity)}",
                **unit.columns().texts(),
                multiplier=figures.multiplier if unit.multiplies or figures.multiplier == FULL_ADDERS else "",
                stream=operands or UNIFORM if energy else "",
                tool_versions=versions,
                hash=figures.digest,
            )
        )
    return rows


def line_rows(group: Sequence[UnitFigures], versions: str, library: str) -> list[Row]:
    """Return how far a PE's area and energies are, at most, from the straight lines that stand for its widths.

    A line is fitted to three widths, see `lines`; 0 where every width was measured. No rows of other components.
    """
    unit = group[0].unit
    if not is_straightened(unit):
        return []
    by_width = {figures.unit.columns().acc_bits: figures.values for figures in group}
    knees = [knee.sum_bits for knee in pe_units(unit.op, unit.x_bits, unit.w_bits, unit.dataflow)]
    straight = stretches(knees, by_width.__getitem__)
    digest = hashlib.sha256("".join(figures.digest for figures in group).encode()).hexdigest()[:16]
    text = f"{unit_source(unit).top} on {library}, straight lines over acc_bits "
    text += "; ".join(", ".join(map(str, stretch)) for stretch in straight) or "none: every width measured"
    return [
        row(
            "pe_line",
            f"largest_residual:{quantity}",
            round(
                max((residual(stretch, quantity, by_width.__getitem__) for stretch in straight), default=0.0),
                MILLIONTHS,
            ),
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
        for quantity in LINEAR
    ]


def fit_rows(group: Sequence[UnitFigures], versions: str, library: str) -> list[Row]:
    """Return the rows of a group of one component's units: a row per quantity and term, the range, the clock."""
    units = [figures.unit for figures in group if isinstance(figures.unit, Fitted)]
    unit = units[0]
    digest = hashlib.sha256("".join(figures.digest for figures in group).encode()).hexdigest()[:16]
    identity = {"dataflow": unit.columns().dataflow, "tool_versions": versions, "hash": digest}
    rows = []
    for quantity in group[0].values:
        delay = quantity.endswith("_ns")
        sizes = [(delay_terms if delay else terms)(fitted) for fitted in units]
        coefficients, worst = fit(sizes, [figures.values[quantity] for figures in group])
        text = f"{unit_source(unit).top} on {library}, {how(quantity)}; "
        text += f"fit of {len(group)} points, largest error {100 * worst:.0f} %"
        stream = UNIFORM if quantity.startswith("energy") else ""
        for name, value in coefficients.items():
            label = f"{quantity}:{name}"
            kind = unit_of(quantity)
            rows.append(row(unit.component, label, rounded(value), kind, "synthesis", text, stream=stream, **identity))
    for name in terms(unit):
        most = math.ceil(max(terms(fitted)[name] for fitted in units))
        rows.append(row(unit.component, f"largest:{name}", most, "count", "synthesis", "range of the fit", **identity))
    banks = [fitted for fitted in units if isinstance(fitted, RegisterBank)]
    if banks:
        most = max(bank.width << bank.address_bits for bank in banks)
        rows.append(row("bank", "most_bits", most, "count", "synthesis", "range of the fit", **identity))
    return rows
