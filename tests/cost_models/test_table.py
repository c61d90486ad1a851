"""Cost tables: what is refused, with which line; lookups and interpolation; the shipped table."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cost_models.derive.size_fits import fit
from cost_models.table.table import COLUMNS, METHODS, load_table, show
from cost_models.units.catalogue import DATAFLOWS, WIDTHS, pe_units
from workloads.errors import LimenError

GOOD = {
    "component": "pe", "op": "mac", "multiplier": "booth", "x_bits": "4", "w_bits": "4", "acc_bits": "10",
    "dataflow": "os", "stages": "1", "stream": "", "quantity": "area_um2", "value": "100", "unit": "um2",
    "method": "synthesis", "source": "test",
}  # fmt: skip


def write(path: Path, *changes: dict[str, str], columns: list[str] = COLUMNS) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**GOOD, **change} for change in changes)
    return str(path)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"unit": ""}, "line 2: unit: missing"),
            ({"source": " "}, "line 2: source: missing"),
            ({"method": "guessed"}, "line 2: method: 'guessed' is not allowed: one of synthesis, measured"),
            ({"unit": "pJ"}, "line 2: unit: 'pJ' is not allowed for area_um2: um2"),
            ({"unit": "acre"}, "line 2: unit: 'acre' is not allowed: one of um2"),
            ({"value": "many"}, "line 2: value: 'many' is not allowed: a finite number"),
            ({"value": "1_0"}, "line 2: value: '1_0' is not allowed: a finite number"),
            ({"value": "nan"}, "line 2: value: 'nan' is not allowed"),
            ({"value": "-1"}, "line 2: value: -1 is not allowed: at least 0"),
            ({"x_bits": "four"}, "line 2: x_bits: 'four' is not allowed"),
            ({"acc_bits": "9" * 5000}, "line 2: acc_bits: '9999"),
            ({"acc_bits": "\u0663"}, "line 2: acc_bits: '\u0663' is not allowed: a whole number or nothing"),
            ({"op": "divide"}, "line 2: op: 'divide' is not allowed: one of threshold, mac"),
            ({"dataflow": "rs"}, "line 2: dataflow: 'rs' is not allowed: one of os, ws, is"),
        ],
    )
    def test_a_row(self, change: dict[str, str], words: str, tmp_path: Path) -> None:
        path = write(tmp_path / "bad.csv", change)
        with pytest.raises(LimenError) as raised:
            load_table(path)
        assert str(raised.value).startswith(f"{path}: {words}")

    def test_columns(self, tmp_path: Path) -> None:
        with pytest.raises(LimenError, match=r"bad\.csv: colour: unknown column; allowed are component, op"):
            load_table(write(tmp_path / "bad.csv", {}, columns=[*COLUMNS, "colour"]))
        with pytest.raises(LimenError, match="columns: source is not allowed"):
            load_table(write(tmp_path / "bad.csv", {}, columns=[name for name in COLUMNS if name != "source"]))

    def test_a_path_that_no_file_can_have(self) -> None:
        with pytest.raises(LimenError, match="cannot be read: embedded null byte; expected a cost table"):
            load_table("a\0.csv")

    @pytest.mark.parametrize("again", [{"multiplier": "other"}, {"stages": "1"}, {"stream": "uniform"}])
    def test_a_point_twice(self, again: dict[str, str], tmp_path: Path) -> None:
        """Stages and operands that a row doesn't name are these, so lookups would find one of the two alone."""
        with pytest.raises(LimenError, match="line 3: quantity: 'area_um2' is in line 2 already"):
            load_table(write(tmp_path / "bad.csv", {"stages": "", "stream": ""}, again))

    def test_files(self, tmp_path: Path) -> None:
        (tmp_path / "empty.csv").write_text("")
        for name, words in (("nowhere.csv", "cannot be read"), ("empty.csv", "each column once")):
            with pytest.raises(LimenError, match=words):
                load_table(str(tmp_path / name))
        with pytest.raises(LimenError, match=r"costs: 'gold' is not allowed: ihp130, sky130hd, .* or a \.csv file"):
            load_table("gold")


class TestLookups:
    def test_linear_between_and_refused_beyond(self, tmp_path: Path) -> None:
        path = write(tmp_path / "own.csv", {}, {"acc_bits": "20", "value": "200"})
        table = load_table(path)
        values = [table.at("pe", bits, "mac", 4, 4, "os")["area_um2"].value for bits in (10, 13, 20)]
        assert values == pytest.approx([100, 130, 200])
        for bits in (9, 21):
            with pytest.raises(LimenError, match=f"acc_bits: {bits} is not allowed .*: the table has 10 to 20"):
                table.at("pe", bits, "mac", 4, 4, "os")

    @pytest.mark.parametrize(
        ("lookup", "words"),
        [
            (("mac", 5, 4, "os"), "x_bits: 5 of component 'pe' is missing: the table has 4"),
            (("mac", 4, 3, "os"), "w_bits: 3 of component 'pe' is missing: the table has 4"),
            (("threshold", 4, 4, "os"), "op: threshold of component 'pe' is missing: the table has mac"),
            (("mac", 4, 4, "ws"), "dataflow: ws of component 'pe' is missing: the table has os"),
        ],
    )
    def test_what_is_missing_is_named(self, lookup: tuple[str, int, int, str], words: str, tmp_path: Path) -> None:
        path = write(tmp_path / "own.csv", {})
        with pytest.raises(LimenError, match=words):
            load_table(path).at("pe", 10, *lookup)

    def test_other_streams_and_stages_are_carried_but_not_priced(self, tmp_path: Path) -> None:
        path = write(tmp_path / "own.csv", {}, {"stream": "gaussian", "value": "7"}, {"stages": "2", "value": "8"})
        table = load_table(path)
        assert len(table.rows) == 3
        assert table.at("pe", 10, "mac", 4, 4, "os")["area_um2"].value == 100

    def test_a_changed_file_is_read_again(self, tmp_path: Path) -> None:
        path = write(tmp_path / "own.csv", {})
        first = load_table(path)
        assert load_table(path) is first
        write(tmp_path / "own.csv", {"value": "1234567"})
        assert load_table(path).at("pe", 10, "mac", 4, 4, "os")["area_um2"].value == 1234567


