"""Rows of an earlier table that stand in a new one: those of netlists that would be made in the same way today."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from cost_models.derive.check import netlist_unit
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER, multipliers
from cost_models.gates.synthesis import Kit, fingerprint
from cost_models.sources.unit_sources import unit_source
from cost_models.table.table import Row, load_table
from cost_models.units.catalogue import is_straightened
from cost_models.units.unit import Fitted, Pe, Unit

Group = tuple[Unit, ...]


class EarlierTable:
    """The synthesised rows of a table, by what they are about: a netlist, a fit, or the lines of a PE's widths.

    A row's hash is over Verilog, library and recipe, not over how switching is counted: who changes that builds anew.
    """

    def __init__(self, name: str) -> None:
        """Read a built-in table or a .csv file.

        Raises:
            LimenError: an unusable table.
        """
        self._netlists: dict[Unit, list[Row]] = {}
        self._widths: dict[Unit, list[Pe]] = {}
        self._others: dict[tuple[str, ...], list[Row]] = {}
        for row in load_table(name).rows:
            unit = netlist_unit(name, row) if row["method"] == "synthesis" else None
            if unit is None:
                self._others.setdefault(_fit_or_lines(row), []).append(row)
                continue
            self._netlists.setdefault(unit, []).append(row)
        pes = [unit for unit in self._netlists if is_straightened(unit)]
        for pe in sorted(pes, key=lambda pe: pe.sum_bits):
            self._widths.setdefault(_any_width(pe), []).append(pe)

    def rows(self, group: Group, kit: Kit, versions: str) -> list[Row]:
        """Return the rows of a group in a table's order; none where one of them is missing or would be another today.

        versions: the tools of today.
        """
        unit = group[0]
        if isinstance(unit, Fitted):
            recipes = [multipliers(each, kit.cells)[0] for each in group]
            return self._of_several(("", unit.component, unit.columns().dataflow), group, recipes, kit, versions)
        units: Sequence[Unit] = self._widths.get(_any_width(unit), []) if is_straightened(unit) else group
        if not set(group) <= set(units) or not set(units) <= self._netlists.keys():
            return []
        recipes = [self._netlists[each][0]["multiplier"] or DEFAULT_MULTIPLIER for each in units]
        for each, recipe in zip(units, recipes, strict=True):
            digest = fingerprint(kit, unit_source(each), recipe)
            if recipe not in multipliers(each, kit.cells) or not _are_of(self._netlists[each], digest, versions):
                return []
        rows = [row for each in units for row in self._netlists[each]]
        if not is_straightened(unit):
            return rows
        lines = self._of_several(_lines_of(unit), units, recipes, kit, versions)
        return [*rows, *lines] if lines else []

    def _of_several(
        self, key: tuple[str, ...], units: Sequence[Unit], recipes: Sequence[str], kit: Kit, versions: str
    ) -> list[Row]:
        """Return the rows that several netlists are behind, or none."""
        digests = [fingerprint(kit, unit_source(unit), recipe) for unit, recipe in zip(units, recipes, strict=True)]
        rows = self._others.get(key, [])
        return rows if _are_of(rows, hashlib.sha256("".join(digests).encode()).hexdigest()[:16], versions) else []


def _are_of(rows: Sequence[Row], digest: str, versions: str) -> bool:
    return bool(rows) and all(row["hash"] == digest and row["tool_versions"] == versions for row in rows)


def _any_width(unit: Pe) -> Pe:
    return replace(unit, sum_bits=0)


def _lines_of(unit: Pe) -> tuple[str, ...]:
    return ("pe_line", unit.op, str(unit.x_bits), str(unit.w_bits), unit.dataflow)


def _fit_or_lines(row: Row) -> tuple[str, ...]:
    if row["component"] == "pe_line":
        return ("pe_line", row["op"], row["x_bits"], row["w_bits"], row["dataflow"])
    return ("", row["component"], row["dataflow"])
