"""`costs whole`: a design's units, assigned and summed on the library written by hand; within 5 % on the real one."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cost_models.derive.whole_design
from cost_models.derive.whole_design import Line, compare_whole
from cost_models.gates.synthesis import open_kit, synthesise
from cost_models.sources.unit_sources import unit_source
from cost_models.units.unit import Pe, Scatter
from dse.cli.costs import WITHIN_PERCENT, costs
from dse.cli.options import Disagreement
from simulator.designs.design import Design
from simulator.run import export
from tests.support.command import refused, run_command
from tests.support.paths import TINY
from tests.support.tools import needs_yosys
from workloads.errors import LimenError
from workloads.networks.family import find_network


def export_design(folder: Path, size: int, op: str, bits: int, dataflow: str, **fields: Any) -> Design:
    """Export the digits network of these widths on size x size PEs; return the fitted design."""
    network = find_network("digits", op=op, x_bits=bits, w_bits=bits)
    fields |= {"op": op, "x_bits": bits, "w_bits": bits, "ifmap_kib": 8, "filter_kib": 16, "ofmap_kib": 16}
    design = Design(rows=size, cols=size, dataflow=dataflow, operand_depth=512, **fields)
    return export(network, design, folder, images=1).design


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Design]:
    """A folder of a 2 x 2 is design, which has every unit there is."""
    needs_yosys()
    folder = tmp_path_factory.mktemp("whole") / "chip"
    return folder, export_design(folder, 2, "threshold", 2, "is", port_bits=32, feeder_width=2)


@pytest.fixture(scope="module")
def lines(small: tuple[Path, Design]) -> dict[str, Line]:
    return {line.component: line for line in compare_whole(small[0], TINY)}


@pytest.fixture(scope="module")
def closed(small: tuple[Path, Design], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Line]:
    """The same with closed boundaries, and with a module in it that no table prices."""
    folder = tmp_path_factory.mktemp("closed") / "chip"
    shutil.copytree(small[0], folder)
    top = folder / "rtl" / "limen_top.v"
    old, new = "    assign mem_kind = kind;\n", "    limen_extra extra (.clk(clk), .in(kind), .out(mem_kind));\n"
    text = top.read_text()
    assert text.count(old) == 1
    extra = "module limen_extra (input wire clk, input wire [2:0] in, output reg [2:0] out);\n"
    extra += "    always @(posedge clk) out <= in;\nendmodule\n"
    top.write_text(text.replace(old, new).replace("`default_nettype wire", f"{extra}`default_nettype wire"))
    return {line.component: line for line in compare_whole(folder, TINY, closed=True)}


def test_every_module_is_a_unit_of_the_table(lines: dict[str, Line]) -> None:
    assert all(line.table_um2 > 0 and line.whole_um2 > 0 for line in lines.values())
    # Skew registers: a line a row and column; bias and shift walk on with the tag; the control has a delay line too.
    counts = {"pe": 4, "edge": 2, "tags": 1, "skew registers": 4, "channel skew registers": 1, "control": 2}
    assert {name: lines[name].instances for name in counts} == counts
    single = lines.keys() - counts.keys() - {"total"}
    assert {lines[name].instances for name in single} == {1} and len(single) == 8


def test_the_total_is_the_sum(lines: dict[str, Line]) -> None:
    units = [line for name, line in lines.items() if name != "total"]
    assert math.isclose(lines["total"].whole_um2, sum(line.whole_um2 for line in units))
    assert math.isclose(lines["total"].table_um2, sum(line.table_um2 for line in units))


def test_a_unit_is_what_it_is_alone(
    small: tuple[Path, Design], closed: dict[str, Line], lines: dict[str, Line], tmp_path: Path
) -> None:
    """Mapped in the whole and by the table's own recipe."""
    design = small[1]
    assert design.acc_bits is not None
    kit = open_kit(TINY, tmp_path)
    pe = Pe("threshold", 2, 2, design.psum_bits, "is")
    assert lines["pe"] == closed["pe"]
    assert lines["pe"].whole_um2 == 4 * synthesise(kit, unit_source(pe)).area_um2
    scatter = Scatter(2, design.acc_bits, "is", 2, design.feeder_width, design.port_bits)
    alone = synthesise(kit, unit_source(scatter)).area_um2
    assert closed["scatter unit"].whole_um2 == pytest.approx(alone, rel=0.02)  # mapping depends on names


