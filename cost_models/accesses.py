"""What a run does to each part of the machine, in events: closed forms over sizes and folds, as level timing has."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.counts import Counts
from simulator.design import Design
from simulator.mapping import array_sizes
from workloads.layer import Layer

SMALLEST_ADDRESS_BITS = 2
"""The Verilog's banks hold at least four words."""


@dataclass(frozen=True)
class Events:
    """Events of one layer and one image.

    busy, shift: PE-cycles spent on operand pairs, and on moving stationary operands or accumulators down.
    row_reads, col_reads: words out of the operand banks. accumulates, requantises: values through the edge that
    are, and aren't yet, final. ofmap_reads: psums read back. channel_reads: bias and shift words.
    tag_steps: cycles one tag carries a valid address, along the rows, the columns (os) or the edge (ws, is).
    """

    cycles: int
    busy: int
    shift: int
    row_reads: int
    col_reads: int
    accumulates: int
    requantises: int
    ofmap_reads: int
    channel_reads: int
    tag_steps: int


def count_events(layer: Layer, counts: Counts, design: Design) -> Events:
    """Return the events of a layer. K folds, under ws and is, are the row folds."""
    row_size, col_size, time_size = array_sizes(layer, design.dataflow)
    row_folds, col_folds = -(-row_size // design.rows), -(-col_size // design.cols)
    outputs = layer.pixels * layer.out_channels
    output_stationary = design.dataflow == "os"
    again = 0 if output_stationary else (row_folds - 1) * outputs
    return Events(
        cycles=counts.cycles,
        busy=counts.busy,
        shift=(counts.preload + counts.drain) * design.pes,
        row_reads=row_size * time_size * col_folds,
        col_reads=col_size * (time_size * row_folds if output_stationary else row_size),
        accumulates=again,
        requantises=outputs,
        ofmap_reads=again,
        channel_reads=(time_size * col_folds if design.dataflow == "is" else col_size) * row_folds,
        tag_steps=time_size * counts.folds,
    )


@dataclass(frozen=True)
class Depths:
    """Words of each bank as built: powers of two that hold the largest layer."""

    row: int
    col: int
    out: int
    channel: int


def bank_depths(layers: tuple[Layer, ...], design: Design) -> Depths:
    """Return the depths of a lane's operand bank, a column's ofmap bank, and a bias and shift bank."""
    deepest = [1, 1, 1, 1]
    for layer in layers:
        row_size, col_size, time_size = array_sizes(layer, design.dataflow)
        row_folds, col_folds = -(-row_size // design.rows), -(-col_size // design.cols)
        if design.dataflow == "os":
            own = (row_folds * time_size, col_folds * time_size, col_folds * row_size, col_folds)
        elif design.dataflow == "ws":
            own = (row_folds * time_size, col_folds * row_size, col_folds * time_size, col_folds)
        else:
            own = (row_folds * time_size, col_folds * row_size, col_folds * time_size, time_size)
        deepest = [max(pair) for pair in zip(deepest, own, strict=True)]
    return Depths(*(1 << max(SMALLEST_ADDRESS_BITS, (depth - 1).bit_length()) for depth in deepest))
