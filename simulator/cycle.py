"""The cycle model: exact bits and cycles of one layer, by stepping the machine's registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator import cycle_kernels as kernels
from simulator.counts import Counts
from simulator.mapping import array_sizes, fill_banks, gather_activations

if TYPE_CHECKING:
    from simulator.design import Design
    from workloads.layer import Layer, LayerParameters

DATAFLOWS = {"os": kernels.OS, "ws": kernels.WS, "is": kernels.IS}
OPS = {"threshold": kernels.THRESHOLD, "mac": kernels.MAC}
REGISTERS = {
    "os": ("x", "synapse", "acc"),
    "ws": ("moving", "still", "psum"),
    "is": ("moving", "still", "psum"),
}
"""PE registers by dataflow, in the order of traces and flips; the Verilog's names without `_reg`."""


@dataclass(frozen=True)
class Flip:
    """A single-event upset: one bit of one PE register inverted after clock edge `cycle` (1 is the first)."""

    cycle: int
    register: str
    row: int
    col: int
    bit: int


@dataclass(frozen=True)
class CycleRun:
    """Outcome of one layer and one input.

    outputs: [oh, ow, N] int64. toggles: bit changes by PE register over the whole run.
    trace: [cycles, 3, R, C] int64 patterns of the PE registers after each clock edge, or None.
    """

    outputs: np.ndarray
    counts: Counts
    toggles: dict[str, int]
    trace: np.ndarray | None


def register_bits(design: Design) -> dict[str, int]:
    """Return the width of each PE register of a fitted design."""
    assert design.acc_bits is not None
    widths = {
        "os": (design.x_bits, design.synapse_bits, design.acc_bits),
        "ws": (design.x_bits, design.synapse_bits, design.psum_bits),
        "is": (design.synapse_bits, design.x_bits, design.psum_bits),
    }[design.dataflow]
    return dict(zip(REGISTERS[design.dataflow], widths, strict=True))


def step_layer(
    layer: Layer,
    parameters: LayerParameters,
    design: Design,
    x: np.ndarray,
    traced_cycles: int = 0,
    flip: Flip | None = None,
) -> CycleRun:
    """Run `layer` on a fitted `design` with int64 activations x of layer.input_shape.

    traced_cycles: clock edges whose PE registers are kept (memory: 24·R·C bytes each).
    """
    assert design.acc_bits is not None, "step_layer takes a fitted design"
    banks = fill_banks(layer, parameters, design)
    activations = gather_activations(banks, x) & ((1 << design.x_bits) - 1)
    x_in_columns = design.dataflow == "is"
    row_bank, col_bank = (banks.synapses, activations) if x_in_columns else (activations, banks.synapses)
    names = REGISTERS[design.dataflow]
    value_bits = register_bits(design)[names[2]]
    y_low, y_high = layer.y_range or (0, 0)
    config = np.array(
        [
            *(design.rows, design.cols, DATAFLOWS[design.dataflow], OPS[design.op]),
            *(design.x_bits, design.w_bits, design.x_signed, design.acc_bits, value_bits),
            *array_sizes(layer, design.dataflow),
            *(layer.y_range is None, y_low, y_high),
        ],
        dtype=np.int64,
    )
    ofmap = np.zeros((design.cols, int(banks.out_addr.max()) + 1), dtype=np.int64)
    trace = np.zeros((traced_cycles, 3, design.rows, design.cols), dtype=np.int64)
    upset = np.zeros(5, dtype=np.int64)
    if flip is not None:
        upset[:] = (flip.cycle, names.index(flip.register), flip.row, flip.col, flip.bit)
    counts = kernels.run_layer(config, row_bank, col_bank, banks.bias, banks.shift, ofmap, upset, trace)
    patterns = ofmap[banks.out_lane, banks.out_addr]
    outputs = patterns - ((patterns >> (design.acc_bits - 1)) << design.acc_bits)
    preload, stream, drain, pipeline, busy, folds = (int(value) for value in counts[:6])
    return CycleRun(
        outputs.reshape(layer.output_shape),
        Counts(folds, preload, stream, drain, pipeline, busy),
        dict(zip(names, (int(value) for value in counts[6:9]), strict=True)),
        trace if traced_cycles else None,
    )
