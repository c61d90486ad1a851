"""The cycle model: exact bits and cycles of a whole program, by stepping the machine's registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.cycle import cycle_kernels as kernels
from simulator.encoding import SEVERAL_OPS, Dataflow, Op, Polarity
from simulator.plan.counts import Counts

if TYPE_CHECKING:
    from simulator.designs.design import Design
    from simulator.program.program import Program

REGISTERS = {
    "os": ("x", "synapse", "acc"),
    "ws": ("moving", "still", "psum"),
    "is": ("moving", "still", "psum"),
}
"""PE registers by dataflow, in the order of traces and flips; the Verilog's names without `_reg`."""

ALWAYS_READY = np.ones(1, dtype=np.int64)


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
    """Outcome of a program and one input.

    image: the memory after the run, [beats, port words] int64. counts: one a layer. cycles: from `start` to `done`.
    toggles: per layer, bit changes by PE register. trace: [cycles, 3, R, C] int64 patterns of the PE registers after
    each clock edge, or None. signals: [cycles, names] int64 of `kernels.PORT_NAMES`, or None.
    """

    image: np.ndarray
    counts: tuple[Counts, ...]
    cycles: int
    toggles: tuple[dict[str, int], ...]
    trace: np.ndarray | None
    signals: np.ndarray | None


def register_bits(design: Design) -> dict[str, int]:
    """Return the width of each PE register of a fitted design."""
    assert design.acc_bits is not None
    widths = {
        "os": (design.x_bits, design.synapse_bits, design.acc_bits),
        "ws": (design.x_bits, design.synapse_bits, design.psum_bits),
        "is": (design.synapse_bits, design.x_bits, design.psum_bits),
    }[design.dataflow]
    return dict(zip(REGISTERS[design.dataflow], widths, strict=True))


def machine_config(design: Design) -> np.ndarray:
    """Return a fitted design as `cycle_kernels` takes it."""
    assert design.acc_bits is not None, "the cycle model runs a fitted design"
    return np.array(
        [
            *(design.rows, design.cols, Dataflow[design.dataflow.upper()]),
            SEVERAL_OPS if design.extra_ops else Op[design.op.upper()],
            *(design.x_bits, design.w_bits, design.x_signed, design.acc_bits),
            register_bits(design)[REGISTERS[design.dataflow][2]],
            *(Polarity[design.polarity.upper()], design.feeder_width, design.port_bits),
            *(design.ifmap_depth, design.filter_depth, design.polarity_depth, design.channel_depth),
            *(design.ofmap_depth, design.operand_depth, design.memory_latency, design.port_interval),
        ],
        dtype=np.int64,
    )


def run_cycle(
    program: Program,
    x: np.ndarray,
    mask: np.ndarray = ALWAYS_READY,
    traced_cycles: int = 0,
    flip: Flip | None = None,
    signal_cycles: int = 0,
) -> CycleRun:
    """Run a program on one input x [H, W, C], int64.

    mask: 0 in cycles (modulo its length) in which the memory doesn't answer. traced_cycles, signal_cycles: clock edges
    whose PE registers (24·R·C bytes each) and whose control signals are kept.
    """
    design, layers = program.design, len(program.schedules)
    names = REGISTERS[design.dataflow]
    image = program.load(x)
    trace = np.zeros((traced_cycles, 3, design.rows, design.cols), dtype=np.int64)
    signals = np.zeros((signal_cycles, kernels.NPORTS), dtype=np.int64)
    counters = np.zeros((layers, kernels.COUNTERS), dtype=np.int64)
    toggles = np.zeros((layers, 3), dtype=np.int64)
    upset = np.zeros(5, dtype=np.int64)
    if flip is not None:
        upset[:] = (flip.cycle, names.index(flip.register), flip.row, flip.col, flip.bit)
    descriptors = kernels.make_descriptors(design.port_bits)
    cycles = kernels.run_program(
        machine_config(design), descriptors, image, mask.astype(np.int64), upset, trace, counters, toggles, signals
    )
    return CycleRun(
        image,
        tuple(_counts(row, design) for row in counters),
        int(cycles),
        tuple(_by_name(names, row) for row in toggles),
        trace if traced_cycles else None,
        signals if signal_cycles else None,
    )


def _counts(row: np.ndarray, design: Design) -> Counts:
    """Columns of the counters are the fields of Counts, in their order, but for the last."""
    names = list(Counts.__dataclass_fields__)[:-1]
    assert len(names) == len(row)
    return Counts(**_by_name(names, row), port_bytes=design.port_bits // 8)


def _by_name(names: Sequence[str], row: np.ndarray) -> dict[str, int]:
    return dict(zip(names, (int(value) for value in row), strict=True))
