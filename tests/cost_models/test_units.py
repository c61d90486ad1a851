"""Units: a table's rows and a journal's lines name each of them, and only it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cost_models.derive.check import table_units
from cost_models.fpga.fpga_units import FPGA_UNITS, fpga_units
from cost_models.units.catalogue import Pairs, groups
from cost_models.units.unit import (
    UNITS,
    Fitted,
    from_journal,
    journalled,
)
from tests.cost_models.test_table import write
from workloads.errors import LimenError


@pytest.mark.parametrize(("name", "pairs"), [("ihp130", "all"), ("sky130hd", "equal"), ("asap7", "equal")])
def test_rows_are_of_the_units_that_they_were_made_of(name: str, pairs: Pairs) -> None:
    """Of PEs there are widths between those of their group besides; a fit goes by its first unit."""
    units = table_units(name)
    wanted = [unit for group in groups(pairs=pairs) for unit in (group[:1] if isinstance(group[0], Fitted) else group)]
    assert set(wanted) <= units.keys()
    assert {unit.component for unit in units} == {unit.component for unit in wanted}
    assert len({unit.sort_key() for unit in units}) == len(units)


def test_a_row_without_its_op(tmp_path: Path) -> None:
    path = write(tmp_path / "own.csv", {"op": ""})
    with pytest.raises(LimenError, match=r"own\.csv: op: '' is not allowed for component 'pe'"):
        table_units(path)


def test_a_journal_gives_every_unit_back() -> None:
    units = [unit for group in groups() for unit in group]
    assert len(set(units)) == len(units) and {type(unit) for unit in units} == {*UNITS}
    for kinds, of_kind in ((UNITS, units), (FPGA_UNITS, fpga_units("xc7", systems=True))):
        assert [from_journal(json.loads(json.dumps(journalled(unit))), kinds) for unit in of_kind] == [*of_kind]
