"""A picture of compared samplers: what they have not found yet, over trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dse.report.palette import COLOURS
from dse.report.sampler_table import REACHED, ShareRow, curves
from workloads.errors import printable
from workloads.host.files import write_whole
from workloads.host.ticks import logarithmic

STYLES = ("-", "--", ":")
"""Of lines, where there are more samplers than colours."""

LEAST_PERCENT = 0.01
"""What is still missing, where it is less: a logarithmic axis has no zero."""


def plot_samplers(rows: Sequence[ShareRow], title: str, path: Path) -> None:
    """Write a picture of the format its name ends in: medians of seeds as lines, quartiles as bands.

    Raises LimenError for another name, or where it can't be written.
    """
    from workloads.host.pictures import Figure, picture_bytes, picture_format

    form = picture_format(path)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for index, (name, curve) in enumerate(curves(rows).items()):
        missing = [[max(100 * (1 - share), LEAST_PERCENT) for share in quartiles] for quartiles in curve.values()]
        low, middle, high = zip(*missing, strict=True)
        again, place = divmod(index, len(COLOURS))
        colour = COLOURS[place]
        axes.plot([*curve], middle, color=colour, linestyle=STYLES[again % len(STYLES)], label=name)
        axes.fill_between([*curve], low, high, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(100 * (1 - REACHED), color="black", linewidth=0.8, linestyle=":")
    for axis in (axes.xaxis, axes.yaxis):
        logarithmic(axis)
    axes.set(xlabel="trials", ylabel="missing of the front's hypervolume, %")
    axes.set_title(printable(title), parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend()
    write_whole(path, picture_bytes(figure, form))
