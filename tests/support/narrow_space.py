"""The built-in study's space as it once was: x as wide as w, and everything else fixed that a fair comparison frees."""

from __future__ import annotations

from typing import Any

from dse.space.study_spec import BitsSpec, StudySpec

NARROW: dict[str, Any] = {
    "acc_policy": ["format"],
    "stream": ["uniform"],
    "pe_stages": [1],
    "zero_gating": [False],
}
"""Axes beside the widths."""

SAME: dict[str, Any] = {"bits": BitsSpec(x=[*range(2, 9)], w="same")}
"""The widths."""


def narrowed(spec: StudySpec) -> StudySpec:
    """Return a study of the same arrays and buffers with the narrow space."""
    return spec.model_copy(update={"space": spec.space.model_copy(update=NARROW | SAME)})
