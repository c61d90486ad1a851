"""What a cut of a layer asks of the machine and what the machine has; and where nothing fits, what would cure it.

A cut is the number of parts along output rows, output channels and input channels. Its demands are rows of memories
and numbers that descriptors hold in 16 bits. The most parts ask for the least of everything but tiles. In between, more
parts ask for no more but tiles, and input rows: a part in the middle may hold more than longer ones that padding clips.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from simulator.designs.design import BUFFERS, MOST_OPERANDS, FittedDesign
from simulator.designs.memory import MOST_KIB
from simulator.designs.sizes import BITS_PER_KIB, HALVES, MOST_ROWS, rows_of
from simulator.encoding import MOST_IN_FIELD, MOST_SIGNED
from simulator.plan.axes import Axes, cut, distinct, first_of, granules, most_parts, sizes, tile_count
from simulator.plan.geometry import Geometry, Tile, input_rows, tile_needs, tile_shape
from simulator.plan.transfers import tile_transfers
from workloads.errors import LimenError

SMALLEST = "the smallest tile"
OPERANDS = "operands a lane"

LARGEST = {**dict.fromkeys(BUFFERS, float(MOST_KIB)), "operand_depth": MOST_OPERANDS, "channel_rows": MOST_ROWS}
"""The most of every field that sizes a memory."""

FEEDERS, PORTS = (1, 2, 4, 8, 16, 32), (32, 64, 128, 256, 512)


class Demand(NamedTuple):
    """One thing a cut's largest tile needs, and how much of it there is. name: in words, with the unit."""

    name: str
    needs: int
    has: int

    @property
    def met(self) -> bool:
        return self.needs <= self.has


def memory_demands(geometry: Geometry, design: FittedDesign, parts: Axes) -> list[Demand]:
    """Return what a cut asks of each memory, in rows or words of half of a double buffer."""
    axes = list(zip(sizes(geometry), parts, granules(geometry, design), strict=True))
    row, out, chan = (first_of(*axis) for axis in axes)
    tall = _input_rows(geometry, row[1])
    # Only with groups do tiles of output channels differ in the words of input channels they touch.
    outs = cut(*axes[1]) if geometry.groups > 1 or geometry.pool else [out]
    shapes = [replace(tile_shape(geometry, Tile(*row, *out, *chan), design), in_rows=tall) for out in outs]
    needs = [tile_needs(geometry, shape, design) for shape in shapes]
    operands = design.operand_depth
    if design.dataflow != "ws":
        operands = operands // design.feeder_width * design.feeder_width
    return [
        Demand("words of the ifmap scratchpad", max(need.ifmap for need in needs), design.ifmap_depth),
        Demand("rows of the filter scratchpad", max(need.filter for need in needs), design.filter_depth),
        Demand("rows of the ofmap scratchpad", max(need.ofmap for need in needs), design.ofmap_depth),
        Demand(OPERANDS, max(need.operand for need in needs), operands),
        Demand("rows of bias and shift", max(need.channel for need in needs), design.channel_depth),
        Demand("rows of polarity", max(need.polarity for need in needs), design.polarity_depth),
    ]


def field_demands(geometry: Geometry, design: FittedDesign, parts: Axes) -> list[Demand]:
    """Return the numbers of a cut that descriptors hold in fewer bits than memories have rows for.

    Beats of an ifmap's and of an ofmap's plane are not among them: never more than its words and pixels.
    """
    row, out, chan = (first_of(*axis) for axis in zip(sizes(geometry), parts, granules(geometry, design), strict=True))
    shape = tile_shape(geometry, Tile(*row, *out, *chan), design)
    moved = tile_transfers(geometry, shape, design)
    crossing = row[1] if geometry.images > 1 and geometry.image_out_height % row[1] else 0
    return [
        Demand("output pixels of a tile", shape.pixels, MOST_IN_FIELD),
        Demand("input rows of a tile", _input_rows(geometry, row[1]), MOST_SIGNED),
        Demand("beats of a tile's filters", sum(moved.filter), MOST_IN_FIELD),
        Demand("output rows that cross images", crossing, 0),
        Demand("raw scores of a tile", moved.raw_beats if geometry.raw else 0, MOST_IN_FIELD),
    ]