class TestShippedTable:
    def test_every_width_is_there(self) -> None:
        table = load_table("ihp130")
        for op in ("threshold", "mac"):
            for dataflow in DATAFLOWS:
                for x_bits in WIDTHS:
                    for w_bits in WIDTHS:
                        for unit in pe_units(op, x_bits, w_bits, dataflow):
                            row = table.at("pe", unit.sum_bits, op, x_bits, w_bits, dataflow)
                            assert {"area_um2", "leakage_nw", "energy_per_op_pj", "min_clock_ns"} <= row.keys()

    @pytest.mark.parametrize("name", ["ihp130", "sky130hd", "asap7"])
    def test_rows_are_traceable(self, name: str) -> None:
        for row in load_table(name).rows:
            assert row["method"] in METHODS and row["value"] != "-0"
            if row["method"] == "synthesis":
                assert len(row["hash"]) == 16 and "pyosys" in row["tool_versions"]

    @pytest.mark.parametrize("dataflow", DATAFLOWS)
    @pytest.mark.parametrize("op", ["threshold", "mac"])
    def test_wider_costs_more(self, op: str, dataflow: str) -> None:
        table = load_table("ihp130")
        for quantity in ("area_um2", "leakage_nw", "energy_per_op_pj"):
            values = [
                table.at("pe", pe_units(op, bits, bits, dataflow)[-1].sum_bits, op, bits, bits, dataflow)[
                    quantity
                ].value
                for bits in WIDTHS
            ]
            assert values == sorted(values), quantity

    def test_a_multiplier_costs_area(self) -> None:
        """os PEs at 8 bits with accumulators for fan-in 256, ws PEs for 16 rows; an earlier measurement: 1.9 to 2.5."""
        table = load_table("ihp130")
        for dataflow, threshold_bits, mac_bits in (("os", 18, 25), ("ws", 13, 20)):
            areas = [
                table.at("pe", bits, op, 8, 8, dataflow)["area_um2"].value
                for op, bits in (("mac", mac_bits), ("threshold", threshold_bits))
            ]
            assert 1.7 < areas[0] / areas[1] < 2.6, dataflow

    def test_show(self) -> None:
        frame = show("ihp130", component="pe", op="mac", quantity="area_um2")
        assert set(frame["unit"]) == {"um2"} and frame["value"].min() > 0
        with pytest.raises(LimenError, match="component: 'gold' is not allowed: one of bank"):
            show("ihp130", component="gold")


def test_a_fit_keeps_no_noise_of_its_solver() -> None:
    """Values that go with bits alone: the base is 0, whatever sign and size the solver's rounding leaves it."""
    bits = (1, 8, 32)
    for slope in (0.1 * number for number in range(1, 200)):
        terms, worst = fit([{"base": 1, "per_bit": size} for size in bits], [slope * size for size in bits])
        assert f"{terms['base']:g}" == "0" and worst < 1e-6


def test_a_missing_quantity_is_named(tmp_path: Path) -> None:
    """A table of an older form lacks quantities: the line names the one that was asked for."""
    path = write(tmp_path / "old.csv", {}, {"acc_bits": "20", "value": "200"})
    for acc_bits in (10, 15):
        row = load_table(path).at("pe", acc_bits, "mac", 4, 4, "os")
        assert row["area_um2"].value == 10 * acc_bits
        with pytest.raises(LimenError, match=r"old\.csv: component 'pe': quantity: 'launch_ns' is missing"):
            row["launch_ns"]


def test_a_fit_is_added_term_by_term(tmp_path: Path) -> None:
    """Each sum rounded, in the order of the sizes, on any Python: from 3.12 on, `sum` keeps what rounding loses."""
    fitted = {"component": "bank", "op": "", "x_bits": "", "w_bits": "", "acc_bits": "", "dataflow": ""}
    terms = {"base": "1e16", "per_bit": "1", "per_word": "-1e16"}
    rows = [{**fitted, "quantity": f"area_um2:{term}", "value": value} for term, value in terms.items()]
    assert load_table(write(tmp_path / "fit.csv", *rows)).fit("bank", "area_um2", dict.fromkeys(terms, 1)).value == 0
