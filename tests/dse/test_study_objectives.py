"""What a study seeks and bounds: every figure, several at once, one's own; none that is feasible."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from matplotlib.figure import Figure

from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluate import Evaluator
from dse.evaluation.refusal import Refusal
from dse.front.front import gains
from dse.space.figures import CATALOGUE, CONSTRAINABLE, OBJECTIVES
from dse.space.space import Coordinates
from dse.space.study_spec import load_study
from dse.study.study import Study
from tests.dse.quadratic_front import quadratic_front
from tests.dse.study_files import rows_of
from tests.support.command import refused, run_command
from workloads.errors import LimenError

SPEC = """version: 1
workloads: [digits]
space: {rows: [2, 4, 8], cols: [2, 4], op: [threshold, mac], bits: {x: 4, w: same}, dataflow: [os, ws], BUFFERS}
objectives: {OBJECTIVES}
constraints: {BOUNDS}
sampler: {name: SAMPLER}
"""


def write_study(
    path: Path, objectives: str, bounds: str = "", sampler: str = "exhaustive", buffers: str = "filter_kib: [16]"
) -> Path:
    """Write a study of 24 points on digits."""
    text = SPEC.replace("OBJECTIVES", objectives).replace("BOUNDS", bounds).replace("BUFFERS", buffers)
    text = text.replace("SAMPLER", sampler) + ("" if sampler == "exhaustive" else "trials: 24\n")
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("sampler", ["exhaustive", "random"])
def test_all_figures_are_sought_and_bounded(sampler: str, tmp_path: Path) -> None:
    """Their formulas; a bound that holds for some; the front in twelve objectives by its definition; knee, picture."""
    objectives = ", ".join(f"{name}: {CATALOGUE[name].direction}" for name in OBJECTIVES)
    bounds = ", ".join(f'{name}: "{bound}"' for name, bound in dict.fromkeys(CONSTRAINABLE, ">= 0").items())
    bounds = bounds.replace('pes: ">= 0"', 'pes: "<= 8"')
    study = Study(write_study(tmp_path / "all.yaml", objectives, bounds, sampler), tmp_path / "out", quiet=True).run()
    table = study.trials()
    energy, latency, area = (table[name] for name in ("energy_uj", "latency_us", "area_mm2"))
    assert np.allclose(table["edp_uj_us"], energy * latency, rtol=1e-15, atol=0)
    assert np.allclose(table["ed2p_uj_us2"], energy * latency**2, rtol=1e-15, atol=0)
    assert np.allclose(table["tops_per_w"], table["operations"] / (energy * 1e-6) / 1e12, rtol=1e-15, atol=0)
    assert np.allclose(table["tops_per_mm2"], table["operations"] / (latency * 1e-6) / area / 1e12, rtol=1e-15, atol=0)
    assert np.allclose(table["inferences_per_j"], 1 / (energy * 1e-6), rtol=1e-15, atol=0)
    assert {*table["operations"]} == {2 * sum(layer.pairs for layer in study.points[0].network.layers)}
    feasible = table[table["feasible"]]
    assert 0 < len(feasible) < len(table) == 24
    wanted = feasible[quadratic_front(gains(feasible, study.spec.objectives))]
    assert sorted(study.front()["trial"]) == sorted(wanted["trial"])
    assert {int(row["trial"]) for row in rows_of(tmp_path / "out" / "front.csv")} == {*wanted["trial"]}
    assert study.knee().trial in {*wanted["trial"]}
    axes = Figure().add_subplot()
    assert study.plot_front("tops_per_w", "ed2p_uj_us2", axes=axes).get_xlabel() == "efficiency (TOPS/W)"
    assert (axes.get_ylabel(), axes.get_yscale()) == ("energy-delay² product (µJ·µs²)", "log")


@pytest.mark.parametrize("sampler", ["exhaustive", "random"])
def test_an_infeasible_study_says_how_far_its_nearest_point_is_from_each_bound(sampler: str, tmp_path: Path) -> None:
    """The nearest by shares of the limits, of all designs and of an op; and all trials are written."""
    bounds = {"area_mm2": 0.1, "accuracy": 0.99, "cycles": 9000.0, "pes": 64.0}
    texts = ", ".join(f'{name}: "{">=" if name == "accuracy" else "<="} {limit}"' for name, limit in bounds.items())
    file = write_study(tmp_path / "none.yaml", "energy_uj: min", texts, sampler)
    study = Study(file, tmp_path / "out", quiet=True)
    with pytest.raises(LimenError) as caught:
        study.run()
    table, lines = study.trials(), {None: str(caught.value)}
    assert len(table) == 24 and not table["feasible"].any()
    for op in ("threshold", "mac"):
        with pytest.raises(LimenError) as caught:
            study.front(op)
        lines[op] = str(caught.value)
    for op, line in lines.items():
        rows = table if op is None else table[table["op"] == op]
        too_much = rows["area_mm2"] - 0.1, 0.99 - rows["accuracy"], rows["cycles"] - 9000, rows["pes"] - 64
        shares = zip(too_much, bounds.values(), strict=True)
        nearest = rows.loc[sum(beyond.clip(lower=0) / limit for beyond, limit in shares).idxmin()]
        assert f"the nearest, trial {nearest['trial']}, {nearest['design']}: area_mm2 {nearest['area_mm2']:.6g}" in line
        for name, beyond in zip(bounds, too_much, strict=True):
            far = beyond[nearest.name]
            words = f"{far:.4g} too {'little' if name == 'accuracy' else 'much'}" if far > 0 else "within its bound"
            assert f"{name} {nearest[name]:.6g}, {words}" in line
    assert " too much" in lines[None] and " too little" in lines[None] and "within" in lines[None]
    assert lines[None].endswith("trials.csv" if sampler == "random" else "points")
    assert len(rows_of(tmp_path / "out" / "trials.csv")) == 24 if sampler == "random" else True


def per_area(row: Mapping[str, Any]) -> float:
    """A figure of a point's row; some points have none."""
    if row["rows"] == 8:
        raise ValueError("no place for\neight rows")
    return float(row["energy_uj"] / row["area_mm2"] * (1 if row["op"] == "mac" else row["accuracy"]))


