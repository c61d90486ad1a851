"""`Block`: figures of many points, as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dse.evaluation.refusal import Refusal
from dse.space.figures import TEXT_FIGURES, Figures, whole_figures
from dse.space.study_spec import StudySpec

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Block:
    """Figures of some points, in their order.

    figures: by the names of `figure_names`, the accuracies only where the workload has data; [points] int64 for whole
    numbers, object (str) for texts, else float64. Where a point is refused its numbers are 0, its texts empty.
    refusals: why a point has no figures, "" where it has. missing_bytes: [points] int64, how many bytes of memory a
    refused point lacks, 0 where that is not why, see `Refusal`.
    """

    figures: Columns
    refusals: list[str]
    missing_bytes: np.ndarray

    @staticmethod
    def empty(spec: StudySpec, names: Sequence[str], points: int) -> Block:
        """Return a block without figures or refusals."""
        kinds = dict.fromkeys(TEXT_FIGURES, object) | dict.fromkeys(whole_figures(spec), np.int64)
        figures = {name: np.zeros(points, kinds.get(name, np.float64)) for name in names}
        for name in TEXT_FIGURES:
            figures[name].fill("")
        return Block(figures, [""] * points, np.zeros(points, np.int64))

    def refuse(self, place: int, refusal: Refusal) -> None:
        """Enter why a point has no figures."""
        self.refusals[place], self.missing_bytes[place] = str(refusal), refusal.missing_bytes

    def fill(self, place: int, evaluate: Callable[[], Figures]) -> None:
        """Enter a point's figures, or why it has none."""
        figures: Figures = {}
        try:
            figures = evaluate()
        except Refusal as refusal:
            self.refuse(place, refusal)
        for name, column in self.figures.items():
            column[place] = figures.get(name, "" if name in TEXT_FIGURES else 0)
