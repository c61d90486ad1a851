"""One line for a study that can't be: keys, values, widths, commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dse.study.study import Study
from tests.dse.study_files import NETWORK, SPEC, rows_of, write_network
from tests.support.command import refused, run_command
from tests.support.paths import ROOT
from workloads.errors import LimenError

BAD = [
    ("rows: [2, 4]", "rows: []", ("space.rows", "[]", "at least 1")),
    ("rows: [2, 4]", "rows: 4", ("space.rows: 4 is not allowed: a list",)),
    ("rows: [2, 4]", "rows: null", ("space.rows: nothing is not allowed: a list",)),
    ("{x: 4..5, w: same}", "4", ("space.bits: 4 is not allowed: a mapping of keys to values",)),
    ("[digits]", "digits", ("workloads: 'digits' is not allowed: a list",)),
    ("costs: ihp130", r'costs: "a\nb"', (r"costs: 'a\nb' is not allowed: a name or a path of one line",)),
    ("costs: ihp130", "costs:", ("costs: nothing is not allowed: a text",)),
    ('{accuracy: ">= 0.97"}', "", ("constraints: nothing is not allowed: a mapping of keys to values",)),
    ("trials: 40", "trials:", ("trials: nothing is not allowed: sampler nsga2 needs an integer of at least 1",)),
    ("rows: [2, 4]", "rows: [2, 2]", ("space.rows", "2 stands 2 times")),
    ("rows: [2, 4]", "rows: [0]", ("space.rows.0", "0", "greater than or equal to 1")),
    ("rows: [2, 4]", "rows: ['2']", ("space.rows.0", "'2'", "integer")),
    ("op: [threshold, mac]", "op: [xnor]", ("space.op.0", "'xnor'", "'shift', 'shift-adder' or 'mac-threshold'")),
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
    ("trials: 40", "trials: 40\nmemory: {dram: gold}", ("dram", "'gold'", "lpddr4")),
    ("workloads: [digits]", "workloads: [cifar]", ("workload", "'cifar'", "digits")),
    ("workloads: [digits]", "workloads: []", ("workloads", "[]", "at least 1")),
    ("workloads: [digits]", "workloads: [digits, digits]", ("workloads", "not allowed twice")),
    ("workloads: [digits]", "workloads: [gone.yaml]", ("gone.yaml", "cannot be read")),
    ("workloads: [digits]", "workloads: [shapes.yaml]", ("objectives", "accuracy", "shapes", "dataset")),
    ("costs: ihp130", "costs: tsmc3", ("costs", "'tsmc3'", "ihp130")),
    ("energy_uj: min, ", "speed: max, ", ("objectives", "'speed'", "energy_uj, latency_us, area_mm2, accuracy")),
    ("energy_uj: min", "edp: min", ("objectives: 'edp' is not allowed: the nearest is edp_uj_us; energy_uj, ",)),
    ("energy_uj: min", "cost: min", ("'cost' is not", "; or a figure of one's own, beside figures: [cost]")),
    ('accuracy: ">= 0.97"', 'energy: "<= 2"', ("constraints: 'energy' is not", "the nearest is energy_uj")),
    ('accuracy: ">= 0.97"', "area_mm2: 0.5", ("constraints: area_mm2: 0.5 is not allowed: ", '"<= 0.5"')),
    ("x: 4..5", "x: 4, 5", ("space.bits: 5 is not allowed: keys are words", "a list, such as x: [4, 8]")),
    ("energy_uj: min", "energy_uj: low", ("objectives", "energy_uj", "'low'", "min or max")),
    ('accuracy: ">= 0.97"', 'accuracy: "> 0.97"', ("constraints", "accuracy", "'> 0.97'", "<= 2")),
    ('accuracy: ">= 0.97"', 'accuracy: ">= 1.1"', ("constraints: accuracy: '>= 1.1'", "a share, at most 1")),
    ('accuracy: ">= 0.97"', 'cycles: "<= -1"', ("constraints: cycles: '<= -1'", "no design has less than 0")),
    ('accuracy: ">= 0.97"', 'accuracy: ">= 1e999"', ("constraints", "accuracy", "1e999")),
    ('accuracy: ">= 0.97"', 'test_accuracy: ">= 0.9"', ("constraints", "'test_accuracy'", "power_mw")),
    ("name: nsga2", "name: annealing", ("sampler.name", "'annealing'", "'nsga2'", "'tpe'")),
    ("seed: SEED", "seed: -1", ("sampler.seed", "-1", "greater than or equal to 0")),
    ("trials: 40", "trials: 0", ("trials", "0", "greater than or equal to 1")),
    ("trials: 40", "trials: 40\ncolour: red", ("colour", "unknown key", "sampler")),
    ("version: 1", "version: 2", ("version", "2", "1")),
    ("version: 1", "version: 1\nreduction: max", ("reduction", "'max'", "'geometric_mean', 'worst' or 'sum'")),
    ("version: 1", "version: 1\nfigures: [cycles]", ("figures", "'cycles' is not allowed", "a column of trials.csv")),
    ("version: 1", "version: 1\nfigures: [a b]", ("figures.0", "'a b' is not allowed")),
    ("version: 1", "version: 1\nfigures: [mine]", ("figures: 'mine' has no function", "limen.Study(..., figures=")),
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
    write_network(tmp_path / "shapes.yaml", NETWORK.replace("_bits: 6", "_bits: 11"))
    lines = ["objectives: {energy_uj: min}" if line.startswith("obj") else line for line in SPEC.splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("constraints")).replace("SEED", "0")
    text = text.replace("[digits]", "[shapes.yaml]").replace("4..5", "11").replace("[threshold, mac]", "[threshold]")
    (tmp_path / "wide.yaml").write_text(text)
    with pytest.raises(LimenError, match="x_bits: 11 of component 'pe' is missing"):
        Study(tmp_path / "wide.yaml", tmp_path / "out", quiet=True)
    (tmp_path / "narrow.yaml").write_text(text.replace("x: 11", "x: 4..5"))
    both = r"space: no valid point: .*the design has at most 4; .*the design has at most 5$"  # a reason for each point
    with pytest.raises(LimenError, match=both):
        Study(tmp_path / "narrow.yaml", tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_no_point_satisfies_the_constraints(tmp_path: Path) -> None:
    text = SPEC.replace("SEED", "0").replace("trials: 40", "trials: 3")
    text = text.replace('accuracy: ">= 0.97"', 'area_mm2: "<= 0.1"')
    (tmp_path / "none.yaml").write_text(text)
    outcome = run_command("study", "run", "none.yaml", "--out", "out", cwd=tmp_path)
    tried = "no trial has area_mm2 <= 0.1 (3 of 48 points tried); the nearest, trial "
    refused(outcome, "no valid point", tried, "; all trials are in out/trials.csv")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("manifest.json", "study.db", "study.lock", "trials.csv")
    ]
    text = text.replace("[2, 4]", "[2]").replace("[threshold, mac]", "[mac]").replace("trials: 3", "trials: 6")
    (tmp_path / "all.yaml").write_text(text)
    with pytest.raises(LimenError, match=r"no valid point: none of the 6 points has area_mm2 <= 0.1; the nearest, "):
        Study(tmp_path / "all.yaml", tmp_path / "all", quiet=True).run()


def test_columns_of_figures_are_there_where_every_trial_is_refused(tmp_path: Path) -> None:
    text = SPEC.replace("SEED", "0").replace("trials: 40", "trials: 2").replace("ws, is]", "ws, is], filter_kib: [.02]")
    (tmp_path / "tight.yaml").write_text(text)
    outcome = run_command("study", "run", "tight.yaml", "--out", "out", cwd=tmp_path)
    refused(outcome, "no valid point")
    rows = rows_of(tmp_path / "out" / "trials.csv")
    assert len(rows) == 2 and all(row["refusal"] for row in rows)
    assert [{row[name] for row in rows} for name in ("energy_uj", "cycles", "test_accuracy")] == [{""}] * 3


def test_command_line_of_studies(tmp_path: Path) -> None:
    assert run_command("study", "init", "mine.yaml", cwd=tmp_path).returncode == 0
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
        refused(run_command("study", *arguments, cwd=tmp_path), *words)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "study.db").write_bytes(os.urandom(4096))
    refused(run_command("study", "front", "broken", cwd=tmp_path), "not a study")
    assert (tmp_path / "mine.yaml").read_text() == written
