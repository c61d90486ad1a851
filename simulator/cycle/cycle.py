"""The cycle model: exact bits and cycles of a whole program, by stepping the machine's registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np

from simulator.cycle.array import VALUE
from simulator.cycle.counters import COUNTERS, SIGNALS
from simulator.cycle.kept import WISHES, Kept
from simulator.cycle.machine import Depths, make_machine
from simulator.cycle.op import BROUGHT
from simulator.cycle.records import new_record
from simulator.cycle.top import brought_program, run_program
from simulator.cycle.wires import PARAMETERS
from simulator.encoding import SEVERAL_OPS, Dataflow, Kind, Phase, Polarity, op_code
from simulator.plan.counts import Counts
from workloads.ops.registry import operation

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.program.program import Program

REGISTERS = {
    "os": ("x", "synapse", "acc"),
    "ws": ("moving", "still", "psum"),
    "is": ("moving", "still", "psum"),
}
"""PE registers by dataflow, in the order of traces and flips; the Verilog's names without `_reg`."""

ALWAYS_READY = np.ones(1, dtype=np.int64)
NEVER = (1 << 63) - 1
"""A cycle that no run reaches."""


@dataclass(frozen=True)
class Flip:
    """A single-event upset: one bit of one PE register inverted after clock edge `cycle` (1 is the first)."""

    cycle: int
    register: str
    row: int
    col: int
    bit: int


class Watched(TypedDict, total=False):
    """What is looked at in every cycle of a run; the outcome is the same.

    traced_cycles, signal_cycles: clock edges whose PE registers (24·R·C bytes each) and whose control signals are kept;
    0 by default. toggles: whether bit changes are counted; False by default.
    """

    traced_cycles: int
    signal_cycles: int
    toggles: bool


@dataclass(frozen=True)
class CycleRun:
    """Outcome of a program and one input.

    image: the memory after the run, [beats, port words] int64. counts: one a layer. cycles: from `start` to `done`.
    toggles: per layer, bit changes by PE register, or None. trace: [cycles, 3, R, C] int64 patterns of the PE registers
    after each clock edge, or None. signals: [cycles] of SIGNALS, or None.
    """

    image: np.ndarray
    counts: tuple[Counts, ...]
    cycles: int
    toggles: tuple[dict[str, int], ...] | None
    trace: np.ndarray | None
    signals: np.ndarray | None


def register_bits(design: FittedDesign) -> dict[str, int]:
    """Return the width of each PE register of a fitted design."""
    widths = {
        "os": (design.x_bits, design.synapse_bits, design.acc_bits),
        "ws": (design.x_bits, design.synapse_bits, design.psum_bits),
        "is": (design.synapse_bits, design.x_bits, design.psum_bits),
    }[design.dataflow]
    return dict(zip(REGISTERS[design.dataflow], widths, strict=True))


def design_parameters(design: FittedDesign) -> np.record:
    """Return a fitted design's PARAMETERS."""
    parameters = new_record(PARAMETERS)
    codes = {room: op_code(room.name) if room.verilog is None else BROUGHT for room in design.operations}
    parameters.op = SEVERAL_OPS if design.extra_ops else codes[operation(design.op)]
    parameters.polar_ops = sum(room.polar << code for room, code in codes.items())
    parameters.neutral_x, parameters.neutral_synapse = design.neutral
    parameters.rows, parameters.cols = design.rows, design.cols
    parameters.dataflow, parameters.polarity = Dataflow[design.dataflow.upper()], Polarity[design.polarity.upper()]
    parameters.stages, parameters.zero_gating = design.pe_stages, design.zero_gating
    parameters.overlap = design.overlap
    parameters.x_bits, parameters.w_bits, parameters.x_signed = design.x_bits, design.w_bits, design.x_signed
    parameters.acc_bits, parameters.feeder = design.acc_bits, design.feeder_width
    parameters.psum_bits = register_bits(design)[REGISTERS[design.dataflow][VALUE]]
    parameters.memory_latency, parameters.port_interval = design.memory_latency, design.port_interval
    return parameters


def design_depths(design: FittedDesign) -> Depths:
    """Return the depths of a fitted design's memories."""
    return Depths(
        ifmap=design.ifmap_depth,
        filter=design.filter_depth,
        polarity=design.polarity_depth if design.stores_polarity else 0,
        channel=design.channel_depth,
        ofmap=design.ofmap_depth,
        operand=design.operand_depth,
    )


def run_cycle(
    program: Program,
    x: np.ndarray,
    mask: np.ndarray = ALWAYS_READY,
    flip: Flip | None = None,
    **watched: Unpack[Watched],
) -> CycleRun:
    """Run a program on one input x [H, W, C], int64.

    mask: 0 in cycles (modulo its length) in which the memory doesn't answer. Where no cycles are kept and nothing is
    flipped, most cycles are leapt over, see `leap`: the outcome is the same.
    """
    traced_cycles, signal_cycles = watched.get("traced_cycles", 0), watched.get("signal_cycles", 0)
    toggles = watched.get("toggles", False)
    design, layers = program.design, len(program.schedules)
    names = REGISTERS[design.dataflow]
    image = program.load(x)
    trace = np.zeros((traced_cycles, 3, design.rows, design.cols), dtype=np.int64)
    counters, signals = np.zeros(layers, COUNTERS), np.zeros(signal_cycles, SIGNALS)
    changes = np.zeros((layers, 3 if toggles else 0), dtype=np.int64)
    upset = np.zeros(5, dtype=np.int64)
    if flip is not None:
        upset[:] = (flip.cycle, names.index(flip.register), flip.row, flip.col, flip.bit)
    machine = make_machine(design_parameters(design), design_depths(design), image, mask.astype(np.int64))
    wishes = new_record(WISHES)
    wishes.leaps, wishes.until = not (traced_cycles or signal_cycles or flip), NEVER
    kept, room = Kept(wishes, counters, changes, trace, signals, upset), operation(design.op)
    if room.verilog is None:
        cycles = run_program(machine, kept)
    else:
        cycles = brought_program()(machine, kept, room.pattern_kernel())
    return CycleRun(
        image,
        tuple(_counts(row, design) for row in counters),
        int(cycles),
        tuple(_by_name(names, row) for row in changes) if toggles else None,
        trace if traced_cycles else None,
        signals if signal_cycles else None,
    )


def _counts(counters: np.record, design: FittedDesign) -> Counts:
    """Fields of COUNTERS are those of Counts, but for phases and beats."""
    counts = {name: int(counters[name]) for name in COUNTERS.names or () if name not in ("phases", "beats")}
    counts |= {phase.name.lower(): int(counters.phases[phase]) for phase in Phase if phase != Phase.IDLE}
    beats = {kind.name.lower(): int(counters.beats[kind]) for kind in Kind}
    beats["descriptor"] = beats.pop("layer") + beats.pop("tile")
    return Counts(
        **counts, **{f"beats_{kind}": moved for kind, moved in beats.items()}, port_bytes=design.port_bits // 8
    )


def _by_name(names: Sequence[str], row: np.ndarray) -> dict[str, int]:
    return dict(zip(names, (int(value) for value in row), strict=True))
