"""The table that compares definitions of a kernel: figures, formats, the picture, the command."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from cost_models.table.table import COLUMNS, load_table
from cost_models.units.catalogue import WIDTHS
from cost_models.units.neurons import weight_bits
from cost_models.units.unit import PE_COMPONENTS
from dse.report.unit_latex import table_latex
from dse.report.unit_plot import SHOWN, plot_units
from dse.report.unit_table import (
    DEFINITIONS,
    NOT_MEASURABLE,
    Choice,
    UnitTable,
    table_csv,
    table_markdown,
    unit_table,
)
from tests.support.command import refused, run_command
from workloads.errors import LimenError
from workloads.ops.names import COMPARED, OPS


def write_table(path: Path, **changes: float) -> str:
    """Write a table of 4-bit units: MAC four times as large as threshold and of eight times its energy."""
    rows = [
        ("published_kernel", "", "", f"{name}_ratio_{end}", value, "ratio", "cited", "")
        for name, low, high in (("area", 3, 4), ("power", 4, 5))
        for end, value in (("low", low), ("high", high))
    ]
    plain = [(what.component, what.dataflow, what.stages) for what in DEFINITIONS.values()]
    gated = [(what.mac, what.dataflow, what.stages) for what in DEFINITIONS.values() if what.mac]
    for component, dataflow, stages in dict.fromkeys(plain + gated):
        for op, factor in (("threshold", 1), ("mac", 4)):
            figures = {"area_um2": 10 * factor, "leakage_nw": 0, "energy_per_op_pj": 2 * factor**1.5}
            figures |= {"min_clock_ns": factor, "energy_per_op_wires_pj": 2}
            figures |= {"delay_ns": factor / 2} if component.startswith("op") else {}
            figures |= {"energy_per_op_pj@network": 1 * factor} if component in PE_COMPONENTS else {}
            rows += [
                (component, op, dataflow, name, changes.get(f"{component}_{op}_{name}", value), "", "synthesis", stages)
                for name, value in figures.items()
            ]
    units = {"um2": "um2", "nw": "nW", "pj": "pJ", "ns": "ns"}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for component, op, dataflow, name, value, unit, method, stages in rows:
            quantity, _, stream = name.partition("@")
            widths = {"x_bits": 4, "w_bits": 4, "multiplier": "booth" if op == "mac" else ""} if op else {}
            unit = unit or units[quantity.rsplit("_", 1)[-1]]
            writer.writerow(
                {"component": component, "op": op, "dataflow": dataflow, "quantity": quantity, "value": value,
                 "unit": unit, "method": method, "source": "test",
                 "stages": stages if component in PE_COMPONENTS else "",
                 "stream": stream or ("uniform" if "energy" in quantity else ""), **widths}
            )  # fmt: skip
    return str(path)


def own_table(tmp_path: Path, choice: Choice | None = None, **changes: float) -> UnitTable:
    return unit_table([write_table(tmp_path / "own.csv", **changes)], ["threshold"], choice or Choice(10.0))


class TestTable:
    def test_figures(self, tmp_path: Path) -> None:
        table = own_table(tmp_path)
        assert [(row.definition, row.op) for row in table.rows] == [
            (d, op) for d in DEFINITIONS for op in ("mac", "threshold")
        ]
        mac, threshold = table.rows[:2]
        assert (threshold.area, threshold.energy_pj, threshold.power_mw, threshold.delay_ns) == (10, 2, 0.2, 0.5)
        assert (threshold.area_ratio, threshold.energy_ratio, threshold.delay_ratio) == (4, 8, 4)
        assert threshold.power_ratio == pytest.approx(8) and mac.multiplier == "booth" and mac.area_ge is None
        assert [table.against(threshold, name) for name in ("area", "power")] == ["within", "above"]
        assert table.against(mac, "area") == ""

    def test_slower_than_the_clock_has_no_power(self, tmp_path: Path) -> None:
        table = own_table(tmp_path, pe_mac_min_clock_ns=11)
        mac, threshold = [row for row in table.rows if row.definition == "ws PE"]
        assert (mac.power_mw, threshold.power_ratio, table.against(threshold, "power")) == (None, None, "")
        assert "| – |" in table_markdown(table)

    def test_formats_say_the_same(self, tmp_path: Path) -> None:
        table = own_table(tmp_path, neuron_3x3_mac_area_um2=29)
        rows = list(csv.DictReader(io.StringIO(table_csv(table))))
        assert [row["area_against_published"] for row in rows[1::2]] == ["within", "within", "below", *["within"] * 8]
        assert rows[1]["published_area_ratio_low"] == "3.0" and rows[1]["area_ge"] == ""
        text, latex = table_markdown(table), table_latex(table)
        sentence = "within it: op alone at 4 bits, op alone, one number at 4 bits, 5x5 neuron at 4 bits, 1x1x64 neuron"
        assert sentence in text
        assert text.count("\n| ") == 1 + len(rows) and latex.count(r"\midrule") == len(DEFINITIONS)
        assert r" & $\mu$m\textsuperscript{2} & " in latex and r"area 3--4, power 4--5; $\dagger$ within" in latex
        within = latex.split("3x3 neuron")[0]
        assert within.count(r"4.00$\dagger$") == 2 and latex.count(r"2.90$\dagger$") == 0 and "2.90" in latex

    def test_the_shipped_table(self) -> None:
        table = unit_table(["ihp130"], ["threshold"], Choice())
        best = [row for row in table.rows if not row.smallest]
        stored, rows = load_table("ihp130"), {(row.definition, row.x_bits, row.op): row for row in best}
        areas = [stored.at("op", 0, op, 8, 8)["area_um2"].value for op in ("mac", "threshold")]
        assert rows["op alone", 8, "threshold"].area_ratio == pytest.approx(areas[0] / areas[1])
        gate = stored.quantity("nand2", "area_um2").value
        assert rows["op alone", 8, "mac"].area_ge == pytest.approx(areas[0] / gate)
        widths = [bits for definition, bits, op in rows if (definition, op) == ("op alone", "mac")]
        assert widths == [*WIDTHS, 10, 12, 16]

    def test_other_operands_have_pes_only(self, tmp_path: Path) -> None:
        table = own_table(tmp_path, Choice(10.0, stream="network"))
        pes = {name for name, what in DEFINITIONS.items() if what.component == "pe"}
        assert {row.definition for row in table.rows} == pes
        assert [row.energy_pj for row in table.rows[:2]] == [4, 1] and table.rows[1].energy_ratio == 4
        assert table.rows[1].area == 10

    def test_the_smallest_mac_stands_beside_the_best(self, tmp_path: Path) -> None:
        """MAC 40, threshold 10; the smallest MAC of the op alone 35, that of the os PE the best one again."""
        path = Path(write_table(tmp_path / "own.csv"))
        with path.open("a", newline="") as file:
            for component, dataflow, multiplier, area in (("op", "", "booth_radix4", 35), ("pe", "os", "booth", 40)):
                stages = "1" if component == "pe" else ""
                for end in (f"area_um2,{area},um2", "energy_per_op_pj,7,pJ", "leakage_nw,0,nW", "min_clock_ns,1,ns"):
                    file.write(
                        f"{component}_smallest,mac,{multiplier},4,4,,{dataflow},{stages},,{end},synthesis,test,,\n"
                    )
        table = unit_table([str(path)], ["threshold"], Choice(10.0))
        alone = [row for row in table.rows if row.definition == "op alone"]
        assert [(row.op, row.smallest, row.multiplier, row.area, row.smallest_area_ratio) for row in alone] == [
            ("mac", False, "booth", 40, None),
            ("mac", True, "booth_radix4", 35, None),
            ("threshold", False, "", 10, 3.5),
        ]
        same = [row for row in table.rows if row.definition == "os PE"]
        assert [(row.op, row.smallest_area_ratio) for row in same] == [("mac", None), ("threshold", 4)]
        assert "| mac, smallest | booth radix4 | 35 µm² |" in table_markdown(table)
        plot_units(table, tmp_path / "own.png")

    def test_wires_are_added(self, tmp_path: Path) -> None:
        table = own_table(tmp_path, Choice(10.0, wires=True))
        assert [row.energy_pj for row in table.rows[:2]] == [18, 4]

    def test_a_zero_gated_mac_stands_in_for_the_plain_one(self, tmp_path: Path) -> None:
        table = own_table(tmp_path, pe_zero_gated_mac_area_um2=77)
        areas = {row.definition: row.area for row in table.rows if row.op == "mac"}
        assert [name for name, area in areas.items() if area == 77] == [d for d in DEFINITIONS if "gated" in d]

    def test_widths_and_tables_are_chosen(self, tmp_path: Path) -> None:
        path = write_table(tmp_path / "own.csv")
        table = unit_table(["ihp130", path], ["threshold"], Choice(bits=(4,)))
        assert {(row.costs, row.x_bits) for row in table.rows} == {("ihp130", 4), ("own", 4)}
        with pytest.raises(LimenError, match=r"own\.csv: component: 'op' of threshold and mac is missing for these"):
            unit_table(["ihp130", path], ["threshold"], Choice(bits=(5,)))

    def test_unknown_widths_and_operands_are_refused(self) -> None:
        with pytest.raises(
            LimenError, match=r"bits: 9 is not allowed: ihp130, ecp5-fabric has 2, 3, 4, 5, 6, 7, 8, 10"
        ):
            unit_table(["ihp130", "ecp5-fabric"], ["threshold"], Choice(bits=(8, 9)))
        with pytest.raises(LimenError, match="stream: loud is not allowed: ihp130 has gaussian_relu, "):
            unit_table(["ihp130"], ["threshold"], Choice(stream="loud"))

    def test_an_fpga_has_luts_and_no_power(self, tmp_path: Path) -> None:
        path = Path(write_table(tmp_path / "luts.csv"))
        lines = [line for line in path.read_text().splitlines() if not line.startswith("published")]
        kept = [line for line in lines if ",area_um2," in line or ",min_clock_ns," in line or line.startswith("comp")]
        path.write_text("\n".join(kept).replace(",area_um2,", ",lut,").replace(",um2,", ",count,") + "\n")
        table = unit_table([str(path)], ["threshold"], Choice())
        assert table.rows[1].area_unit == "LUT" and table.rows[1].area_ratio == 4 and table.rows[1].power_mw is None
        text = table_markdown(table)
        assert f"| 10 LUT | – | {NOT_MEASURABLE} | {NOT_MEASURABLE} |" in text
        assert f"Published power ratio 7.51–8.19, threshold on luts: {NOT_MEASURABLE}." in text

    def test_the_picture(self, tmp_path: Path) -> None:
        plot_units(own_table(tmp_path), tmp_path / "units.png")
        assert (tmp_path / "units.png").read_bytes().startswith(b"\x89PNG") and set(SHOWN) <= set(DEFINITIONS)

    def test_ops_are_all_but_mac(self) -> None:
        assert set(COMPARED) == set(OPS) - {"mac"}
        assert weight_bits("shift", 8) == 5 and weight_bits("mac", 8) == 8


class TestCommand:
    @pytest.mark.parametrize(
        ("form", "start"),
        [("md", "Kernels on"), ("latex", r"% \usepackage"), ("csv", "costs,definition,x_bits")],
    )
    def test_formats(self, tmp_path: Path, form: str, start: str) -> None:
        write_table(tmp_path / "own.csv")
        outcome = run_command(
            "study", "tables", "kernel", "--format", form, "--costs", "own.csv", "--op", "threshold", cwd=tmp_path
        )
        assert outcome.returncode == 0 and outcome.stdout.startswith(start), outcome.stderr

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--format", "xls"), ("--format", "'xls'", "latex")),
            (("--costs", "tsmc3"), ("costs", "'tsmc3'", "ihp130")),
            (("--costs", "old.csv"), ("old.csv", "published_kernel")),
            (("--costs", "own.csv", "--op", "shift"), ("own.csv", "component: 'op' of shift and mac is missing")),
            (("--op", "mac"), ("--op", "'mac'", "threshold")),
            (("--bits", "1"), ("--bits", "2<=x<=16")),
            (
                ("--costs", "own.csv", "--stream", "loud"),
                ("stream: loud is not allowed", "own.csv has network, uniform"),
            ),
            (("--clock-ns", "0"), ("clock-ns: 0 is not allowed",)),
        ],
    )
    def test_bad_input(self, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
        write_table(tmp_path / "own.csv")
        lines = (tmp_path / "own.csv").read_text().splitlines()
        (tmp_path / "old.csv").write_text("\n".join(line for line in lines if "published" not in line) + "\n")
        refused(run_command("study", "tables", "kernel", *arguments, cwd=tmp_path), *words)
