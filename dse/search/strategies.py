"""What samplers suggest, tried or not: Optuna's samplers, `Tpe` and `Surrogate`, seeded anew for each suggestion."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler, QMCSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dse.evaluation.judging import FITS
from dse.search.parameters import Canonical, Places
from dse.search.surrogate import ROUND, START, Surrogate
from dse.search.tpe import Tpe
from dse.space.space import Space, Value
from dse.space.study_spec import SamplerSpec
from workloads.errors import LimenError

POPULATION = 50
"""Evaluated designs of a generation of NSGA-II and NSGA-III, and the parents of the next."""

STARTUP = 10
"""Designs that `tpe` draws before it learns from them."""

CONSTRAINT = "constraints:"
"""What attributes of a trial begin with that say how far it is beyond a bound."""

REFUSED = "refused"
"""What `surrogate` models as a constraint beside those of the study: whether a point has neither figures nor bytes."""

STUDY = "learnt"
"""The study in memory that Optuna's samplers are handed."""

# Optuna says of every study in memory that there is one.
optuna.logging.set_verbosity(optuna.logging.WARNING)

Distributions = Mapping[str, BaseDistribution]


@contextmanager
def _known_to_be_experimental() -> Iterator[None]:
    """Silence what Optuna says of samplers that it has had for years."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


class Strategy(Protocol):
    """What is suggested next, and what is learnt from finished trials."""

    def batch(self, most: int) -> int:
        """Return how many suggestions to make at once, see `Sampler.batch`."""

    def suggest(self, number: int, seed: int) -> dict[str, Value]:
        """Return a value of every axis for the trial of this number."""

    def learn(self, number: int, trial: FrozenTrial) -> None:
        """Take over a finished trial, known to the strategy by this number; its system attributes are constraints."""


class _InMemory:
    """A study in memory without trials, which is all that some of Optuna's samplers look at."""

    def __init__(self, distributions: Distributions, directions: Sequence[StudyDirection]) -> None:
        self._distributions = distributions
        # Optuna would look at all trials for the axes they share, in this order; an axis of one value is none.
        self._shared = {name: distributions[name] for name in sorted(distributions) if not distributions[name].single()}
        self._storage = optuna.storages.InMemoryStorage()
        optuna.create_study(storage=self._storage, study_name=STUDY, directions=directions)

    def _study(self, sampler: BaseSampler | None = None) -> optuna.Study:
        return optuna.load_study(storage=self._storage, study_name=STUDY, sampler=sampler)

    def _sample(self, sampler: BaseSampler, number: int) -> dict[str, Value]:
        study = self._study(sampler)
        trial = FrozenTrial(
            number=number, trial_id=number, state=TrialState.RUNNING, value=None, datetime_start=None,
            datetime_complete=None, params={}, distributions={}, user_attrs={}, system_attrs={}, intermediate_values={},
        )  # fmt: skip
        parameters = sampler.sample_relative(study, trial, self._shared)
        for name, distribution in self._distributions.items():
            if name not in parameters:
                parameters[name] = sampler.sample_independent(study, trial, name, distribution)
        return parameters


class Memoryless(_InMemory):
    """`random` and `qmc`: nothing is learnt."""

    def __init__(self, spec: SamplerSpec, distributions: Distributions, directions: Sequence[StudyDirection]) -> None:
        super().__init__(distributions, directions)
        self._spec = spec

    def batch(self, most: int) -> int:
        """Return all."""
        return most

    def suggest(self, number: int, seed: int) -> dict[str, Value]:
        """Return a value of every axis: of `qmc` the place `number` of the one sequence of the study's seed."""
        if self._spec.name == "qmc":
            return self._sample(Sobol(self._spec.seed, number), number)
        return self._sample(RandomSampler(seed=seed), number)

    def learn(self, number: int, trial: FrozenTrial) -> None:
        """Do nothing."""


class Sobol(QMCSampler):
    """Optuna's quasi-Monte Carlo sampler, told its place in the sequence: it would count its calls."""

    def __init__(self, seed: int, place: int) -> None:
        with _known_to_be_experimental():
            super().__init__(qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False)
        self._place = place

    def _find_sample_id(self, study: optuna.Study, search_space: dict[str, BaseDistribution]) -> int:
        return self._place


class Parzen(_InMemory):
    """`tpe`: see `Tpe`; the first few designs are drawn at random."""

    def __init__(
        self,
        axes: Places,
        directions: Sequence[StudyDirection],
    ) -> None:
        super().__init__(axes.distributions, directions)
        signs = [1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in directions]
        self._tpe = Tpe(axes.sizes, axes.ordered, signs)

    def batch(self, most: int) -> int:
        """Return all, but none beyond the first few among them."""
        return min(most, STARTUP - len(self._tpe)) if len(self._tpe) < STARTUP else most

    def suggest(self, number: int, seed: int) -> dict[str, Value]:
        """Return a value of every axis."""
        if len(self._tpe) < STARTUP:
            return self._sample(RandomSampler(seed=seed), number)
        return dict(zip(self._distributions, self._tpe.suggest(seed), strict=True))

    def learn(self, number: int, trial: FrozenTrial) -> None:
        """Take over a trial that was evaluated."""
        if trial.state == TrialState.COMPLETE:
            places = [trial.params[name] for name in self._distributions]
            self._tpe.learn(places, trial.values, sum(value for value in trial.system_attrs.values() if value > 0))


