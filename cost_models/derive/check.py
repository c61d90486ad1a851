"""`check_table`: a random sample of a table's rows synthesised anew and compared, digit for digit."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from cost_models.derive.characterise import best_multiplier, characterise, characterise_group
from cost_models.derive.table_rows import figure_rows, fit_rows
from cost_models.gates.synthesis import Kit, open_kit, say_notes, tool_versions
from cost_models.liberty.liberty_reader import Files
from cost_models.table.operands import UNIFORM
from cost_models.table.table import SMALLEST, Row, load_table
from cost_models.units.catalogue import fitted_groups, fused_units, is_priced, sharing
from cost_models.units.neurons import SYNAPSES
from cost_models.units.unit import (
    FUSED,
    GATED,
    PE_COMPONENTS,
    SIGNED,
    Edge,
    Fitted,
    FusedPe,
    Nand2,
    Neuron,
    Operator,
    Pe,
    Tag,
    Unit,
)
from workloads.errors import LimenError
from workloads.host.progress import Progress
from workloads.host.scratch import scratch_folder

WITH_OP = (*PE_COMPONENTS, SIGNED, FUSED, *SYNAPSES, "op", "op_result")
"""Components of units with an op, whose rows are one netlist each."""


@dataclass(frozen=True)
class Mismatch:
    """A row that doesn't come out again: what the table says, and what this machine gives."""

    unit: Unit
    quantity: str
    table_value: str
    value: str


def check_table(
    name: str, liberty: Files, sample: int, seed: int, progress: Progress | None = None
) -> tuple[int, list[Mismatch]]:
    """Synthesise `sample` random netlists of a table, or fits, again; return the rows compared and what differs.

    Raises:
        LimenError: an unusable table or library, a missing extra, or a sample of less than one.
    """
    units = table_units(name)
    if not sample >= 1:
        raise LimenError(f"sample: {sample} is not allowed: at least 1")
    tool_versions()
    chosen = random.Random(seed).sample(sorted(units, key=lambda unit: unit.sort_key()), min(sample, len(units)))
    with scratch_folder() as scratch:
        kit = open_kit(liberty, scratch)
        say_notes(kit)
        wrong: list[Mismatch] = []
        for done, unit in enumerate(chosen):
            if progress is not None:
                progress("synthesising", done, len(chosen))
            wrong += check_unit(unit, units[unit], kit)
    return sum(len(units[unit]) for unit in chosen), wrong


def check_unit(unit: Unit, rows: list[Row], kit: Kit) -> list[Mismatch]:
    """Return every quantity of a netlist, or of the fit of a component (its first unit), that comes out different.

    A MAC's recipe, and that of a neuron's tree, is found anew: all are tried.
    """
    if isinstance(unit, Fitted):
        group = next(fitted for fitted in fitted_groups() if fitted[0] == unit)
        again = fit_rows(characterise_group(group, kit), tool_versions(), kit.cells.name)
    else:
        figures = characterise(unit, kit, best_multiplier(_sharing(unit), kit))
        again = figure_rows(figures, tool_versions(), kit.cells.name)
    fresh, stored = (
        {_name(row): row["value"] for row in unit_rows} | {"hash": unit_rows[0]["hash"]} for unit_rows in (again, rows)
    )
    return [
        Mismatch(unit, quantity, stored.get(quantity, "missing"), fresh.get(quantity, "missing"))
        for quantity in sorted(fresh.keys() | stored.keys())
        if stored.get(quantity) != fresh.get(quantity)
    ]


def _sharing(unit: Unit) -> tuple[Unit, ...]:
    """Return the units whose recipe a unit has: a PE that of its widths, any other its own."""
    if isinstance(unit, FusedPe):
        return fused_units(unit.ops, unit.x_bits, unit.dataflow)
    return sharing(unit) if is_priced(unit) else (unit,)


def _name(row: Row) -> str:
    """Return a row's quantity, and its stream where that isn't the uniform one."""
    return row["quantity"] if row["stream"] in ("", UNIFORM) else f"{row['quantity']}@{row['stream']}"


def table_units(name: str) -> dict[Unit, list[Row]]:
    """Return the rows of each netlist and of each fit in a table; a fit goes by its first unit."""
    fits = {(group[0].component, group[0].columns().dataflow): group[0] for group in fitted_groups()}
    rows_of_unit: dict[Unit, list[Row]] = {}
    for row in load_table(name).rows:
        if row["method"] != "synthesis":
            continue
        unit = fits.get((row["component"], row["dataflow"])) or netlist_unit(name, row)
        if unit is not None:
            rows_of_unit.setdefault(unit, []).append(row)
    if not rows_of_unit:
        raise LimenError(f"{name}: holds no synthesised rows; nothing to check")
    return rows_of_unit


def netlist_unit(name: str, row: Row) -> Unit | None:
    """Return the unit that a row of a table is about where that is one netlist, not all those behind a fit.

    Raises:
        LimenError: a unit with an op, and a row without.
    """
    component = row["component"].removesuffix(SMALLEST)
    smallest = component != row["component"]
    op = row["op"]
    x_bits, w_bits, acc_bits = (int(row[column] or 0) for column in ("x_bits", "w_bits", "acc_bits"))
    match component:
        case "edge":
            return Edge(x_bits, acc_bits)
        case "tag":
            return Tag(acc_bits)
        case "nand2":
            return Nand2()
    if component not in WITH_OP:
        return None
    if not op:
        raise LimenError(f"{name}: op: '' is not allowed for component {row['component']!r}: it has one")
    if component == FUSED:
        return FusedPe(op, x_bits, w_bits, acc_bits, row["dataflow"])
    if component in (*PE_COMPONENTS, SIGNED):
        pe = Pe(op, x_bits, w_bits, acc_bits, row["dataflow"], int(row["stages"] or 1), smallest=smallest)
        return replace(pe, zero_gating=component == GATED, signed=component == SIGNED)
    for window in SYNAPSES:
        if component == window:
            return Neuron(op, x_bits, w_bits, window, acc_bits, smallest=smallest)
    return Operator(op, x_bits, w_bits, component == "op_result", smallest=smallest)
