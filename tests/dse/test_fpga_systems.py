"""Whole systems on FPGAs: which fits a budget, how many PEs lie between two, and who is faster."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cost_models.fpga.fpga import TABLES
from cost_models.fpga.systems import ACC_BITS, ARRAYS, SYSTEM_BITS, system_unit
from dse.report.fpga_system_table import HEAD, caption, table_csv, table_latex, table_markdown, table_text
from dse.report.fpga_systems import (
    DSP_MAC,
    EQUAL_ARRAY,
    FABRIC_MAC,
    THRESHOLD,
    Budget,
    Built,
    Kind,
    built_systems,
    image_cycles,
    lut_budgets,
    parts,
    system_rows,
)
from dse.report.latex_width import COLUMN_PT
from simulator.designs.design import Design
from simulator.run import simulate
from tests.support.command import run_command
from tests.support.latex import check_tables
from workloads.errors import LimenError
from workloads.networks.family import find_network, shipped_families
from workloads.ops.op_field import Op


def built(kind: Kind, size: int, lut: int, dsp: int = 0, cycles: int = 1000, target: str = "ecp5") -> Built:
    return Built("small", target, kind, size, size, lut, dsp, 8, 20.0 if target == "ecp5" else None, cycles, 0.5)


SYSTEMS = (
    built(THRESHOLD, 4, 1000, cycles=4000), built(THRESHOLD, 8, 2000, cycles=2000),
    built(FABRIC_MAC, 4, 1500, cycles=4000), built(FABRIC_MAC, 8, 3900, cycles=2000),
    built(DSP_MAC, 4, 1100, 16, cycles=4000), built(DSP_MAC, 8, 2300, 64, cycles=2000),
    built(THRESHOLD, 4, 600, cycles=4000, target="xc7"), built(FABRIC_MAC, 4, 900, cycles=6000, target="xc7"),
)  # fmt: skip


def rows_of(budget: Budget) -> dict[Kind, tuple[int | None, int | None, float | None, float | None]]:
    """PEs, PEs that a line says, speeds over the MACs' of each kind within a budget."""
    return {
        row.kind: (row.system and row.system.pes, row.pes, row.over_fabric, row.over_dsp)
        for row in system_rows(SYSTEMS, [budget])
        if row.budget == budget.name
    }


def test_the_largest_that_fits_is_taken_and_a_line_says_what_lies_between() -> None:
    assert rows_of(Budget("b", "ecp5", 2299)) == {
        THRESHOLD: (64, None, 2.0, 2.0),  # no larger one is built
        FABRIC_MAC: (16, 31, 1.0, 1.0),  # 16 + 48 * 799 / 2400
        DSP_MAC: (16, 63, 1.0, 1.0),  # 16 + 48 * 1199 / 1200, rounded down
    }
    exactly = rows_of(Budget("b", "ecp5", 2300))
    assert exactly[DSP_MAC] == (64, None, 2.0, 1.0)


def test_dsp_blocks_and_block_ram_are_limits_too() -> None:
    assert rows_of(Budget("b", "ecp5", 9999, 28, 8))[DSP_MAC] == (16, 28, 0.5, 1.0)
    assert {pes for pes, *_ in rows_of(Budget("b", "ecp5", 9999, 999, 7)).values()} == {None}


def test_equal_arrays_stand_side_by_side_and_an_unknown_clock_is_marked() -> None:
    rows = [row for row in system_rows(SYSTEMS, []) if row.target == "xc7"]
    assert [(row.budget, row.kind, row.over_fabric) for row in rows] == [
        (EQUAL_ARRAY, THRESHOLD, 1.5),
        (EQUAL_ARRAY, FABRIC_MAC, 1.0),
    ]
    lines = table_markdown(rows, "words").splitlines()
    assert "| 1.50‡ | – | not measurable |" in lines[4] and len(lines) == 2 + 2 + len(rows)


def test_what_is_of_an_earlier_verilog_is_marked() -> None:
    rows = system_rows([SYSTEMS[0]._replace(current=False), SYSTEMS[1]], [])
    assert "| 1000* | 0 |" in table_markdown(rows, "words") and "| 2000 | 0 |" in table_markdown(rows, "words")
    assert [row["earlier_verilog"] for row in csv.DictReader(table_csv(rows).splitlines())] == ["True", "False"]


