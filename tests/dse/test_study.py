"""A finished study: its reports, its front against an independent oracle, its figures and points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import limen
from cost_models.price.price import with_memory
from dse.study.study import Study
from tests.dse.study_files import COST_OBJECTIVES, rows_of
from tests.support.command import run_command
from workloads.errors import LimenError


def test_reports(small: Path) -> None:
    assert sorted(path.name for path in (small / "out").iterdir()) == [
        "front.csv",
        "front.png",
        "manifest.json",
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
    shown = json.loads(run_command("study", "front", "out", "--json", cwd=small).stdout)
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
    with pytest.raises(
        LimenError, match="largest, threshold, mac, adder, shift, shift-adder, mac-threshold or a trial"
    ):
        study.point("best")
    with pytest.raises(LimenError, match="0 to 39"):
        study.point(40)
    # The knee by its definition, in plain Python: logarithms of costs, accuracy as it is, spans of the front.
    from math import log

    def loss(row: Any) -> float:
        total = 0.0
        for name in (*COST_OBJECTIVES, "accuracy"):
            values = [float(value) if name == "accuracy" else -log(value) for value in front[name]]
            figure = float(row[name]) if name == "accuracy" else -log(row[name])
            span = max(values) - min(values)
            total += ((max(values) - figure) / span) ** 2 if span else 0
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
    infeasible = len(study.trials()) - study.trials()["feasible"].sum()
    assert axes.get_title() == f"digits, ihp130\nnot drawn: {infeasible} infeasible, 0 refused"
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [text.split(":")[0] for text in legend] == ["threshold", "mac", "best of these two", "knee"]
    assert legend[-1] == f"knee: {study.knee().coordinates.key}"
    with pytest.raises(LimenError, match="'colour'"):
        study.plot_front("colour", "accuracy")


def test_optuna_sees_the_study(small: Path) -> None:
    """Names, values, figures; constraints by name, as Optuna stores them, and in the list that its dashboard reads."""
    import optuna

    study = optuna.load_study(study_name="digits", storage=f"sqlite:///{small / 'out' / 'study.db'}")
    assert study.metric_names == ["energy_uj", "latency_us", "area_mm2", "accuracy"]
    assert [direction.name for direction in study.directions] == ["MINIMIZE"] * 3 + ["MAXIMIZE"]
    for trial in study.trials:
        assert trial.values == [trial.user_attrs[name] for name in study.metric_names]
        violation = pytest.approx(0.97 - trial.user_attrs["accuracy"])
        assert trial.constraints == {"missing_bytes <= 0": 0, "accuracy >= 0.97": violation, "0": 0, "1": violation}
        assert trial.system_attrs["constraints"] == [0, violation]
        assert {"cycles", "test_accuracy", "clock_ns", "assumed_share", "design"} <= set(trial.user_attrs)
    front = {int(row["trial"]) for row in rows_of(small / "out" / "front.csv")}
    assert {trial.number for trial in study.best_trials} == front


@pytest.mark.usefixtures("quick_builds")
def test_a_point_is_exported_and_proved(small: Path) -> None:
    outcome = run_command("study", "export", "out", "--point", "knee", "--out", "chip", "--images", "3", cwd=small)
    assert outcome.returncode == 0, outcome.stderr
    knee = Study.open(small / "out").knee()
    proof = limen.verify(small / "chip")
    assert (proof.images, proof.mismatches) == (3, 0)
    assert proof.cycles == 3 * knee.figures["cycles"]


def test_several_points_are_exported(small: Path, tmp_path: Path) -> None:
    chip, points = tmp_path / "chip", ("knee", "largest", "3")
    chosen = [word for point in points for word in ("--point", point)]
    outcome = run_command("study", "export", "out", *chosen, "--out", str(chip), "--images", "1", cwd=small)
    assert outcome.returncode == 0, outcome.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chip-3", "chip-knee", "chip-largest"]
    for point in points:
        facts = json.loads((tmp_path / f"chip-{point}" / "params.json").read_text())
        assert facts["design"] == json.loads(Study.open(small / "out").point(point).design.model_dump_json())


def test_describe_a_stored_study(small: Path) -> None:
    assert "40 of 40 trials" in run_command("describe", "out", cwd=small).stdout
