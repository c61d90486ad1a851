"""A picture of a roofline: operations a byte against operations a cycle, a point a layer, under the machine's roofs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.report.palette import COLOURS, MARKERS
from workloads.errors import LimenError, check_kind, printable
from workloads.version import VERSION

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from simulator.run import Run

FIGURE_SIZE = (7.0, 5.0)
"""Of a picture of its own, in inches."""

NAMES_OF_COLUMN = 36
"""Layers' names below each other beside the axes."""

NEAR = 0.08
"""Layers whose figures differ by less than this power of ten have their numbers in one place."""


def plot_roofline(run: Run, path: str | Path | None = None, axes: Axes | None = None) -> Axes:
    """Draw the roofline of a run's layers into `axes`, those of a new figure by default; with `path` write it, too.

    path: a picture's name, of the format that it ends in. Layers that pool have no operations, and aren't drawn.

    Raises:
        LimenError: another suffix, a file that can't be written, or a network that only pools.
    """
    from simulator.run import Run as RunKind
    from workloads.host.files import write_whole
    from workloads.host.pictures import Figure, picture_bytes, picture_format
    from workloads.host.ticks import logarithmic

    check_kind("run", run, RunKind, "a Run, as limen.simulate returns it")
    if path is not None:
        check_kind("path", path, (str, Path), "a picture to write")
    form = None if path is None else picture_format(Path(path))
    points = run.roofline
    if points.empty:
        raise LimenError(f"roofline: network {run.network.name} has no layer with operations")
    if axes is None:
        axes = Figure(figsize=FIGURE_SIZE, layout="constrained").subplots()
    _draw_roofs(run, points, axes)
    _draw_points(points, axes)
    for axis in (axes.xaxis, axes.yaxis):
        logarithmic(axis)
    axes.set_xlabel("operations per byte over the memory port")
    axes.set_ylabel("operations per cycle")
    machine = f"{run.design.rows} × {run.design.cols} {run.design.dataflow} {' + '.join(run.design.ops)}"
    axes.set_title(printable(f"{run.network.name} on {machine}"), fontsize=9, parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8, frameon=False, ncols=3)
    if path is not None and form is not None:
        figure = axes.get_figure(root=True)
        assert isinstance(figure, Figure)
        write_whole(Path(path), picture_bytes(figure, form, source=_words(run)))
    return axes


def _words(run: Run) -> str:
    """Return what the picture says of itself."""
    design = run.design.model_dump(mode="json")
    return json.dumps({"limen": VERSION, "network": printable(run.network.name), "design": design})


def _draw_roofs(run: Run, points: pandas.DataFrame, axes: Axes) -> None:
    """Draw both roofs as one line, from below the lowest layer to beyond the ridge."""
    from simulator.insight.roofline import Roofs

    roofs, per_byte = Roofs.of(run.design), points["operations_per_byte"]
    places = np.array([min(per_byte.min(), roofs.ridge) / 2, roofs.ridge, max(per_byte.max(), roofs.ridge) * 2])
    label = f"roofs: {roofs.operations_per_cycle} PEs, {roofs.bytes_per_cycle:g} bytes a cycle"
    axes.plot(places, [roofs.at(place) for place in places], color="0.35", label=label)


def _draw_points(points: pandas.DataFrame, axes: Axes) -> None:
    """Draw the layers with their numbers, and beside the axes the names of the numbers."""
    for index, (limit, where) in enumerate(
        (("array", "below the array's"), ("memory port", "below the memory port's"))
    ):
        under = points[points["limit"] == limit]
        style: dict[str, Any] = {"color": COLOURS[index], "marker": MARKERS[index], "edgecolors": "white", "s": 36}
        if not under.empty:
            axes.scatter(under["operations_per_byte"], under["operations_per_cycle"], label=where, zorder=3, **style)
    for place, numbers in _together(points).items():
        left = len(numbers) > 2  # a long text goes the other way than those of its neighbours
        axes.annotate(
            _ranges(numbers), place, xytext=(-5, 4) if left else (5, -9), ha="right" if left else "left",
            textcoords="offset points", fontsize=7, zorder=4,
        )  # fmt: skip
    names = [f"{number} {name}" for number, name in enumerate(points["layer"], start=1)]
    for column, first in enumerate(range(0, len(names), NAMES_OF_COLUMN)):
        axes.text(
            1.02 + 0.2 * column, 1.0, printable("\n".join(names[first : first + NAMES_OF_COLUMN]), kept="\n"),
            transform=axes.transAxes, fontsize=6.5, va="top", parse_math=False,
        )  # fmt: skip


def _together(points: pandas.DataFrame) -> dict[tuple[float, float], list[int]]:
    """Return the numbers of layers by the place of the first one near which they lie."""
    together: dict[tuple[float, float], list[int]] = {}
    places = zip(points["operations_per_byte"], points["operations_per_cycle"], strict=True)
    for number, place in enumerate(places, start=1):
        near = (
            first
            for first in together
            if all(abs(np.log10(here / there)) < NEAR for here, there in zip(place, first, strict=True))
        )
        together.setdefault(next(near, place), []).append(number)
    return together


def _ranges(numbers: list[int]) -> str:
    """Return ascending numbers as text: 1-3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
