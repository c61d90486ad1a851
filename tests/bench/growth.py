"""How the time of counting and of the search for cuts grows, printed and drawn as docs/speed.png: `make growth`.

CPU time on one core, the least of several runs. Beside the kernels, counting tile by tile in plain Python, the tests'
oracle, where a layer has no more than some thousand tiles. ResNet-18 on images of 32 × 32 pixels and 32 × 32 PEs that
keep weights, unless an axis says otherwise; each layer by its best cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dse.report.palette import COLOURS, MARKERS
from simulator.designs.design import FittedDesign
from simulator.plan.axes import tile_count
from simulator.plan.geometry import Geometry
from simulator.timing.count_kernels import count_batch
from simulator.timing.cut_kernels import new_job
from simulator.timing.integers import COUNT_INTEGERS, CUT_INTEGERS, layer_integers, machine_integers
from simulator.timing.search_kernels import search_batch
from simulator.timing.timing import Cut, cut_integers
from tests.bench.counting import choose_one, least_seconds, slow_seconds
from tests.bench.zoo import conv, design, resnet18
from tests.support.paths import ROOT
from workloads.host.files import write_whole
from workloads.host.manifest import Origin
from workloads.host.pictures import Figure, picture_bytes

DATAFLOW = "ws"
MOST_TILES = 4_000
KINDS = ("cuts given", "cuts searched", "tile by tile, cuts given")

LAYERS = (1, 2, 5, 11, 22, 44, 88, 176)
SIDES = (4, 8, 16, 32, 64, 128)
SIZES = ((4, 16), (8, 32), (16, 64), (32, 128), (64, 256), (128, 512))
"""Pixels along a side, and channels in and out, of a 3 × 3 layer."""

BATCH = 20
DESIGNS = (1, 10, 100, 1_000, 10_000, 100_000)
MOST_SEARCHED, MOST_SLOW = 1_000, 10


@dataclass(frozen=True)
class Panel:
    """Seconds against one thing. points: (value, seconds) of each of `KINDS`."""

    axis: str
    what: str
    points: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def add(self, value: float, **seconds: float) -> None:
        for kind, (name, taken) in zip(KINDS, seconds.items(), strict=False):
            self.points[kind].append((value, taken))
            print(f"{self.axis:38} {value:12.0f} {name:8} {1e3 * taken:12.4f} ms")


def given_seconds(layers: list[Geometry], machine: FittedDesign, cuts: list[Cut], times: int = 1) -> float:
    """Return the seconds of counting layers by given cuts on so many designs, in one batch."""
    records = np.concatenate([layer_integers(layer) for layer in layers])
    row = np.concatenate([cut_integers(layer, cut, machine) for layer, cut in zip(layers, cuts, strict=True)])
    machines, rows = np.repeat(machine_integers(machine), times), np.tile(row, (times, 1))
    counts, job = np.zeros(rows.shape, COUNT_INTEGERS), new_job()
    return least_seconds(lambda: count_batch(job, records, machines, rows, counts))


def searched_seconds(layers: list[Geometry], machine: FittedDesign, times: int = 1) -> float:
    """Return the seconds of the search for the best of all cuts, and of counting by it, on so many designs."""
    records = np.concatenate([layer_integers(layer) for layer in layers])
    machines = np.repeat(machine_integers(machine), times)
    cuts, counts = (np.zeros((times, len(layers)), kind) for kind in (CUT_INTEGERS, COUNT_INTEGERS))
    reached, job = np.zeros(times, np.int64), new_job()
    return least_seconds(lambda: search_batch(job, records, machines, cuts, reached, counts))


def measure(panel: Panel, value: float, layers: list[Geometry], machine: FittedDesign) -> None:
    """Add a point of each kind for one design, by the kernels one of a batch: a call from Python takes 10 µs more."""
    cuts = [choose_one(layer, machine) for layer in layers]
    seconds = {
        "given": given_seconds(layers, machine, cuts, BATCH) / BATCH,
        "searched": searched_seconds(layers, machine, BATCH) / BATCH,
    }
    if max(tile_count(layer, machine, cut.parts) for layer, cut in zip(layers, cuts, strict=True)) <= MOST_TILES:
        seconds["slow"] = slow_seconds(layers, machine, cuts)
    panel.add(value, **seconds)


def by_layers() -> Panel:
    panel = Panel("layers of a network", "a design")
    for count in LAYERS:
        measure(panel, count, (resnet18() * -(-count // 22))[:count], design(DATAFLOW))
    return panel


def by_array() -> Panel:
    panel = Panel("rows and columns of the array", "a design")
    for side in SIDES:
        measure(panel, side, resnet18(), design(DATAFLOW, rows=side, cols=side))
    return panel


def by_size() -> Panel:
    panel = Panel("synapse operations of one 3 × 3 layer", "a design")
    for size, channels in SIZES:
        layer = conv(size, channels, channels, 3)
        operations = layer.pixels * layer.outputs * layer.channels * layer.taps
        measure(panel, operations, [layer], design(DATAFLOW))
    return panel


def by_designs() -> Panel:
    panel = Panel("designs in a batch", "all designs")
    layers, machine = resnet18(), design(DATAFLOW)
    cuts = [choose_one(layer, machine) for layer in layers]
    for count in DESIGNS:
        seconds = {"given": given_seconds(layers, machine, cuts, count)}
        if count <= MOST_SEARCHED:
            seconds["searched"] = searched_seconds(layers, machine, count)
        if count <= MOST_SLOW:
            seconds["slow"] = count * slow_seconds(layers, machine, cuts)
        panel.add(count, **seconds)
    return panel


def draw(panels: list[Panel]) -> Figure:
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    for axes, panel in zip(figure.subplots(2, 2).flat, panels, strict=True):
        for kind, colour, marker in zip(KINDS, COLOURS, MARKERS, strict=False):
            values, seconds = zip(*panel.points[kind], strict=True)
            axes.plot(values, [1e3 * each for each in seconds], marker=marker, ms=4, color=colour, label=kind)
        axes.set(xscale="log", yscale="log", xlabel=panel.axis, ylabel=f"CPU time, {panel.what}, ms")
        axes.grid(alpha=0.3, which="both")
    lines = figure.axes[0].get_lines()
    figure.legend(lines, KINDS, loc="outside lower center", ncols=len(KINDS))
    return figure


def main() -> None:
    works: list[Callable[[], Panel]] = [by_layers, by_array, by_size, by_designs]
    origin, picture = Origin({}), ROOT / "docs" / "speed.png"
    write_whole(picture, picture_bytes(draw([work() for work in works])))
    origin.write_beside(picture)


if __name__ == "__main__":
    main()
