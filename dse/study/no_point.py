"""Why a study has no valid point, and how far the nearest is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.evaluation.nearest import how_far
from dse.evaluation.tally import Tally, total

if TYPE_CHECKING:
    from dse.study.study import Study


def why_none(study: Study, op: str | None) -> str:
    """Return why no trial, or none of an op, is feasible."""
    tally = total(tally for name, tally in study.tallies().items() if op in (None, name))
    of_op = f" of op {op}" if op else ""
    if not tally.tried:
        return f"no trial{of_op}"
    if tally.refused == tally.tried:
        count = f"{tally.tried} of {study.space_size} points"
        return f"every trial{of_op} was refused, {count}, the first: {tally.refusal}{_nearest(study, tally)}"
    bounds = " and ".join(f"{name} {bound}" for name, bound in study.spec.constraints.items())
    also = f"; {tally.refused} were refused, the first: {tally.refusal}" if tally.refused else ""
    which = f"none of the {tally.tried} points{of_op}"
    if study.designs < study.space_size:
        bounds, which = f"{bounds} ({study.designs} of {study.space_size} points tried)", f"no trial{of_op}"
    return f"{which} has {bounds}{_nearest(study, tally)}{also}"


def _nearest(study: Study, tally: Tally) -> str:
    """Return how far the nearest of some trials is from each bound."""
    if tally.nearest is None:
        return ""
    if tally.missing_bytes:
        return f"; the nearest, trial {tally.nearest}, lacks {tally.missing_bytes} bytes of memory"
    point = study.numbered(tally.nearest)
    return f"; the nearest, {point}: {how_far(study.spec, point.figures)}"
