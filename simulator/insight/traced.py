"""A layer stepped by the timing model: when each of its tiles is moved and computed, and where its folds lie in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.timing.cut_kernels import new_job
from simulator.timing.integers import COUNT_INTEGERS, layer_integers, machine_integers
from simulator.timing.ready_mask_kernels import MASKED_TILE, lay_tiles, planes_of_second, step_tiles
from simulator.timing.tile_kernels import IS, OS, WS, add_blocks, begin_blocks, ceil_div, range_words
from simulator.timing.timing import ALWAYS_READY, cut_integers

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.plan.geometry import Geometry
    from simulator.timing.timing import Cut

WORKING = {"preload": "stationary", "stream": "stream", "drain": "drain", "pipeline": "pipeline", "pool": "pool"}
"""Phases in which the array or the pooling unit works, and the fields of a tile's kind that have their cycles."""


class Stretch(NamedTuple):
    """Cycles of a tile in one phase; 0 is the tile's first."""

    phase: str
    begin: int
    end: int


@dataclass(frozen=True)
class Traced:
    """A layer by a cut on a design, stepped through.

    job: see `new_job`. tiles: [tiles] of MASKED_TILE, in their order. start, end: its first cycle, and the one after
    its last.
    """

    job: np.record
    tiles: np.ndarray
    start: int
    end: int

    def kind(self, tile: np.record) -> np.record:
        """Return what tiles like this one take, see TILE_KIND."""
        kind: np.record = self.job.tiles[tile.last_rows, tile.part, tile.last_channels]
        return kind

    def beats(self, tile: np.record) -> dict[str, int]:
        """Return the beats of a tile's descriptor and of all that is moved for it, by what it is."""
        raw, store = bool(self.job.layer[0].raw), int(tile.store_beats)
        planes = int(planes_of_second(tile, self.job)[0]) if tile.residual_beats else 0
        return {
            "descriptor": int(self.job.machine[0].tile_beats),
            "filter": int(tile.filter_beats),
            "ifmap": int(tile.ifmap_runs * tile.ifmap_beats),
            "residual": planes * int(tile.residual_beats),
            "store": store if raw else int(tile.planes) * store,
        }

    def phases(self, tile: np.record) -> dict[str, int]:
        """Return the cycles of a tile from its first to its last computed one, by phase."""
        kind = self.kind(tile)
        phases = {phase: int(kind[field]) for phase, field in WORKING.items()}
        phases["stall_feeder"] = int(tile.computed - tile.begun - 1) - sum(phases.values())
        return {phase: cycles for phase, cycles in phases.items() if cycles}

    def stretches(self, tile: np.record) -> list[Stretch]:
        """Return the same cycles in their order, fold by fold."""
        kind, layer, machine = self.kind(tile), self.job.layer[0], self.job.machine[0]
        if layer.pool:
            return [Stretch("pool", 0, int(kind.pool))]
        begin_blocks(self.job.state[0], machine, tile.ahead)
        walk = _overlapping if machine.overlap else _one_by_one
        return [stretch for stretch in walk(self._blocks(kind), kind, machine) if stretch.end > stretch.begin]

    def _blocks(self, kind: np.record) -> Iterator[tuple[int, int]]:
        """Yield of each block (first cycle that its first fold could have, the one that it has)."""
        state, machine = self.job.state[0], self.job.machine[0]
        for words in _block_words(kind, self.job.layer[0], machine):
            due, waited = int(state.next), int(state.waiting)
            add_blocks(state, words, kind, machine, 1)
            yield due, due + int(state.waiting) - waited


def trace_layer(
    geometry: Geometry, cut: Cut, design: FittedDesign, start: int = 0, mask: np.ndarray = ALWAYS_READY
) -> Traced:
    """Step a layer through by a cut on a fitted design.

    start: its first cycle. mask: 0 in cycles (modulo its length) in which the memory doesn't answer.
    """
    from simulator.timing.count_kernels import count_tiles

    job, counts = new_job(), np.zeros(1, COUNT_INTEGERS)[0]
    job.layer[:], job.machine[:] = layer_integers(geometry), machine_integers(design)
    job.cut[:] = cut_integers(geometry, cut, design)
    count_tiles(job, counts)
    tiles = np.zeros(job.parts[0].tiles, MASKED_TILE)
    lay_tiles(tiles, job)
    return Traced(job, tiles, start, int(step_tiles(start, tiles, job, mask.astype(np.int64), counts)))


def _block_words(kind: np.record, layer: np.record, machine: np.record) -> Iterator[int]:
    """Yield the words that fill each block of a tile, in order."""
    taps, channels, pixels = int(layer.kernel_h * layer.kernel_w), int(kind.channels), int(kind.pixels)
    lane, feeder = int(kind.first_lane), int(machine.feeder)
    for _ in range(kind.groups):
        if machine.dataflow == WS:
            for index in range(ceil_div(taps * channels, int(machine.rows))):
                yield pixels * range_words(index, lane, channels, taps, machine)
        else:
            width = int(machine.cols if machine.dataflow == IS else machine.rows)
            pieces = ceil_div(lane + channels, feeder)
            yield from (min(width, pixels - first) * pieces * taps for first in range(0, pixels, width))
        lane = (lane + int(kind.group_lanes)) % feeder


def _one_by_one(blocks: Iterator[tuple[int, int]], kind: np.record, machine: np.record) -> Iterator[Stretch]:
    """Yield the phases of folds of which each begins when the one before is through."""
    rows, inner = int(machine.rows), int(kind.inner)
    stream, cycle = int(kind.stream) // int(kind.blocks * kind.inner), 0
    before, after = (0, rows) if machine.dataflow == OS else (rows, 0)
    for due, cycle in blocks:
        yield Stretch("stall_feeder", due, cycle)
        for _ in range(inner):
            yield Stretch("preload", cycle, cycle + before)
            cycle += before
            yield Stretch("stream", cycle, cycle + stream)
            cycle += stream
            yield Stretch("drain", cycle, cycle + after)
            cycle += after
    yield Stretch("pipeline", cycle, cycle + int(kind.pipeline))


def _overlapping(blocks: Iterator[tuple[int, int]], kind: np.record, machine: np.record) -> Iterator[Stretch]:
    """Yield the phases of folds that overlap: each but the last streams until the next could."""
    rows, inner, apart = int(machine.rows), int(kind.inner), int(kind.fold)
    last = int(kind.blocks) - 1
    cycle = 0
    for index, (due, begin) in enumerate(blocks):
        if index == 0 and machine.dataflow != OS:  # the first preload: under is once the block is there
            preload = 0 if machine.dataflow == WS else begin - rows - 1
            yield Stretch("stall_feeder", 0, preload)
            yield Stretch("preload", preload, preload + rows)
            due = preload + rows
        yield Stretch("stall_feeder", due, begin)
        cycle = begin
        for fold in range(inner):
            ends = index == last and fold == inner - 1
            length = int(kind.stream) - (int(kind.blocks * kind.inner) - 1) * apart if ends else apart
            yield Stretch("stream", cycle, cycle + length)
            cycle += length
    drained = cycle + (rows if machine.dataflow == OS else 0)
    yield Stretch("drain", cycle, drained)
    yield Stretch("pipeline", drained, drained + int(kind.pipeline))
