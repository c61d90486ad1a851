"""`Tally`: how many points of an op were tried, refused, feasible."""

from __future__ import annotations

from collections.abc import Iterable

from workloads.host.specfile import Spec


class Tally(Spec):
    """Points tried, those of them that were refused, and those within the constraints.

    first_priced, first_refused: the lowest number of either kind, None where there is none. refusal: of first_refused.
    nearest: of the point that has figures and is least beyond the constraints, by its `distance`; None where there is
    none, and in sweeps of earlier versions.
    """

    tried: int = 0
    refused: int = 0
    feasible: int = 0
    first_priced: int | None = None
    first_refused: int | None = None
    refusal: str = ""
    nearest: int | None = None
    distance: float = 0.0


def tally_of(
    numbers: Iterable[int], refusals: Iterable[str], feasible: Iterable[bool], distances: Iterable[float]
) -> Tally:
    """Return the tally of points in the order of their numbers; a refusal is "" where there is none."""
    rows = [*zip(numbers, refusals, feasible, distances, strict=True)]
    refused = next(((number, refusal) for number, refusal, _, _ in rows if refusal), (None, ""))
    nearest = min(((far, number) for number, refusal, _, far in rows if not refusal), default=(0.0, None))
    return Tally(
        tried=len(rows),
        refused=sum(refusal != "" for _, refusal, _, _ in rows),
        feasible=sum(kept for _, _, kept, _ in rows),
        first_priced=next((number for number, refusal, _, _ in rows if not refusal), None),
        first_refused=refused[0],
        refusal=refused[1],
        nearest=nearest[1],
        distance=nearest[0],
    )


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of all their points."""
    tallies = [*tallies]
    refused = min(
        ((tally.first_refused, tally.refusal) for tally in tallies if tally.first_refused is not None),
        default=(None, ""),
    )
    near = min(((tally.distance, tally.nearest) for tally in tallies if tally.nearest is not None), default=(0.0, None))
    return Tally(
        tried=sum(tally.tried for tally in tallies),
        refused=sum(tally.refused for tally in tallies),
        feasible=sum(tally.feasible for tally in tallies),
        first_priced=min((tally.first_priced for tally in tallies if tally.first_priced is not None), default=None),
        first_refused=refused[0],
        refusal=refused[1],
        nearest=near[1],
        distance=near[0],
    )
