"""`Sampler`: a strategy made to never suggest a design twice, and to take no longer than a trial.

Every suggestion has a seed of its own, of the study's seed and the trial's number; what it learns from is the trials
stored so far. A study that was killed and resumed therefore goes on exactly as if it hadn't been; with a sampler of
the user's own, as well as that one can. `python -m tests.bench.studies` measures what a suggestion takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from random import Random

import numpy as np
from optuna.samplers import BaseSampler, GPSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from dse.search.parameters import Places, Ranges
from dse.search.strategies import CONSTRAINT, AskAndTell, Generations, Memoryless, Modelled, Parzen, Strategy
from dse.search.strategies import POPULATION as POPULATION
from dse.space.space import Space, Value
from dse.space.study_spec import SamplerSpec
from workloads.errors import LimenError, pip_command

NEEDED = {"gp": ("torch", "scipy"), "qmc": ("scipy",)}
"""What samplers of Optuna import, by their extras' names."""


def is_installed(name: str) -> bool:
    """Return whether a sampler has what it imports."""
    return all(find_spec(module) is not None for module in NEEDED.get(name, ()))


def check_sampler(spec: SamplerSpec, own: BaseSampler | None) -> None:
    """Raise LimenError for a sampler that needs what isn't installed, or one that nobody has handed over."""
    for module in NEEDED.get(spec.name, ()):
        if find_spec(module) is None:
            raise LimenError(f"sampler: {spec.name} needs {module}, not installed: {pip_command(spec.name)}")
    if spec.name == "own" and own is None:
        raise LimenError("sampler: own is a program's: limen.Study(..., sampler=optuna.samplers.NSGAIISampler())")


class Sampler:
    """What a study's sampler knows of its trials, and what it says to try next.

    directions: of the objectives. own: the sampler of a spec that is called so.
    """

    def __init__(
        self, spec: SamplerSpec, space: Space, directions: Sequence[StudyDirection], own: BaseSampler | None = None
    ) -> None:
        places = Places(space)
        self._axes: Places | Ranges = places if own is None else Ranges(space)
        self._spec = spec
        self._space = space
        self._seen: set[str] = set()
        self._learnt = self._pending = 0
        self._signs = [1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in directions]
        self._worst: list[float] = []
        self._strategy = self._strategy_of(spec, places, directions, own)

    def _strategy_of(
        self, spec: SamplerSpec, places: Places, directions: Sequence[StudyDirection], own: BaseSampler | None
    ) -> Strategy:
        check_sampler(spec, own)
        distributions = self._axes.distributions
        if own is not None:
            return AskAndTell(lambda seed: own, distributions, directions)
        if spec.name == "gp":
            return AskAndTell(_gaussian_process, distributions, directions)
        if spec.name in ("nsga2", "nsga3"):
            return Generations(spec, distributions, directions)
        if spec.name == "surrogate":
            return Modelled(spec.seed, self._space, places, directions)
        if spec.name == "tpe":
            return Parzen(places, directions)
        return Memoryless(spec, distributions, directions)

    def batch(self, most: int) -> int:
        """Return how many designs to suggest at once, at most so many, before any of them is learnt.

        Samplers that learn from a whole generation, or from nothing, then suggest what they would one by one; 0 where
        they have to learn before of what is suggested already.
        """
        return max(0, self._strategy.batch(most + self._pending) - self._pending)

    def suggest(self) -> dict[str, Value]:
        """Return a value of every free axis: a design that no trial has, learnt or suggested. One must be left."""
        number = self.known
        state = np.random.SeedSequence([self._spec.seed, number]).generate_state(2)
        suggested = self._axes.parameters(self._strategy.suggest(number, int(state[0])))
        parameters = self._space.unseen(suggested, self._seen, Random(int(state[1])))
        self._seen.add(self._space.at(parameters).key)
        self._pending += 1
        return parameters

    def follow(self, parameters: dict[str, Value]) -> None:
        """Take over what another worker's sampler suggested next."""
        self._seen.add(self._space.at(parameters).key)
        self._pending += 1

    @property
    def known(self) -> int:
        """Suggestions so far, learnt or not."""
        return self._learnt + self._pending

    def learn(self, trial: FrozenTrial) -> None:
        """Take over the next finished trial; state FAIL is a point that was refused.

        Of each constraint only the form that this version of Optuna writes counts: both would count it twice.
        """
        self._seen.add(self._space.at(trial.params).key)
        values = self._finite(trial.values)
        learnt = FrozenTrial(
            number=trial.number, trial_id=trial.number, state=trial.state, value=None, values=values,
            datetime_start=trial.datetime_start, datetime_complete=trial.datetime_complete,
            params=self._axes.drawn(self._space.chosen(trial.params)), distributions=self._axes.distributions,
            user_attrs={}, intermediate_values={},
            system_attrs={name: value for name, value in trial.system_attrs.items() if name.startswith(CONSTRAINT)},
        )  # fmt: skip
        self._strategy.learn(self._learnt, learnt)
        self._learnt += 1
        self._pending = max(self._pending - 1, 0)

    def _finite(self, values: Sequence[float] | None) -> Sequence[float] | None:
        """Return a trial's values, or where it has none for lack of memory the worst so far.

        Optuna's samplers expect finite ones somewhere; what they learn of such a trial is how many bytes it lacks.
        """
        if values is None:
            return None
        if not math.isfinite(values[0]):
            return self._worst or [0.0] * len(values)
        known = self._worst or values
        pairs = zip(self._signs, values, known, strict=True)
        self._worst = [sign * min(sign * value, sign * worst) for sign, value, worst in pairs]
        return values


def _gaussian_process(seed: int) -> BaseSampler:
    return GPSampler(seed=seed, warn_independent_sampling=False)
