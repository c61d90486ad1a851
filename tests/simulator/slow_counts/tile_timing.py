"""Closed forms of one tile: cycles of its folds and its pooling, its transfers, its accesses. No data."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.plan.geometry import Geometry, TileShape

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign

FLUSH = {"os": 2, "ws": 3, "is": 3}
"""Cycles from the last fold to the last ofmap write: bank read, [psum register,] requantiser."""

READY = 3
"""Cycles from the issue of a block's last word to the first cycle of a fold that uses it."""


@dataclass(frozen=True)
class TileTiming:
    """A tile on its own: cycles by phase while it computes, and the steps of its packing.

    phases: preload, stream, drain, pipeline, pool, waiting for the im2col unit. time: T of a fold. fills: words of each
    operand block.
    plane_lanes, plane_steps: for each plane of words, its channels, and the cycles the packer (and the scatter unit)
    takes for a word; under is the packer takes as many cycles as channels for a block of columns first.
    """

    phases: tuple[int, int, int, int, int, int]
    time: int
    fills: tuple[int, ...]
    folds_each: int
    plane_lanes: tuple[int, ...]
    plane_steps: tuple[int, ...]

    @property
    def cycles(self) -> int:
        return sum(self.phases)

    @property
    def folds(self) -> int:
        return len(self.fills) * self.folds_each


