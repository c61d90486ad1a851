"""Who proposed the trials of a study: its sampler, or after it has grown one after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from dse.space.study_spec import StudySpec
from workloads.errors import shown


class Origin(NamedTuple):
    """From trial `first` on, designs are proposed by a sampler, or taken from another study: in a few words."""

    first: int
    name: str


def origins_of(stored: Any, spec: StudySpec) -> list[Origin]:
    """Return what a study stores of its origins; without any, its sampler proposed all. Raises ValueError."""
    if stored is None:
        return [Origin(0, spec.sampler.name)]
    form = isinstance(stored, list) and all(isinstance(each, list) and len(each) == 2 for each in stored)
    if not form or not stored or not all(type(first) is int and isinstance(name, str) for first, name in stored):
        raise ValueError(f"{shown(stored)} is not allowed: pairs of a trial's number and a text")
    origins = [Origin(*each) for each in stored]
    if origins[0].first != 0 or any(later.first < earlier.first for earlier, later in pairwise(origins)):
        raise ValueError(f"{shown(stored)} is not allowed: numbers from 0 on, in rising order")
    return origins


def continued(origins: Sequence[Origin], number: int, name: str) -> list[Origin]:
    """Return the origins where trials from `number` on are of this one, and none of theirs is left without trials."""
    kept = [origin for origin in origins if origin.first < number]
    if kept and kept[-1].name == name:
        return kept
    return [*kept, Origin(number, name)]


def line_of(origins: Sequence[Origin], trials: int) -> str:
    """Return who proposed how many of so many trials, in a line."""
    ends = [*(origin.first for origin in origins[1:]), trials]
    return ", then ".join(f"{end - origin.first} by {origin.name}" for origin, end in zip(origins, ends, strict=True))
