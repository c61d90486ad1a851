"""`OptunaSearch`: the trials of a study with one of Optuna's samplers, stored one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas
from optuna.trial import FrozenTrial, TrialState

from dse.study.blocks import BlockEvaluator
from dse.study.evaluate import Evaluator, Formats
from dse.study.figures import Figures, figure_names, whole_figures
from dse.study.nearest import distance
from dse.study.parameters import stored_distributions
from dse.study.record import Record, directions
from dse.study.sampling import Sampler
from dse.study.search import Show
from dse.study.space import Coordinates, Space
from dse.study.stored_trials import DIGEST_ATTRIBUTE, check_trials, seal
from dse.study.tally import Tally, tally_of
from dse.study.trial_table import table_csv
from dse.study.unchanged import Known, check_unchanged
from workloads.errors import LimenError
from workloads.host.files import write_whole

TRIALS = "trials.csv"


class OptunaSearch:
    """Trials that a sampler of Optuna proposes, each one transaction in study.db, see `Search`."""

    reports: tuple[str, ...] = (TRIALS,)

    def __init__(
        self, folder: Path, record: Record, evaluator: Evaluator, sources: tuple[str, str], formats: Formats
    ) -> None:
        self._folder = folder
        self._record = record
        self._spec = record.spec
        self._evaluator = evaluator
        self._blocks = BlockEvaluator(record.spec, *sources, evaluator.functions)
        self._space = Space(record.spec.space, formats.valid)
        # Accuracies may take minutes to measure: here without them.
        self._accept(evaluator.cost_figures)

    def _accept(self, evaluate: Callable[[Coordinates], Figures]) -> None:
        """Take over what the record has read. Raises LimenError where anything of it can't be trusted."""
        try:
            self._trials = self._record.trials()
            check_trials(self._trials, self._spec, self._space)
            check_unchanged(self._first(), evaluate)
        except LimenError as error:
            raise LimenError(f"{self._record.path}: {error}") from None

    def _first(self) -> list[Known]:
        """Return the first stored trial of either kind."""
        first = {trial.state: trial for trial in reversed(self._trials)}
        return [
            Known(
                trial.number,
                self._space.at(trial.params),
                None if "refusal" in trial.user_attrs else trial.user_attrs,
                trial.user_attrs.get("refusal", ""),
            )
            for trial in first.values()
        ]

    def run(self, show: Show, jobs: int | None) -> None:
        """Evaluate until the trials are complete or the space is exhausted; in this process, whatever `jobs` says."""
        sampler = Sampler(self._spec.sampler, self._space, directions(self._spec))
        for trial in self._trials:
            sampler.learn(trial)
        total = self._spec.planned(self._space.size)
        for number in range(len(self._trials), total):
            show("trials", number, total)
            trial = self._evaluate(number, sampler)
            self._record.add(trial)
            self._trials.append(trial)
            sampler.learn(trial)
        show("trials", total, total)

    def _evaluate(self, number: int, sampler: Sampler) -> FrozenTrial:
        """Return the next trial, as it is stored."""
        started = datetime.now()
        parameters = sampler.suggest()
        # A study goes on as it began: earlier versions stored axes otherwise, and those of one value as well.
        distributions = self._trials[0].distributions if self._trials else stored_distributions(self._space)
        params = {name: self._space.filled(parameters)[name] for name in distributions}
        point = self._space.at(parameters)
        state, values = TrialState.COMPLETE, None
        violations: dict[str, float] = {}
        figures: Figures = {"design": point.key}
        block = self._blocks.evaluate([point])
        if block.refusals[0]:
            state, figures["refusal"] = TrialState.FAIL, block.refusals[0]
        else:
            figures |= {name: column.tolist()[0] for name, column in block.figures.items()}
            values = [float(figures[name]) for name in self._spec.objectives]
            for bound in self._spec.bounds():
                violations[f"{bound.name} {self._spec.constraints[bound.name]}"] = bound.violation(figures[bound.name])
        trial = FrozenTrial(
            number=number, trial_id=number, state=state, value=None, values=values, datetime_start=started,
            datetime_complete=datetime.now(), params=params, distributions=distributions,
            # By name as Optuna 5 stores them, and in the list that optuna-dashboard reads.
            user_attrs=figures, system_attrs={"constraints": [*violations.values()]} if violations else {},
            intermediate_values={},
        )  # fmt: skip
        for name, violation in violations.items():
            trial.set_constraint(name, violation)
        seal(trial)
        return trial

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
        by_op: dict[str, list[tuple[int, str, bool, float]]] = {}
        for trial in self._trials:
            refusal = trial.user_attrs.get("refusal", "")
            far = 0.0 if refusal else float(distance(self._spec, trial.user_attrs))
            row = (trial.number, refusal, self._is_feasible(trial), far)
            by_op.setdefault(str(self._space.at(trial.params).op), []).append(row)
        return {op: tally_of(*zip(*by_op[op], strict=True)) for op in sorted(by_op)}

    def _is_feasible(self, trial: FrozenTrial) -> bool:
        stored = trial.user_attrs
        return "refusal" not in stored and all(
            bound.violation(stored[bound.name]) <= 0 for bound in self._spec.bounds()
        )

    def trials(self) -> pandas.DataFrame:
        """Return a row per trial."""
        rows: list[dict[str, Any]] = []
        names = figure_names(self._spec)
        for trial in self._trials:
            point, stored = self._space.at(trial.params), trial.user_attrs
            row = {"trial": trial.number, "design": point.key, **point._asdict()}
            row |= {name: stored[name] for name in names if name in stored}
            row |= {"refusal": stored.get("refusal", ""), "feasible": self._is_feasible(trial)}
            rows.append(row)
        columns = [name for name in (*names, "refusal", "feasible") if any(name in row for row in rows)]
        table = pandas.DataFrame(rows, columns=["trial", "design", *Coordinates._fields, *columns])
        # Whole numbers, also where a refused trial has none.
        whole = [name for name in whole_figures(self._spec) if name in table and table[name].isna().any()]
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

    def write_reports(self) -> None:
        """Write trials.csv. Raises LimenError."""
        write_whole(self._folder / TRIALS, table_csv(self.trials()).encode())
