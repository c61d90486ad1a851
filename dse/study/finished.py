"""Finished trials, as they are stored and as samplers learn from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from dse.study.evaluations import Outcome
from dse.study.figures import Figures
from dse.study.space import Coordinates, Value
from dse.study.stored_trials import seal
from dse.study.study_spec import StudySpec


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
    state, values = TrialState.COMPLETE, None
    violations: dict[str, float] = {}
    figures: Figures = {"design": point.key}
    if outcome.refusal:
        state, figures["refusal"] = TrialState.FAIL, outcome.refusal
    else:
        figures |= outcome.figures
        values = [float(figures[name]) for name in spec.objectives]
        for bound in spec.bounds():
            violations[f"{bound.name} {spec.constraints[bound.name]}"] = bound.violation(figures[bound.name])
    trial = FrozenTrial(
        number=number, trial_id=number, state=state, value=None, values=values, datetime_start=started,
        datetime_complete=datetime.now(), params=dict(parameters), distributions=dict(distributions),
        # By name as Optuna 5 stores them, and in the list that optuna-dashboard reads.
        user_attrs=figures, system_attrs={"constraints": [*violations.values()]} if violations else {},
        intermediate_values={},
    )  # fmt: skip
    for name, violation in violations.items():
        trial.set_constraint(name, violation)
    seal(trial)
    return trial