def word_steps(geometry: Geometry, shape: TileShape, design: FittedDesign) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return, for each plane of output words, its channels and the steps of one word under os and ws."""
    lanes = design.feeder_width
    group_outputs = shape.group_outputs
    ends: list[int] = []  # channels after which a step ends because a fold of channels does, ascending
    position = 0
    while position < shape.outputs:
        for start in range(0, group_outputs, design.cols):
            ends.append(position + min(start + design.cols, group_outputs))
        position += group_outputs
    plane_lanes, plane_steps = [], []
    for start in range(0, shape.outputs, lanes):
        end = min(start + lanes, shape.outputs)
        plane_lanes.append(end - start)
        plane_steps.append(1 + bisect_left(ends, end) - bisect_right(ends, start))
    return tuple(plane_lanes), tuple(plane_steps)


def tile_timing(geometry: Geometry, shape: TileShape, design: FittedDesign) -> TileTiming:
    """Return the timing of a tile."""
    lanes, steps = word_steps(geometry, shape, design)
    if geometry.pool:
        return _pool_timing(geometry, shape, design, lanes, steps)
    column_folds = -(-shape.group_outputs // design.cols)
    m, n, k = shape.pixels, shape.group_outputs, geometry.taps * shape.channels
    fills: list[int] = []  # words of each block
    if design.dataflow == "ws":
        inner, time = column_folds, m
        for lane, _ in shape.pieces(design.feeder_width):
            ranges = _taps_of_ranges(geometry, lane, shape.channels, design)
            fills += [m * sum(touched.values()) for touched in ranges]
    else:
        width = design.x_lanes
        inner, time = (column_folds, k) if design.dataflow == "os" else (-(-k // design.rows), n)
        for _, pieces in shape.pieces(design.feeder_width):
            fills += [min(width, m - start) * pieces * geometry.taps for start in range(0, m, width)]
    stream = time + design.rows + design.cols - 2 + (1 if design.pe_stages == 2 else 0)
    if design.overlap:
        return TileTiming(_overlapped(fills, inner, time, stream, design), time, tuple(fills), inner, lanes, steps)
    fold = stream + design.rows
    waiting, end = _run_blocks(fills, inner * fold)
    folds = len(fills) * inner
    stationary = design.dataflow != "os"
    phases = (
        folds * design.rows if stationary else 0,
        folds * stream,
        0 if stationary else folds * design.rows,
        FLUSH[design.dataflow],
        0,
        waiting,
    )
    assert end == sum(phases) - FLUSH[design.dataflow]
    return TileTiming(phases, time, tuple(fills), inner, lanes, steps)


def _run_blocks(fills: list[int], block_cycles: int) -> tuple[int, int]:
    """Return (cycles waited for operands, cycle after the last fold): two blocks, one filling, one in use.

    Cycle 0 is the first of the tile. A block fills as soon as the one before is full and the one before that is
    released; its folds start READY cycles after its last word at the earliest.
    """
    waiting = 0
    filled = -1  # issue cycle of the last word of the previous block
    released = [-1, -1]  # last cycle of the folds of the two blocks before
    for words in fills:
        filled = max(filled, released[0]) + words
        begin = max(released[1] + 1, filled + READY)
        waiting += begin - released[1] - 1
        released = [released[1], begin + block_cycles - 1]
    return waiting, released[1] + 1


def _overlapped(
    fills: list[int], inner: int, time: int, stream: int, design: FittedDesign
) -> tuple[int, int, int, int, int, int]:
    """Return the phases of a tile whose folds overlap, fold by fold; stream: cycles of a fold on its own.

    A fold begins `apart` cycles after the one before and READY after its block is filled; under is its preload, with
    the stream of the fold before at the earliest, needs the block, and takes R cycles and one more for the shadows.
    """
    apart, rows = max(time + 1, design.rows + 1, design.cols), design.rows
    begins: list[int] = []
    released: list[int] = []
    filled = -1
    for block, words in enumerate(fills):
        filled = max(filled, released[block - 2] if block > 1 else -1) + words
        for _ in range(inner):
            earliest = begins[-1] + apart if begins else 0
            if design.dataflow == "is":
                preload = max(begins[-1] if begins else 0, filled + READY - 1)
                begins.append(max(earliest, preload + rows + 1))
                left = preload + rows - 1
            else:
                first_preload = rows + 1 if design.dataflow == "ws" and not begins else 0
                begins.append(max(earliest, filled + READY, first_preload))
                left = begins[-1] + apart - 1
        released.append(left)
    streaming = (len(begins) - 1) * apart
    preloading, draining = (0, rows) if design.dataflow == "os" else (rows, 0)
    return preloading, streaming + stream, draining, 3, 0, begins[-1] - streaming - preloading


def _pool_timing(
    geometry: Geometry, shape: TileShape, design: FittedDesign, lanes: tuple[int, ...], steps: tuple[int, ...]
) -> TileTiming:
    """A pixel takes its taps, one cycle to settle and the steps of its word."""
    if design.dataflow == "is":
        steps = lanes
    cycles = sum(shape.pixels * (geometry.taps + 1 + step) for step in steps) + 1
    return TileTiming((0, 0, 0, 0, cycles, 0), 0, (), 0, lanes, word_steps(geometry, shape, design)[1])


def _inside(geometry: Geometry, shape: TileShape) -> int:
    """Return the (pixel, tap) pairs of a tile that lie inside the ifmap."""
    rows = sum(_rows_inside(geometry, shape, tap) for tap in range(geometry.kernel[0]))
    return rows * sum(_columns_inside(geometry, tap) for tap in range(geometry.kernel[1]))


def _rows_inside(geometry: Geometry, shape: TileShape, tap: int) -> int:
    """Return the output rows of a tile for which a tap down the kernel lies inside the ifmap."""
    return _hits(shape.out_rows, geometry.stride[0], shape.first_row + tap, shape.in_rows)


def _columns_inside(geometry: Geometry, tap: int) -> int:
    """Return the output columns for which a tap across the kernel lies inside the ifmap."""
    return _hits(geometry.out_width, geometry.stride[1], tap - geometry.pad_left, geometry.width)


def _hits(count: int, stride: int, first: int, size: int) -> int:
    """Return how many of `count` places, `stride` apart from `first` on, lie within 0 … size - 1."""
    below = min(max(-(first // stride), 0), count)
    return min(max((size - 1 - first) // stride + 1, below), count) - below


def tile_accesses(geometry: Geometry, shape: TileShape, design: FittedDesign, timing: TileTiming) -> dict[str, int]:
    """Return reads and writes while a tile computes; those of its transfers and of its edges depend on its place."""
    if geometry.pool:
        planes = len(timing.plane_lanes)
        return {
            "ifmap_reads": _inside(geometry, shape) * planes,
            "scatter_writes": shape.pixels * sum(timing.plane_lanes),
        }
    fills, folds, inner = timing.fills, timing.folds, timing.folds_each
    m, n, k, groups = shape.pixels, shape.group_outputs, geometry.taps * shape.channels, shape.groups
    feeder, inside = design.feeder_width, _inside(geometry, shape)
    by_pieces = shape.pieces(feeder)
    if design.dataflow == "ws":
        # Words that two ranges of K share are read for each: which taps those are decides how many lie inside.
        ifmap = sum(
            _inside_of_taps(geometry, shape, touched)
            for lane, _ in by_pieces
            for touched in _taps_of_ranges(geometry, lane, shape.channels, design)
        )
        operand_writes = groups * m * k
        operand_reads = groups * m * k * inner
        weights = groups * k * inner
        channel = folds
    elif design.dataflow == "os":
        ifmap = inside * sum(pieces for _, pieces in by_pieces)
        operand_writes = sum(fills)
        operand_reads = groups * m * k * inner
        weights = folds * k
        channel = folds
    else:
        ifmap = inside * sum(pieces for _, pieces in by_pieces)
        operand_writes = sum(fills)
        operand_reads = groups * m * k
        weights = folds * n
        channel = folds * n
    down, along, time = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[design.dataflow]
    return {
        "ifmap_reads": ifmap,
        "operand_writes": operand_writes,
        "operand_reads": operand_reads,
        "weight_reads": weights,
        "polarity_reads": weights if geometry.polar and design.polarity != "generated" else 0,
        "channel_reads": channel,
        "streaming": folds * timing.time,
        "busy": groups * m * n * k,
        "used_rows": groups * down * time * -(-along // design.cols),
        "used_cols": groups * along * time * -(-down // design.rows),
    }


def _taps_of_ranges(geometry: Geometry, lane: int, channels: int, design: FittedDesign) -> list[dict[int, int]]:
    """Return, for each range of K, the words it touches of each tap; `lane` is that of the group's first channel."""
    feeder, k = design.feeder_width, geometry.taps * channels
    touched_by_range = []
    for start in range(0, k, design.rows):
        end = min(start + design.rows, k)
        touched = {}
        for tap in range(start // channels, (end - 1) // channels + 1):
            first, last = max(start - tap * channels, 0), min(end - tap * channels, channels) - 1
            touched[tap] = (lane + last) // feeder - (lane + first) // feeder + 1
        touched_by_range.append(touched)
    return touched_by_range


def _inside_of_taps(geometry: Geometry, shape: TileShape, touched: dict[int, int]) -> int:
    """Return the words read for all pixels when each tap is touched so often."""
    total = 0
    for tap, words in touched.items():
        tap_row, tap_col = divmod(tap, geometry.kernel[1])
        rows, cols = _rows_inside(geometry, shape, tap_row), _columns_inside(geometry, tap_col)
        total += words * rows * cols
    return total
