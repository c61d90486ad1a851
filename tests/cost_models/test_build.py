"""Building, resuming and checking a table: on the library written by hand, and on the real one where available."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import cost_models.derive.build
import cost_models.derive.check
import cost_models.units.catalogue
from cost_models.derive.build import build_table
from cost_models.derive.characterise import UnitFigures, characterise_group
from cost_models.derive.check import check_table, check_unit, table_units
from cost_models.derive.memory_rows import memory_rows
from cost_models.gates.synthesis import Kit, open_kit
from cost_models.price.price import price
from cost_models.table.table import COLUMNS, DATA, load_table, table_text
from cost_models.units.catalogue import Pairs, fitted_groups, groups
from cost_models.units.unit import Control, Fitted, FusedPe, Nand2, Neuron, Operator, Pe, Skew, Tag, Unit
from simulator.designs.design import Design
from simulator.run import simulate
from tests.cost_models.conftest import LIBERTY_FILES
from tests.cost_models.line_check import check_lines
from tests.support.paths import TINY
from tests.support.tools import needs_yosys
from workloads.errors import LimenError
from workloads.networks.family import find_network


class Stop(Exception):
    """Stands for a kill in the middle of a build."""


SMALL_FITS = {"bank": 2, "skew": 2, "lane": 2, "pool": 2, "ifmap_scratchpad": 2, "filter_scratchpad": 2}
SMALL_FITS |= {"packer": 1, "scatter": 1, "control": 1, "generator": 2, "shadow": 2}
"""Points behind each fit of a table that a test can wait for."""


def small_fits() -> list[tuple[Fitted, ...]]:
    """The first points of the fits that a ws design is priced with."""
    wanted = [
        group
        for group in fitted_groups()
        if not isinstance(group[0], Control) or (group[0].columns().dataflow == "ws" and not group[0].overlap)
    ]
    return [group[: SMALL_FITS[group[0].component]] for group in wanted if group[0].columns().dataflow != "is"]


DATAFLOWS_OF = {"threshold": ("os",), "adder": ("ws",), "shift": ("is",), "mac": ("ws", "is")}
"""PEs of a table that a test can wait for: every op, every dataflow."""
STAGED = (("threshold", "os"), ("mac", "ws"))
"""Those of two stages."""


def small_groups(widths: range, pairs: Pairs) -> list[tuple[Unit, ...]]:
    """All groups of a table but PEs beyond DATAFLOWS_OF and STAGED, and those of several ops but under ws."""
    return [
        group
        for group in groups(widths, pairs)
        if not isinstance(group[0], Pe) or group[0].dataflow in DATAFLOWS_OF[group[0].op]
        if not isinstance(group[0], Pe) or group[0].stages == 1 or (group[0].op, group[0].dataflow) in STAGED
        if not isinstance(group[0], FusedPe) or group[0].dataflow == "ws"
    ]


def patch_fits(patch: pytest.MonkeyPatch) -> None:
    small = small_fits()
    patch.setattr(cost_models.derive.build, "groups", small_groups)
    patch.setattr(cost_models.units.catalogue, "SYNAPSES", {"neuron_3x3": 9})
    for module in (cost_models.units.catalogue, cost_models.derive.check):
        patch.setattr(module, "fitted_groups", lambda: small)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 2-bit widths and small fits on tiny.lib, stopped once while it was built."""
    needs_yosys()
    out = tmp_path_factory.mktemp("table") / "tiny.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch_fits(patch)
        _build_twice(out)
    return out


def _build_twice(out: Path) -> None:
    def stop_at_four(done: int, total: int) -> None:
        if done == 4:
            raise Stop

    with pytest.raises(Stop):
        build_table(TINY, out, progress=stop_at_four, widths=range(2, 3))
    assert not out.exists()
    partial = Path(f"{out}.partial")
    partial.write_text(partial.read_text()[:-40])  # the last line is cut short, as by a kill while writing
    seen: list[tuple[int, int]] = []
    build_table(TINY, out, progress=lambda done, total: seen.append((done, total)), widths=range(2, 3))
    assert seen[0][0] == 3 and seen[-1][0] == seen[-1][1] and not partial.exists()


