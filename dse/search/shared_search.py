"""`SharedSearch`: a search whose trials are shared with other workers, and copied into each one's folder."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import datetime
from itertools import takewhile
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from dse.evaluation.evaluations import evaluating
from dse.search.optuna_search import OptunaSearch
from dse.search.parameters import stored_distributions
from dse.search.postgres import Rows
from dse.search.sampling import Sampler
from dse.search.search import Show, WarmStart
from dse.search.shared_study import SharedStudy
from dse.search.stored_trials import DIGEST_ATTRIBUTE, FINISHED, check_trials
from dse.search.trial_rows import add_trial, finish_trial, read_trials, write_trial
from dse.space.space import Coordinates
from workloads.errors import LimenError

BATCH = 8
"""Trials leased at a time where suggestions are the same however many are: of samplers in SAME."""

SAME = ("nsga2", "nsga3", "qmc", "random")
"""Samplers that learn from whole generations, or from nothing."""

POLLS_S = (0.05, 1.0)
"""How long a worker without work waits before it looks again: at first, doubled each time, and at most."""


class SharedSearch(OptunaSearch):
    """A search as one worker of several has it, see `SharedStudy`.

    A trial has its number, its design and a lease from the moment that it is suggested, one worker after another: no
    design is suggested twice, and number follows number. The folder's study.db has the finished trials up to the first
    that isn't, and those a sampler learns from.
    """

    def __init__(self, *arguments: Any, shared: SharedStudy) -> None:
        self._shared = shared
        self._ready: Sampler | None = None
        super().__init__(*arguments)

    def run(self, show: Show, jobs: int | None, executor: Executor | None = None) -> None:
        """Evaluate what this worker gets to evaluate, until the study has ended and all of it is in the folder."""
        self._check_executor(executor)
        wait = POLLS_S[0]
        with (
            self._shared.working(show),
            evaluating(self._blocks, jobs or 1, self._spec, self._sources) as evaluate,
        ):
            self._shared.perform(self._begin)
            while True:
                leased = self._shared.perform(lambda rows: self._lease(rows, jobs or 1), self._get_ready)
                show("trials", len(self._trials), self.planned)
                if leased is None:
                    break
                if not leased:
                    time.sleep(wait)
                    wait = min(2 * wait, POLLS_S[1])
                    continue
                wait, started = POLLS_S[0], datetime.now()
                points = [self._space.at(trial.params) for trial in leased]
                trials: list[FrozenTrial] = []
                for trial, outcome in zip(leased, evaluate(points), strict=True):
                    trials += self._finished(trial.number, [trial.params], [outcome], started)
                self._shared.perform(lambda rows, trials=trials: self._finish(rows, trials))  # type: ignore[misc]

    def _begin(self, rows: Rows) -> None:
        """Make storage and folder the same study; one that was begun in the folder alone goes on in the storage."""
        origins = self._shared.grow(rows, self._spec, self._proposer())
        query = (
            "select number, value_json from trials left join trial_user_attributes as digest "
            "on digest.trial_id = trials.trial_id and key = ? where study_id = ? and number < ?"
        )
        values = DIGEST_ATTRIBUTE, self._shared.study, len(self._trials)
        stored = dict(rows.execute(query, values))
        for trial in self._trials:
            if not stored:
                write_trial(rows, self._shared.study, trial)
            elif stored.get(trial.number) != json.dumps(trial.user_attrs.get(DIGEST_ATTRIBUTE)):
                raise LimenError(
                    f"{self._folder}: trial {trial.number} isn't that of {self._shared.where}: name another folder"
                )
        self._record.grow(self._spec, origins)

    def _get_ready(self) -> None:
        """Have a sampler that knows of no suggestion that isn't stored."""
        self._ready = self._ready or self._sampler()

    def _lease(self, rows: Rows, jobs: int) -> Sequence[FrozenTrial] | None:
        """Return trials to evaluate, none where others have all that can be tried now, None where the study has ended.

        Takes over what is finished. Done again from its beginning where the transaction was lost.
        """
        sampler, self._ready = self._ready, None  # until all is done
        assert sampler is not None
        self._shared.lock(rows)
        self._shared.check_same(rows, self._spec)
        known = read_trials(rows, self._shared.study, len(self._trials))
        if self._copy([*takewhile(lambda trial: trial.state in FINISHED, known)], sampler):
            return None
        left = [trial for trial in known if trial.number >= len(self._trials)]
        if [trial.number for trial in left] != [*range(len(self._trials), len(self._trials) + len(left))]:
            raise LimenError(f"{self._shared.where}: is damaged: numbers of trials don't follow each other")
        for trial in left[sampler.known - len(self._trials) :]:
            sampler.follow(trial.params)
        most = max(jobs, BATCH) if self._spec.sampler.name in SAME else jobs
        again = set(self._shared.take_over(rows, most, own=True))
        leased = [trial for trial in left if trial.number in again]
        if not leased:
            leased = self._suggest(rows, sampler, sampler.batch(min(most, self.planned - sampler.known)))
        self._ready = sampler
        return leased

    def _copy(self, finished: Sequence[FrozenTrial], sampler: Sampler) -> bool:
        """Store finished trials in the folder, and learn from them; return whether the study has ended."""
        try:
            check_trials(finished, self._spec, self._space, len(self._trials))
        except LimenError as error:
            raise LimenError(f"{self._shared.where}: {error}") from None
        end = 0 if self.has_stalled else self._end_among(finished)
        self._store(finished[:end])
        for trial in finished[:end]:
            sampler.learn(trial)
        return end is not None or len(self._trials) >= self.planned

    def _suggest(self, rows: Rows, sampler: Sampler, count: int) -> list[FrozenTrial]:
        """Return so many new trials, leased."""
        distributions, leased = stored_distributions(self._space), []
        for _ in range(count):
            number, parameters = sampler.known, self._space.filled(sampler.suggest())
            trial = FrozenTrial(
                number=number, trial_id=number, state=TrialState.RUNNING, value=None, values=None,
                datetime_start=datetime.now(), datetime_complete=None, distributions=distributions, user_attrs={},
                params={name: parameters[name] for name in distributions}, system_attrs={}, intermediate_values={},
            )  # fmt: skip
            add_trial(rows, self._shared.study, trial)
            leased.append(trial)
        self._shared.lease(rows, [trial.number for trial in leased])
        return leased

    def _finish(self, rows: Rows, trials: Sequence[FrozenTrial]) -> None:
        """Store what came of trials, but those whose lease another worker has by now."""
        self._shared.lock(rows)  # who leases reads trials table by table
        for trial in trials:
            if self._shared.end_lease(rows, trial.number):
                finish_trial(rows, self._shared.study, trial)

    def take(self, points: Sequence[Coordinates], name: str, show: Show) -> WarmStart:
        """Raise LimenError."""
        raise LimenError(f"from: {name} is not allowed with storage: start a study in a folder of its own from it")

    def close(self) -> None:
        """Let go of study.db and of the connection."""
        super().close()
        self._shared.close()
