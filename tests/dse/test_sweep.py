"""Sweeps: every point of a space, the same rows as a study's, whatever stopped them and however many processes."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas
import pytest

import dse.study.study
import dse.sweep.block_runs
import dse.sweep.sweep
from dse.evaluation.rows import csv_lines, parse_lines
from dse.front.front import front_rows
from dse.report.progress import ProgressBar
from dse.space.space import Space
from dse.space.study_spec import SpaceSpec
from dse.study.study import Study
from dse.sweep.block_rows import OpFront, joined
from tests.dse.study_files import rows_of
from tests.support.command import run_command
from tests.support.tools import skip_without
from workloads.errors import LimenError
from workloads.host.journal import key_of
from workloads.host.text_tables import csv_text

SPEC = """version: 1
workloads: [digits]
costs: ihp130
space:
  rows: [2, 4]
  cols: [2]
  op: [threshold, mac]
  bits: {x: 4, w: same}
  dataflow: [os, is]
  ofmap_kib: [16, 0.0625]
  port_bits: [32, 64]
objectives: {energy_uj: min, latency_us: min, area_mm2: min, accuracy: max}
constraints: {latency_us: "<= 180"}
sampler: {name: exhaustive}
"""

POINTS = 32


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dse.sweep.block_runs, "LEAST_IN_A_BLOCK", 5)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with sweep.yaml, and the sweep in out/."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "sweep.yaml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dse.sweep.block_runs, "LEAST_IN_A_BLOCK", 5)
        Study(folder / "sweep.yaml", folder / "out", quiet=True).run()
    yield folder


def content(folder: Path) -> dict[str, bytes]:
    """All files, but for the manifest, which says when and how long."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lines_of(folder: Path) -> list[str]:
    """The rows of a sweep's files without their first cell, the head apart."""
    rows = []
    for path in sorted((folder / "points").iterdir()):
        head, *lines = path.read_text().splitlines()
        rows += lines
    assert [int(row.split(",")[0]) for row in rows] == list(range(len(rows)))
    return [row.split(",", 1)[1] for row in (head, *rows)]


def test_a_study_of_the_whole_space_has_the_same_rows(swept: Path, tmp_path: Path) -> None:
    page = SPEC.replace("{name: exhaustive}", "{name: random, seed: 3}") + f"trials: {POINTS}\n"
    (tmp_path / "study.yaml").write_text(page)
    study = Study(tmp_path / "study.yaml", tmp_path / "out", quiet=True).run()
    sweep = Study.open(swept / "out")

    def cut(path: Path) -> list[str]:
        return [line.split(",", 1)[1] for line in path.read_text().splitlines()]

    rows = lines_of(swept / "out")
    head, *trials = cut(tmp_path / "out" / "trials.csv")
    assert rows[0] == head and sorted(rows[1:]) == sorted(trials)
    assert len(set(trials)) == POINTS
    assert sorted(cut(swept / "out" / "front.csv")) == sorted(cut(tmp_path / "out" / "front.csv"))
    refusals = [row for row in rows_of(tmp_path / "out" / "trials.csv") if row["refusal"]]
    assert len(refusals) == POINTS // 2 and refusals[0]["cycles"] == "" and refusals[0]["feasible"] == "False"
    for op in ("threshold", "mac"):
        assert sweep.knee(op).coordinates == study.knee(op).coordinates
        assert sweep.front(op)["design"].tolist() == study.front(op)["design"].tolist()
        mine, other = sweep.tallies()[op], study.tallies()[op]
        assert (mine.tried, mine.refused, mine.feasible) == (other.tried, other.refused, other.feasible)
        assert 0 < mine.feasible < mine.tried - mine.refused
    both = {row["design"] for op in ("threshold", "mac") for _, row in study.front(op).iterrows()}
    assert {row["design"] for row in rows_of(swept / "out" / "op_fronts.csv")} == both
    mine, other = (found.trials().set_index("design").drop(columns="trial").sort_index() for found in (sweep, study))
    pandas.testing.assert_frame_equal(mine[mine["refusal"] == ""], other[other["refusal"] == ""])


