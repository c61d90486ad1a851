"""What samplers suggest: as Optuna's own would that sees all trials, as if never killed, and in constant time."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from random import Random
from types import FrameType
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dse.search.parameters import Places, stored_distributions
from dse.search.sampling import POPULATION, Sampler
from dse.search.tpe import Tpe
from dse.space.space import Space, Value
from dse.space.study_spec import SamplerSpec, SpaceSpec

DIRECTIONS = [StudyDirection.MINIMIZE, StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE]
SIZES = [2, 4, 8, 12, 16, 24]
AXES = SpaceSpec.model_validate(
    {
        "rows": SIZES, "cols": SIZES, "op": ["threshold", "mac"], "bits": {"x": [4, 5, 6]}, "dataflow": ["os"],
        "port_bits": [64, 128],
    }
)  # fmt: skip
SPACE = Space(AXES, [(op, bits, bits) for op in ("threshold", "mac") for bits in (4, 5)])
PLACES, STORED = Places(SPACE), stored_distributions(SPACE)
SEED = 7
TIME = datetime(2026, 1, 2)


def finished(number: int, parameters: dict[str, Value]) -> FrozenTrial:
    """A made-up trial: many ties, a seventh refused, a third infeasible."""
    point = SPACE.at(parameters)
    refused = (point.rows * point.cols + point.x_bits) % 7 == 0
    values = [float(point.rows * point.x_bits), 100.0 / point.cols, float((point.rows + point.cols) % 5)]
    trial = FrozenTrial(
        number=number, trial_id=number, state=TrialState.FAIL if refused else TrialState.COMPLETE, value=None,
        values=None if refused else values, datetime_start=TIME, datetime_complete=TIME, params=dict(parameters),
        distributions=STORED, user_attrs={}, system_attrs={}, intermediate_values={},
    )  # fmt: skip
    if not refused:
        trial.set_constraint("pes >= 32", 32.0 - point.rows * point.cols)
    return trial


def searched(name: str, until: int, trials: list[FrozenTrial]) -> Iterator[FrozenTrial]:
    """Trials from where `trials` end."""
    sampler = Sampler(SamplerSpec.model_validate({"name": name, "seed": SEED}), SPACE, DIRECTIONS)
    for trial in trials:
        sampler.learn(trial)
    for number in range(len(trials), until):
        yield (trial := finished(number, sampler.suggest()))
        sampler.learn(trial)


@cache
def never_stopped(name: str) -> list[FrozenTrial]:
    return list(searched(name, 180, []))


def parameters_of(trials: list[FrozenTrial]) -> list[dict[str, Any]]:
    return [trial.params for trial in trials]


class WholeHistory(BaseSampler):
    """Optuna's NSGA-II as it is, of all trials, with `Space.unseen` behind it."""

    def __init__(self, seen: set[str], number: int) -> None:
        state = np.random.SeedSequence([SEED, number]).generate_state(2)
        self.inner = NSGAIISampler(population_size=POPULATION, seed=int(state[0]))
        self.seen, self.random = seen, Random(int(state[1]))

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return PLACES.distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        # Kept from here on, so that the parents are always in the order of their numbers: else only after the first.
        self.inner.get_parent_population(study, self.inner.get_trial_generation(study, trial))
        trial = study.get_trials(deepcopy=False)[-1]
        shared = self.inner.infer_relative_search_space(study, trial)
        parameters = dict(self.inner.sample_relative(study, trial, shared))
        for name, distribution in search_space.items():
            if name not in parameters:
                parameters[name] = self.inner.sample_independent(study, trial, name, distribution)
        return PLACES.drawn(SPACE.unseen(PLACES.parameters(parameters), self.seen, self.random))

    def sample_independent(self, *arguments: Any) -> Any:
        raise AssertionError("every axis is sampled together with the others")


def test_nsga2_suggests_what_it_would_with_the_whole_history() -> None:
    study = optuna.create_study(directions=DIRECTIONS)
    seen: set[str] = set()
    for number, ours in enumerate(never_stopped("nsga2")):
        study.sampler = WholeHistory(seen, number)
        trial = study.ask(PLACES.distributions)
        parameters = PLACES.parameters(trial.params)
        assert parameters == ours.params, number
        seen.add(SPACE.at(parameters).key)
        told = finished(number, parameters)
        for name, violation in told.constraints.items():
            trial.set_constraint(name, violation)
        study.tell(trial, told.values, state=told.state)
    assert len(study.get_trials(states=[TrialState.COMPLETE])) > 2 * POPULATION + 20


