"""The timing model: cycles, accesses and DRAM beats of a network's layers, without data. Microseconds a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.encoding import LAYER, TILE, TRANSPOSED_MATMUL, descriptor_beats
from simulator.plan.counts import PHASES, Counts
from simulator.plan.geometry import tile_needs
from simulator.plan.transfers import Transfers, tile_transfers
from tests.simulator.slow_counts.tile_timing import TileTiming, tile_accesses, tile_timing

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.plan.geometry import Geometry, TileShape
    from simulator.plan.steps import Schedule, Step

DATAFLOWS = ("os", "ws", "is")

ALWAYS_READY = np.ones(1, dtype=np.int64)
"""The ready-mask of a memory that answers in every cycle."""


def count_program(schedules: Sequence[Schedule], design: FittedDesign, mask: np.ndarray = ALWAYS_READY) -> list[Counts]:
    """Return the exact counts of every layer of a program on a fitted design.

    mask: 0 in cycles (modulo its length, counted from `start`) in which the memory doesn't answer.
    """
    cycle, layer_counts = 0, []
    for schedule in schedules:
        counts, cycle = _count_layer(schedule, design, cycle, mask)
        layer_counts.append(counts)
    return layer_counts


@dataclass(frozen=True)
class _Tiles:
    """A schedule's steps with what each takes; equal shapes share their timing and transfers."""

    schedule: Schedule
    design: FittedDesign
    timings: list[TileTiming]
    transfers: list[Transfers]

    def beats(self) -> dict[str, int]:
        """Return the beats of each stream."""
        geometry, design = self.schedule.geometry, self.design
        total = dict.fromkeys(("store", "filter", "ifmap", "residual"), 0)
        for step, moved in zip(self.schedule.steps, self.transfers, strict=True):
            planes = moved.results.count * moved.results.plane_beats
            total["filter"] += sum(moved.filter) * step.load_filter
            total["ifmap"] += moved.ifmap.runs * moved.ifmap.run_beats * step.load_ifmap
            if geometry.matmul:
                total["residual"] += moved.second.beats * step.load_filter
            total["residual"] += planes * (geometry.residual_shift is not None and step.first_k)
            total["store"] += (moved.raw_beats if geometry.raw else planes) * step.last_k
        layer, tile = (descriptor_beats(kind, design.port_bits) for kind in (LAYER, TILE))
        fetches = geometry.first + (not geometry.last)  # the first layer's own, and the next one's
        total["descriptor"] = fetches * layer + len(self.timings) * tile
        return {f"beats_{stream}": beats for stream, beats in total.items()}


def _tiles(schedule: Schedule, design: FittedDesign) -> _Tiles:
    geometry = schedule.geometry
    timings: dict[tuple[int, ...], TileTiming] = {}
    transfers: dict[TileShape, Transfers] = {}
    for step in schedule.steps:
        if step.shape.work not in timings:
            timings[step.shape.work] = tile_timing(geometry, step.shape, design)
        if step.shape not in transfers:
            transfers[step.shape] = tile_transfers(geometry, step.shape, design)
    shapes = [step.shape for step in schedule.steps]
    return _Tiles(schedule, design, [timings[shape.work] for shape in shapes], [transfers[shape] for shape in shapes])


def layer_cost(schedule: Schedule, design: FittedDesign) -> tuple[int, int]:
    """Return (cycles, beats) of a layer on its own: what a schedule is chosen by."""
    tiles = _tiles(schedule, design)
    return int(_run(tiles, 0, ALWAYS_READY)[4]), sum(tiles.beats().values())


def _run(tiles: _Tiles, start: int, mask: np.ndarray) -> np.ndarray:
    """Return the waiting cycles of a layer whose first cycle is `start`, as `timing_kernels.time_layer` does."""
    from tests.simulator.slow_counts.stepping import time_layer

    schedule, design = tiles.schedule, tiles.design
    rows = [
        _tile_row(schedule, step, timing, moved)
        for step, timing, moved in zip(schedule.steps, tiles.timings, tiles.transfers, strict=True)
    ]
    seconds = [_second(schedule.geometry, step.shape, design) for step in schedule.steps]
    most = max(len(second) for second in seconds)
    second = np.array([_padded(second, most) for second in seconds], dtype=np.int64)
    folds = _folds(schedule, design, tiles.timings)
    planes = max(len(timing.plane_lanes) for timing in tiles.timings)
    lanes = np.array([_padded(timing.plane_lanes, planes) for timing in tiles.timings], dtype=np.int64)
    steps = np.array([_padded(timing.plane_steps, planes) for timing in tiles.timings], dtype=np.int64)
    machine = [design.cols, design.dataflow == "is", schedule.geometry.raw, design.word_bits, design.port_bits]
    machine += [design.memory_latency, design.port_interval]
    machine += [descriptor_beats(kind, design.port_bits) for kind in (LAYER, TILE)]
    machine += [schedule.geometry.first, schedule.geometry.last, design.rows, DATAFLOWS.index(design.dataflow)]
    return time_layer(
        start,
        np.array(rows, dtype=np.int64),
        lanes,
        steps,
        folds,
        second,
        np.array(machine, dtype=np.int64),
        mask.astype(np.int64),
    )