def test_what_does_not_fit_names_the_smallest() -> None:
    rows = system_rows(SYSTEMS, [Budget("small", "ecp5", 1000)])
    none = [row for row in rows if row.budget == "small" and row.system is None]
    assert [(row.kind, row.nearest and row.nearest.lut) for row in none] == [(FABRIC_MAC, 1500), (DSP_MAC, 1100)]
    assert "| mac, fabric | none | – | 1500† |" in table_markdown(rows, "words")
    read = list(csv.DictReader(table_csv(rows).splitlines()))
    assert [row["lut"] for row in read if row["budget"] == "small"] == ["1000", "", ""]
    assert {row["power"] for row in read} == {"not measurable"}
    latex = {columns: table_latex(rows, "words", columns) for columns in COLUMN_PT}
    for text in (table_text(rows, "words"), *latex.values()):
        assert "1500" in text and "words" in text
    for columns, width in COLUMN_PT.items():
        assert check_tables(latex[columns], width) > 0


def test_a_budget_that_nothing_fits_is_refused() -> None:
    assert [budget.target for budget in lut_budgets([600], SYSTEMS)] == [*TABLES]
    with pytest.raises(LimenError) as caught:
        lut_budgets([600, 599], SYSTEMS)
    words = (
        "luts: 599 is not allowed: no system that is built fits; the nearest, threshold, 4 x 4 PEs on xc7, takes 600"
    )
    assert str(caught.value) == words


@pytest.mark.parametrize("op", ACC_BITS["default"])
def test_accumulators_are_what_shipped_networks_need(op: Op) -> None:
    """At most, by their weights; and each runs on the systems as they are."""
    for machine, bits in ACC_BITS.items():
        built = system_unit(machine, 8, 8, op).design
        design = Design.model_validate({**built.model_dump(), "acc_bits": None})
        later = {"mnist-half"} if (machine, op) == ("default", "mac") else set()
        names = [
            name for name in shipped_families() if not ("-generated" in name or name.endswith("-deep") or name in later)
        ]
        fitted = [design.fitted(find_network(name, op, SYSTEM_BITS, SYSTEM_BITS)) for name in names]
        needed = max(each.acc_bits for each in fitted)
        assert bits[op] == built.acc_bits >= needed and (machine == "small" or bits[op] == needed)
        assert {each.channel_rows for each in fitted} == {built.channel_rows}
        for name in later:
            with pytest.raises(LimenError, match=f"acc_bits: {bits[op]} is not allowed: at least {bits[op] + 1} "):
                built.fitted(find_network(name, op, SYSTEM_BITS, SYSTEM_BITS))


def test_built_systems_have_what_the_tables_say() -> None:
    """And cycles of the very design that is built."""
    systems = built_systems("digits")
    assert {system.target for system in systems} == {*TABLES}
    assert {(system.rows, system.cols) for system in systems} <= {*ARRAYS}
    for system in systems:
        assert (system.clock_ns is None) == (system.target == "xc7") and system.accuracy is not None
        if system.current:  # an earlier Verilog had a product more: test_fpga_products
            assert system.dsp == (system.pes if system.kind == DSP_MAC else 0)
    network = find_network("digits", "threshold", SYSTEM_BITS, SYSTEM_BITS)
    one, many = (image_cycles(system_unit("default", 8, 8, "threshold"), network, images) for images in (1, 16))
    assert many < one == simulate(network, system_unit("default", 8, 8, "threshold").design).cycles


def test_parts_are_of_both_targets() -> None:
    assert {part.target for part in parts()} == {*TABLES}
    assert all(part.lut and part.dsp and part.block_ram for part in parts())
    assert "1.75" in caption("digits", 1) and "2.52" in caption("digits", 1) and HEAD[-1] == "power"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--luts", "9"), ("luts: 9", "nearest")),
        (("--network", "nothing"), ("'nothing'", "digits")),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    outcome = run_command("study", "tables", "fpga-system", *arguments, cwd=tmp_path)
    assert outcome.returncode == 2 and outcome.stdout == "" and len(outcome.stderr.splitlines()) == 1
    assert all(word in outcome.stderr for word in words), outcome.stderr