def told_what_is_good(sampler: Tpe, tried: list[list[int]], seed: int) -> list[int]:
    """What Optuna's own TPE suggests where both objectives are 0 of the designs that are good and 1 of all others."""
    axes: dict[str, BaseDistribution] = {
        f"axis {axis:02}": optuna.distributions.CategoricalDistribution(range(size)) for axis, size in enumerate(SIZES)
    }
    study = optuna.create_study(directions=["minimize", "minimize"])
    for places, good in zip(tried, sampler.good(), strict=True):
        parameters = dict(zip(axes, places, strict=True))
        study.add_trial(optuna.create_trial(params=parameters, distributions=axes, values=[float(not good)] * 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # another way to tell it how many are good there is not
        own = TPESampler(seed=seed, multivariate=True, constant_liar=False, gamma=lambda _: int(sampler.good().sum()))
    suggested = own.sample_relative(study, optuna.create_trial(values=[0.0, 0.0]), axes)
    return [suggested[name] for name in axes]


@pytest.mark.parametrize("designs", [12, 60, 200])
def test_tpe_suggests_what_optunas_would_of_the_same_good_designs(designs: int) -> None:
    chance = np.random.default_rng(designs)
    sampler, tried = Tpe(SIZES, [False] * len(SIZES), [1.0, -1.0, 1.0]), []
    for _ in range(designs):
        tried.append([int(chance.integers(size)) for size in SIZES])
        sampler.learn(tried[-1], chance.random(3).tolist(), max(0.0, chance.random() - 0.6))
    for seed in range(8):
        assert sampler.suggest(seed) == told_what_is_good(sampler, tried, seed)


def test_tpe_learns_from_the_front() -> None:
    """A long front is good as a whole, a short one with the next, and then what breaks constraints least."""
    sampler = Tpe([50], [False], [1.0, 1.0])
    for place in range(10):
        sampler.learn([place], [place, -place], 0.0)
    for place in range(20):
        sampler.learn([place], [-20.0, -20.0], 0.0)
    assert sampler.good().tolist() == [True] * 10 + [False] * 20
    sampler = Tpe([50], [False], [1.0, 1.0])
    for place in range(38):
        sampler.learn([place], [9.0, 9.0], 3.0 - place / 20)
    for gain in (1.0, 2.0):
        sampler.learn([0], [gain, gain], 0.0)
    assert np.flatnonzero(sampler.good()).tolist() == [36, 37, 38, 39]


def steps_of_tpe(trials: int) -> int:
    """How many steps the interpreter takes for one suggestion after so many trials."""
    chance = np.random.default_rng(1)
    sampler = Tpe(SIZES, [True] * len(SIZES), [1.0, -1.0, 1.0, -1.0])
    for _ in range(trials):
        sampler.learn([int(chance.integers(size)) for size in SIZES], chance.random(4).tolist(), 0.0)
    sampler.suggest(0)
    steps: list[str] = []

    def count(frame: FrameType, event: str, _: object) -> Any:
        frame.f_trace_opcodes = True
        steps.append(event)
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        sampler.suggest(1)
    finally:
        sys.settrace(before)
    return len(steps)


def test_tpe_takes_no_more_steps_after_more_trials() -> None:
    """All that grows is its arrays: what a suggestion takes is measured by `tests/bench/studies.py`, not here."""
    assert steps_of_tpe(500) < 1.1 * steps_of_tpe(100)


@pytest.mark.parametrize("name", ["nsga2", "nsga3", "surrogate", "tpe", "qmc", "random"])
@pytest.mark.parametrize("stopped", [49, 131])
def test_a_study_that_was_stopped_goes_on_as_if_it_were_not(name: str, stopped: int) -> None:
    """In the first generation and in a later one, in the middle of a round of `surrogate`."""
    whole = never_stopped(name)
    assert parameters_of(list(searched(name, len(whole), whole[:stopped]))) == parameters_of(whole[stopped:])
    assert len({SPACE.at(trial.params).key for trial in whole}) == len(whole)
