"""What a tile moves over the memory port, in beats and in rows of the scratchpads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.encoding import SHIFT_BITS
from simulator.plan.geometry import Geometry, TileShape, plane_beats, tile_needs

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign


@dataclass(frozen=True)
class Transfers:
    """Beats of a tile's loads and store: a run each of `filter`; `ifmap` and `planes` a run a plane."""

    filter: tuple[int, int, int]
    filter_rows: tuple[int, int, int]
    ifmap_runs: int
    ifmap_beats: int
    plane_runs: int
    plane_beats: int
    raw_beats: int


def tile_transfers(geometry: Geometry, shape: TileShape, design: FittedDesign) -> Transfers:
    """Return what a tile moves when it loads and stores everything."""
    needs = tile_needs(geometry, shape, design)
    row_bits = (
        design.synapse_lanes * design.w_bits,
        design.polarity_lanes,
        design.channel_lanes * (design.acc_bits + SHIFT_BITS),
    )
    rows = (needs.filter, needs.polarity, needs.channel)
    beats = [-(-count * bits // design.port_bits) for count, bits in zip(rows, row_bits, strict=True)]
    offset = shape.in_start * geometry.width * design.word_bits % design.port_bits
    plane_bits = offset + shape.in_rows * geometry.width * design.word_bits
    return Transfers(
        filter=(beats[0], beats[1], beats[2]),
        filter_rows=rows,
        ifmap_runs=shape.in_chunks,
        ifmap_beats=-(-plane_bits // design.port_bits),
        plane_runs=-(-shape.outputs // design.feeder_width),
        plane_beats=plane_beats(shape.pixels, design),
        raw_beats=shape.pixels * shape.outputs,
    )
