"""`BlockEvaluator`: many points of a space at once, as columns of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dse.study.evaluate import FIGURES, TEXT_FIGURES, Evaluator, Figures, Refusal
from dse.study.space import Coordinates
from dse.study.study_spec import StudySpec

WHOLE_FIGURES = ("cycles", "stall_cycles", "dram_bytes", "acc_bits", "pes")
"""The figures that are whole numbers."""


@dataclass(frozen=True)
class Block:
    """Figures of some points, in their order.

    figures: by the names of `FIGURES`, the accuracies only where the workload has data; [points] int64 for whole
    numbers, object (str) for texts, else float64. Where a point is refused its numbers are 0, its texts empty.
    refusals: why a point has no figures, "" where it has.
    """

    figures: dict[str, np.ndarray]
    refusals: list[str]


class BlockEvaluator:
    """Prices points of a study in blocks: what `Evaluator.figures` gives of each of them, to the bit.

    workload: a family's name or the path of a network file. costs: a built-in table's name or a table's path.
    """

    def __init__(self, spec: StudySpec, workload: str, costs: str) -> None:
        self._evaluator = Evaluator(spec, workload, costs)

    def evaluate(self, points: Sequence[Coordinates]) -> Block:
        """Return the figures of points, and the refusals of those that have none.

        Raises:
            LimenError: a workload or a cost table that can't be read.
        """
        rows: list[Figures] = []
        refusals: list[str] = []
        for point in points:
            try:
                rows.append(self._evaluator.figures(point))
                refusals.append("")
            except Refusal as refusal:
                rows.append({})
                refusals.append(str(refusal))
        names = [name for name in FIGURES if any(name in row for row in rows)]
        return Block({name: _column(name, rows) for name in names}, refusals)


def _column(name: str, rows: Sequence[Figures]) -> np.ndarray:
    kind: type = float
    if name in TEXT_FIGURES:
        kind = object
    elif name in WHOLE_FIGURES:
        kind = np.int64
    return np.array([row.get(name, "" if kind is object else 0) for row in rows], kind)