@pytest.mark.parametrize("sampler", ["exhaustive", "random"])
def test_a_function_of_ones_own_is_objective_and_constraint(sampler: str, tmp_path: Path) -> None:
    """Its number in every row that it gives one for, and what it raised in the others; the front in it; resumed."""
    objectives, bounds = "mine: max, latency_us: min", 'mine: "<= 1.1"'
    file = write_study(tmp_path / "own.yaml", objectives, bounds, sampler)
    with pytest.raises(LimenError, match=r"'mine' is not allowed: energy_uj, .*cycles"):
        Study(file, tmp_path / "out", quiet=True)
    study = Study(file, tmp_path / "out", quiet=True, figures={"mine": per_area}).run()
    table = study.trials()
    refused = table[table["rows"] == 8]
    assert len(refused) == 8 and {*refused["refusal"]} == {"figures: mine: ValueError: no place for eight rows"}
    others = table[table["rows"] != 8]
    assert list(others["mine"]) == [per_area(row) for row in others.to_dict("records")]
    assert (others["feasible"] == (others["mine"] <= 1.1)).all() and 0 < others["feasible"].sum() < 16
    feasible = table[table["feasible"]]
    wanted = feasible[quadratic_front(gains(feasible, study.spec.objectives))]
    assert sorted(study.front()["trial"]) == sorted(wanted["trial"])
    assert study.plot_front("mine", axes=Figure().add_subplot()).get_xlabel() == "mine"
    before = (tmp_path / "out" / "front.csv").read_bytes()
    Study(file, tmp_path / "out", quiet=True, figures={"mine": per_area}).run()
    assert (tmp_path / "out" / "front.csv").read_bytes() == before
    seen = Study.open(tmp_path / "out")
    assert seen.knee().figures["mine"] == study.knee().figures["mine"]
    for message, run in (
        ("figures: 'mine' has no function", seen.run),
        ("figures differs from the study", lambda: Study(file, tmp_path / "out", figures={"mine": abs, "more": abs})),
        ("mine: trial .* changed under", Study(file, tmp_path / "out", True, {"mine": lambda row: 1.0}).run),
    ):
        with pytest.raises(LimenError, match=message):
            run()
    assert (tmp_path / "out" / "front.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda row: "7", "figures: mine: '7' is not allowed: a finite number"),
        (lambda row: float("nan"), "figures: mine: nan is not allowed: a finite number"),
        (lambda row: 10**400, "figures: mine: 1000"),
        (lambda row: -1e101, "figures: mine: -1e+101 is not allowed: a finite number"),
        (lambda row: True, "figures: mine: True is not allowed: a finite number"),
        (lambda row: row["speed"], "figures: mine: KeyError: 'speed'"),
        (lambda row: sys.exit("no tool"), "figures: mine: SystemExit: no tool"),
        (lambda row: row.update(rows=1), "figures: mine: AttributeError: 'mappingproxy' object has no attribute"),
    ],
)
def test_what_functions_give_wrongly_is_a_refusal(function: Any, why: str) -> None:
    """Of one point and of a block of points alike."""
    spec = load_study("digits", ["mine"])
    sources: Any = spec, "digits", "ihp130", {"mine": function}
    point = Coordinates("mac", 4, 4, "os", 4, 4, 8.0, 16.0, 16.0, 512, 4, 64)
    block = BlockEvaluator(*sources).evaluate([point])
    with pytest.raises(Refusal) as caught:
        Evaluator(*sources).figures(point)
    assert block.refusals == [str(caught.value)] and str(caught.value).startswith(why)
    assert {column[0] for column in block.figures.values()} == {0, ""}


