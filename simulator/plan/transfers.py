"""What a tile moves over the memory port, in beats and in rows of the scratchpads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.encoding import MOST_IN_FIELD, SHIFT_BITS
from simulator.plan.geometry import Geometry, TileShape, plane_beats, tile_needs

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign


@dataclass(frozen=True)
class Planes:
    """Planes of words that a tile moves, and beats of each. dense: all of them are one run; else each is."""

    count: int
    plane_beats: int
    dense: bool

    @property
    def runs(self) -> int:
        return 1 if self.dense else self.count

    @property
    def run_beats(self) -> int:
        return self.beats if self.dense else self.plane_beats

    @property
    def beats(self) -> int:
        return self.count * self.plane_beats


def planes_of(count: int, plane_beats: int, stride: int) -> Planes:
    """Return planes that lie `stride` beats apart: dense where they leave no gap and a run's beats fit their field."""
    return Planes(count, plane_beats, plane_beats == stride and count * plane_beats <= MOST_IN_FIELD)


@dataclass(frozen=True)
class Transfers:
    """What a tile's loads and store move: a run of beats each of `filter`; planes of its ifmap and of its results.

    second: planes of a tile's part of the tensor that the synapses of a matmul are; none of another layer.
    """

    filter: tuple[int, int, int]
    filter_rows: tuple[int, int, int]
    ifmap: Planes
    results: Planes
    raw_beats: int
    second: Planes


def tile_transfers(geometry: Geometry, shape: TileShape, design: FittedDesign) -> Transfers:
    """Return what a tile moves when it loads and stores everything."""
    needs = tile_needs(geometry, shape, design)
    row_bits = (
        design.synapse_lanes * design.w_bits,
        design.polarity_lanes,
        design.channel_lanes * (design.acc_bits + SHIFT_BITS),
    )
    rows = (0 if geometry.matmul else needs.filter, needs.polarity, needs.channel)
    beats = [-(-count * bits // design.port_bits) for count, bits in zip(rows, row_bits, strict=True)]
    if geometry.matmul:
        beats[0] = 1  # empty: in the place of weights that are another tensor
    offset = shape.in_start * geometry.width * design.word_bits % design.port_bits
    plane_bits = offset + shape.in_rows * geometry.width * design.word_bits
    return Transfers(
        filter=(beats[0], beats[1], beats[2]),
        filter_rows=rows,
        ifmap=planes_of(
            shape.in_chunks,
            -(-plane_bits // design.port_bits),
            plane_beats(geometry.height * geometry.width, design),
        ),
        results=planes_of(
            -(-shape.outputs // design.feeder_width),
            plane_beats(shape.pixels, design),
            plane_beats(geometry.pixels, design),
        ),
        raw_beats=shape.pixels * shape.outputs,
        second=_second(geometry, shape, design) if geometry.matmul else Planes(0, 0, dense=True),
    )


def second_stride(geometry: Geometry, design: FittedDesign) -> int:
    """Return the beats from plane to plane of the tensor that the synapses of a matmul are."""
    return plane_beats(geometry.second_shape[0], design)


def _second(geometry: Geometry, shape: TileShape, design: FittedDesign) -> Planes:
    pixels, channels = geometry.as_second(shape.outputs, shape.channels)
    planes = -(-channels // design.feeder_width)
    return planes_of(planes, plane_beats(pixels, design), second_stride(geometry, design))
