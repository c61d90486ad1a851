"""Finished trials, as they are stored and as samplers learn from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from dse.evaluation.evaluations import Outcome
from dse.evaluation.judging import judge
from dse.search.stored_trials import seal
from dse.space.space import Coordinates, Value
from dse.space.study_spec import StudySpec


def finished_trial(
    spec: StudySpec,
    number: int,
    point: Coordinates,
    parameters: Mapping[str, Value],
    distributions: Mapping[str, BaseDistribution],
    outcome: Outcome,
    started: datetime,
) -> FrozenTrial:
    """Return the trial of a point; parameters, distributions: of the axes, as they are stored."""
    judged = judge(spec, *outcome)
    values, violations = judged.values, judged.violations
    trial = FrozenTrial(
        number=number, trial_id=number, state=judged.state, value=None, values=values, datetime_start=started,
        datetime_complete=datetime.now(), params=dict(parameters), distributions=dict(distributions),
        # By name as Optuna 5 stores them, and in the list that optuna-dashboard reads.
        user_attrs={"design": point.key} | judged.figures,
        system_attrs={"constraints": [*violations.values()]} if violations else {}, intermediate_values={},
    )  # fmt: skip
    for name, violation in violations.items():
        trial.set_constraint(name, violation)
    seal(trial)
    return trial
