"""What pictures and pages of a study draw, from its stored trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.evaluation.inputs import origin_of
from dse.evaluation.tally import total
from dse.report.plot import FIGURE_SIZE, Drawing, Scale
from dse.space.figures import CATALOGUE, figure
from dse.space.workload import title_of
from workloads.errors import check_kind
from workloads.host.files import write_whole

if TYPE_CHECKING:
    from dse.study.study import Study


def drawing_of(study: Study, most: int) -> Drawing:
    """Return a study's front and about `most` of its feasible designs, all where there are no more.

    Raises LimenError where the study has no front.
    """
    drawable = [*CATALOGUE, *study.spec.figures]
    front, tally = study.front(), total(study.tallies().values())
    return Drawing(
        title=f"{title_of(study.workload)}, {title_of(study.costs)}",
        feasible=study.feasible(most),
        front=front,
        knee=study.knee().trial,
        objectives=study.spec.objectives,
        scales={name: Scale(figure(name).label, figure(name).by_factor) for name in drawable if name in front},
        count=tally.feasible,
        infeasible=tally.tried - tally.refused - tally.feasible,
        refused=tally.refused,
    )


def draw_into(
    study: Study, place: str | Path, x: str | None = None, y: str | None = None, color: str = "op", beside: bool = True
) -> Path:
    """Write the picture of a study's front, see `Study.save_front`; beside: with its manifest. Raises LimenError."""
    from workloads.host.pictures import Figure, picture_bytes, picture_format

    check_kind("path", place, (str, Path), "the picture's file")
    path = Path(place)
    form, origin = picture_format(path), origin_of(study)
    figure = Figure(figsize=FIGURE_SIZE, layout="constrained")
    study.plot_front(x, y, color, figure.add_subplot())
    write_whole(path, picture_bytes(figure, form, source=origin.words()))
    if beside:
        origin.write_beside(path)
    return path
