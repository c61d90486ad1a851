"""`check_table`: a random sample of a table's rows synthesised anew and compared, digit for digit."""

from __future__ import annotations

import random
from dataclasses import dataclass

from cost_models.derive.characterise import best_multiplier, characterise, characterise_group
from cost_models.derive.table_rows import figure_rows, fit_rows
from cost_models.gates.synthesis import Kit, open_kit, say_notes, tool_versions
from cost_models.library.liberty_reader import Files
from cost_models.table.operands import UNIFORM
from cost_models.table.table import SMALLEST, Row, load_table
from cost_models.units.catalogue import fitted_groups, is_straightened, pe_units
from cost_models.units.neurons import SYNAPSES
from cost_models.units.sizes import FITTED
from cost_models.units.unit import PE_COMPONENTS, Unit
from workloads.errors import LimenError
from workloads.host.scratch import scratch_folder

ALONE = (*PE_COMPONENTS, "edge", "tag", "nand2", "op", "op_result", *SYNAPSES)
"""Components whose rows are one netlist each; the rows of FITTED are all netlists behind a fit."""


@dataclass(frozen=True)
class Mismatch:
    """A row that doesn't come out again: what the table says, and what this machine gives."""

    unit: Unit
    quantity: str
    table_value: str
    value: str


def check_table(name: str, liberty: Files, sample: int, seed: int) -> tuple[int, list[Mismatch]]:
    """Synthesise `sample` random netlists of a table, or fits, again; return the rows compared and what differs.

    Raises:
        LimenError: an unusable table or library, a missing extra, or a sample of less than one.
    """
    units = table_units(name)
    if not sample >= 1:
        raise LimenError(f"sample: {sample} is not allowed: at least 1")
    tool_versions()
    chosen = random.Random(seed).sample(sorted(units), min(sample, len(units)))
    with scratch_folder() as scratch:
        kit = open_kit(liberty, scratch)
        say_notes(kit)
        wrong = [mismatch for unit in chosen for mismatch in check_unit(unit, units[unit], kit)]
    return sum(len(units[unit]) for unit in chosen), wrong


def check_unit(unit: Unit, rows: list[Row], kit: Kit) -> list[Mismatch]:
    """Return every quantity of a netlist, or of the fit of a component (its first unit), that comes out different.

    A MAC's recipe, and that of a neuron's tree, is found anew: all are tried.
    """
    if unit.component in FITTED:
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
    """Return the units whose recipe a unit has: a PE that of its three widths, any other its own."""
    if not is_straightened(unit):
        return (unit,)
    assert unit.op
    return pe_units(unit.op, unit.x_bits, unit.w_bits, unit.dataflow)


def _name(row: Row) -> str:
    """Return a row's quantity, and its stream where that isn't the uniform one."""
    return row["quantity"] if row["stream"] in ("", UNIFORM) else f"{row['quantity']}@{row['stream']}"


def table_units(name: str) -> dict[Unit, list[Row]]:
    """Return the rows of each netlist and of each fit in a table; a fit goes by its first unit."""
    fits = {(group[0].component, group[0].dataflow): group[0] for group in fitted_groups()}
    rows_of_unit: dict[Unit, list[Row]] = {}
    for row in load_table(name).rows:
        if row["method"] != "synthesis":
            continue
        unit = fits.get((row["component"], row["dataflow"]))
        component = row["component"].removesuffix(SMALLEST)
        if component in ALONE:
            stages = int(row["stages"] or 1)
            smallest = component != row["component"]
            x_bits, w_bits, acc_bits = (int(row[field] or 0) for field in ("x_bits", "w_bits", "acc_bits"))
            sizes = x_bits, w_bits, acc_bits
            unit = Unit(component, row["op"], *sizes, row["dataflow"], stages=stages, smallest=smallest)
        if unit is not None:
            rows_of_unit.setdefault(unit, []).append(row)
    if not rows_of_unit:
        raise LimenError(f"{name}: holds no synthesised rows; nothing to check")
    return rows_of_unit
