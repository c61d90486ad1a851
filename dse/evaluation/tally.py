"""`Tally`: how many points of an op were tried, refused, feasible; and which is nearest to the bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from workloads.host.specfile import Spec


class Tally(Spec):
    """Points tried, those of them that were refused, and those within the constraints.

    first_priced, first_refused: the lowest number of either kind, None where there is none. refusal: of first_refused.
    nearest: of the point that is least beyond the constraints, by its missing_bytes, then by its distance (see
    `dse.evaluation.nearest`); None where no number says how far any is.
    """

    tried: int = 0
    refused: int = 0
    feasible: int = 0
    first_priced: int | None = None
    first_refused: int | None = None
    refusal: str = ""
    nearest: int | None = None
    missing_bytes: int = 0
    distance: float = 0.0


class Tried(NamedTuple):
    """What came of a point. refusal: "" where there is none. missing_bytes: of memory, see `Refusal`."""

    number: int
    refusal: str
    feasible: bool
    missing_bytes: int
    distance: float


class _Nearest(NamedTuple):
    """In the order of `Tally`."""

    missing_bytes: int
    distance: float
    number: int | None


def _nearest(points: Iterable[_Nearest]) -> _Nearest:
    return min(points, default=_Nearest(0, 0.0, None))


def tally_of(points: Sequence[Tried]) -> Tally:
    """Return the tally of points in the order of their numbers."""
    refused = next(((point.number, point.refusal) for point in points if point.refusal), (None, ""))
    near = _nearest(
        _Nearest(point.missing_bytes, point.distance, point.number)
        for point in points
        if point.missing_bytes or not point.refusal
    )
    return Tally(
        tried=len(points),
        refused=sum(point.refusal != "" for point in points),
        feasible=sum(point.feasible for point in points),
        first_priced=next((point.number for point in points if not point.refusal), None),
        first_refused=refused[0],
        refusal=refused[1],
        nearest=near.number,
        missing_bytes=near.missing_bytes,
        distance=near.distance,
    )


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of all their points."""
    tallies = [*tallies]
    refused = min(
        ((tally.first_refused, tally.refusal) for tally in tallies if tally.first_refused is not None),
        default=(None, ""),
    )
    near = _nearest(
        _Nearest(tally.missing_bytes, tally.distance, tally.nearest) for tally in tallies if tally.nearest is not None
    )
    return Tally(
        tried=sum(tally.tried for tally in tallies),
        refused=sum(tally.refused for tally in tallies),
        feasible=sum(tally.feasible for tally in tallies),
        first_priced=min((tally.first_priced for tally in tallies if tally.first_priced is not None), default=None),
        first_refused=refused[0],
        refusal=refused[1],
        nearest=near.number,
        missing_bytes=near.missing_bytes,
        distance=near.distance,
    )
