"""The timing model: cycles of a layer in closed form, without data. Microseconds a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.counts import Counts
from simulator.mapping import array_sizes

if TYPE_CHECKING:
    from simulator.design import Design
    from workloads.layer import Layer

BANK_READ = 1
"""Cycles from issuing an operand's address to its arrival at the array."""

EDGE_STAGES = {"os": 1, "ws": 2, "is": 2}
"""Cycles from the array's last phase to the last ofmap write: [psum register,] requantiser."""


def count_layer(layer: Layer, design: Design) -> Counts:
    """Return the exact cycles of `layer` on `design`, operands waiting in the banks.

    Each fold costs the whole array, tails included: os T + R + C − 2 cycles of stream and R of drain;
    ws and is R cycles of preload and T + R + C − 2 of stream.
    """
    row_size, col_size, time_size = array_sizes(layer, design.dataflow)
    folds = -(-row_size // design.rows) * -(-col_size // design.cols)
    stationary = design.dataflow != "os"
    return Counts(
        folds=folds,
        preload=folds * design.rows if stationary else 0,
        stream=folds * (time_size + design.rows + design.cols - 2),
        drain=0 if stationary else folds * design.rows,
        pipeline=BANK_READ + EDGE_STAGES[design.dataflow],
        busy=layer.pairs,
    )
