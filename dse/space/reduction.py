"""Figures of several workloads as those of one design: their mean, their worst, or their sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum
from statistics import fmean, geometric_mean
from typing import Literal

from dse.space.figures import CATALOGUE, COUNTED_FIGURES, OF_WORKLOADS, Figures, derived

Reduction = Literal["geometric_mean", "worst", "sum"]

HIGHER_IS_BETTER = {"utilisation", *(name for name, figure in CATALOGUE.items() if figure.direction == "max")}

ADDED = (*COUNTED_FIGURES, "energy_uj", "latency_us")
"""Figures of an image of each workload, one after another, that are sums."""


def reduced(reduction: Reduction, each: Sequence[Figures]) -> Figures:
    """Return the figures that all workloads have, as those of their design.

    Shares are arithmetic means. What is no figure of a workload, such as area, is the design's.
    """
    shared = {name: value for name, value in each[0].items() if all(name in figures for figures in each)}
    for name in shared:
        values = [figures[name] for figures in each]
        if name in OF_WORKLOADS:
            shared[name] = REDUCTIONS[reduction](name, values)
        elif name.endswith("_share"):
            shared[name] = fmean(values)
    if reduction == "sum" and "energy_uj" in shared:
        busy = [figures["utilisation"] * figures["cycles"] for figures in each]
        shared["utilisation"] = fsum(busy) / shared["cycles"]
        shared["power_mw"] = shared["energy_uj"] / shared["latency_us"] * 1e3
        shared |= derived(shared)
    return shared


def _geometric_mean(name: str, values: Sequence[float]) -> float:
    return geometric_mean(values) if min(values) > 0 else 0.0


def _worst(name: str, values: Sequence[float]) -> float:
    return min(values) if name in HIGHER_IS_BETTER else max(values)


def _sum(name: str, values: Sequence[float]) -> float:
    """Return the sum, or of what isn't added, as accuracies, the mean."""
    return fsum(values) if name in ADDED else fmean(values)


REDUCTIONS: dict[Reduction, Callable[[str, Sequence[float]], float]] = {
    "geometric_mean": _geometric_mean,
    "worst": _worst,
    "sum": _sum,
}