def _input_rows(geometry: Geometry, length: int) -> int:
    """Return the most input rows that a part of so many output rows holds.

    From part to part they grow while windows begin in the padding above, then stay, then shrink.
    """
    last = (geometry.image_out_height - 1) // length
    unclipped = min(last, -(-geometry.pad_top // (length * geometry.stride[0])))
    held = []
    for part in (max(0, unclipped - 1), unclipped):
        start, end = input_rows(geometry, part * length, min((part + 1) * length, geometry.image_out_height))
        held.append(end - start)
    return max(held)


def demands(geometry: Geometry, design: FittedDesign, parts: Axes) -> list[Demand]:
    """Return everything a cut's tiles ask for."""
    return memory_demands(geometry, design, parts) + field_demands(geometry, design, parts)


def fits(geometry: Geometry, design: FittedDesign, parts: Axes) -> bool:
    """Return whether every tile of a cut fits; how many there are is not asked here."""
    return all(demand.met for demand in memory_demands(geometry, design, parts)) and all(
        demand.met for demand in field_demands(geometry, design, parts)
    )


def fewest_tiles(geometry: Geometry, design: FittedDesign) -> tuple[int, Axes]:
    """Return the fewest tiles of any cut that fits, and that cut; the smallest tile must fit.

    Goes along the border of what fits: the fewer parts the output channels have, the more the rows need.
    """
    most = most_parts(geometry, design)
    by_rows, by_outs, by_chans = (distinct(count) for count in most)
    best = tile_count(geometry, design, most), most
    for chans in by_chans:
        row = 0
        for outs in reversed(by_outs):
            while row < len(by_rows):
                parts = Axes(by_rows[row], outs, chans)
                tiles = tile_count(geometry, design, parts)
                if tiles >= best[0]:
                    break  # more rows' parts are no better: try fewer of the output channels
                if fits(geometry, design, parts):
                    best = tiles, parts
                    break
                row += 1
    return best


def refusal(geometry: Geometry, design: FittedDesign) -> str:
    """Say why no cut of a layer runs, in terms of the field that cures it, or of the limit that nothing cures.

    Following the line leads, field by field, to a design that runs, or to a limit.
    """
    most = most_parts(geometry, design)
    roomy = _with(design, **LARGEST)
    assert roomy is not None
    if not fits(geometry, roomy, most):
        return _beyond_buffers(geometry, roomy, design)
    if not fits(geometry, design, most):
        return next(_larger_buffers(geometry, design, most))
    return _too_many_tiles(geometry, design, roomy)


def _with(design: FittedDesign, **fields: object) -> FittedDesign | None:
    """Return a design with other fields, None where they don't go together."""
    try:
        return type(design)(**{**design.model_dump(), **fields})
    except LimenError:
        return None


def refusal_of_cut(geometry: Geometry, design: FittedDesign, parts: Axes) -> str | None:
    """Say why a cut does not run, None where it does."""
    for name, most, count in zip(Axes._fields, most_parts(geometry, design), parts, strict=True):
        if count > most:
            return f"{name}: {count} is not allowed: at most {most} parts"
    lines = list(_larger_buffers(geometry, design, parts, "the largest tile"))
    if lines:
        return lines[0]
    tiles = Demand("tiles", tile_count(geometry, design, parts), MOST_IN_FIELD)
    for demand in [*demands(geometry, design, parts), tiles]:
        if not demand.met:
            return f"{demand.name}: {demand.needs} is not allowed: at most {demand.has}"
    return None


def _larger_buffers(geometry: Geometry, design: FittedDesign, parts: Axes, tile: str = SMALLEST) -> Iterator[str]:
    """Yield a line for each buffer that is too small for a cut."""
    needs = memory_demands(geometry, design, parts)
    for demand, (field, bits) in zip(needs, row_bits(design).items(), strict=False):
        if demand.met:
            continue
        yield too_small(field, getattr(design, field), demand.needs, demand.has, bits, tile)
    for field, demand in zip(("operand_depth", "channel_rows"), needs[len(BUFFERS) :], strict=False):
        if not demand.met:
            yield too_shallow(field, getattr(design, field), demand.needs, demand.name, tile)


def too_small(field: str, kib: float, needs: int, has: int, bits: int, tile: str = SMALLEST) -> str:
    """Say that a buffer lacks rows of so many bits."""
    lack = -(-(needs - has) * bits // 8)
    return (
        f"{field}: {kib:.10g} is not allowed: {tile} lacks {lack} bytes in each half; "
        f"at least {least_kib(needs, bits):.10g} KiB"
    )


def too_shallow(field: str, rows: int, needs: int, name: str, tile: str = SMALLEST) -> str:
    """Say that a memory lacks rows, or operands."""
    return f"{field}: {rows} is not allowed: {tile} needs {needs} {name}; at least {needs}"


def row_bits(design: Any) -> dict[str, Any]:
    """Return the bits of a row of each buffer that a user sizes, in the order of `memory_demands`.

    design: fitted, or many as a `DesignBlock`.
    """
    return {"ifmap_kib": design.word_bits, "filter_kib": design.filter_bits, "ofmap_kib": design.cols * design.acc_bits}


def least_kib(rows: int, bits: int) -> float:
    """Return the smallest size to a thousandth of a KiB whose halves hold so many rows."""
    thousandths = -(-rows * bits * HALVES * 1000 // BITS_PER_KIB)
    while rows_of(thousandths / 1000, bits) < rows:  # a thousandth is no binary fraction
        thousandths += 1
    return thousandths / 1000


def _beyond_buffers(geometry: Geometry, roomy: FittedDesign, design: FittedDesign) -> str:
    """Say which other field would let the smallest tile fit with the largest buffers, or that none would."""
    parts = most_parts(geometry, roomy)
    unmet = next(demand for demand in demands(geometry, roomy, parts) if not demand.met)
    why = f"the smallest tile needs {unmet.needs} {unmet.name}, and the most is {unmet.has}"
    for field, values in (
        ("feeder_width", FEEDERS),
        ("port_bits", PORTS),
        ("cols", range(1, 257)),
        ("rows", range(1, 257)),
    ):
        now = getattr(design, field)
        for value in sorted(values, key=lambda value, now=now: abs(value - now)):
            other = _with(roomy, **{field: value})
            if other is None or value == now or geometry.offset % other.feeder_width:
                continue
            if fits(geometry, other, most_parts(geometry, other)):
                return f"{field}: {now} is not allowed: {why}; at {'most' if value < now else 'least'} {value}"
    return f"{unmet.name}: {unmet.needs} is not allowed: the smallest tile has no fewer; at most {unmet.has}"


def _too_many_tiles(geometry: Geometry, design: FittedDesign, roomy: FittedDesign) -> str:
    """Say which buffer, made larger, brings the number of tiles into the descriptor's field, or that none does.

    The buffer that binds most is the one that costs most tiles when all others are as large as can be; it is to grow
    as much as all of them together would have to.
    """
    least, _ = fewest_tiles(geometry, roomy)
    if least > MOST_IN_FIELD:
        return f"tiles: {least} is not allowed: no cut has fewer, whatever the buffers; at most {MOST_IN_FIELD}"

    def tiles_with(base: FittedDesign, fields: dict[str, float]) -> int:
        other = _with(base, **fields)
        assert other is not None
        return fewest_tiles(geometry, other)[0]

    now = {field: getattr(design, field) for field in LARGEST}
    growing = [field for field, most in LARGEST.items() if now[field] < most]
    field = max(growing, key=lambda field: tiles_with(roomy, {field: now[field]}))
    times = 2
    while tiles_with(design, {grown: min(times * now[grown], most) for grown, most in LARGEST.items()}) > MOST_IN_FIELD:
        times *= 2
    fewest, _ = fewest_tiles(geometry, design)
    unit = " KiB" if field in BUFFERS else ""
    return (
        f"{field}: {now[field]:.10g} is not allowed: no cut has fewer than {fewest} tiles, and the most is "
        f"{MOST_IN_FIELD}; at least {min(times * now[field], LARGEST[field]):.10g}{unit}"
    )
