"""The spans of a layer: what the array does, what it waits for and what the port moves, cycle by cycle.

Every cycle from a layer's first to its last lies in exactly one span of tiles (or, fold by fold, of array) and waits;
so what spans say adds up to `Counts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from simulator.insight.traced import Traced


class Track(IntEnum):
    """Where a span is shown. PORT: the DMA's transfers; ARRAY: phases of folds."""

    LAYERS = 1
    TILES = 2
    ARRAY = 3
    WAITS = 4
    PORT = 5


class Span(NamedTuple):
    """Cycles from `begin` until before `end`. details: what else is said of them, numbers by name."""

    track: Track
    name: str
    begin: int
    end: int
    details: dict[str, int]


class _Move(NamedTuple):
    """A transfer from the cycle in which it is picked until before `end`; cause: what waits for it after that cycle."""

    name: str
    cause: str
    picked: int
    end: int
    tile: int
    beats: int


def layer_spans(traced: Traced, by_folds: bool = False) -> list[Span]:
    """Return the spans of a layer's tiles; by_folds: and of their phases, fold by fold."""
    spans = []
    for index, tile in enumerate(traced.tiles):
        begin = int(tile.begun) + 1
        name = "pool" if traced.job.layer[0].pool else "compute"
        spans.append(Span(Track.TILES, name, begin, int(tile.computed), {"tile": index, **traced.phases(tile)}))
    if by_folds:
        spans += _phases(traced)
    if traced.job.layer[0].first:
        end = int(traced.tiles[0].picked) - 3  # two more cycles hand it over, and one begins the first step
        beats = int(traced.job.machine[0].layer_beats)
        spans.append(Span(Track.PORT, "layer descriptor", traced.start, end, {"beats": beats}))
    moves = [list(_moves(traced, step)) for step in range(-1, len(traced.tiles) + 1)]
    spans += [
        Span(Track.PORT, move.name, move.picked, move.end, {"tile": move.tile, "beats": move.beats})
        for of_step in moves
        for move in of_step
    ]
    return spans + list(_joined(_waits(traced, moves)))


def _phases(traced: Traced) -> Iterator[Span]:
    """Yield the phases of all tiles; those alike have the same."""
    known: dict[tuple[int, ...], list] = {}
    for index, tile in enumerate(traced.tiles):
        alike = int(tile.last_rows), int(tile.part), int(tile.last_channels), int(tile.ahead)
        if alike not in known:
            known[alike] = traced.stretches(tile)
        first = int(tile.begun) + 1
        for phase, begin, end in known[alike]:
            track = Track.WAITS if phase == "stall_feeder" else Track.ARRAY
            yield Span(track, phase, first + begin, first + end, {"tile": index} if track == Track.ARRAY else {})


def _moves(traced: Traced, step: int) -> Iterator[_Move]:
    """Yield the transfers of a step in their order: the tile before is stored, the next one loaded."""
    tiles, machine = traced.tiles, traced.job.machine[0]
    if step >= 1 and tiles[step - 1].store_beats:
        tile = tiles[step - 1]
        beats = traced.beats(tile)["store"]
        yield _Move("store", "stall_ofmap", int(tile.store_picked), int(tile.stored), step - 1, beats)
    if step + 1 < len(tiles):
        yield from _loads(traced, step + 1)
    elif step + 1 == len(tiles) and tiles[step].fetched:
        tile = tiles[step]
        beats = int(machine.layer_beats)
        yield _Move("layer descriptor", "stall_control", int(tile.fetch_picked), int(tile.fetched), step, beats)


def _loads(traced: Traced, index: int) -> Iterator[_Move]:
    tile = traced.tiles[index]
    beats = traced.beats(tile)
    ends = {
        "descriptor": (tile.described, "stall_control"),
        "filter": (tile.filtered, "stall_filter"),
        "ifmap": (tile.fed, "stall_ifmap"),
        "residual": (tile.added, "stall_ifmap"),
    }
    picked = int(tile.picked)
    for name, (end, cause) in ends.items():
        if end > picked:
            yield _Move(name, cause, picked, int(end), index, beats[name])
        picked = int(end)


def _waits(traced: Traced, moves: list[list[_Move]]) -> Iterator[Span]:
    """Yield the cycles in which nothing is computed, by what is waited for, in their order."""
    tiles = traced.tiles
    begins = [int(tiles[0].picked) - 1, *(int(tile.begun) for tile in tiles), int(tiles[-1].store_picked) - 1]
    yield _wait("stall_control", traced.start, begins[0])
    for step, begin in enumerate(begins, start=-1):
        yield _wait("stall_control", begin, begin + 1)  # the cycle in which the units start
        computed = int(tiles[step].computed) if 0 <= step < len(tiles) else begin + 1
        for cause, since, until in _busy(moves[step + 1], tiles[step + 1] if step + 1 < len(tiles) else None):
            yield _wait(cause, max(since, computed), until)
    yield _wait("stall_control", traced.end - 1, traced.end)  # one more hand-over finds that the layer is done


def _busy(moves: list[_Move], loaded: np.record | None) -> Iterator[tuple[str, int, int]]:
    """Yield (cause, first cycle, the one after the last) of what goes on beside a step's computing."""
    for move in moves:
        yield "stall_control", move.picked, move.picked + 1
        yield move.cause, move.picked + 1, move.end
    if moves:
        yield "stall_control", moves[-1].end, moves[-1].end + 1  # in which nothing is left to pick
        if loaded is not None:
            yield "stall_ifmap", moves[-1].end + 1, int(loaded.free)


def _wait(cause: str, begin: int, end: int) -> Span:
    return Span(Track.WAITS, cause, begin, end, {})


def _joined(waits: Iterator[Span]) -> Iterator[Span]:
    """Yield spans of waits without the empty ones, those of one cause that touch as one."""
    last = None
    for span in waits:
        if span.end <= span.begin:
            continue
        if last is not None and (last.name, last.end) == (span.name, span.begin):
            last = last._replace(end=span.end)
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last
