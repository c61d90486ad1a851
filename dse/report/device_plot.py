"""A picture of the best devices: accuracy over energy, axes for each network, a marker for each budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.report.device_table import LEAST_ENERGY, MOST_ACCURATE
from dse.report.palette import COLOURS, MARKERS
from workloads.errors import LimenError, printable
from workloads.host.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from dse.report.device_table import Device, DeviceTable

SHAPES = (*MARKERS, "v", "P")
SIZES = (130, 80, 48, 24, 10, 4)
"""Of markers, in square points, the smallest budget's first: the best under several is seen as one within another."""

FILLED = {MOST_ACCURATE: False, LEAST_ENERGY: True}


def plot_devices(table: DeviceTable, path: Path, source: str = "") -> None:
    """Write the picture, of the format its name ends in; source: what it comes from, in it.

    Raises LimenError for another name, more budgets than there are markers, or where it can't be written.
    """
    from workloads.host.pictures import Figure, picture_bytes, picture_format

    form = picture_format(path)
    devices = [device for device in table.devices if not device.lacks_bytes]
    datasets, budgets = (
        [*dict.fromkeys(getattr(device, name) for device in table.devices)] for name in ("dataset", "budget_kib")
    )
    if len(budgets) > len(SHAPES):
        raise LimenError(f"kib: {len(budgets)} budgets are not allowed with --plot: at most {len(SHAPES)} markers")
    columns = min(len(datasets), 2)
    lines = -(-len(datasets) // columns)
    figure = Figure(figsize=(1 + 4.2 * columns, 0.9 + 2.9 * lines), layout="constrained")
    for axes, dataset in zip(figure.subplots(lines, columns, squeeze=False).flat, datasets, strict=False):
        _draw(axes, [device for device in devices if device.dataset == dataset], sorted(budgets))
        axes.set_title(printable(dataset), fontsize=10, parse_math=False)
    for axes in list(figure.axes)[len(datasets) :]:
        axes.remove()
    ops = [*dict.fromkeys(device.op for device in table.devices)]
    figure.legend(handles=_keys(ops, sorted(budgets)), loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    write_whole(path, picture_bytes(figure, form, source=source))


def _keys(ops: list[str], budgets: list[float]) -> list[Line2D]:
    """Return what the legend shows: a colour for each op, filled or not by the rule, a shape for each budget."""
    from matplotlib.lines import Line2D

    def key(label: str, marker: str, colour: str, filled: bool) -> Line2D:
        face = colour if filled else "none"
        return Line2D([], [], ls="", marker=marker, color=colour, markerfacecolor=face, label=label)

    keys = [key(op, "o", colour, True) for colour, op in zip(COLOURS, ops, strict=False)]
    keys += [key(best, "o", "0.4", filled) for best, filled in FILLED.items()]
    return keys + [key(f"{kib:g} KiB", shape, "0.4", False) for kib, shape in zip(budgets, SHAPES, strict=False)]


def _draw(axes: Axes, devices: list[Device], budgets: list[float]) -> None:
    from workloads.host.ticks import logarithmic

    ops = [*dict.fromkeys(device.op for device in devices)]
    for colour, op in zip(COLOURS, ops, strict=False):
        for budget, marker, size in zip(budgets, SHAPES, SIZES, strict=False):
            for best, filled in FILLED.items():
                found = [d for d in devices if (d.op, d.budget_kib, d.best) == (op, budget, best)]
                axes.scatter(
                    [device.energy_uj for device in found], [100 * device.accuracy for device in found], s=size,
                    marker=marker, facecolors=colour if filled else "none", edgecolors=colour, linewidths=1.2, zorder=3,
                )  # fmt: skip
    logarithmic(axes.xaxis)
    axes.set_xlabel("energy per image (µJ)")
    axes.set_ylabel("validation accuracy (%)")
    axes.grid(alpha=0.3, which="both")
