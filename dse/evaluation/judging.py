"""What a trial says of a point: its state, its objectives, and how far it is beyond the bounds."""

from __future__ import annotations

import math
from typing import NamedTuple

from optuna.trial import TrialState

from dse.space.figures import MISSING, Figures
from dse.space.study_spec import StudySpec

FITS = f"{MISSING} <= 0"
"""The constraint that all studies have: that the memories hold the workloads' smallest tiles."""


class Judgement(NamedTuple):
    """What is stored of a point as a trial. values: the objectives; None of a point that was refused.

    violations: by constraints, at most 0 where one holds; none of a point that was refused.
    """

    state: TrialState
    values: list[float] | None
    violations: dict[str, float]
    figures: Figures


def judge(spec: StudySpec, figures: Figures, refusal: str, missing_bytes: int) -> Judgement:
    """Return what is stored of a point with these figures, or with none and a refusal.

    A point that lacks memory is no failed trial: it has the worst of values, and a violation that samplers learn from.
    How far it is beyond the bounds of the study isn't known: there its violations are 0.
    """
    if not refusal:
        values = [float(figures[name]) for name in spec.objectives]
        beyond = {
            f"{bound.name} {spec.constraints[bound.name]}": bound.violation(figures[bound.name])
            for bound in spec.bounds()
        }
        return Judgement(TrialState.COMPLETE, values, {FITS: 0.0} | beyond, figures | {MISSING: 0})
    if not missing_bytes:
        return Judgement(TrialState.FAIL, None, {}, {"refusal": refusal})
    unknown = {f"{name} {bound}": 0.0 for name, bound in spec.constraints.items()}
    stored: Figures = {MISSING: missing_bytes, "refusal": refusal}
    return Judgement(TrialState.COMPLETE, worst(spec), {FITS: float(missing_bytes)} | unknown, stored)


def worst(spec: StudySpec) -> list[float]:
    """Return the objectives of a point that has none."""
    return [-math.inf if direction == "max" else math.inf for direction in spec.objectives.values()]
