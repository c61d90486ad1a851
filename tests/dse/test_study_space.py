"""Spaces: all of it is walked, what can't be built or priced is refused, what nothing runs on is left out and said."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from dse.cli.commands import commands
from dse.study.study import Study
from tests.dse.study_files import NETWORK, SPEC, write_network
from tests.support.paths import ROOT
from workloads.errors import LimenError


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "random"])
def test_every_sampler_walks_the_whole_space(tmp_path: Path, sampler: str) -> None:
    """Asked for more trials than there are designs, each ends with every design once."""
    text = SPEC.replace("nsga2, seed: SEED", f"{sampler}, seed: 1").replace("cols: [2, 4]", "cols: [2]")
    (tmp_path / "all.yaml").write_text(text)
    study = Study(tmp_path / "all.yaml", tmp_path / "out", quiet=True).run()
    assert len(study.points) == study.space_size == 24
    assert study.trials()["design"].nunique() == 24


def test_network_file_with_one_objective(tmp_path: Path) -> None:
    """Shapes alone can be optimised for cost, at every op and width of the space."""
    (tmp_path / "shapes.yaml").write_text(NETWORK)
    text = SPEC.replace("[digits]", "[shapes.yaml]").replace("SEED", "0").replace("x: 4..5", "x: 5..7")
    text = text.replace("trials: 40", "trials: 8").replace('constraints: {accuracy: ">= 0.97"}\n', "")
    lines = [
        line if not line.startswith("objectives") else "objectives: {energy_uj: min}" for line in text.splitlines()
    ]
    (tmp_path / "one.yaml").write_text("\n".join(lines))
    study = Study(tmp_path / "one.yaml", tmp_path / "out", quiet=True).run()
    assert study.space_size == 72  # 2 × 2 arrays, 3 dataflows, 2 ops of 5 to 7 bits
    for point in study.points:
        assert {(layer.op, layer.x_bits, layer.w_bits) for layer in point.network.layers} == {point.coordinates[:3]}
    front = study.front()
    assert front["energy_uj"].tolist() == [study.trials()["energy_uj"].min()] * len(front)
    assert "accuracy" not in front


def test_refused_points(tmp_path: Path) -> None:
    """Layers that don't fit their buffers, and words wider than a beat, are trials with a reason and no figures."""
    text = SPEC.replace("SEED", "3").replace("rows: [2, 4], cols: [2, 4]", "rows: [4], cols: [2]")
    text = text.replace("dataflow: [os, ws, is]", "dataflow: [ws], ofmap_kib: [0.05, 4], feeder_width: [4, 32]")
    (tmp_path / "tight.yaml").write_text(text)
    study = Study(tmp_path / "tight.yaml", tmp_path / "out", quiet=True).run()
    table = study.trials()
    assert len(table) == study.space_size == 16 and len(study.points) == 4
    refused = table[table["refusal"] != ""]
    assert not refused["feasible"].any() and refused["energy_uj"].isna().all()
    narrow = table[table["feeder_width"] == 4]
    assert narrow[narrow["ofmap_kib"] < 1]["refusal"].str.contains("ofmap_kib: 0.05 is not allowed: the smallest").all()
    assert table[table["feeder_width"] == 32]["refusal"].str.contains("feeder_width: 32 is not allowed").all()
    assert (narrow[narrow["ofmap_kib"] == 4]["refusal"] == "").all()
    again = Study(tmp_path / "tight.yaml", tmp_path / "out", quiet=True).run()
    assert again.trials().equals(table)
    with pytest.raises(LimenError, match=r"trial \d+ was refused: "):
        study.point(int(refused["trial"].iloc[0]))


