"""A space of which every point is known: what a search would find is looked up, not evaluated."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from optuna.trial import FrozenTrial

from dse.evaluation.evaluations import Outcome
from dse.front.front import non_dominated
from dse.front.hypervolume import Scale, scale_of
from dse.search.finished import finished_trial
from dse.space.figures import MISSING
from dse.space.space import Space, Value
from dse.space.study_spec import StudySpec
from dse.study.study import Study
from workloads.errors import LimenError
from workloads.host.journal import key_of


class Swept(NamedTuple):
    """All points of a space, by the names of their designs.

    places: of designs in the arrays. figures: those that objectives and constraints need, [points]. refusals: "" where
    a point has figures. missing_bytes: of memory that a refused point lacks, [points]. feasible: [points]. front:
    designs on the exact front. scale: what that front sets. volume: its hypervolume. digest: of all this.
    """

    spec: StudySpec
    space: Space
    places: dict[str, int]
    figures: dict[str, np.ndarray]
    refusals: list[str]
    missing_bytes: np.ndarray
    feasible: np.ndarray
    front: int
    scale: Scale
    volume: float
    digest: str

    def trial(self, number: int, parameters: dict[str, Value]) -> FrozenTrial:
        """Return the trial that a study would have stored of a point."""
        point = self.space.at(parameters)
        place = self.places[point.key]
        figures = {name: column[place].item() for name, column in self.figures.items()}
        refusal, missing = self.refusals[place], int(self.missing_bytes[place])
        outcome = Outcome({} if refusal else figures, refusal, missing)
        return finished_trial(self.spec, number, point, parameters, {}, outcome, datetime.now())


def read_swept(folder: Path) -> Swept:
    """Return the sweep stored in a folder.

    Raises:
        LimenError: there is none, it isn't complete, or it has no feasible point.
    """
    study = Study.open(folder)
    spec, space = study.spec, study.space
    if not spec.is_sweep:
        raise LimenError(f"{folder}: sampler {spec.sampler.name} is not allowed: a sweep, whose sampler is exhaustive")
    table = study.trials()
    if len(table) < space.size:
        raise LimenError(f"{folder}: {len(table)} of {space.size} points are done: limen study run, to its end")
    feasible = table[table["feasible"]]
    if feasible.empty:
        study.front()  # says why there is none
    names = [*dict.fromkeys((*spec.objectives, *spec.constraints))]
    values = feasible[[*spec.objectives]].to_numpy(dtype=np.float64)
    best = values[non_dominated(feasible, spec.objectives)]
    scale = scale_of(best, spec.objectives)
    figures = {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}
    missing = table[MISSING].to_numpy(dtype=np.int64, na_value=0)
    columns = [column.tobytes().hex() for column in (*figures.values(), missing)]
    digest = key_of([spec.canonical(), *columns, table["refusal"].tolist()])
    return Swept(
        spec=spec,
        space=space,
        places={design: place for place, design in enumerate(table["design"])},
        figures=figures,
        refusals=table["refusal"].tolist(),
        missing_bytes=missing,
        feasible=table["feasible"].to_numpy(dtype=bool),
        front=len(best),
        scale=scale,
        volume=scale.volume(best),
        digest=digest,
    )
