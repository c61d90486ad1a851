"""A schedule per layer: tile sizes and loop order among at most 64 candidates, chosen by exact cycles.

A layer is cut into equal parts along its output rows, its output channels and (one group only) its input channels.
For each of the three the candidates are the fewest parts with which a tile fits at all, twice and four times as
many, and as many as there are (of input channels: the fewest and twice as many); with two loop orders that makes
at most 64. Input channels are innermost, so that psums stay on chip. The winner has the fewest cycles, then the
fewest DRAM bytes, then comes first in the order above; all ops choose in the same way.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from simulator.counts import Counts
from simulator.design import BITS_PER_KIB, HALVES, MOST_ROWS, Design
from simulator.geometry import (
    Geometry,
    Needs,
    Tile,
    TileShape,
    layer_geometry,
    out_granule,
    row_granule,
    tile_needs,
    tile_shape,
)
from simulator.tile_timing import tile_transfers
from simulator.timing import count_program, layer_cost
from workloads.errors import LimenError
from workloads.network import Network

MOST_COLUMNS = 32767
"""Columns of an ifmap that the im2col unit's 16-bit signed positions reach."""

Order = Literal["rows", "outputs"]
"""Which loop is inside the other: "rows" reuses filters from tile to tile, "outputs" reuses ifmaps."""


@dataclass(frozen=True)
class Step:
    """A tile with what must be loaded for it and whether it begins and ends its sums."""

    tile: Tile
    shape: TileShape
    load_filter: bool
    load_ifmap: bool
    first_k: bool
    last_k: bool


@dataclass(frozen=True)
class Schedule:
    """The tiles of one layer in order. parts: along output rows, output channels and input channels."""

    geometry: Geometry
    parts: tuple[int, int, int]
    order: Order
    steps: tuple[Step, ...]


