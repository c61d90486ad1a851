"""The studies that come with Limen: fair to both ops, small enough to see all of, and in need of no data."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluate import Evaluator
from dse.space.space import Space
from dse.space.study_spec import built_in_studies, load_study, study_path

STUDIES = ("digits", "mnist")

FAIR = {
    "acc_policy": ["weights"],
    "stream": ["own"],
    "pe_stages": [1, 2],
    "zero_gating": [False, True],
    "op": ["threshold", "mac"],
}


def test_they_are_there() -> None:
    assert {*STUDIES} <= {*built_in_studies()}


@pytest.mark.parametrize("name", STUDIES)
def test_nothing_is_fixed_in_favour_of_one_op(name: str) -> None:
    """What is best for either op is in the space, and all of that is tried."""
    spec = load_study(name)
    assert {axis: getattr(spec.space, axis) for axis in FAIR} == FAIR
    assert spec.space.bits.x == spec.space.bits.w == [*range(2, 9)]
    assert spec.is_sweep and {*spec.objectives} == {"energy_uj", "latency_us", "area_mm2", "accuracy"}
    space = Space(spec.space, Evaluator(spec, name, spec.tables[0]).formats().valid)
    machines = space.size / (49 * (2 + 3))  # stages of a threshold, and of a MAC with zero gating
    assert space.size <= 15_000 and machines == int(machines)


@pytest.mark.parametrize("name", STUDIES)
def test_the_file_says_what_it_fixes(name: str) -> None:
    """Not by a default."""
    stated = YAML(typ="safe").load(study_path(name).read_text(encoding="utf-8"))["space"]
    assert {*FAIR} <= {*stated}


def test_accuracies_of_mnist_need_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMEN_DATA", str(tmp_path))
    spec = load_study("mnist")
    space = Space(spec.space, Evaluator(spec, "mnist", "ihp130").formats().valid)
    points = [space.points(range(number, number + 1))[0] for number in range(0, space.size, space.size // 40)]
    block = BlockEvaluator(spec, "mnist", "ihp130").evaluate(points)
    fits = [not refusal for refusal in block.refusals]
    accuracies = block.figures["accuracy"][fits]
    assert len(accuracies) > 10 and (abs(accuracies * 10_000 - (accuracies * 10_000).round()) < 1e-6).all()
    assert {design.op for design, fit in zip(points, fits, strict=True) if fit} == {"threshold", "mac"}