def without(table: Path, names: tuple[str, ...], keep: Callable[[dict[str, str]], bool]) -> None:
    """Write the rows of ihp130 that `keep` wants, looking at the fields of these names."""
    with (ROOT / "cost_models" / "data" / "ihp130.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    at = {name: rows[0].index(name) for name in names}
    kept = [row for row in rows[1:] if keep({name: row[index] for name, index in at.items()})]
    assert 0 < len(kept) < len(rows) - 1
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([rows[0], *kept])


def test_points_without_a_price(tmp_path: Path) -> None:
    """Under os a PE sums 64 differences of 0 to 63, in 13 bits, more than this table has; under ws, 4 at most."""
    (tmp_path / "shapes.yaml").write_text(NETWORK.replace("channels: 4", "channels: 64"))
    without(
        tmp_path / "own.csv",
        ("component", "dataflow", "acc_bits"),
        lambda row: row["component"] != "pe" or row["dataflow"] != "os" or int(row["acc_bits"]) <= 12,
    )
    text = SPEC.replace("[digits]", "[shapes.yaml]").replace("SEED", "0").replace("x: 4..5", "x: 6")
    text = (
        text.replace("ihp130", "own.csv")
        .replace("[threshold, mac]", "[threshold]")
        .replace("[os, ws, is]", "[os, ws], filter_kib: [16, 64]")
    )
    lines = ["objectives: {energy_uj: min}" if line.startswith("obj") else line for line in text.splitlines()]
    (tmp_path / "wide.yaml").write_text("\n".join(line for line in lines if not line.startswith("constraints")))
    study = Study(tmp_path / "wide.yaml", tmp_path / "out", quiet=True).run()
    table = study.trials()
    assert len(table) == study.space_size == 16
    assert (
        table[table["dataflow"] == "os"]["refusal"].str.contains("acc_bits: 13 is not allowed for pe threshold").all()
    )
    assert (table[table["dataflow"] == "ws"]["refusal"] == "").all() and table["feasible"].sum() == 8
    assert Study(tmp_path / "wide.yaml", tmp_path / "out", quiet=True).run().trials().equals(table)
    shown = CliRunner().invoke(commands, ["study", "front", str(tmp_path / "out")]).stdout
    assert "8 feasible, 8 refused; front: " in shown and "\nrefused, the first: " in shown
    (tmp_path / "os.yaml").write_text((tmp_path / "wide.yaml").read_text().replace("[os, ws]", "[os]"))
    with pytest.raises(LimenError, match=r"os.yaml: space: no valid point: none has a price, the first: .*acc_bits"):
        Study(tmp_path / "os.yaml", tmp_path / "none", quiet=True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("lacking", ["pe of ws", "x_bits 5", "edges at 5 bits", "tags"])
def test_a_table_with_gaps(tmp_path: Path, lacking: str) -> None:
    """The points that need what is missing are refused, all others have the figures they have with the whole table."""
    gone = {
        "pe of ws": lambda row: row["component"] == "pe" and row["dataflow"] == "ws",
        "x_bits 5": lambda row: row["component"] == "pe" and row["x_bits"] == "5",
        "edges at 5 bits": lambda row: row["component"] == "edge" and row["x_bits"] == "5",
        "tags": lambda row: row["component"] == "tag",
    }[lacking]
    refused = {
        "pe of ws": lambda row: row.dataflow == "ws",
        "x_bits 5": lambda row: row.x_bits == 5,
        "edges at 5 bits": lambda row: row.x_bits == 5,
        "tags": lambda row: True,
    }[lacking]
    without(tmp_path / "own.csv", ("component", "x_bits", "dataflow"), lambda row: not gone(row))
    text = SPEC.replace("SEED", "0").replace("rows: [2, 4], cols: [2, 4]", "rows: [4], cols: [2]")
    text = text.replace('constraints: {accuracy: ">= 0.97"}\n', "").replace("trials: 40", "trials: 12")
    (tmp_path / "gaps.yaml").write_text(text.replace("ihp130", "own.csv"))
    (tmp_path / "whole.yaml").write_text(text)
    study = Study(tmp_path / "gaps.yaml", tmp_path / "out", quiet=True)
    if lacking == "tags":
        with pytest.raises(LimenError, match=r"no valid point: every trial was refused, 12 of 12 points, the first: "):
            study.run()
        return
    table = study.run().trials().set_index("design")
    whole = Study(tmp_path / "whole.yaml", tmp_path / "all", quiet=True).run().trials().set_index("design")
    wrong = [row.Index for row in table.itertuples() if (row.refusal != "") != refused(row)]
    assert len(table) == 12 and not wrong
    priced = table[table["refusal"] == ""]
    assert (priced["energy_uj"] == whole.loc[priced.index, "energy_uj"]).all() and len(priced) < 12


def whole_lines(text: str) -> list[str]:
    """Return lines of a text, those that were broken at a person's width made whole again."""
    return re.sub(r"\n    ", " ", text).splitlines()


def test_what_is_left_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of 6-bit thresholds: no design of op mac or of 5 bits runs it, nor one whose widths differ."""
    monkeypatch.chdir(tmp_path)
    write_network(tmp_path / "shapes.yaml")
    text = SPEC.replace("[digits]", "[shapes.yaml]").replace("SEED", "0").replace("trials: 40", "trials: 2")
    lines = ["objectives: {energy_uj: min}" if line.startswith("obj") else line for line in text.splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("constraints"))
    (tmp_path / "same.yaml").write_text(text.replace("x: 4..5", "x: 5..7"))
    (tmp_path / "pairs.yaml").write_text(text.replace("x: 4..5, w: same", "x: 5..7, w: 6..7"))
    op = "op mac: network shapes: layer scores: op: 'threshold' is not allowed: the design has 'mac'"
    for name, words in (("same", (op, "x_bits 5: ")), ("pairs", (op, "x_bits 5: ", "2 combinations of op and widths"))):
        starts = [f"left out of the space: {word}" for word in words]
        for arguments in (
            ("study", "run", f"{name}.yaml", "--out", name),
            ("study", "front", name),
            ("describe", name),
        ):
            outcome = CliRunner().invoke(commands, arguments)
            shown = [line for line in whole_lines(outcome.stdout) if line.startswith("left")]
            assert len(shown) == len(starts), shown
            assert all(line.startswith(start) for line, start in zip(shown, starts, strict=True)), shown
        outcome = CliRunner().invoke(commands, ["study", "front", name, "--json"])
        assert whole_lines(outcome.stderr) == shown and json.loads(outcome.stdout)
    assert Study.open(tmp_path / "pairs").space_size == 2 * 2 * 2 * 3  # widths 6 and 6, and 7 and 7


def test_a_family_without_some_combinations(tmp_path: Path) -> None:
    """Op shift has members up to 5 bits only: the others are left out; an op or width that none has is a mistake."""
    text = SPEC.replace("SEED", "0").replace("[threshold, mac]", "[shift, mac]").replace("trials: 40", "trials: 1")
    text = text.replace(">= 0.97", ">= 0.1")
    (tmp_path / "some.yaml").write_text(text.replace("x: 4..5", "x: 4..6"))
    study = Study(tmp_path / "some.yaml", tmp_path / "out", quiet=True)
    assert study.space_size == (2 + 3) * 2 * 2 * 3
    assert study.left_out == [
        "1 combination of op and widths, the first op shift x_bits 6 w_bits 6: family digits: w_bits: 6 is not "
        "allowed: 2 to 5"
    ]
    run = CliRunner().invoke(commands, ["study", "run", str(tmp_path / "some.yaml"), "--out", str(tmp_path / "out")])
    assert run.exit_code == 0 and f"{study.run().points[0].coordinates.op}: trial 0, " in run.stdout
    with pytest.raises(LimenError, match="no valid point: no trial of op adder"):
        study.point("adder")
    (tmp_path / "none.yaml").write_text(text.replace("x: 4..5", "x: 6..7"))
    with pytest.raises(LimenError, match=r"none.yaml: family digits: w_bits: 6 is not allowed: 2 to 5"):
        Study(tmp_path / "none.yaml", tmp_path / "none", quiet=True)


def test_some_beat_is_narrow_enough(tmp_path: Path) -> None:
    """A beat of 512 bits is wider than half of the scratchpad, one of 64 isn't: the study isn't refused."""
    text = SPEC.replace("SEED", "0").replace("rows: [2, 4], cols: [2, 4]", "rows: [4], cols: [2]")
    text = text.replace("[os, ws, is]", "[ws], ofmap_kib: [0.1], port_bits: [64, 512]").replace("0.97", "0.9")
    (tmp_path / "beats.yaml").write_text(text)
    study = Study(tmp_path / "beats.yaml", tmp_path / "out", quiet=True)
    with pytest.raises(LimenError, match="every trial was refused, 8 of 8 points"):
        study.run()
    table = study.trials()
    assert table[table["port_bits"] == 512]["refusal"].str.contains("less than a beat").all()
    assert not table[table["port_bits"] == 64]["refusal"].str.contains("less than a beat").any()


def test_a_slower_memory_takes_longer(tmp_path: Path) -> None:
    text = SPEC.replace("SEED", "0").replace("rows: [2, 4], cols: [2, 4]", "rows: [4], cols: [4]")
    trials = []
    for rate in (6.4, 0.2):
        (tmp_path / f"at{rate}.yaml").write_text(f"{text}memory: {{dram_gb_per_s: {rate}}}\n")
        study = Study(tmp_path / f"at{rate}.yaml", tmp_path / f"out{rate}", quiet=True).run()
        trials.append(study.trials().sort_values("design").reset_index(drop=True))
    assert (trials[0]["cycles"] < trials[1]["cycles"]).all() and (trials[0]["clock_ns"] == trials[1]["clock_ns"]).all()
    assert min(point.design.port_interval for point in study.points) > 1
