"""Points evaluated again: figures of two tables, workloads or programs must not stand in one study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from dse.evaluation.own_figures import is_own
from dse.evaluation.refusal import Refusal
from dse.space.figures import Figures
from dse.space.space import Coordinates
from workloads.errors import LimenError

CHANGED = "workload, cost table or program changed under this study; run its file into another folder"


class Changed(LimenError):
    """A point has other figures now than are stored."""


class Known(NamedTuple):
    """What a study has stored of a point; figures: None where it was refused, and `refusal` why."""

    number: int
    point: Coordinates
    figures: Mapping[str, Any] | None
    refusal: str = ""


def check_unchanged(known: Iterable[Known], evaluate: Callable[[Coordinates], Figures]) -> None:
    """Evaluate points again. Raises Changed where one gives other figures now.

    Points that a function of the user's own refused are not: it isn't there where a study is only looked at.
    """
    for number, point, stored, refusal in known:
        if is_own(refusal):
            continue
        try:
            now = evaluate(point)
        except Refusal as error:
            if stored is None:
                continue
            raise Changed(f"trial {number} has figures and is refused now, {error}: {CHANGED}") from None
        if stored is None:
            raise Changed(f"trial {number} was refused and has figures now: {CHANGED}")
        for name, value in now.items():
            if stored.get(name) != value:
                raise Changed(f"{name}: trial {number} has {stored.get(name)!r} and gives {value!r} now: {CHANGED}")
