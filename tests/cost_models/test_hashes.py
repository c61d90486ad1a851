"""Shipped rows are of today's Verilog: every hash of a library's table is that of what would be synthesised now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cost_models.derive.check import table_units
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER, multipliers
from cost_models.gates.synthesis import Kit, fingerprint, open_kit
from cost_models.sources.unit_sources import unit_source
from cost_models.table.table import load_table
from cost_models.units.catalogue import fitted_groups, is_straightened
from cost_models.units.unit import Fitted, Unit
from tests.cost_models.conftest import LIBERTY_FILES


def joined(digests: list[str]) -> str:
    """Return the hash of rows that several netlists are behind."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def unit_hash(unit: Unit, recipe: str, kit: Kit) -> str:
    """Return the hash of a unit's rows, of a fit's where it is the fit's first; recipe: of its rows, or empty."""
    if isinstance(unit, Fitted):
        group = next(fitted for fitted in fitted_groups() if fitted[0] == unit)
        return joined([fingerprint(kit, unit_source(each), multipliers(each, kit.cells)[0]) for each in group])
    return fingerprint(kit, unit_source(unit), recipe or DEFAULT_MULTIPLIER)


@pytest.mark.parametrize("name", LIBERTY_FILES)
def test_rows_are_of_todays_verilog(name: str, liberty: Callable[[str], Path], tmp_path: Path) -> None:
    """A library's contents are part of its hashes, hence the Liberty file; nothing is synthesised."""
    kit = open_kit(liberty(name), tmp_path)
    stale: set[str] = set()
    widths: dict[tuple[str, ...], list[tuple[int, str]]] = {}
    compared = 0
    for unit, rows in table_units(name).items():
        today = unit_hash(unit, rows[0]["multiplier"], kit)
        stale |= {f"{unit}" for row in rows if row["hash"] != today}
        compared += len(rows)
        if is_straightened(unit):
            pe = (unit.op, str(unit.x_bits), str(unit.w_bits), unit.dataflow)
            widths.setdefault(pe, []).append((unit.sum_bits, today))
    for row in load_table(name).rows:
        if row["component"] == "pe_line":
            pe = (row["op"], row["x_bits"], row["w_bits"], row["dataflow"])
            if row["hash"] != joined([digest for _, digest in sorted(widths[pe])]):
                stale.add(f"pe_line {' '.join(pe)}")
            compared += 1
    assert compared == sum(row["method"] == "synthesis" for row in load_table(name).rows)
    assert not stale, f"{len(stale)} units, such as {min(stale)}: build their rows anew"
