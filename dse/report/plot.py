"""The picture of a front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas

from dse.report.palette import COLOURS, MARKERS
from workloads.errors import LimenError, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {
    "energy_uj": "energy per image (µJ)",
    "latency_us": "latency per image (µs)",
    "area_mm2": "area (mm²)",
    "accuracy": "validation accuracy",
    "test_accuracy": "test accuracy",
    "clock_ns": "clock period (ns)",
    "power_mw": "power (mW)",
    "cycles": "cycles per image",
    "pes": "PEs",
}
LOGARITHMIC = ("energy_uj", "latency_us", "area_mm2", "power_mw", "cycles", "pes")


def draw_front(
    feasible: pandas.DataFrame,
    count: int,
    front: pandas.DataFrame,
    x: str,
    y: str,
    color: str,
    title: str,
    axes: Axes | None,
) -> Axes:
    """Draw feasible points pale and front points filled, one colour per value of column `color`.

    count: of all feasible designs; where `feasible` has fewer, the picture says so.

    Raises:
        LimenError: a column that can't be drawn.
    """
    for name in (x, y):
        if name not in LABELS or name not in feasible:
            drawable = ", ".join(label for label in LABELS if label in feasible)
            raise LimenError(f"plot: {name!r} is not allowed: {drawable}")
    if color not in ("op", "dataflow"):
        raise LimenError(f"plot: color: {color!r} is not allowed: op or dataflow")
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")[1]
    sampled = len(feasible) < count
    if sampled:
        title += f"\n{len(feasible):,} of {count:,} feasible designs drawn, and the front"
    for index, value in enumerate(sorted({*feasible[color], *front[color]}, reverse=True)):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        others, on_front = feasible[feasible[color] == value], front[front[color] == value]
        axes.scatter(others[x], others[y], s=9, color=colour, marker=marker, alpha=0.2, linewidths=0)
        axes.scatter(
            on_front[x], on_front[y], s=30, color=colour, marker=marker, edgecolors="white", linewidths=0.5,
            label=f"{value}: {len(on_front)}{'' if sampled else f' of {len(others)}'} designs on the front",
        )  # fmt: skip
    for name, set_scale in ((x, axes.set_xscale), (y, axes.set_yscale)):
        if name in LOGARITHMIC:
            set_scale("log")
    axes.set_xlabel(LABELS[x])
    axes.set_ylabel(LABELS[y])
    axes.set_title(printable(title, kept="\n"), parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend()
    return axes
