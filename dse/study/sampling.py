"""Optuna's samplers and `Tpe`, made to never suggest a design twice, and to take no longer than a trial.

Every suggestion has a sampler of its own, seeded by the study's seed and the trial's number; what it learns from is the
trials stored so far. A study that was killed and resumed therefore goes on exactly as if it hadn't been.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dse.study.space import Space, Value
from dse.study.study_spec import SamplerSpec
from dse.study.tpe import Tpe

POPULATION = 50
"""Evaluated designs of a generation of NSGA-II, and the parents of the next."""

STARTUP = 10
"""Designs that `tpe` draws before it learns from them."""

STUDY = "learnt"
"""The study in memory that Optuna's samplers are handed."""


class Sampler:
    """What a study's sampler knows of its trials, and what it says to try next.

    directions: of the objectives.
    """

    def __init__(self, spec: SamplerSpec, space: Space, directions: Sequence[StudyDirection]) -> None:
        self.distributions: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(values) for name, values in space.axes.items()
        }
        self._spec = spec
        self._space = space
        self._seen: set[str] = set()
        self._storage = optuna.storages.InMemoryStorage()
        self._number = 0
        # Optuna would look at all trials for the axes they share, in this order; an axis of one value is none.
        self._shared = {name: self.distributions[name] for name in sorted(space.axes) if len(space.axes[name]) > 1}
        self._values = {name: list(space.axes[name]) for name in self._shared}
        signs = [1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in directions]
        self._tpe = Tpe([len(values) for values in self._values.values()], signs)
        self._parents: list[FrozenTrial] = []
        self._generation: list[FrozenTrial] = []
        optuna.create_study(storage=self._storage, study_name=STUDY, directions=directions)

    def suggest(self) -> dict[str, Value]:
        """Return a value of every axis: a design that no learnt trial has. One must be left."""
        state = np.random.SeedSequence([self._spec.seed, self._number]).generate_state(2)
        parameters = self._by_optuna(int(state[0])) if len(self._tpe) < STARTUP else self._by_tpe(int(state[0]))
        return self._space.unseen(parameters, self._seen, Random(int(state[1])))

    def _by_tpe(self, seed: int) -> dict[str, Value]:
        parameters = {name: values[0] for name, values in self._space.axes.items()}
        places = zip(self._values.items(), self._tpe.suggest(seed), strict=True)
        return parameters | {name: values[place] for (name, values), place in places}

    def _by_optuna(self, seed: int) -> dict[str, Value]:
        sampler = self._sampler(seed)
        study = optuna.load_study(storage=self._storage, study_name=STUDY, sampler=sampler)
        trial = FrozenTrial(
            number=self._number, trial_id=self._number, state=TrialState.RUNNING, value=None, datetime_start=None,
            datetime_complete=None, params={}, distributions={}, user_attrs={}, system_attrs={}, intermediate_values={},
        )  # fmt: skip
        parameters = sampler.sample_relative(study, trial, self._shared)
        for name, distribution in self.distributions.items():
            if name not in parameters:
                parameters[name] = sampler.sample_independent(study, trial, name, distribution)
        return parameters

    def learn(self, trial: FrozenTrial) -> None:
        """Take over the next finished trial; state FAIL is a point that was refused, and teaches only not to ask again.

        Of each constraint only the form that this version of Optuna writes counts: both would count it twice.
        """
        constraints = {name: value for name, value in trial.system_attrs.items() if name.startswith("constraints:")}
        self._number += 1
        self._seen.add(self._space.at(trial.params).key)
        if trial.state != TrialState.COMPLETE or self._spec.name == "random":
            return
        if self._spec.name == "tpe":
            places = [values.index(trial.params[name]) for name, values in self._values.items()]
            self._tpe.learn(places, trial.values, sum(value for value in constraints.values() if value > 0))
            return
        learnt = FrozenTrial(
            number=trial.number, trial_id=trial.number, state=trial.state, value=None, values=trial.values,
            datetime_start=trial.datetime_start, datetime_complete=trial.datetime_complete, params=trial.params,
            distributions=self.distributions, user_attrs={}, intermediate_values={},
            system_attrs=constraints,
        )  # fmt: skip
        self._generation.append(learnt)
        if len(self._generation) == POPULATION:
            self._succeed()

    def _succeed(self) -> None:
        """Choose the parents of the next generation of NSGA-II among those of this one and their children."""
        study = optuna.load_study(storage=self._storage, study_name=STUDY)
        parents = Generation(self._parents, self._generation, seed=0).select_parent(study, 1)
        self._parents, self._generation = sorted(parents, key=lambda trial: trial.number), []

    def _sampler(self, seed: int) -> BaseSampler:
        if self._spec.name == "nsga2":
            return Generation(self._parents, self._generation, seed)
        return RandomSampler(seed=seed)


class Generation(NSGAIISampler):
    """Optuna's NSGA-II, told its generation and its parents: it would look for both among all trials of the study."""

    def __init__(self, parents: list[FrozenTrial], generation: list[FrozenTrial], seed: int) -> None:
        super().__init__(population_size=POPULATION, seed=seed)
        self._own_parents = parents
        self._own_generation = generation

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """Return 1 for every generation that has parents, 0 for the first."""
        return 1 if self._own_parents else 0

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return the finished trials of this generation."""
        return self._own_generation

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return this generation's parents, in the order of their numbers."""
        return self._own_parents
