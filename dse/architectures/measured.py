"""A trained net's figures: every width and every design, exactly, and of them those that no other one beats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dse.architectures.page import ArchitecturePage
from dse.evaluation.block_evaluator import BlockEvaluator
from dse.front.front import front_rows
from dse.space.space import Space
from dse.space.study_spec import StudySpec
from dse.space.workload import Format, Workload

KEPT = ("energy_uj", "latency_us", "area_mm2", "cycles", "clock_ns", "assumed_share")
"""Figures of a design that are kept beside objectives and accuracy."""

POINTS = 1 << 13
"""That are evaluated together."""

DesignRow = dict[str, Any]
"""x_bits, w_bits, design, accuracy, the objectives and `KEPT`, of one design on one member."""


class MeasuredWorkload(Workload):
    """A trained net's family, whose validation accuracies are known without a table; the test ones aren't."""

    def __init__(self, folder: str, shares: Mapping[Format, float]) -> None:
        super().__init__(folder)
        self._shares = shares

    def accuracies(self, form: Format) -> dict[str, float]:
        """Return validation accuracy as `accuracy`; the test split's is no number."""
        return {"accuracy": self._shares[form], "test_accuracy": math.nan}


def kept_figures(page: ArchitecturePage) -> list[str]:
    """Return the names of the figures that a row has."""
    return [*dict.fromkeys((*page.designs.objectives, "accuracy", *KEPT))]


def best_designs(
    page: ArchitecturePage, workload: str | Workload, costs: str, formats: Sequence[Format]
) -> list[DesignRow]:
    """Return the feasible designs on members of these formats that no other one of them beats, in the space's order.

    costs: tables' names or paths. Raises LimenError where one, or the workload, can't be read.
    """
    evaluator, space = BlockEvaluator(page.designs, workload, costs), Space(page.designs.space, formats)
    names = kept_figures(page)
    rows: list[DesignRow] = []
    for start in range(0, space.size, POINTS):
        points = space.points(range(start, min(start + POINTS, space.size)))
        block = evaluator.evaluate(points)
        fits = np.array([not refusal for refusal in block.refusals], dtype=bool)
        for bound in page.designs.bounds():
            fits &= bound.violation(block.figures[bound.name]) <= 0
        for place in np.flatnonzero(fits).tolist():
            point = points[place]
            figures = {name: block.figures[name][place].item() for name in names}
            rows.append({"x_bits": point.x_bits, "w_bits": point.w_bits, "design": point.key, **figures})
    return unbeaten(rows, page.designs)


def unbeaten(rows: Sequence[DesignRow], designs: StudySpec) -> list[DesignRow]:
    """Return the rows that no other one beats in all objectives."""
    if not rows:
        return []
    return [row for row, kept in zip(rows, front_rows(gains(rows, designs)), strict=True) if kept]


def gains(rows: Sequence[DesignRow], designs: StudySpec) -> np.ndarray:
    """Return [rows, objectives] in which more is better."""
    signs = {name: 1.0 if direction == "max" else -1.0 for name, direction in designs.objectives.items()}
    return np.array([[sign * row[name] for name, sign in signs.items()] for row in rows]).reshape(len(rows), len(signs))
