"""Which nets are tried next: Optuna's TPE over stages, told how far each net is ahead of all others of its op."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, create_trial

from dse.architectures.measured import DesignRow, gains
from dse.architectures.page import ArchitecturePage
from dse.architectures.topology import Architecture, Stage, operations_of
from dse.front.front import front_rows
from dse.front.hypervolume import scale_of
from dse.search.parameters import in_order, is_ordered
from dse.space.study_spec import StudySpec
from workloads.errors import LimenError
from workloads.host.journal import key_of
from workloads.ops.op_field import Op

Parameters = dict[str, Any]

STAGE_FIELDS = ("channels", "kernel", "stride", "layers", "residual")
"""Axes of each stage."""

SAMPLER_TRIES = 50
"""Nets that the sampler may propose, which were there or are too large, before one is drawn at random."""

RANDOM_TRIES = 2000
GIVEN_UP, FAILED = -10.0, -20.0
"""Scores of nets without designs: worse than any other's; those given up by their accuracy."""


class Tried(NamedTuple):
    """A finished net of a search, as proposals see it.

    shares: validation accuracy of the master by epoch, as far as it was trained. designs: its own that none beats;
    none of a net that was given up, or that keeps no bound.
    """

    parameters: Parameters
    architecture: Architecture
    operations: int
    shares: Mapping[int, float]
    designs: Sequence[DesignRow]


def axes_of(page: ArchitecturePage, op: Op) -> dict[str, list[Any]]:
    """Return the values of every axis of an op's nets, numbers in order; those of a stage end with its number."""
    axes: dict[str, list[Any]] = {"stages": in_order(page.space.stages)}
    for stage in range(1, max(page.space.stages) + 1):
        axes |= {f"{name}{stage}": in_order(getattr(page.space, name)) for name in STAGE_FIELDS}
    return axes | {"polarity": page.polarities(op), "learning_rate": in_order(page.ops[op].learning_rate)}


def used(axes: Mapping[str, Sequence[Any]], stages: int) -> list[str]:
    """Return the axes that a net of so many stages has, those of one value left out."""
    names = [name for name in axes if not name[-1].isdigit() or int(name[-1]) <= stages]
    return [name for name in names if len(axes[name]) > 1]


def stored_distributions(axes: Mapping[str, Sequence[Any]], names: Sequence[str]) -> dict[str, BaseDistribution]:
    """Return what axes are in study.db: choices, since numbers between theirs don't occur."""
    return {name: CategoricalDistribution([*axes[name]]) for name in names}


def architecture_of(axes: Mapping[str, Sequence[Any]], parameters: Parameters) -> Architecture:
    """Return the net of parameters; axes of one value need none."""

    def value(name: str) -> Any:
        return parameters[name] if name in parameters else axes[name][0]

    stages = [
        Stage(**{name: value(f"{name}{stage}") for name in STAGE_FIELDS}) for stage in range(1, value("stages") + 1)
    ]
    return Architecture(stages=tuple(stages), polarity=value("polarity"), learning_rate=value("learning_rate"))


def identity_of(architecture: Architecture) -> str:
    """Return what nets that are the same network, trained alike, have in common."""
    stages = [stage.model_copy(update={"residual": stage.adds}).model_dump() for stage in architecture.stages]
    return key_of([stages, architecture.polarity, architecture.learning_rate])


