"""Bounds that no design can keep, whatever the space: said before any is tried."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.space.figures import ACCURACIES, CATALOGUE
from workloads.errors import LimenError

if TYPE_CHECKING:
    from dse.space.study_spec import StudySpec


def check_possible(spec: StudySpec, path: Path) -> None:
    """Raise LimenError for a bound below 0, or of an accuracy above 1; figures of the user's own may be anything."""
    for bound in spec.bounds():
        refused = f"{path}: constraints: {bound.name}: {spec.constraints[bound.name]!r} is not allowed"
        if bound.name in ACCURACIES and not bound.at_most and bound.limit > 1:
            raise LimenError(f"{refused}: a share, at most 1")
        if bound.name in CATALOGUE and bound.at_most and bound.limit < 0:
            raise LimenError(f"{refused}: no design has less than 0")
