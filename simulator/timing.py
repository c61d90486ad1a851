"""The timing model: cycles, accesses and DRAM beats of a network's layers, without data. Microseconds a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.counts import Counts
from simulator.tile_timing import DESCRIPTOR_WORDS, TileTiming, Transfers, tile_timing, tile_transfers

if TYPE_CHECKING:
    from simulator.design import Design
    from simulator.schedule import Schedule, Step

ALWAYS_READY = np.ones(1, dtype=np.int64)
"""The ready-mask of a memory that answers in every cycle."""


def descriptor_beats(kind: str, design: Design) -> int:
    """Return the beats of a "layer" or "tile" descriptor."""
    return -(-DESCRIPTOR_WORDS[kind] * 32 // design.port_bits)


def count_program(schedules: Sequence[Schedule], design: Design, mask: np.ndarray = ALWAYS_READY) -> list[Counts]:
    """Return the exact counts of every layer of a program on a fitted design.

    mask: 0 in cycles (modulo its length, counted from `start`) in which the memory doesn't answer.
    """
    cycle, found = 0, []
    for schedule in schedules:
        counts, cycle = _count_layer(schedule, design, cycle, mask)
        found.append(counts)
    return found


def _count_layer(schedule: Schedule, design: Design, start: int, mask: np.ndarray) -> tuple[Counts, int]:
    from simulator.timing_kernels import CONTROL, END, FILTER, IFMAP, OFMAP, time_layer

    geometry = schedule.geometry
    timings = [tile_timing(geometry, step.shape, design) for step in schedule.steps]
    transfers = [tile_transfers(geometry, step.shape, design) for step in schedule.steps]
    rows = [
        _tile_row(schedule, step, timing, moved)
        for step, timing, moved in zip(schedule.steps, timings, transfers, strict=True)
    ]
    planes = max(len(timing.plane_lanes) for timing in timings)
    lanes, steps = (np.zeros((len(rows), planes), dtype=np.int64) for _ in range(2))
    for index, timing in enumerate(timings):
        lanes[index, : len(timing.plane_lanes)] = timing.plane_lanes
        steps[index, : len(timing.plane_steps)] = timing.plane_steps
    machine = [design.cols, design.dataflow == "is", geometry.raw, design.word_bits, design.port_bits]
    machine += [design.memory_latency, design.port_interval]
    machine += [descriptor_beats("layer", design), descriptor_beats("tile", design)]
    waits = time_layer(
        start, np.array(rows, dtype=np.int64), lanes, steps, np.array(machine, dtype=np.int64), mask.astype(np.int64)
    )
    phases = [sum(timing.phases[phase] for timing in timings) for phase in range(6)]
    counts = Counts(
        *phases,
        stall_ifmap=int(waits[IFMAP]),
        stall_filter=int(waits[FILTER]),
        stall_ofmap=int(waits[OFMAP]),
        stall_control=int(waits[CONTROL]),
        folds=sum(timing.folds for timing in timings),
        tiles=len(rows),
        port_bytes=design.port_bits // 8,
        **_accesses(schedule, design, timings, transfers),
    )
    assert counts.cycles == int(waits[END]) - start
    return counts, int(waits[END])


def _tile_row(schedule: Schedule, step: Step, timing: TileTiming, moved: Transfers) -> list[int]:
    """Return a tile as `timing_kernels` takes it."""
    residual = schedule.geometry.residual_shift is not None and step.first_k
    runs, beats = (1, moved.raw_beats) if schedule.geometry.raw else (moved.plane_runs, moved.plane_beats)
    return [
        timing.cycles,
        sum(moved.filter) if step.load_filter else 0,
        moved.ifmap_runs,
        moved.ifmap_beats if step.load_ifmap else 0,
        moved.plane_runs,
        moved.plane_beats if residual else 0,
        runs,
        beats if step.last_k else 0,
        step.shape.pixels,
        step.shape.outputs,
        moved.plane_runs,
    ]


def _accesses(
    schedule: Schedule, design: Design, timings: Sequence[TileTiming], transfers: Sequence[Transfers]
) -> dict[str, int]:
    """Return beats by stream and reads and writes by memory, summed over the layer's tiles."""
    geometry, total = schedule.geometry, dict.fromkeys(_NAMES, 0)
    residual = geometry.residual_shift is not None
    total["beats_descriptor"] = descriptor_beats("layer", design) + len(timings) * descriptor_beats("tile", design)
    for step, timing, moved in zip(schedule.steps, timings, transfers, strict=True):
        shape = step.shape
        for name, count in timing.accesses.items():
            total[name] += count
        if step.load_filter:
            total["beats_filter"] += sum(moved.filter)
            for name, rows in zip(("weight", "polarity", "channel"), moved.filter_rows, strict=True):
                total[f"{name}_writes"] += rows
        if step.load_ifmap:
            total["beats_ifmap"] += moved.ifmap_runs * moved.ifmap_beats
            total["ifmap_writes"] += moved.ifmap_runs * shape.in_rows * geometry.width
        results = shape.pixels * shape.outputs
        if residual and step.first_k:
            total["beats_residual"] += moved.plane_runs * moved.plane_beats
            total["scatter_writes"] += results
        if not geometry.pool:
            k_folds = 1 if design.dataflow == "os" else -(-geometry.taps * shape.channels // design.rows)
            total["ofmap_writes"] += k_folds * results
            total["ofmap_reads"] += (k_folds - (step.first_k and not residual)) * results
        if step.last_k:
            total["beats_store"] += moved.raw_beats if geometry.raw else moved.plane_runs * moved.plane_beats
            total["pack_reads"] += _pack_reads(geometry.raw, step, timing, design)
    return total


_NAMES = [name for name in Counts.__dataclass_fields__ if "beats_" in name or name.endswith(("reads", "writes"))]
_NAMES.append("busy")


def _pack_reads(raw: bool, step: Step, timing: TileTiming, design: Design) -> int:
    shape = step.shape
    if design.dataflow == "is":
        return -(-shape.pixels // design.cols) * shape.outputs
    return shape.pixels * (shape.outputs if raw else sum(timing.plane_steps))
