"""The axes that a layer is cut along, and into which parts of equal length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from simulator.plan.geometry import Geometry

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign


class Axes(NamedTuple):
    """A number for each axis that a layer is cut along."""

    rows: int
    outputs: int
    channels: int


def words_of_beats(design: FittedDesign) -> int:
    """Return the least words of activations that end on a beat."""
    return design.port_bits // math.gcd(design.word_bits, design.port_bits)


def row_granule(geometry: Geometry, design: FittedDesign) -> int:
    """Return the number of output rows whose plane ends on a beat: tiles begin at multiples of it."""
    if geometry.raw and geometry.residual_shift is None:
        return 1  # one accumulator a beat
    words = words_of_beats(design)
    return words // math.gcd(words, geometry.out_width)


def out_granule(geometry: Geometry, design: FittedDesign) -> int:
    """Return the number of output channels at multiples of which tiles begin: whole words, and whole groups.

    Of a matmul they are pixels or channels of its synapses, too, which begin on a beat or are whole words.
    """
    granule = 1 if geometry.raw and geometry.residual_shift is None else design.feeder_width
    if geometry.matmul:
        return math.lcm(granule, _second_granules(geometry, design)[0])
    return granule if geometry.groups == 1 else math.lcm(granule, geometry.group_outputs)


def _second_granules(geometry: Geometry, design: FittedDesign) -> tuple[int, int]:
    """Return the (outputs, channels) at which parts of a matmul's synapses begin: a beat's pixel, a word's channel."""
    return geometry.as_second(words_of_beats(design), design.feeder_width)  # swaps either way


def channel_granule(geometry: Geometry, design: FittedDesign) -> int:
    """Return the number of input channels at multiples of which tiles begin: whole words; of a matmul as above."""
    if geometry.matmul:
        return math.lcm(design.feeder_width, _second_granules(geometry, design)[1])
    return design.feeder_width


def cut(size: int, parts: int, granule: int) -> list[tuple[int, int]]:
    """Cut `size` into ranges of equal length, a multiple of `granule` but for the last."""
    length = -(-size // parts)
    length = -(-length // granule) * granule
    return [(start, min(start + length, size)) for start in range(0, size, length)]


def first_of(size: int, parts: int, granule: int) -> tuple[int, int]:
    """Return the first range of `cut`, the longest."""
    length = -(-size // parts)
    return 0, min(-(-length // granule) * granule, size)


def pieces(size: int, parts: int, granule: int) -> int:
    """Return how many ranges `cut` gives."""
    length = -(-size // parts)
    return -(-size // (-(-length // granule) * granule))


def granules(geometry: Geometry, design: FittedDesign) -> Axes:
    """Return the lengths whose multiples the parts of each axis are."""
    return Axes(row_granule(geometry, design), out_granule(geometry, design), channel_granule(geometry, design))


def sizes(geometry: Geometry) -> Axes:
    """Return the lengths of the three axes."""
    return Axes(geometry.out_height, geometry.outputs, geometry.channels)


def most_parts(geometry: Geometry, design: FittedDesign) -> Axes:
    """Return the cut with the smallest tiles. Input channels of groups, and of pooling, are not cut."""
    rows, outs, chans = (
        -(-size // granule) for size, granule in zip(sizes(geometry), granules(geometry, design), strict=True)
    )
    return Axes(rows, outs, 1 if geometry.groups > 1 or geometry.pool else chans)


def tile_count(geometry: Geometry, design: FittedDesign, parts: Axes) -> int:
    """Return the tiles of a cut."""
    axes = zip(sizes(geometry), parts, granules(geometry, design), strict=True)
    return math.prod(pieces(*axis) for axis in axes)


def lengths(geometry: Geometry, design: FittedDesign, parts: Axes) -> Axes:
    """Return the length of the parts of each axis but the last."""
    axes = zip(sizes(geometry), parts, granules(geometry, design), strict=True)
    rows, outputs, channels = (first_of(*axis)[1] for axis in axes)
    return Axes(rows, outputs, channels)


def pieces_of(geometry: Geometry, lengths: Axes) -> Axes:
    """Return into how many parts of these lengths a layer is cut."""
    rows, outputs, channels = (-(-size // length) for size, length in zip(sizes(geometry), lengths, strict=True))
    return Axes(rows, outputs, channels)


def distinct(most: int) -> list[int]:
    """Return the numbers of parts that give different lengths, ascending."""
    lengths: dict[int, int] = {}
    for parts in range(1, most + 1):
        lengths.setdefault(-(-most // parts), parts)
    return list(lengths.values())
