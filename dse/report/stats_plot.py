"""Pictures of a network's statistics: what crosses thresholds, operands, accumulators, the spread of activations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.report.palette import COLOURS
from workloads.host.files import write_whole

if TYPE_CHECKING:
    from workloads.insight.statistics import Statistics


def write_plots(statistics: Statistics, title: str, folder: Path) -> list[Path]:
    """Write the four pictures as PNG into a folder and return their paths. Raises LimenError."""
    from workloads.host.pictures import Figure, picture_bytes

    paths = []
    for name, draw in (
        ("thresholds", _thresholds),
        ("operands", _operands),
        ("accumulators", _accumulators),
        ("deviation", _deviation),
    ):
        figure = Figure(layout="constrained")
        draw(figure, statistics)
        figure.suptitle(title)
        paths.append(folder / f"{name}.png")
        write_whole(paths[-1], picture_bytes(figure))
    return paths


def _by_layer(figure: Any, statistics: Statistics) -> tuple[Any, np.ndarray]:
    """Return axes with a tick a layer, and the ticks' places."""
    figure.set_size_inches(max(6.0, 1.0 + 0.7 * len(statistics.layers)), 4)
    axes, places = figure.subplots(), np.arange(len(statistics.layers))
    axes.set_xticks(places, [row.layer for row in statistics.layers], rotation=45, ha="right")
    axes.grid(alpha=0.3)
    return axes, places


def _thresholds(figure: Any, statistics: Statistics) -> None:
    axes, places = _by_layer(figure, statistics)
    shares = (("above", "pairs above threshold"), ("never", "never exceeded"), ("always", "always exceeded"))
    for index, (field, label) in enumerate(shares):
        values = [100 * getattr(row, field) for row in statistics.layers]
        axes.bar(places + 0.27 * (index - 1), values, 0.27, color=COLOURS[index], label=label)
    axes.set_ylabel(f"% ({statistics.images} images)")
    axes.legend()


def _operands(figure: Any, statistics: Statistics) -> None:
    rows = statistics.layers
    figure.set_size_inches(8, 1.0 + 1.4 * len(rows))
    grid = figure.subplots(len(rows), 2, squeeze=False)
    histograms = zip(statistics.x_histograms, statistics.w_histograms, strict=True)
    for row, pair, row_axes in zip(rows, histograms, grid, strict=True):
        for name, colour, histogram, axes in zip("xw", COLOURS, pair, row_axes, strict=False):
            left = histogram.lowest + histogram.step * np.arange(histogram.counts.size)
            share = histogram.counts / histogram.counts.sum()
            axes.bar(left, share, histogram.step, align="edge", color=colour)
            axes.set_ylabel(f"{row.layer}: {name}")
    for axes in grid[-1]:
        axes.set_xlabel("integer")


def _accumulators(figure: Any, statistics: Statistics) -> None:
    axes, places = _by_layer(figure, statistics)
    rows = statistics.layers
    for index, (name, label, width) in enumerate((("partial", "sums on their way", 0.5), ("sum", "final sums", 0.25))):
        low, high = (np.array([getattr(row, f"{name}_{end}") for row in rows]) for end in ("lowest", "highest"))
        axes.bar(places, high - low, width, bottom=low, color=COLOURS[index], label=label)
    for field, style in (("weights_bits", "--"), ("format_bits", ":")):
        for sign in (1, -1):
            ends = [sign * 2.0 ** (getattr(row, field) - 1) for row in rows]
            name = f"width by {field.removesuffix('_bits')}"
            axes.step(places, ends, style, where="mid", color="black", label=name if sign == 1 else None)
    axes.set_yscale("symlog", linthresh=16)
    axes.set_ylabel("accumulator")
    axes.legend()


def _deviation(figure: Any, statistics: Statistics) -> None:
    from workloads.host.ticks import logarithmic

    axes, places = _by_layer(figure, statistics)
    rows = statistics.layers
    inside = [
        (place, row.deviation_in_range) for place, row in zip(places, rows, strict=True) if row.deviation_in_range
    ]
    axes.plot(*zip(*inside, strict=True) if inside else ([], []), "o-", color=COLOURS[1], label="with the shift")
    unshifted = [row.deviation_unshifted for row in rows]
    axes.plot(places, unshifted, "s--", color=COLOURS[0], label="without any layer's")
    logarithmic(axes.yaxis)
    axes.set_ylabel("standard deviation, full scale 1")
    axes.legend()