def _folds(schedule: Schedule, design: FittedDesign, timings: list[TileTiming]) -> np.ndarray:
    """Return [folds of a block, cycles from fold to fold, blocks, words of each] of tiles; no columns: no overlap."""
    if not design.overlap or schedule.geometry.pool:
        return np.zeros((len(timings), 0), dtype=np.int64)
    blocks = max(len(timing.fills) for timing in timings)
    rows = []
    for timing in timings:
        apart = max(timing.time + 1, design.rows + 1, design.cols)
        rows.append([timing.folds_each, apart, len(timing.fills), *_padded(timing.fills, blocks)])
    return np.array(rows, dtype=np.int64)


def _second(geometry: Geometry, shape: TileShape, design: FittedDesign) -> tuple[int, ...]:
    """Return (pixels, whether planes are one run, steps of a word of each plane) of what a matmul's synapses are.

    Channels of a word go side by side into a row of the scratchpad, as many as its lanes have room for, or one a step:
    a row has outputs side by side under os and ws, positions of K under is.
    """
    if not geometry.matmul:
        return 0, 0
    turned = geometry.matmul == TRANSPOSED_MATMUL
    pixels, channels = (shape.outputs, shape.channels) if turned else (shape.channels, shape.outputs)
    lanes = design.rows if design.dataflow == "is" else design.cols
    steps = []
    for first in range(0, channels, design.feeder_width):
        places = range(first, min(first + design.feeder_width, channels))
        one_a_step = turned != (design.dataflow == "is")
        steps.append(len(places) if one_a_step else len({place // lanes for place in places}))
    return pixels, tile_transfers(geometry, shape, design).second.dense, *steps


def _padded(values: tuple[int, ...], length: int) -> tuple[int, ...]:
    return values + (0,) * (length - len(values))


def _count_layer(schedule: Schedule, design: FittedDesign, start: int, mask: np.ndarray) -> tuple[Counts, int]:
    from tests.simulator.slow_counts.stepping import CONTROL, END, FILTER, HIDDEN, IFMAP, OFMAP

    tiles = _tiles(schedule, design)
    waits = _run(tiles, start, mask)
    counts = Counts(
        **{name: sum(timing.phases[i] for timing in tiles.timings) for i, name in enumerate(PHASES[:5])},
        stall_feeder=sum(timing.phases[5] for timing in tiles.timings) - int(waits[HIDDEN]),
        stall_ifmap=int(waits[IFMAP]),
        stall_filter=int(waits[FILTER]),
        stall_ofmap=int(waits[OFMAP]),
        stall_control=int(waits[CONTROL]),
        folds=sum(timing.folds for timing in tiles.timings),
        tiles=len(tiles.timings),
        port_bytes=design.port_bits // 8,
        **_accesses(tiles),
        **tiles.beats(),
    )
    assert counts.cycles == int(waits[END]) - start
    return counts, int(waits[END])


def _tile_row(schedule: Schedule, step: Step, timing: TileTiming, moved: Transfers) -> list[int]:
    """Return a tile as `timing_kernels` takes it."""
    residual = schedule.geometry.residual_shift is not None and step.first_k
    second = schedule.geometry.matmul and step.load_filter
    planes = moved.second if second else moved.results
    beats = moved.raw_beats if schedule.geometry.raw else moved.results.plane_beats
    return [
        timing.cycles,
        sum(moved.filter) if step.load_filter else 0,
        moved.ifmap.runs,
        moved.ifmap.run_beats if step.load_ifmap else 0,
        planes.count,
        planes.plane_beats if residual or second else 0,
        moved.results.dense,
        beats if step.last_k else 0,
        step.shape.pixels,
        step.shape.outputs,
        moved.results.count,
    ]


def _accesses(tiles: _Tiles) -> dict[str, int]:
    """Return reads and writes by memory, and what is busy of the array, summed over the layer's tiles."""
    schedule, design = tiles.schedule, tiles.design
    geometry, total = schedule.geometry, dict.fromkeys(_NAMES, 0)
    residual = geometry.residual_shift is not None
    known: dict[TileShape, dict[str, int]] = {}
    for step, timing, moved in zip(schedule.steps, tiles.timings, tiles.transfers, strict=True):
        shape = step.shape
        if shape not in known:
            known[shape] = tile_accesses(geometry, shape, design, timing)
        for name, count in known[shape].items():
            total[name] += count
        if step.load_filter and geometry.matmul:
            total["weight_writes"] += tile_needs(geometry, shape, design).filter
        if step.load_filter:
            for name, rows in zip(("weight", "polarity", "channel"), moved.filter_rows, strict=True):
                total[f"{name}_writes"] += rows
        if step.load_ifmap:
            total["ifmap_writes"] += moved.ifmap.count * shape.in_rows * geometry.width
        results = shape.pixels * shape.outputs
        if residual and step.first_k:
            total["scatter_writes"] += results
        if not geometry.pool:
            k_folds = 1 if design.dataflow == "os" else -(-geometry.taps * shape.channels // design.rows)
            total["ofmap_writes"] += k_folds * results
            total["ofmap_reads"] += (k_folds - (step.first_k and not residual)) * results
        if step.last_k:
            total["pack_reads"] += _pack_reads(geometry.raw, step, timing, design)
    return total


_NAMES = [name for name in Counts.__dataclass_fields__ if name.endswith(("reads", "writes"))]
_NAMES += ["streaming", "busy", "used_rows", "used_cols"]


def _pack_reads(raw: bool, step: Step, timing: TileTiming, design: FittedDesign) -> int:
    shape = step.shape
    if design.dataflow == "is":
        return -(-shape.pixels // design.cols) * shape.outputs
    return shape.pixels * (shape.outputs if raw else sum(timing.plane_steps))
