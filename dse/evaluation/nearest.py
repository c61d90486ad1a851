"""How far designs are from the bounds of a study: what a study says that has no feasible one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dse.space.bound import Bound, Value
from dse.space.study_spec import StudySpec


def distance(spec: StudySpec, figures: Mapping[str, Value]) -> Value | float:
    """Return how far a design, or each of many, is beyond the bounds, as the sum of shares of their limits."""
    shares = (np.maximum(_violation(bound, figures), 0.0) / (abs(bound.limit) or 1.0) for bound in spec.bounds())
    return sum(shares, 0.0)


def _violation(bound: Bound, figures: Mapping[str, Value]) -> Value:
    return bound.violation(figures[bound.name])


def how_far(spec: StudySpec, figures: Mapping[str, Any]) -> str:
    """Say for each bound how far a design is from it."""
    parts = []
    for bound in spec.bounds():
        value, violation = figures[bound.name], _violation(bound, figures)
        much = f"{violation:.4g} too {'much' if bound.at_most else 'little'}" if violation > 0 else "within its bound"
        parts.append(f"{bound.name} {value:.6g}, {much}")
    return "; ".join(parts)
