"""Figures of the user's own: functions of a design's figures, handed over by a program, `limen.Study(figures=...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

from dse.evaluation.refusal import Refusal
from dse.space.figures import Figures
from dse.space.space import Coordinates
from workloads.errors import LimenError, check_kind, shown

Functions = Mapping[str, Callable[[Mapping[str, Any]], float]]
"""By the names of their figures. A function gets a row, which it can only read: design, axes and figures of a point, by
the names of the columns of trials.csv; it returns a finite number, for the same row always the same."""

NO_FUNCTIONS: Functions = {}

FIELD = "figures"
"""Of a study; refusals by functions begin with it."""


LARGEST = 1e100
"""In size, of what a function returns: distances and products of such figures are finite, too."""


def check_functions(functions: Functions) -> None:
    """Raise LimenError for what are no functions by name."""
    check_kind(FIELD, functions, Mapping, "functions by the names of their figures")
    for name, function in functions.items():
        if not callable(function):
            raise LimenError(f"{FIELD}: {name}: {shown(function)} is not allowed: a function of a point's figures")


def check_given(names: list[str], functions: Functions) -> None:
    """Raise LimenError unless each of a study's own figures has its function."""
    for name in names:
        if name not in functions:
            raise LimenError(
                f"{FIELD}: {name!r} has no function: a program gives it: limen.Study(..., figures={{{name!r}: f}})"
            )


def own_figures(functions: Functions, point: Coordinates, figures: Figures) -> Figures:
    """Return the own figures of a point that has all others. Raises Refusal for what a function raises or returns."""
    row = MappingProxyType({"design": point.key, **point._asdict(), **figures})
    own: Figures = {}
    for name, function in functions.items():
        try:
            value = function(row)
        except (Exception, SystemExit) as error:  # whatever a function that we don't know raises; a point isn't all
            raise Refusal(f"{FIELD}: {name}: {type(error).__name__}: {error}") from None
        if not isinstance(value, Real) or isinstance(value, bool) or not -LARGEST <= value <= LARGEST:
            raise Refusal(f"{FIELD}: {name}: {shown(value)} is not allowed: a finite number, within ±{LARGEST:g}")
        own[name] = float(value)
    return own


def is_own(refusal: str) -> bool:
    """Return whether a function refused a point."""
    return refusal.startswith(f"{FIELD}: ")
