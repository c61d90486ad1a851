"""The picture of a front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas

from dse.report.palette import COLOURS, MARKERS
from workloads.errors import LimenError, printable
from workloads.host.nearest_name import unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = (44, 26, 15, 8)
"""Of the front's markers, in square points, falling: of designs in one place, those drawn first are still seen."""

FIGURE_SIZE = (7.0, 5.0)
"""Of a picture of its own, in inches."""


class Scale(NamedTuple):
    """How a figure stands beside an axis: its words with their unit, and whether a factor counts, not a difference."""

    label: str
    is_logarithmic: bool


@dataclass(frozen=True)
class Drawing:
    """What there is to draw of a study.

    feasible: rows of feasible designs, all or a sample; front: those of the front. knee: the front's row of this trial.
    objectives: "min" or "max" of each. scales: of each figure that can be drawn. count: of all feasible designs.
    infeasible, refused: designs that are not drawn, beyond the bounds or without figures.
    """

    title: str
    feasible: pandas.DataFrame
    front: pandas.DataFrame
    knee: int
    objectives: Mapping[str, str]
    scales: Mapping[str, Scale]
    count: int
    infeasible: int
    refused: int

    @property
    def is_sample(self) -> bool:
        return len(self.feasible) < self.count

    def heading(self) -> str:
        """Return the title, then what is not drawn."""
        lines = [self.title]
        if self.is_sample:
            lines.append(f"{len(self.feasible):,} of {self.count:,} feasible designs drawn, and the front")
        lines.append(f"not drawn: {self.infeasible:,} infeasible, {self.refused:,} refused")
        return printable("\n".join(lines), kept="\n")

    def staircase(self, x: str, y: str) -> pandas.DataFrame:
        """Return the rows that no feasible design beats in two objectives, from the best x to the best y."""
        signs = {name: 1 if self.objectives[name] == "min" else -1 for name in (x, y)}
        losses = pandas.DataFrame({"x": self.front[x] * signs[x], "y": self.front[y] * signs[y]})
        losses = losses.sort_values(["x", "y"], kind="stable")
        best = losses["y"].cummin().shift()
        return self.front.loc[losses.index[(losses["y"] < best) | best.isna()]]


def draw_front(drawing: Drawing, x: str, y: str, color: str, axes: Axes | None) -> Axes:
    """Draw feasible points pale and front points filled, one colour per value of column `color`.

    Where both figures are objectives, a line of steps joins the designs that none beats in these two.

    Raises:
        LimenError: a column that can't be drawn.
    """
    for name in (x, y):
        if name not in drawing.scales:
            raise LimenError(f"plot: {unknown(name, [*drawing.scales])}")
    if color not in ("op", "dataflow"):
        raise LimenError(f"plot: color: {color!r} is not allowed: op or dataflow")
    from workloads.host.ticks import logarithmic

    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=FIGURE_SIZE, layout="constrained")[1]
    _draw_points(drawing, x, y, color, axes)
    if x in drawing.objectives and y in drawing.objectives:
        steps = drawing.staircase(x, y)
        axes.plot(steps[x], steps[y], drawstyle="steps-post", color="0.35", lw=1, zorder=2.5, label="best of these two")
    knee = drawing.front[drawing.front["trial"] == drawing.knee]
    axes.scatter(
        knee[x], knee[y], s=140, facecolors="none", edgecolors="black", linewidths=1.2, zorder=4,
        label=f"knee: {printable(knee['design'].iloc[0])}",
    )  # fmt: skip
    for name, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if drawing.scales[name].is_logarithmic:
            logarithmic(axis)
    axes.set_xlabel(drawing.scales[x].label)
    axes.set_ylabel(drawing.scales[y].label)
    axes.set_title(drawing.heading(), fontsize=9, parse_math=False)
    axes.grid(alpha=0.3)
    # Below the axes: inside them it would hide designs.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8, frameon=False, ncols=2)
    return axes


def _draw_points(drawing: Drawing, x: str, y: str, color: str, axes: Axes) -> None:
    feasible, front = drawing.feasible, drawing.front
    for index, value in enumerate(sorted({*feasible[color], *front[color]}, reverse=True)):
        style: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
        others, on_front = feasible[feasible[color] == value], front[front[color] == value]
        axes.scatter(others[x], others[y], s=9, alpha=0.2, linewidths=0, **style)
        share = "" if drawing.is_sample else f" of {len(others):,}"
        axes.scatter(
            on_front[x], on_front[y], s=SIZES[index % len(SIZES)], edgecolors="white", linewidths=0.4, zorder=3,
            label=f"{value}: {len(on_front):,}{share} designs on the front", **style,
        )  # fmt: skip
