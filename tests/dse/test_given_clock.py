"""A clock that is given: all designs run at it, memory's cycles follow, those that it is too short for are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cost_models.price.price import price, with_memory
from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluate import Evaluator
from dse.evaluation.refusal import Refusal
from dse.space.space import Space
from dse.space.study_spec import StudySpec
from simulator.designs.built_in import load_design
from simulator.run import simulate
from tests.support.command import run_command
from workloads.errors import LimenError
from workloads.networks.family import find_network

CLOCK_NS = 5.6
SPACE = {"rows": [8], "cols": [16], "op": ["mac", "threshold"], "bits": {"x": [4, 8]}, "dataflow": ["os", "is"]}


def spec(**keys: object) -> StudySpec:
    content = {"version": 1, "workloads": ["digits"], "space": SPACE, "objectives": {"energy_uj": "min"}, **keys}
    return StudySpec.model_validate({**content, "sampler": {"name": "exhaustive"}})


def test_a_block_has_the_figures_and_refusals_of_each_point_alone() -> None:
    given = spec(clock_ns=CLOCK_NS)
    evaluator = Evaluator(given, "digits", "ihp130")
    points = Space(given.space, evaluator.formats().valid).points(range(8))
    block = BlockEvaluator(given, "digits", "ihp130").evaluate(points)
    assert {bool(refusal) for refusal in block.refusals} == {True, False}
    for place, (point, refusal) in enumerate(zip(points, block.refusals, strict=True)):
        if refusal:
            assert refusal.startswith(f"clock_ns: {CLOCK_NS} is not allowed: the slowest path, ")
            with pytest.raises(Refusal, match="clock_ns"):
                evaluator.cost_figures(point)
            continue
        figures = evaluator.figures(point)
        assert figures["clock_ns"] == CLOCK_NS and figures["clock_component"] == "given"
        for name, value in figures.items():
            assert name == "design" or block.figures[name][[place]].tolist() == [value], name


def test_a_slower_clock_costs_time_leakage_and_idle_cycles_alone() -> None:
    network = find_network("digits", "mac", 8, 8)
    run = simulate(network, load_design("mac-16x16"))
    own, slower = price(run), price(run, clock_ns=20.0)
    assert slower.latency_us == run.cycles * 20.0 / 1e3 and slower.area_mm2 == own.area_mm2
    assert own.energy_uj < slower.energy_uj < own.energy_uj * 1.01
    fitted = with_memory(load_design("mac-16x16"), network, clock_ns=20.0)
    assert (fitted.port_interval, fitted.memory_latency) == (1, 5)


@pytest.mark.parametrize("clock_ns", [0.0, -1.0, float("nan"), float("inf"), 1.0])
def test_a_clock_that_no_machine_has_is_refused(clock_ns: float) -> None:
    run = simulate(find_network("digits", "mac", 8, 8), load_design("mac-16x16"))
    with pytest.raises(LimenError, match=r"^clock_ns: "):
        price(run, clock_ns=clock_ns)


def test_studies_without_one_are_stored_as_before() -> None:
    assert "clock_ns" not in spec().canonical() and "clock_ns" in spec(clock_ns=9).canonical()


def test_the_command_prices_at_it(tmp_path: Path) -> None:
    result = run_command("price", "--design", "mac-16x16", "--clock-ns", "12.5", "--json", cwd=tmp_path)
    assert result.returncode == 0 and json.loads(result.stdout)["clock_ns"] == 12.5
