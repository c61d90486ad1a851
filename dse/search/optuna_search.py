"""`OptunaSearch`: the trials of a study with one of Optuna's samplers, stored one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pandas
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluate import Evaluator, Formats
from dse.evaluation.evaluations import Outcome, evaluating, outcomes
from dse.evaluation.nearest import distance
from dse.evaluation.tally import Tally, Tried, tally_of
from dse.evaluation.unchanged import Changed, Known, check_unchanged
from dse.front.front import non_dominated
from dse.search.finished import finished_trial
from dse.search.origins import continued, line_of
from dse.search.parameters import stored_distributions
from dse.search.record import Record, directions
from dse.search.sampling import Sampler
from dse.search.search import Show, WarmStart
from dse.search.stall import Stall
from dse.search.stored_trials import DIGEST_ATTRIBUTE, check_trials
from dse.search.trial_table import table_csv
from dse.space.figures import MISSING, Figures, figure_names, whole_figures
from dse.space.space import Coordinates, Space, Value, columns_of
from dse.space.study_spec import StudySpec
from workloads.errors import LimenError
from workloads.host.files import write_whole

TRIALS = "trials.csv"

AT_ONCE = 256
"""Designs of another study that are evaluated together."""


class OptunaSearch:
    """Trials that a sampler of Optuna proposes, each one transaction in study.db, see `Search`.

    spec: the stored study, or what it is to grow to. own: its sampler, where a program has handed one over.
    """

    reports: tuple[str, ...] = (TRIALS,)

    def __init__(
        self,
        folder: Path,
        record: Record,
        evaluator: Evaluator,
        sources: tuple[str, str],
        formats: Formats,
        spec: StudySpec,
        own: BaseSampler | None,
    ) -> None:
        self._folder = folder
        self._record = record
        self._spec = spec
        self._own = own
        self._sources = sources
        self._stall = None if spec.stop is None else Stall(spec.stop, spec.objectives)
        self._evaluator = evaluator
        self._blocks = BlockEvaluator(spec, *sources, evaluator.functions)
        self._formats = formats
        self._space = Space(spec.space, formats.valid)
        # Accuracies may take minutes to measure: here without them.
        self._accept(evaluator.cost_figures)

    def _accept(self, evaluate: Callable[[Coordinates], Figures]) -> None:
        """Take over what the record has read. Raises LimenError where anything of it can't be trusted."""
        try:
            self._trials = self._record.trials()
            check_trials(self._trials, self._spec, self._space)
            check_unchanged(self._first(), evaluate)
        except LimenError as error:
            kind = Changed if isinstance(error, Changed) else LimenError
            raise kind(f"{self._record.path}: {error}") from None

    def _first(self) -> list[Known]:
        """Return the first stored trial of either kind."""
        first = {"refusal" in trial.user_attrs: trial for trial in reversed(self._trials)}
        return [self._known(trial) for trial in first.values()]

    def _known(self, trial: FrozenTrial) -> Known:
        stored = trial.user_attrs
        figures = None if "refusal" in stored else stored
        return Known(trial.number, self._space.at(trial.params), figures, stored.get("refusal", ""))

    def drawn(self, count: int, seed: int) -> list[Known]:
        """Return stored trials drawn at random, at most `count`."""
        chosen = Random(seed).sample(self._trials, min(count, len(self._trials)))
        return [self._known(trial) for trial in sorted(chosen, key=lambda trial: trial.number)]

    def run(self, show: Show, jobs: int | None, executor: Executor | None = None) -> None:
        """Evaluate until the trials are complete, the space is exhausted or the search has stalled.

        jobs: processes, by default this one; as many designs are suggested at once, see `Sampler.batch`.

        Raises LimenError for an executor, too: that is a sweep's.
        """
        self._check_executor(executor)
        sampler = self._sampler()
        total, ended = self.planned, self.has_stalled
        if len(self._trials) < total and not ended:
            self._record.grow(self._spec, continued(self._record.origins, len(self._trials), self._proposer()))
        with evaluating(self._blocks, jobs or 1, self._spec, self._sources) as evaluate:
            while len(self._trials) < total and not ended:
                show("trials", len(self._trials), total)
                size = sampler.batch(min(jobs or 1, total - len(self._trials)))
                started, suggested = datetime.now(), [sampler.suggest() for _ in range(size)]
                found = evaluate([self._space.at(parameters) for parameters in suggested])
                trials = self._finished(len(self._trials), suggested, found, started)
                end = self._end_among(trials)
                self._store(trials[:end])
                for trial in trials[:end]:
                    sampler.learn(trial)
                ended = end is not None
        show("trials", len(self._trials), len(self._trials))

    def _check_executor(self, executor: Executor | None) -> None:
        if executor is not None:
            raise LimenError(
                f"executor: is not allowed with sampler {self._spec.sampler.name}: it evaluates blocks of a sweep; "
                "give jobs, or use sampler exhaustive"
            )

    def _sampler(self) -> Sampler:
        """Return the study's sampler, which has learnt of all trials."""
        sampler = Sampler(self._spec.sampler, self._space, directions(self._spec), self._own)
        for trial in self._trials:
            sampler.learn(trial)
        return sampler

    def _finished(
        self, first: int, suggested: Sequence[dict[str, Value]], found: Sequence[Outcome], started: datetime
    ) -> list[FrozenTrial]:
        """Return trials from number `first` on, as they are stored."""
        # A study goes on as it began: earlier versions stored axes otherwise, and those of one value as well.
        distributions = self._trials[0].distributions if self._trials else stored_distributions(self._space)
        trials = []
        for number, (parameters, outcome) in enumerate(zip(suggested, found, strict=True), first):
            filled = self._space.filled(parameters)
            stored = {name: filled[name] for name in distributions}
            point = self._space.at(parameters)
            trials.append(finished_trial(self._spec, number, point, stored, distributions, outcome, started))
        return trials

    def _store(self, trials: Sequence[FrozenTrial]) -> None:
        self._record.add(*trials)
        self._trials += trials

    def _end_among(self, trials: Sequence[FrozenTrial]) -> int | None:
        """Return after how many of the next trials the search has stalled, if it has."""
        if self._stall is not None:
            whole = [*self._trials, *trials]
            for number in self._stall.looks(len(self._trials), len(whole)):
                if self._stall.is_stalled([*map(self._values, whole[:number])]):
                    return number - len(self._trials)
        return None

    @property
    def planned(self) -> int:
        """Trials of the whole study; more than the study asks for where there are more."""
        return max(self._spec.planned(self._space.size), len(self._trials))

    @property
    def has_stalled(self) -> bool:
        """Whether the study has ended because it found nothing more."""
        if self._stall is None:
            return False
        looks = self._stall.looks(0, len(self._trials))
        return len(looks) > 0 and self._stall.is_stalled([*map(self._values, self._trials[: looks[-1]])])

    def _proposer(self) -> str:
        return self._spec.sampler.name if self._own is None else type(self._own).__name__

    def _values(self, trial: FrozenTrial) -> list[float] | None:
        return trial.values if self._is_feasible(trial) else None

    @property
    def notes(self) -> list[str]:
        """Lines on who proposed the trials, where it was more than one, and on a search that has stalled."""
        lines = []
        if len(self._record.origins) > 1:
            lines.append(f"trials: {line_of(self._record.origins, len(self._trials))}")
        if self._spec.stop is not None and len(self._trials) < self.planned and self.has_stalled:
            stop, done = self._spec.stop, f"{len(self._trials)} of {self.planned} trials"
            lines.append(
                f"stalled after {done}: the last {stop.stalled} made at most {100 * stop.gain:g} % of the hypervolume"
            )
        return lines

    def best(self) -> list[Coordinates]:
        """Return the feasible designs that no other of their op beats, in the order of their trials."""
        ops = self.candidates().groupby("op")
        numbers = [number for _, of_op in ops for number in of_op["trial"][non_dominated(of_op, self._spec.objectives)]]
        return [self._space.at(self._trials[number].params) for number in sorted(numbers)]

    def take(self, points: Sequence[Coordinates], name: str, show: Show) -> WarmStart:
        """Evaluate and store designs of another study that are points of this space and unseen, all or none."""
        fitting = [*filter(self._space.holds, dict.fromkeys(points))]
        known = {self._space.at(trial.params) for trial in self._trials}
        new = [point for point in fitting if point not in known][: self.planned - len(self._trials)]
        started, found = datetime.now(), []
        for first in range(0, len(new), AT_ONCE):
            show(f"designs of {name}", first, len(new))
            found += outcomes(self._blocks, new[first : first + AT_ONCE])
        if new:
            origin = f"{name}, evaluated again"
            self._record.grow(self._spec, continued(self._record.origins, len(self._trials), origin))
            parameters = [*map(self._space.parameters, new)]
            self._store(self._finished(len(self._trials), parameters, found, started))
        return WarmStart(len(points), len(fitting), len(new))

    def read_again(self) -> None:
        """Read what other runs have added since. Raises LimenError."""
        self._record.read_again()
        self._accept(self._evaluator.figures)

    def move_sources(self, workload: str, costs: str) -> None:
        """Store where workload and cost table are now. Raises LimenError."""
        self._record.move_sources(workload, costs)

    def close(self) -> None:
        """Let go of study.db."""
        self._record.close()

    @property
    def designs(self) -> int:
        """Distinct designs: earlier versions tried some twice."""
        return len({self._space.at(trial.params) for trial in self._trials})

    def tallies(self) -> dict[str, Tally]:
        """Return a tally for each op that was tried."""
        by_op: dict[str, list[Tried]] = {}
        for trial in self._trials:
            refusal, missing = trial.user_attrs.get("refusal", ""), trial.user_attrs.get(MISSING, 0)
            far = 0.0 if refusal else float(distance(self._spec, trial.user_attrs))
            tried = Tried(trial.number, refusal, self._is_feasible(trial), missing, far)
            by_op.setdefault(str(self._space.at(trial.params).op), []).append(tried)
        return {op: tally_of(by_op[op]) for op in sorted(by_op)}

    def _is_feasible(self, trial: FrozenTrial) -> bool:
        stored = trial.user_attrs
        return "refusal" not in stored and all(
            bound.violation(stored[bound.name]) <= 0 for bound in self._spec.bounds()
        )

    def trials(self) -> pandas.DataFrame:
        """Return a row per trial."""
        rows: list[dict[str, Any]] = []
        names = (*figure_names(self._spec), MISSING)
        for trial in self._trials:
            point, stored = self._space.at(trial.params), trial.user_attrs
            row = {"trial": trial.number, "design": point.key, **point._asdict()}
            row |= {name: stored[name] for name in names if name in stored}
            row |= {"refusal": stored.get("refusal", ""), "feasible": self._is_feasible(trial)}
            rows.append(row)
        having = {name for row in rows for name in row}
        if having.isdisjoint(figure_names(self._spec)):  # nothing was priced: columns as if it had been
            having |= {*self._evaluator.names(self._formats.valid[0])}
        columns = [name for name in (*names, "refusal", "feasible") if name in having]
        table = pandas.DataFrame(rows, columns=["trial", "design", *columns_of(self._spec.space), *columns])
        # Whole numbers, also where a refused trial has none.
        whole = [name for name in (*whole_figures(self._spec), MISSING) if name in table and table[name].isna().any()]
        return table.astype(dict.fromkeys(whole, "Int64"))

    def candidates(self) -> pandas.DataFrame:
        """Return the distinct feasible trials."""
        table = self.trials()
        return table[table["feasible"]].drop_duplicates("design")

    def feasible(self, most: int) -> pandas.DataFrame:
        """Return the feasible trials, which are never too many."""
        table = self.trials()
        return table[table["feasible"]]

    def find(self, trial: int) -> tuple[Coordinates, Mapping[str, Any]]:
        """Return a trial's point and figures. Raises LimenError for one that was refused, or isn't there."""
        if not 0 <= trial < len(self._trials):
            done = len(self._trials)
            having = f"0 to {done - 1}" if done else "there is none yet: limen study run"
            raise LimenError(f"{self._folder}: trial {trial} is not allowed: {having}")
        stored = self._trials[trial]
        if "refusal" in stored.user_attrs:
            raise LimenError(f"{self._folder}: trial {trial} was refused: {stored.user_attrs['refusal']}")
        figures = {name: value for name, value in stored.user_attrs.items() if name != DIGEST_ATTRIBUTE}
        return self._space.at(stored.params), figures

    def priced(self) -> Iterator[tuple[int, Coordinates, Mapping[str, Any]]]:
        """Yield each trial that has figures, its point and them."""
        for trial in self._trials:
            if "refusal" not in trial.user_attrs:
                yield trial.number, *self.find(trial.number)

    def write_reports(self) -> None:
        """Write trials.csv. Raises LimenError."""
        write_whole(self._folder / TRIALS, table_csv(self.trials()).encode())