class Modelled(_InMemory):
    """`surrogate`: see `Surrogate`; the first designs are drawn at random, the others proposed in rounds."""

    def __init__(self, seed: int, space: Space, axes: Places, directions: Sequence[StudyDirection]) -> None:
        super().__init__(axes.distributions, directions)
        signs = [1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in directions]
        self._surrogate = Surrogate(axes.sizes, axes.coordinates, signs, seed, Canonical(space, axes))
        self._first = -1
        self._proposed: list[list[int]] = []

    def batch(self, most: int) -> int:
        """Return what is left of the round."""
        done = len(self._surrogate)
        return min(most, START - done if done < START else ROUND - (done - START) % ROUND)

    def suggest(self, number: int, seed: int) -> dict[str, Value]:
        """Return a value of every axis; at random where the round proposes no more."""
        place = (number - START) % ROUND
        if number >= START and number - place != self._first:
            self._first = number - place
            self._proposed = self._surrogate.propose(self._first)
        if number < START or place >= len(self._proposed):
            return self._sample(RandomSampler(seed=seed), number)
        return dict(zip(self._distributions, self._proposed[place], strict=True))

    def learn(self, number: int, trial: FrozenTrial) -> None:
        """Take over a trial; of a point that lacks memory its bytes alone, of a refused one that it is refused."""
        places = [trial.params[name] for name in self._distributions]
        violations = dict(trial.system_attrs)
        has_values = trial.state == TrialState.COMPLETE
        if violations.get(CONSTRAINT + FITS, 0) > 0:
            has_values, violations = False, {CONSTRAINT + FITS: violations[CONSTRAINT + FITS]}
        violations[REFUSED] = 1.0 if trial.state == TrialState.FAIL else -1.0
        self._surrogate.learn(places, trial.values if has_values else None, violations)


class _TwoGenerations:
    """A genetic sampler of Optuna that is told its parents and its generation: it would look for both among all."""

    parents: list[FrozenTrial]
    generation: list[FrozenTrial]

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """Return 1 for every generation that has parents, 0 for the first."""
        return 1 if self.parents else 0

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return the finished trials of this generation."""
        return self.generation

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return this generation's parents, in the order of their numbers."""
        return self.parents


class _Nsga2(_TwoGenerations, NSGAIISampler):
    pass


class _Nsga3(_TwoGenerations, NSGAIIISampler):
    pass


class Generations(_InMemory):
    """`nsga2` and `nsga3`: of all trials, the parents and their children."""

    def __init__(self, spec: SamplerSpec, distributions: Distributions, directions: Sequence[StudyDirection]) -> None:
        super().__init__(distributions, directions)
        self._kind: type[_Nsga2] | type[_Nsga3] = _Nsga2 if spec.name == "nsga2" else _Nsga3
        self._seed = spec.seed
        self._parents: list[FrozenTrial] = []
        self._generation: list[FrozenTrial] = []

    def _sampler(self, seed: int) -> _Nsga2 | _Nsga3:
        with _known_to_be_experimental():
            sampler = self._kind(population_size=POPULATION, seed=seed)
        sampler.parents, sampler.generation = self._parents, self._generation
        return sampler

    def batch(self, most: int) -> int:
        """Return what the generation lacks."""
        return min(most, POPULATION - len(self._generation))

    def suggest(self, number: int, seed: int) -> dict[str, Value]:
        """Return a value of every axis: a child, or without parents any."""
        return self._sample(self._sampler(seed), number)

    def learn(self, number: int, trial: FrozenTrial) -> None:
        """Take over a trial that was evaluated; with the last of a generation, choose the parents of the next."""
        if trial.state != TrialState.COMPLETE:
            return
        self._generation.append(trial)
        if len(self._generation) == POPULATION:
            seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
            parents = self._sampler(seed).select_parent(self._study(), 1)
            self._parents, self._generation = sorted(parents, key=lambda trial: trial.number), []


class AskAndTell:
    """`gp`, and any sampler of the user's own: a study in memory with all trials, as Optuna's samplers expect it.

    make: gives the sampler of a seed.
    """

    def __init__(
        self,
        make: Callable[[int], BaseSampler],
        distributions: Distributions,
        directions: Sequence[StudyDirection],
    ) -> None:
        self._make = make
        self._distributions = dict(distributions)
        self._storage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(storage=self._storage, directions=directions)
        self._asked: dict[int, optuna.Trial] = {}

    def batch(self, most: int) -> int:
        """Return all: Optuna's samplers know what is under way."""
        return most

    def suggest(self, number: int, seed: int) -> dict[str, Value]:
        """Return a value of every axis. Raises LimenError for what a sampler of the user's own raises."""
        self._study.sampler = self._make(seed)
        try:
            trial = self._study.ask(self._distributions)
        except Exception as error:  # whatever a sampler that we don't know raises
            raise LimenError(f"sampler: {type(self._study.sampler).__name__}: {error}") from None
        self._asked[number] = trial
        return dict(trial.params)

    def learn(self, number: int, trial: FrozenTrial) -> None:
        """Tell what came of a suggestion, or of a trial of an earlier run."""
        asked = self._asked.pop(number, None)
        if asked is None:
            self._study.add_trial(trial)
            return
        at = self._storage.get_trial_id_from_study_id_trial_number(
            self._storage.get_study_id_from_name(self._study.study_name), asked.number
        )
        for name, distribution in self._distributions.items():  # it may have been moved to an unseen design
            self._storage.set_trial_param(at, name, distribution.to_internal_repr(trial.params[name]), distribution)
        for name, violation in trial.system_attrs.items():
            self._storage.set_trial_system_attr(at, name, violation)
        self._study.tell(asked.number, trial.values, trial.state)