def test_two_processes_without_a_stop_write_the_same_bytes(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The groups that are quick: comparisons, tag and skew registers, in the table's order, and the very rows of it."""
    patch_fits(monkeypatch)
    quick = (Neuron, Operator, Nand2, Tag, Skew)
    todo = [group for group in groups(range(2, 3)) if isinstance(group[0], quick)]
    monkeypatch.setattr(cost_models.derive.build, "groups", lambda *_: todo)
    whole = build_table(TINY, tmp_path / "whole.csv", jobs=2).read_text().splitlines()
    rows = table.read_text().splitlines()
    assert len(todo) > 15 and set(whole) <= set(rows) and whole == [row for row in rows if row in set(whole)]


def test_rows_of_an_earlier_table_stand(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them; then all but those whose hash, versions or rows are others: these are made anew, to the byte."""
    patch_fits(monkeypatch)
    made: list[Unit] = []

    def characterise(group: tuple[Unit, ...], kit: Kit) -> list[UnitFigures]:
        made.append(group[0])
        return characterise_group(group, kit)

    monkeypatch.setattr(cost_models.derive.build, "characterise_group", characterise)
    again = build_table(TINY, tmp_path / "again.csv", widths=range(2, 3), keep=str(table))
    assert made == [] and again.read_bytes() == table.read_bytes()
    rows = load_table(str(table)).rows
    changed = [dict(row) for row in rows if not (row["component"] == "op" and row["op"] == "adder")]
    for row in changed:
        if row["component"] == "skew":
            row["hash"] = "0" * 16
        if row["component"] == "nand2":
            row["tool_versions"] = "another"
        if row["component"] == "pe_line" and row["op"] == "shift" and row["dataflow"] == "is":
            row["hash"] = "0" * 16
    (tmp_path / "changed.csv").write_text(table_text(changed))
    again = build_table(TINY, again, widths=range(2, 3), keep=str(tmp_path / "changed.csv"))
    assert [type(unit) for unit in made] == [Pe, Skew, Nand2, Operator] and again.read_bytes() == table.read_bytes()


def test_a_built_table_prices(table: Path) -> None:
    network = find_network("digits", op="mac", x_bits=2, w_bits=2)
    design = Design(rows=4, cols=4, dataflow="ws", op="mac", x_bits=2, w_bits=2)
    assert price(simulate(network, design), str(table)).area_mm2 > 0


def test_an_energy_has_a_settled_one_beside_it_and_both_say_how(table: Path) -> None:
    rows = [row for row in load_table(str(table)).rows if row["method"] == "synthesis"]
    names = {(*(row[name] for name in COLUMNS[:9]), row["quantity"]) for row in rows}
    energies = [row for row in rows if row["quantity"].startswith("energy")]
    assert {row["component"] for row in energies} >= {"pe", "edge", "tag", "control", "packer"}
    for row in energies:
        settled = "_settled_pj" in row["quantity"]
        assert ("zero-delay" in row["source"], "event-driven" in row["source"]) == (settled, not settled)
        twin = row["quantity"].replace("_settled", "") if settled else row["quantity"].replace("_pj", "_settled_pj")
        assert (*(row[name] for name in COLUMNS[:9]), twin) in names


def test_prices_differ_by_operands(table: Path) -> None:
    network = find_network("digits", op="mac", x_bits=2, w_bits=2)
    run = simulate(network, Design(rows=4, cols=4, dataflow="ws", op="mac", x_bits=2, w_bits=2))
    uniform, captured = (price(run, str(table), stream=name) for name in ("uniform", "network"))
    pes = [next(part.energy_uj for part in cost.parts if part.component == "pe") for cost in (uniform, captured)]
    assert pes[0] != pes[1] and uniform.area_mm2 == captured.area_mm2 and uniform.clock_ns == captured.clock_ns
    assert uniform.energy_uj - pes[0] == pytest.approx(captured.energy_uj - pes[1])
    with pytest.raises(LimenError, match="stream: 'loud' is missing for pe mac 2 2 ws: the table has uniform, gauss"):
        price(run, str(table), stream="loud")


def test_operands_beyond_x_as_wide_as_w_are_refused() -> None:
    network = find_network("digits", op="mac", x_bits=4, w_bits=8)
    run = simulate(network, Design(rows=4, cols=4, dataflow="ws", op="mac", x_bits=4, w_bits=8))
    with pytest.raises(LimenError, match="stream: 'network' is missing for pe mac 4 8 ws: the table has uniform"):
        price(run, stream="network")


def test_residuals_are_those_of_the_rows(table: Path) -> None:
    check_lines(load_table(str(table)).rows)


class TestMemories:
    def test_of_another_node(self) -> None:
        """Every point of CACTI is within the largest error its row names, and every row is marked as assumed."""
        rows = memory_rows("cacti-22")
        fits = [row for row in rows if row["component"] == "sram" and ":" in row["quantity"]]
        assert {row["method"] for row in fits} == {"assumed"}
        terms = {row["quantity"].split(":")[1]: float(row["value"]) for row in fits if "read_pj" in row["quantity"]}
        text = next(row["source"] for row in fits if "read_pj" in row["quantity"])
        allowed = int(text.split("largest error ")[1].split(" %")[0]) / 100 + 0.005
        points = [
            point
            for point in csv.DictReader((DATA / "sram_cacti.csv").read_text().splitlines())
            if (point["tech_nm"], point["device"], point["opt"], point["status"]) == ("22", "lstp", "ED^2", "ok")
            and float(point["capacity_KiB"]) <= 32 and float(point["width_bits"]) <= 64
        ]  # fmt: skip
        for point in points:
            columns, bits = float(point["width_bits"]), float(point["capacity_KiB"]) * 8192
            sizes = {"base": 1.0, "per_column": columns, "per_word": bits / columns, "per_bit": bits}
            value = sum(terms[name] * size for name, size in sizes.items())
            assert value == pytest.approx(float(point["read_pJ"]), rel=allowed)
        limits = {row["quantity"]: float(row["value"]) for row in rows if row["component"] == "sram"}
        assert limits["fewest_words"] == 1024 and limits["fewest_words_widest"] == 128

    def test_unknown(self) -> None:
        with pytest.raises(LimenError, match="sram: 'cacti-7' is not allowed: one of macros, cacti-22, cacti-32"):
            memory_rows("cacti-7")


def test_rows_come_out_again(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patch_fits(monkeypatch)
    rows, mismatches = check_table(str(table), TINY, sample=4, seed=1)
    assert rows > 20 and mismatches == []


def test_compared_units_are_in_the_table(table: Path) -> None:
    stored = {unit for unit in table_units(str(table)) if unit.component in ("op", "op_result", "neuron_3x3", "nand2")}
    units = {unit for unit in stored if not unit.smallest}
    assert len(units) == 12 and Neuron("mac", 2, 2, "neuron_3x3", 8) in units
    assert stored - units == {replace(unit, smallest=True) for unit in units if unit.multiplies}


def test_a_changed_row_is_found(table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines()
    chosen = [line for line in lines if line.startswith("tag,") and ",2,," in line]
    area = next(line for line in chosen if ",area_um2," in line)
    value = area.split(",area_um2,")[1].split(",")[0]
    wrong = area.replace(f",area_um2,{value},", f",area_um2,{float(value) + 1:g},")
    wrong_table = tmp_path / "wrong.csv"
    wrong_table.write_text("\n".join([lines[0], *(wrong if line == area else line for line in chosen)]) + "\n")
    rows, mismatches = check_table(str(wrong_table), TINY, sample=1, seed=0)
    assert rows == len(chosen)
    assert [(m.quantity, m.table_value, m.value) for m in mismatches] == [("area_um2", f"{float(value) + 1:g}", value)]


def test_bad_input(tmp_path: Path) -> None:
    needs_yosys()
    out = tmp_path / "out.csv"
    with pytest.raises(LimenError, match=r"nowhere\.lib: cannot be read"):
        build_table(tmp_path / "nowhere.lib", out)
    with pytest.raises(LimenError, match="jobs: 0 is not allowed"):
        build_table(TINY, out, jobs=0)
    with pytest.raises(LimenError, match="sample: 0 is not allowed"):
        check_table("ihp130", TINY, sample=0, seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", LIBERTY_FILES)
def test_the_shipped_tables_come_out_again(name: str, liberty: Callable[[str], Path]) -> None:
    path = liberty(name)
    needs_yosys()
    rows, mismatches = check_table(name, path, sample=5, seed=20241557)
    assert rows > 30 and mismatches == []


@pytest.mark.parametrize("component", ["pool", "lane", "edge"])
def test_units_around_the_array_come_out_again(component: str, liberty: Callable[[str], Path], tmp_path: Path) -> None:
    path = liberty("ihp130")
    needs_yosys()
    units = table_units("ihp130")
    unit = min((unit for unit in units if unit.component == component), key=lambda unit: unit.sort_key())
    assert check_unit(unit, units[unit], open_kit(path, tmp_path)) == []


def test_memory_rows_are_those_of_the_data() -> None:
    """The cited rows of the shipped table are data/cited.csv's, value for value."""
    shipped = {(row["component"], row["quantity"]): row["value"] for row in load_table("ihp130").rows}
    for row in load_table(str(DATA / "cited.csv")).rows:
        assert shipped[row["component"], row["quantity"]] == row["value"]
