"""Points of a search evaluated, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from dse.evaluation.block_evaluator import BlockEvaluator
from dse.space.figures import Figures
from dse.space.space import Coordinates
from dse.space.study_spec import StudySpec
from workloads.host.children import Workers


class Outcome(NamedTuple):
    """What came of a point: its figures, or why it has none ("" where it has), and the bytes of memory it lacks."""

    figures: Figures
    refusal: str
    missing_bytes: int


Evaluate = Callable[[Sequence[Coordinates]], list[Outcome]]


def outcomes(evaluator: BlockEvaluator, points: Sequence[Coordinates]) -> list[Outcome]:
    """Return what comes of points, in their order. Raises LimenError as `BlockEvaluator.evaluate` does."""
    block = evaluator.evaluate(points)
    columns = {name: column.tolist() for name, column in block.figures.items()}
    return [
        Outcome({} if refusal else {name: values[place] for name, values in columns.items()}, refusal, missing)
        for place, (refusal, missing) in enumerate(zip(block.refusals, block.missing_bytes.tolist(), strict=True))
    ]


_here: list[BlockEvaluator] = []
"""What this process evaluates with."""


def _start(spec: StudySpec, workload: str, costs: str) -> None:
    _here[:] = [BlockEvaluator(spec, workload, costs)]


def _outcome(point: Coordinates) -> Outcome:
    return outcomes(_here[0], [point])[0]


@contextmanager
def evaluating(evaluator: BlockEvaluator, jobs: int, spec: StudySpec, sources: tuple[str, str]) -> Iterator[Evaluate]:
    """Yield what evaluates points: `evaluator`, or as many processes as there are jobs, if more than one.

    A program's own figures are no other process's: with them there is one.

    sources: workload and cost table. Raises LimenError as `BlockEvaluator.evaluate` and `Workers.run` do.
    """
    if jobs == 1 or spec.figures:
        yield lambda points: outcomes(evaluator, points)
        return
    with Workers(jobs, _start, (spec, *sources)) as workers:

        def in_processes(points: Sequence[Coordinates]) -> list[Outcome]:
            found = dict(workers.run(_outcome, points))
            return [found[point] for point in points]

        yield in_processes