def test_functions_that_are_none_and_names_that_are_taken(tmp_path: Path) -> None:
    file = write_study(tmp_path / "own.yaml", "cycles: min")
    for figures, words in (
        ([per_area], "figures: [<function per_area"),
        ({"mine": 7}, "figures: mine: 7 is not allowed: a function"),
        ({"rows": per_area}, "own.yaml: figures: 'rows' is not allowed: a column of trials.csv"),
        ({"energy_uj": per_area}, "own.yaml: figures: 'energy_uj' is not allowed: a column"),
        ({"my own": per_area}, "own.yaml: figures.0: 'my own' is not allowed"),
    ):
        with pytest.raises(LimenError) as caught:
            Study(file, tmp_path / "out", quiet=True, figures=figures)  # type: ignore[arg-type]
        assert words in str(caught.value)
    file.write_text(file.read_text(encoding="utf-8") + "figures: [mine]\n", encoding="utf-8")
    refused(run_command("study", "run", str(file), "--out", "out", cwd=tmp_path), "own.yaml: figures: 'mine' has no")
    assert [path.name for path in tmp_path.iterdir()] == ["own.yaml"]


TIGHT = "ifmap_kib: [0.02, 0.06, 8], ofmap_kib: [0.1, 0.3, 16], filter_kib: [0.02, 16]"
"""Buffers of which most are too small."""


@pytest.mark.parametrize("sampler", ["exhaustive", "random"])
def test_a_point_that_lacks_memory_is_a_violation_and_no_failure(sampler: str, tmp_path: Path) -> None:
    """In rows, in Optuna's trials, and where no point fits in the study's line."""
    file = write_study(tmp_path / "tight.yaml", "cycles: min, accuracy: max", 'pes: "<= 16"', sampler, TIGHT)
    file.write_text(file.read_text(encoding="utf-8").replace("trials: 24", "trials: 150"), encoding="utf-8")
    study = Study(file, tmp_path / "out", quiet=True).run()
    table = study.trials()
    lacking = table[table["refusal"] != ""]
    assert 50 < len(lacking) < len(table) and not lacking["feasible"].any()
    assert (lacking["missing_bytes"] > 0).all() and (table["missing_bytes"].drop(lacking.index) == 0).all()
    evaluator = Evaluator(study.spec, "digits", "ihp130")
    for _, row in lacking[:20].iterrows():
        with pytest.raises(Refusal) as caught:
            evaluator.figures(Coordinates(**{name: row[name] for name in Coordinates._fields if name in row}))
        assert (str(caught.value), caught.value.missing_bytes) == (row["refusal"], row["missing_bytes"])
    assert Study.open(tmp_path / "out").trials().equals(table)
    if sampler == "random":
        trials = optuna.load_study(study_name="digits", storage=f"sqlite:///{tmp_path / 'out' / 'study.db'}").trials
        assert {trial.state.name for trial in trials} == {"COMPLETE"}
        for trial, (_, row) in zip(trials, table.iterrows(), strict=True):
            beyond = 0.0 if row["refusal"] else row["pes"] - 16
            assert trial.system_attrs["constraints"] == [row["missing_bytes"], beyond]
            assert trial.values == ([math.inf, -math.inf] if row["refusal"] else [row["cycles"], row["accuracy"]])
    tightest = TIGHT.replace(", 0.06, 8", "").replace(", 0.3, 16", "").replace(", 16", "")
    write_study(file, "cycles: min", "", sampler, tightest)
    with pytest.raises(LimenError) as none:
        Study(file, tmp_path / "none", quiet=True).run()
    missing = Study.open(tmp_path / "none").trials()["missing_bytes"]
    assert f"; the nearest, trial {missing.idxmin()}, lacks {missing.min()} bytes of memory; all" in str(none.value)


def test_samplers_learn_what_a_point_lacks(tmp_path: Path) -> None:
    """The last of their designs lack memory less often than those drawn at random, of which nine of ten do."""
    shares = {}
    for name, trials in (("random", 60), ("nsga2", 160), ("tpe", 160), ("surrogate", 90)):
        file = write_study(tmp_path / f"{name}.yaml", "cycles: min, area_mm2: min", "", f"{name}, seed: 1", TIGHT)
        text = file.read_text(encoding="utf-8").replace("trials: 24", f"trials: {trials}").replace("x: 4,", "x: 2..8,")
        file.write_text(text, encoding="utf-8")
        table = Study(file, tmp_path / name, quiet=True).run().trials()
        shares[name] = (table["refusal"][-60:] != "").mean()
    chance = shares.pop("random")
    assert chance > 0.8 and max(shares.values()) < 0.75 * chance, shares
