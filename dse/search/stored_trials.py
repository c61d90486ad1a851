"""Trials read from a study's file, checked: a damaged or foreign one is a line, never a wrong row or a traceback."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from dse.evaluation.judging import worst
from dse.space.figures import MISSING, TEXT_FIGURES, figure_names
from dse.space.space import Space
from dse.space.study_spec import StudySpec
from workloads.errors import LimenError, shown
from workloads.host.journal import key_of

FINISHED = [TrialState.COMPLETE, TrialState.FAIL]
"""Of a stored trial; FAIL is a point that was refused, but for one that lacks memory."""


DIGEST_ATTRIBUTE = "limen_sha256"
"""Of a trial: the SHA-256 of all that this version stores of it. Trials of earlier versions have none."""

SAMPLERS = ("constraints", "NSGAIISampler:")
"""What attributes begin with that samplers learn, or in earlier versions learnt, from. Dashboards store others."""


def seal(trial: FrozenTrial) -> None:
    """Store a finished trial's SHA-256 with it, before it is written."""
    trial.set_user_attr(DIGEST_ATTRIBUTE, _digest(trial))


def _digest(trial: FrozenTrial) -> str:
    figures = {name: value for name, value in trial.user_attrs.items() if name != DIGEST_ATTRIBUTE}
    learnt = {name: value for name, value in trial.system_attrs.items() if name.startswith(SAMPLERS)}
    content = [trial.number, trial.state.name, trial.params, trial.values, figures, learnt]
    return key_of(content)


def check_trials(trials: Sequence[FrozenTrial], spec: StudySpec, space: Space, first: int = 0) -> None:
    """Check stored trials of a study, all of them or those from a number on.

    Raises:
        LimenError: the first that no run of this study can have written.
    """
    sealed = False
    for number, trial in enumerate(trials, first):
        mistake = f"number {trial.number}" if trial.number != number else _mistake(trial, spec, space)
        if mistake:
            raise LimenError(f"trial {number}: {mistake} is not allowed: the file is damaged, or not written by Limen")
        sealed = sealed or DIGEST_ATTRIBUTE in trial.user_attrs
        if sealed and trial.user_attrs.get(DIGEST_ATTRIBUTE) != _digest(trial):
            raise LimenError(f"trial {number}: is damaged: it has another SHA-256 than is stored with it")


def _mistake(trial: FrozenTrial, spec: StudySpec, space: Space) -> str:
    """Return what no run of this study can have written, or nothing."""
    if trial.state not in FINISHED:
        return f"state {trial.state.name}"
    if not space.free.keys() <= trial.params.keys() <= space.axes.keys():
        return f"axes {', '.join(trial.params)}"
    for name, value in trial.params.items():
        if value not in space.axes[name]:
            return f"{name} {shown(value)}"
    point, stored = space.at(trial.params), trial.user_attrs
    if stored.get("design") != point.key:
        return f"design {shown(stored.get('design'))}"
    if trial.state == TrialState.FAIL or "refusal" in stored:
        return _mistake_of_refused(trial, spec)
    needed = {*spec.objectives, *spec.constraints, *spec.figures, "cycles", "pes"}
    for name in (name for name in figure_names(spec) if name in stored or name in needed):
        value = stored.get(name)
        if name in TEXT_FIGURES:
            right = isinstance(value, str)
        else:
            right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not right:
            return f"{name} {shown(value)}"
    if trial.values != [stored[name] for name in spec.objectives]:
        return f"values {shown(trial.values)}"
    return ""


def _mistake_of_refused(trial: FrozenTrial, spec: StudySpec) -> str:
    """Return the same of a point without figures: complete, with the worst of values, where it lacks memory."""
    stored = trial.user_attrs
    if not isinstance(stored.get("refusal"), str):
        return f"refusal {shown(stored.get('refusal'))}"
    if trial.state == TrialState.FAIL:
        return ""
    if not isinstance(stored.get(MISSING), int) or stored[MISSING] < 1:
        return f"{MISSING} {shown(stored.get(MISSING))}"
    return "" if trial.values == worst(spec) else f"values {shown(trial.values)}"