def _cut(size: int, parts: int, granule: int) -> list[tuple[int, int]]:
    """Cut `size` into ranges of equal length, a multiple of `granule` but for the last."""
    length = -(-size // parts)
    length = -(-length // granule) * granule
    return [(start, min(start + length, size)) for start in range(0, size, length)]


def _granules(geometry: Geometry, design: Design) -> tuple[int, int, int]:
    return row_granule(geometry, design), out_granule(geometry, design), design.feeder_width


def _sizes(geometry: Geometry) -> tuple[int, int, int]:
    return geometry.out_height, geometry.outputs, geometry.channels


def build(geometry: Geometry, design: Design, parts: tuple[int, int, int], order: Order) -> Schedule:
    """Return the schedule of a cut and a loop order."""
    rows, outs, chans = (
        _cut(size, part, granule)
        for size, part, granule in zip(_sizes(geometry), parts, _granules(geometry, design), strict=True)
    )
    outer: list[tuple[tuple[int, int], tuple[int, int]]]
    if order == "rows":
        outer = [(row, out) for out in outs for row in rows]
    else:
        outer = [(row, out) for row in rows for out in outs]
    steps: list[Step] = []
    held_filter: object = None
    held_ifmap: object = None
    by_group = geometry.groups > 1 or geometry.pool
    shapes = {(row, out): tile_shape(geometry, Tile(*row, *out, *chans[0]), design) for row, out in outer}
    for row, out in outer:
        for chan in chans:
            tile = Tile(*row, *out, *chan)
            filter_part, ifmap_part = (out, chan), (row, out if by_group else chan)
            steps.append(
                Step(
                    tile,
                    shapes[row, out] if chan == chans[0] else tile_shape(geometry, tile, design),
                    load_filter=not geometry.pool and filter_part != held_filter,
                    load_ifmap=ifmap_part != held_ifmap,
                    first_k=chan == chans[0],
                    last_k=chan == chans[-1],
                )
            )
            held_filter, held_ifmap = filter_part, ifmap_part
    return Schedule(geometry, parts, order, tuple(steps))


def _limits(design: Design) -> Needs:
    return Needs(
        design.ifmap_depth,
        design.filter_depth,
        design.polarity_depth,
        design.channel_depth,
        design.ofmap_depth,
        design.operand_depth // design.feeder_width * design.feeder_width
        if design.dataflow != "ws"
        else design.operand_depth,
    )


def _largest(geometry: Geometry, design: Design, parts: tuple[int, int, int]) -> Needs:
    """Return the most that any tile of a cut occupies of each memory."""
    rows, outs, chans = (
        _cut(size, part, granule)
        for size, part, granule in zip(_sizes(geometry), parts, _granules(geometry, design), strict=True)
    )
    # Rows clipped at the top hold fewer input rows than those below: count the window's full height.
    tall = min(geometry.height, (rows[0][1] - 1) * geometry.stride[0] + geometry.kernel[0])
    needs = []
    for out in outs:
        shape = replace(tile_shape(geometry, Tile(*rows[0], *out, *chans[0]), design), in_rows=tall)
        needs.append(vars(tile_needs(geometry, shape, design)))
    return Needs(**{name: max(own[name] for own in needs) for name in needs[0]})


def _fits(geometry: Geometry, design: Design, parts: tuple[int, int, int]) -> bool:
    largest = _largest(geometry, design, parts)
    if any(getattr(largest, name) > limit for name, limit in vars(_limits(design)).items()):
        return False
    return _longest(geometry, design, parts) <= MOST_ROWS


def _longest(geometry: Geometry, design: Design, parts: tuple[int, int, int]) -> int:
    """Return the largest number that the tiles' descriptors must hold in 16 bits."""
    rows, outs, chans = (
        _cut(size, part, granule)[0]
        for size, part, granule in zip(_sizes(geometry), parts, _granules(geometry, design), strict=True)
    )
    shape = tile_shape(geometry, Tile(*rows, *outs, *chans), design)
    moved = tile_transfers(geometry, replace(shape, in_rows=geometry.height), design)
    raw = moved.raw_beats if geometry.raw else 0
    tall = min(geometry.height, (rows[1] - 1) * geometry.stride[0] + geometry.kernel[0])
    # Rows are compared with sign: half as many.
    return max(sum(moved.filter), moved.ifmap_beats, moved.plane_beats, raw, shape.pixels, 2 * tall)


def candidates(geometry: Geometry, design: Design) -> list[tuple[tuple[int, int, int], Order]]:
    """Return every cut that fits, with its loop orders. Raises LimenError naming a buffer where none does."""
    if geometry.width > MOST_COLUMNS:
        raise LimenError(f"width: {geometry.width} is not allowed: at most {MOST_COLUMNS}")
    granules = _granules(geometry, design)
    most = [-(-size // granule) for size, granule in zip(_sizes(geometry), granules, strict=True)]
    if geometry.groups > 1 or geometry.pool:
        most[2] = 1
    options: list[list[int]] = []
    for axis in range(3):

        def smallest(parts: int, axis: int = axis) -> tuple[int, int, int]:
            cut = list(most)
            cut[axis] = parts
            return cut[0], cut[1], cut[2]

        fewest = next((parts for parts in _distinct(most[axis]) if _fits(geometry, design, smallest(parts))), None)
        if fewest is None:
            raise LimenError(_lack(geometry, design, smallest(most[axis])))
        multiples = [fewest, 2 * fewest] if axis == 2 else [fewest, 2 * fewest, 4 * fewest, most[axis]]
        options.append(sorted({min(parts, most[axis]) for parts in multiples}))
    orders: tuple[Order, ...] = ("rows", "outputs")
    found: list[tuple[tuple[int, int, int], Order]] = []
    for rows, outs, chans in itertools.product(*options):
        parts = (rows, outs, chans)
        if _fits(geometry, design, parts):
            found += [(parts, order) for order in (orders if rows > 1 and outs > 1 else orders[:1])]
    return found


def _distinct(most: int) -> list[int]:
    """Return the numbers of parts that give different lengths, ascending."""
    lengths: dict[int, int] = {}
    for parts in range(1, most + 1):
        lengths.setdefault(-(-most // parts), parts)
    return list(lengths.values())


def _lack(geometry: Geometry, design: Design, parts: tuple[int, int, int]) -> str:
    """Say which buffer the smallest tile does not fit in, and how many bytes it lacks."""
    needs, limits = _largest(geometry, design, parts), _limits(design)
    width = design.synapse_lanes * design.w_bits + (design.polarity_lanes if design.polarity != "neuron" else 0)
    for name, field, bits in (
        ("ifmap", "ifmap_kib", design.word_bits),
        ("filter", "filter_kib", width),
        ("ofmap", "ofmap_kib", design.cols * (design.acc_bits or 0)),
    ):
        lack = getattr(needs, name) - getattr(limits, name)
        if lack > 0:
            total = getattr(needs, name) * bits * HALVES
            return (
                f"{field}: {getattr(design, field):g} is not allowed: the smallest tile lacks {-(-lack * bits // 8)} "
                f"bytes in each half; at least {total / BITS_PER_KIB:.3f} KiB"
            )
    if needs.operand > limits.operand:
        return f"operand_depth: {design.operand_depth} is not allowed: the smallest tile needs {needs.operand}"
    lack = max(needs.channel - limits.channel, needs.polarity - limits.polarity)
    return f"cols: {design.cols} is not allowed: the smallest tile lacks {lack} rows in the channel scratchpad"


@lru_cache(maxsize=4096)
def _choose(geometry: Geometry, design: Design) -> Schedule:
    best: tuple[tuple[int, int], Schedule] | None = None
    for parts, order in candidates(geometry, design):
        schedule = build(geometry, design, parts, order)
        rank = layer_cost(schedule, design)
        if best is None or rank < best[0]:
            best = (rank, schedule)
    assert best is not None  # candidates raises where nothing fits
    return best[1]


def schedule_network(network: Network, design: Design) -> list[Schedule]:
    """Return the schedule of every layer of `network` on a fitted design.

    Raises:
        LimenError: a layer of which no tile fits; the line names the buffer and the bytes it lacks.
    """
    schedules = []
    for index, layer in enumerate(network.layers):
        try:
            schedules.append(_choose(layer_geometry(network, index), design))
        except LimenError as error:
            raise LimenError(f"network {network.name}: layer {layer.name}: {error}") from None
    return schedules


def count_network(network: Network, design: Design) -> list[Counts]:
    """Return the exact counts of every layer of `network` on a fitted design."""
    return count_program(schedule_network(network, design), design)