def test_stopped_anywhere_and_resumed_is_the_same_sweep(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    shutil.copyfile(swept / "sweep.yaml", tmp_path / "sweep.yaml")
    show = ProgressBar.show
    for block in sorted(Random(seed).sample(range(1, 7), 2)):

        def stop(bar: ProgressBar, task: str, done: int, total: int, block: int = block) -> None:
            assert total == POINTS
            if done == 5 * block:
                raise KeyboardInterrupt
            show(bar, task, done, total)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(ProgressBar, "show", stop)
            Study(tmp_path / "sweep.yaml", tmp_path / "out", quiet=True).run()
        part = Study.open(tmp_path / "out")
        assert len(part.trials()) == part.designs == 5 * block
        assert part.front()["design"].is_unique
        with pytest.raises(LimenError, match="trial 31 is not allowed: 0 to 31, those of the blocks that are done"):
            part.point(31)
    (tmp_path / "out" / "points" / "000006.csv").write_text("what a kill left between two files")
    Study(tmp_path / "sweep.yaml", tmp_path / "out", quiet=True).run()
    assert content(tmp_path / "out") == content(swept / "out")


def test_processes_change_nothing(swept: Path, tmp_path: Path) -> None:
    shutil.copyfile(swept / "sweep.yaml", tmp_path / "sweep.yaml")
    Study(tmp_path / "sweep.yaml", tmp_path / "out", quiet=True).run(jobs=2)
    assert content(tmp_path / "out") == content(swept / "out")


def test_commands(swept: Path) -> None:
    shown = run_command("study", "front", "out", cwd=swept)
    assert shown.returncode == 0, shown.stderr
    assert f"digits: {POINTS} trials, {POINTS} distinct designs of {POINTS}" in shown.stdout
    assert f"{POINTS // 2} refused" in shown.stdout and "refused, the first: network digits-" in shown.stdout
    assert f"{POINTS} of {POINTS} trials" in run_command("describe", "out", cwd=swept).stdout
    study = Study.open(swept / "out")
    assert study.point(0).figures["cycles"] == int(rows_of(swept / "out" / "points" / "000000.csv")[0]["cycles"])
    assert study.largest().figures["pes"] == study.front()["pes"].max()
    points = study.points
    assert [point.trial for point in points] == [trial for trial in range(POINTS) if trial % 4 < 2]
    assert points[-1].coordinates == study.point(points[-1].trial).coordinates
    assert points[-1].figures == study.point(points[-1].trial).figures
    with pytest.raises(LimenError, match="trial 2 was refused: network digits-"):
        study.point("2")
    exported = run_command("study", "export", "out", "--point", "5", "--out", "chip", "--images", "1", cwd=swept)
    assert exported.returncode == 0, exported.stderr
    assert f"5: trial 5, {study.point(5).coordinates.key}, 1 images" in exported.stdout


def test_the_order_of_points() -> None:
    page: dict[str, Any] = {
        "rows": [4, 2], "cols": [3], "op": ["mac", "threshold"], "bits": {"x": "4..5", "w": [6, 7]},
        "dataflow": ["ws", "os"], "port_bits": [64, 32],
    }  # fmt: skip
    spec = SpaceSpec.model_validate(page)
    formats = [("mac", 4, 6), ("mac", 5, 7), ("threshold", 4, 7)]
    space = Space(spec, formats)
    points = space.points(range(space.size))
    assert [(*point[:6], point.port_bits) for point in points] == [
        (*form, dataflow, rows, 3, port)
        for form, dataflow, rows, port in itertools.product(formats, ["ws", "os"], [4, 2], [64, 32])
    ]
    assert space.points(range(7, 9)) == points[7:9]


def test_a_front_of_fronts_is_the_front(seed: int) -> None:
    random = np.random.default_rng(seed)
    gains = random.integers(0, 12, (4000, 4)).astype(float)
    blocks = [
        OpFront(
            np.arange(first, first + 500), gains[first : first + 500], [f"{at}" for at in range(first, first + 500)]
        )
        for first in range(0, 4000, 500)
    ]
    random.shuffle(blocks)  # type: ignore[arg-type]
    front = OpFront(np.empty(0, np.int64), np.empty((0, 4)), [])
    for block in blocks:
        front = joined(front, block)
    wanted = np.flatnonzero(front_rows(gains))
    assert front.numbers.tolist() == wanted.tolist() == [int(line) for line in front.lines]
    assert (front.gains == gains[wanted]).all()


def test_columns_are_written_as_rows_are() -> None:
    kinds: Any = {"a": "whole", "b": "real", "c": "text", "d": "flag"}
    columns: dict[str, list[Any]] = {
        "a": [1, None, -3], "b": [0.1, 1e-7, None], "c": ['says "no", twice', "=1+1", ""], "d": [True, False, True],
    }  # fmt: skip
    lines = csv_lines(columns, kinds)
    assert "".join(lines) == csv_text([*columns], zip(*columns.values(), strict=True)).split("\n", 1)[1]
    assert parse_lines(lines, kinds) == columns | {"c": ['says "no", twice', "'=1+1", ""]}
    with pytest.raises(ValueError, match="other than 4 cells"):
        parse_lines(["1,2,3\n"], kinds)


def test_other_studies_are_refused(swept: Path, tmp_path: Path) -> None:
    before = content(swept / "out")
    for change, field in (
        (("rows: [2, 4]", "rows: [2, 3]"), "space"),
        (("{name: exhaustive}", "{name: random}\ntrials: 3"), "sampler"),
        (("{name: exhaustive}", "{name: exhaustive, points: parquet}"), "sampler"),
        (("<= 180", "<= 300"), "constraints"),
    ):
        (tmp_path / "other.yaml").write_text(SPEC.replace(*change))
        with pytest.raises(LimenError, match=f"other.yaml: {field} differs from the study in .*out; name another"):
            Study(tmp_path / "other.yaml", swept / "out", quiet=True)
    assert content(swept / "out") == before


def test_a_program_or_table_that_changed_is_refused(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the next block, even where the first figures are still the same."""
    shutil.copyfile(swept / "sweep.yaml", tmp_path / "sweep.yaml")
    study = Study(tmp_path / "sweep.yaml", tmp_path / "out", quiet=True)
    before = content(tmp_path / "out")
    monkeypatch.setattr(dse.sweep.sweep, "key_of_sweep", lambda *_: "another")
    with pytest.raises(LimenError, match=r"sweep.json: workload, cost table or program changed under this study"):
        study.run()
    assert {name for name in content(tmp_path / "out")} == {*before, "study.lock"}
    Study(swept / "sweep.yaml", swept / "out", quiet=True).run()  # nothing is left to do


def test_a_sweep_of_another_version_is_refused(swept: Path, tmp_path: Path) -> None:
    """Its rows have other columns."""
    shutil.copytree(swept / "out", tmp_path / "out")
    stored = json.loads((tmp_path / "out" / "sweep.json").read_text())
    del stored["sha256"], stored["study"]["space"]["stream"]
    (tmp_path / "out" / "sweep.json").write_text(json.dumps(stored | {"sha256": key_of(stored)}))
    with pytest.raises(
        LimenError, match=r"sweep.json: study: has not the keys of this version of Limen; sweep its file"
    ):
        Study.open(tmp_path / "out")


@pytest.mark.parametrize("name", ["sweep.json", "points/000003.csv", "points/000000.csv"])
def test_a_damaged_sweep_is_refused(swept: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(swept / "out", tmp_path / "out")
    text = (tmp_path / "out" / name).read_text()
    (tmp_path / "out" / name).write_text(text.replace("2", "3", 1))
    with pytest.raises(LimenError, match=f"{name}: is (damaged|missing or changed)"):
        Study(swept / "sweep.yaml", tmp_path / "out", quiet=True).run()
    (tmp_path / "out" / name).unlink()
    with pytest.raises(LimenError, match=r"(study.db: missing|cannot be read: No such file)"):
        Study.open(tmp_path / "out").trials()


def test_a_space_beyond_a_thousand_million_points(tmp_path: Path) -> None:
    many = ", ".join(str(kib) for kib in range(1, 101))
    page = SPEC.replace(
        "ofmap_kib: [16, 0.0625]", f"ofmap_kib: [{many}]\n  ifmap_kib: [{many}]\n  filter_kib: [{many}]"
    )
    (tmp_path / "large.yaml").write_text(page.replace("cols: [2]", f"cols: [{many}]"))
    outcome = run_command("study", "run", "large.yaml", "--out", "out", cwd=tmp_path)
    assert outcome.returncode == 2 and outcome.stdout == ""
    assert outcome.stderr == (
        "limen: large.yaml: space: 1,600,000,000 points are not allowed with sampler exhaustive: at most "
        "1,000,000,000; bound cols (100 values), ifmap_kib (100 values), filter_kib (100 values), or try some of "
        "them with another sampler\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["large.yaml"]


def test_trials_of_a_sweep_are_refused(tmp_path: Path) -> None:
    (tmp_path / "both.yaml").write_text(SPEC + "trials: 3\n")
    with pytest.raises(LimenError, match=r"both.yaml: trials: 3 is not allowed: sampler exhaustive tries every point"):
        Study(tmp_path / "both.yaml", tmp_path / "out")


def test_a_picture_of_a_sample_says_so(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    matplotlib.use("agg")
    study = Study.open(swept / "out")
    feasible = sum(tally.feasible for tally in study.tallies().values())
    assert study.plot_front().get_title().startswith("digits, ihp130\nnot drawn: ")
    monkeypatch.setattr(dse.study.study, "MOST_DRAWN", 3)
    axes = study.plot_front()
    *points, knee = axes.collections
    drawn = sum(len(pale.get_offsets()) for pale in points[::2])
    assert axes.get_title().splitlines()[1] == f"{drawn} of {feasible} feasible designs drawn, and the front"
    assert sum(len(filled.get_offsets()) for filled in points[1::2]) == len(study.front())
    assert len(knee.get_offsets()) == 1


@skip_without("pyarrow", "parquet")
def test_parquet_has_the_same_rows(swept: Path, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SPEC.replace("exhaustive", "exhaustive, points: parquet"))
    study = Study(tmp_path / "sweep.yaml", tmp_path / "out", quiet=True).run()
    for name in ("front.csv", "op_fronts.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (swept / "out" / name).read_bytes()
    pandas.testing.assert_frame_equal(study.trials(), Study.open(swept / "out").trials())
    read = pandas.read_parquet(tmp_path / "out" / "points")
    assert read["design"].tolist() == study.trials()["design"].tolist()


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "sweep.yaml").write_text(SPEC.replace("exhaustive", "exhaustive, points: parquet"))
    with pytest.raises(LimenError, match=r"parquet needs pyarrow, not installed: pip install '\.\[parquet\]'"):
        Study(tmp_path / "sweep.yaml", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]
