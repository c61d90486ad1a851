"""Points evaluated again: figures of two tables, workloads or programs must not stand in one study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from dse.study.evaluate import Refusal
from dse.study.figures import Figures
from dse.study.space import Coordinates
from workloads.errors import LimenError

CHANGED = "workload, cost table or program changed under this study; run its file into another folder"


class Known(NamedTuple):
    """What a study has stored of a point; figures: None where it was refused."""

    number: int
    point: Coordinates
    figures: Mapping[str, Any] | None


def check_unchanged(known: Iterable[Known], evaluate: Callable[[Coordinates], Figures]) -> None:
    """Evaluate points again. Raises LimenError where one gives other figures now."""
    for number, point, stored in known:
        try:
            now = evaluate(point)
        except Refusal as error:
            if stored is None:
                continue
            raise LimenError(f"trial {number} has figures and is refused now, {error}: {CHANGED}") from None
        if stored is None:
            raise LimenError(f"trial {number} was refused and has figures now: {CHANGED}")
        for name, value in now.items():
            if stored.get(name) != value:
                raise LimenError(f"{name}: trial {number} has {stored.get(name)!r} and gives {value!r} now: {CHANGED}")
