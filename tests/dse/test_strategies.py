"""Samplers in batches, Gaussian processes, and samplers of the user's own."""

from __future__ import annotations

import importlib.util

import optuna
import pytest
from optuna.trial import FrozenTrial

from dse.search import sampling
from dse.search.sampling import Sampler, check_sampler
from dse.space.study_spec import SamplerSpec
from tests.dse.test_sampling import DIRECTIONS, SEED, SPACE, finished, never_stopped, parameters_of
from workloads.errors import LimenError


def searched(sampler: Sampler, until: int, most: int, stored: list[FrozenTrial]) -> list[FrozenTrial]:
    """Trials until there are so many, those that are stored among them, in batches of at most `most`."""
    trials = [*stored]
    for trial in stored:
        sampler.learn(trial)
    while len(trials) < until:
        suggested = [sampler.suggest() for _ in range(sampler.batch(min(most, until - len(trials))))]
        for parameters in suggested:
            trials.append(finished(len(trials), parameters))
            sampler.learn(trials[-1])
    return trials


def named(name: str) -> Sampler:
    return Sampler(SamplerSpec.model_validate({"name": name, "seed": SEED}), SPACE, DIRECTIONS)


@pytest.mark.parametrize("name", ["nsga2", "nsga3", "surrogate", "qmc", "random"])
def test_batches_change_nothing(name: str) -> None:
    """Of samplers that learn from generations, or from nothing: also where points are refused within a generation."""
    whole = never_stopped(name)
    assert parameters_of(searched(named(name), len(whole), 16, [])) == parameters_of(whole)


def test_tpe_in_batches_tries_other_designs_none_twice() -> None:
    trials = searched(named("tpe"), 180, 16, [])
    assert parameters_of(trials[:10]) == parameters_of(never_stopped("tpe")[:10])  # drawn before anything is learnt
    assert parameters_of(trials) != parameters_of(never_stopped("tpe"))
    assert len({SPACE.at(trial.params).key for trial in trials}) == len(trials)


def test_qmc_spreads_evenly() -> None:
    """Of 64 designs, six values of an axis have ten or eleven each; chance gives some of them five or sixteen."""
    trials = never_stopped("qmc")[:64]
    counts = [sum(trial.params["rows"] == rows for trial in trials) for rows in SPACE.axes["rows"]]
    assert max(counts) - min(counts) <= 3


needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch: extra gp")


@needs_torch
def test_gp_goes_on_as_if_never_stopped() -> None:
    """The last of 16 is no longer drawn at random."""
    whole = searched(named("gp"), 16, 1, [])
    assert sum(trial.values is not None for trial in whole[:15]) >= 10  # so that the last one isn't drawn at random
    assert parameters_of(searched(named("gp"), 16, 1, whole[:15])) == parameters_of(whole)
    assert len({SPACE.at(trial.params).key for trial in whole}) == len(whole)


def test_missing_packages_are_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "find_spec", lambda module: None)
    for name, module in (("gp", "torch"), ("qmc", "scipy")):
        line = rf"^sampler: {name} needs {module}, not installed: pip install '.\[{name}\]' in Limen's folder$"
        with pytest.raises(LimenError, match=line):
            check_sampler(SamplerSpec.model_validate({"name": name}), None)


def of_users_own(own: optuna.samplers.BaseSampler) -> Sampler:
    return Sampler(SamplerSpec(name="own", seed=SEED), SPACE, DIRECTIONS, own)


@pytest.mark.parametrize("most", [1, 7])
@pytest.mark.parametrize("kind", [optuna.samplers.TPESampler, optuna.samplers.NSGAIISampler])
def test_a_sampler_of_the_users_own(kind: type[optuna.samplers.BaseSampler], most: int) -> None:
    """It learns from stored trials, too, and never repeats a design; two of one seed suggest the same."""
    trials = searched(of_users_own(kind(seed=3)), 40, most, [])  # type: ignore[call-arg]
    assert parameters_of(searched(of_users_own(kind(seed=3)), 40, most, [])) == parameters_of(trials)  # type: ignore[call-arg]
    resumed = searched(of_users_own(kind(seed=3)), 40, most, trials[:25])  # type: ignore[call-arg]
    assert len({SPACE.at(trial.params).key for trial in resumed}) == 40


def test_a_sampler_of_the_users_own_that_fails_is_a_line() -> None:
    class Broken(optuna.samplers.RandomSampler):
        def sample_independent(self, *arguments: object) -> object:
            raise RuntimeError("out of\nideas")

    with pytest.raises(LimenError, match=r"^sampler: Broken: out of ideas$"):
        of_users_own(Broken()).suggest()
    with pytest.raises(LimenError, match=r"^sampler: own is a program's: limen.Study\(..., sampler=optuna"):
        named("own")