class Proposals:
    """Proposes nets of one op; the same ones for the same page and the same nets tried before.

    place: of the op on the page.
    """

    def __init__(self, page: ArchitecturePage, op: Op) -> None:
        self._page, self._op, self._place = page, op, [*page.ops].index(op)
        self.axes = axes_of(page, op)

    def architecture(self, parameters: Parameters) -> Architecture:
        """Return the net of parameters."""
        return architecture_of(self.axes, parameters)

    def of_round(self, first: int, count: int, tried: Sequence[Tried]) -> list[Parameters]:
        """Return so many nets from number `first` on, fewer where the space has no other ones.

        tried: the nets of all rounds before.
        """
        seen = {identity_of(one.architecture) for one in tried}
        history = self._history(tried)
        proposed: list[Parameters] = []
        for number in range(first, first + count):
            parameters = self._unseen(number, history, seen)
            if parameters is None:
                break
            seen.add(identity_of(self.architecture(parameters)))
            proposed.append(parameters)
        return proposed

    def _unseen(self, number: int, history: Sequence[FrozenTrial], seen: set[str]) -> Parameters | None:
        """Return a net that is not there yet and not too large; None where so many tries found none."""
        for attempt in range(SAMPLER_TRIES + RANDOM_TRIES):
            drawn = self._drawn(self._sampler(number, attempt, len(history)), history)
            architecture = self.architecture(drawn)
            if identity_of(architecture) in seen:
                continue
            if operations_of(architecture.layers(self._op, self._page.dataset)) <= self._page.most_operations:
                return drawn
        return None

    def _sampler(self, number: int, attempt: int, known: int) -> BaseSampler:
        seed = int(np.random.SeedSequence([self._page.seed, self._place, number, attempt]).generate_state(1)[0])
        if attempt >= SAMPLER_TRIES or known < self._page.random:
            return RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=1)

    def _drawn(self, sampler: BaseSampler, history: Sequence[FrozenTrial]) -> Parameters:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(history)
        trial = study.ask()

        def draw(name: str) -> Any:
            values = self.axes[name]
            if is_ordered(values):
                return values[trial.suggest_int(name, 0, len(values) - 1)]
            return values[trial.suggest_categorical(name, range(len(values)))]

        drawn = {"stages": draw("stages")} if len(self.axes["stages"]) > 1 else {}
        names = used(self.axes, drawn.get("stages", self.axes["stages"][0]))
        return drawn | {name: draw(name) for name in names if name != "stages"}

    def _history(self, tried: Sequence[Tried]) -> list[FrozenTrial]:
        """Return tried nets as trials, places of values as parameters."""
        trials = []
        for one, score in zip(tried, scores(tried, self._page.designs), strict=True):
            places = {name: self.axes[name].index(value) for name, value in one.parameters.items()}
            distributions: dict[str, BaseDistribution] = {
                name: IntDistribution(0, len(self.axes[name]) - 1)
                if is_ordered(self.axes[name])
                else CategoricalDistribution(range(len(self.axes[name])))
                for name in places
            }
            trials.append(create_trial(value=score, params=places, distributions=distributions))
        return trials


def scores(tried: Sequence[Tried], designs: StudySpec) -> list[float]:
    """Return by how much each net is ahead of all the others, best design by best objective, in spans of the front.

    It is negative where others beat all that it has: as far as it is behind (additive epsilon). Figures of which a
    factor counts enter as logarithms.
    """
    rows = [row for one in tried for row in one.designs]
    if not rows:
        return [_without(one) for one in tried]
    values = np.array([[row[name] for name in designs.objectives] for row in rows])
    scale = scale_of(values[front_rows(gains(rows, designs))], designs.objectives)
    room = -scale.worse(values)
    owner = np.repeat(np.arange(len(tried)), [len(one.designs) for one in tried])
    found = []
    for place, one in enumerate(tried):
        own, others = room[owner == place], room[owner != place]
        if not len(own):
            found.append(_without(one))
            continue
        if not len(others):
            found.append(0.0)
            continue
        ahead = (own[:, None, :] - others[None, :, :]).max(axis=2)
        found.append(float(ahead.min(axis=1).max()))
    return found


def _without(one: Tried) -> float:
    """Return the score of a net without designs."""
    return GIVEN_UP + max(one.shares.values()) if one.shares else FAILED


def floors(page: ArchitecturePage, operations: int, tried: Sequence[Tried]) -> tuple[tuple[int, float], ...]:
    """Return (epoch, accuracy) below which a net of so many operations is given up.

    tried: the nets of all rounds before, of which those count that have no more operations and got as far.
    """
    if page.stopping is None:
        return ()
    found = []
    for epoch in sorted(page.stopping.after):
        known = [one.shares[epoch] for one in tried if one.operations <= operations and epoch in one.shares]
        if len(known) >= page.stopping.among:
            found.append((epoch, median(known)))
    return tuple(found)


def check_not_empty(page: ArchitecturePage, op: Op, proposed: Sequence[Parameters]) -> None:
    """Raise LimenError where a search has no first net."""
    if not proposed:
        raise LimenError(
            f"most_operations: {page.most_operations:,} is not allowed: {RANDOM_TRIES:,} nets of op {op}, drawn from "
            "the space, were all larger"
        )