def test_constants_cross_open_boundaries(lines: dict[str, Line], closed: dict[str, Line]) -> None:
    """Filters begin at a beat and at row 0: the shifter in front goes."""
    for name in ("weight unpacker", "polarity unpacker", "channel unpacker", "control"):
        assert lines[name].whole_um2 < closed[name].whole_um2, name


def test_a_module_nobody_prices_is_named(closed: dict[str, Line]) -> None:
    extra = closed["limen_extra"]
    assert (extra.instances, extra.table_um2, extra.difference_percent) == (1, 0.0, math.inf)
    assert extra.whole_um2 == 3 * 8  # flip-flops


def test_a_difference_is_a_finding(monkeypatch: pytest.MonkeyPatch, closed: dict[str, Line]) -> None:
    """Cells of a library whose areas are no µm² are far from the table."""
    monkeypatch.setattr(cost_models.derive.whole_design, "compare_whole", lambda *_: list(closed.values()))
    arguments = ["whole", "chip", "--liberty", str(TINY)]
    outcome = CliRunner().invoke(costs, [*arguments, "--json"])
    assert isinstance(outcome.exception, Disagreement) and "more than 5 %" in str(outcome.exception)
    units = {unit["component"]: unit for unit in json.loads(outcome.stdout)["units"]}
    assert units["total"]["difference_percent"] < -5 and units["limen_extra"]["difference_percent"] is None
    wide = CliRunner().invoke(costs, [*arguments, "--within", "100"])
    assert wide.exit_code == 0 and "limen_extra" in wide.stdout and "weight unpacker" in wide.stdout


def test_bad_input(small: tuple[Path, Design], tmp_path: Path) -> None:
    folder = small[0]
    lost = tmp_path / "lost"
    shutil.copytree(folder, lost)
    (lost / "rtl" / "limen_edge.v").unlink()
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    facts = json.loads((other / "params.json").read_text())
    facts["verilog"]["ROWS"] = 3
    (other / "params.json").write_text(json.dumps(facts))
    for arguments, words in (
        ((str(tmp_path), "--liberty", str(TINY)), ("params.json", "limen export")),
        ((str(folder), "--liberty", "gone.lib"), ("gone.lib", "cannot be read")),
        ((str(folder), "--liberty", str(TINY), "--costs", "gold"), ("costs", "'gold'", "ihp130")),
        ((str(folder), "--liberty", str(TINY), "--within", "0"), ("within: 0 is not allowed",)),
        ((str(lost), "--liberty", str(TINY)), ("limen_edge.v", "cannot be read")),
        ((str(other), "--liberty", str(TINY)), ("params.json", "verilog", "differs")),
    ):
        refused(run_command("costs", "whole", *arguments, cwd=tmp_path), *words)


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LimenError, match=r"pyosys is not installed: pip install '\.\[synth\]'"):
        compare_whole(Path("chip"), TINY)


def test_a_whole_design_is_within_5_percent(liberty: Callable[[str], Path], tmp_path: Path) -> None:
    """And a table that forgets a unit isn't."""
    path = liberty("ihp130")
    needs_yosys()
    folder = tmp_path / "chip"
    export_design(folder, 8, "threshold", 8, "os")
    lines = {line.component: line for line in compare_whole(folder, path)}
    assert abs(lines["total"].difference_percent) < WITHIN_PERCENT, lines["total"]
    assert all(line.table_um2 > 0 for line in lines.values())
    assert abs(lines["pe"].difference_percent) < 0.5

    without = Line("total", 0, lines["total"].whole_um2, lines["total"].table_um2 - lines["edge"].table_um2)
    assert without.difference_percent > WITHIN_PERCENT
