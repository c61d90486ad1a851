"""Optuna's samplers, made to never suggest a design twice."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from dse.study.space import Space
from dse.study.study_spec import SamplerSpec


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return one categorical distribution per axis of the space."""
    return {name: CategoricalDistribution(values) for name, values in space.axes.items()}


def make_sampler(spec: SamplerSpec, space: Space, seen: set[str], number: int) -> UnseenSampler:
    """Return the sampler of trial `number`.

    Each trial has a sampler of its own, seeded by the study's seed and the trial's number; what it learns from is
    the trials stored so far. A study that was killed and resumed therefore goes on exactly as if it hadn't been.
    """
    state = np.random.SeedSequence([spec.seed, number]).generate_state(2)
    seed = int(state[0])
    inner: BaseSampler
    if spec.name == "nsga2":
        inner = optuna.samplers.NSGAIISampler(seed=seed)
    elif spec.name == "tpe":
        inner = optuna.samplers.TPESampler(seed=seed)
    else:
        inner = optuna.samplers.RandomSampler(seed=seed)
    return UnseenSampler(inner, space, seen, Random(int(state[1])))


class UnseenSampler(BaseSampler):
    """An Optuna sampler whose repeated or invalid suggestions move to an unseen valid design.

    The rule is `Space.unseen`: a random unseen neighbour (one axis changed), else a random unseen point.
    """

    def __init__(self, inner: BaseSampler, space: Space, seen: set[str], random: Random) -> None:
        self._inner = inner
        self._space = space
        self._seen = seen
        self._random = random
        self._distributions = distributions(space)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a value for every axis: what the inner sampler says of them together, then one by one."""
        inferred = self._inner.infer_relative_search_space(study, trial)
        parameters = dict(self._inner.sample_relative(study, trial, inferred))
        for name, distribution in search_space.items():
            if name not in parameters:
                parameters[name] = self._inner.sample_independent(study, trial, name, distribution)
        return self._space.unseen(parameters, self._seen, self._random)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._inner.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._inner.after_trial(study, trial, state, values)
