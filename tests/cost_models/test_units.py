"""Units: a table's rows and a journal's lines name each of them, and only it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cost_models.derive.check import table_units
from cost_models.fpga.fpga_units import FPGA_UNITS, fpga_units
from cost_models.units.catalogue import WIDTHS, Pairs, groups
from cost_models.units.unit import (
    FUSED,
    SIGNED,
    UNITS,
    Edge,
    Fitted,
    FusedPe,
    Pe,
    Unit,
    from_journal,
    journalled,
)
from simulator.designs.design import MAX_ACC_BITS
from tests.cost_models.test_table import write
from workloads.errors import LimenError


@pytest.mark.parametrize(("name", "pairs"), [("ihp130", "all"), ("sky130hd", "equal"), ("asap7", "equal")])
def test_rows_are_of_the_units_that_they_were_made_of(name: str, pairs: Pairs) -> None:
    """Of PEs there are widths between those of their group besides; a fit goes by its first unit.

    Some get their rows when the tables are built next: PEs of signed activations and
    of several ops, at the widest accumulators and at operands beyond 8 bits, and edges of both.
    """
    units = table_units(name)
    wanted = [unit for group in groups(pairs=pairs) for unit in (group[:1] if isinstance(group[0], Fitted) else group)]
    to_come = {unit for unit in wanted if _is_to_come(unit)}
    assert set(wanted) - to_come <= units.keys()
    new = {SIGNED, FUSED}
    assert {unit.component for unit in units} - new == {unit.component for unit in wanted} - new
    assert len({unit.sort_key() for unit in units}) == len(units)


def _is_to_come(unit: Unit) -> bool:
    if isinstance(unit, Edge):
        return unit.x_bits > WIDTHS[-1] or unit.acc_bits == MAX_ACC_BITS
    if not isinstance(unit, Pe) or unit.smallest:
        return isinstance(unit, FusedPe)
    wide = unit.sum_bits == MAX_ACC_BITS or (unit.x_bits > WIDTHS[-1] and unit.dataflow == "is")
    return wide or unit.signed


def test_a_row_without_its_op(tmp_path: Path) -> None:
    path = write(tmp_path / "own.csv", {"op": ""})
    with pytest.raises(LimenError, match=r"own\.csv: op: '' is not allowed for component 'pe'"):
        table_units(path)


def test_a_journal_gives_every_unit_back() -> None:
    units = [unit for group in groups() for unit in group]
    assert len(set(units)) == len(units) and {type(unit) for unit in units} == {*UNITS}
    for kinds, of_kind in ((UNITS, units), (FPGA_UNITS, fpga_units("xc7", systems=True))):
        assert [from_journal(json.loads(json.dumps(journalled(unit))), kinds) for unit in of_kind] == [*of_kind]
