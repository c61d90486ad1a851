"""What is characterised: every unit of the machine as Verilog to synthesise, with the stimuli that drive it.

In a table, `acc_bits` is the width of the value a unit holds: accumulator (os PE, edge), psum (ws and is PE),
sum (neuron), operand (lane), address (tag).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal

from cost_models.gates.synthesis import DEFAULT_MULTIPLIER, MULTIPLIERS, Source
from cost_models.library.full_adders import FULL_ADDERS, full_adder
from cost_models.library.liberty_cells import Library
from cost_models.sources import kernel_sources as kernels
from cost_models.sources import machine_sources as machine_units
from workloads.ops.integers import OPS, SHIFT_WEIGHT_BITS, Op, result_bits

Pairs = Literal["all", "equal"]

WIDTHS = range(2, 9)
"""Operand widths of the shipped table."""

MAX_ROWS = 256
"""psum widths reach op_bits + log2 of this."""

FAN_IN_BITS = 14
"""Accumulators reach op_bits + this: fan-in 4,608 and a bias as large again."""

EDGE_ACC_BITS = (3, 8, 16, 24, 32)
TAG_BITS = (2, 16)
SKEW_BITS = (1, 8, 32)
BANK_POINTS = tuple(product((4, 12, 24), (2, 3, 4)))
"""(width, address bits) of the register-file banks behind the fit."""

LANE_POINTS = ((2, 2, 2), (2, 8, 4), (8, 2, 8), (8, 8, 1), (16, 4, 4), (32, 8, 4))
"""(lanes, x_bits, feeder_width)."""

IFMAP_POINTS = ((2, 32), (4, 64), (8, 64), (16, 32), (16, 64), (32, 64), (32, 128), (64, 64), (64, 256))
FILTER_POINTS = (
    *((2, 32), (4, 64), (8, 64), (16, 64), (32, 64), (32, 256)),
    *((64, 32), (128, 64), (128, 256), (400, 64), (960, 64)),
)
"""(bits of a row, port_bits)."""

MOVER_POINTS = {
    "os": ((2, 4, 2, 12, 64), (4, 8, 4, 20, 64), (16, 8, 4, 20, 64), (16, 4, 8, 16, 64), (8, 4, 4, 16, 256),
           (16, 2, 2, 10, 32), (32, 8, 2, 24, 64)),
    "is": ((2, 4, 2, 12, 64), (4, 8, 4, 20, 64), (8, 4, 4, 16, 64), (8, 8, 2, 24, 32), (4, 4, 8, 16, 256),
           (16, 4, 2, 14, 64)),
}  # fmt: skip
"""(columns, x_bits, feeder_width, acc_bits, port_bits) of packer and scatter unit."""

POOL_POINTS = ((2, 1), (8, 1), (4, 4), (8, 4), (8, 8))
"""(x_bits, feeder_width)."""

CONTROL_POINTS = ((32, 8, 64), (4, 4, 64), (16, 4, 32), (4, 8, 256))
"""(rows and columns, x_bits, port_bits)."""

SMALL_KERNELS = ("op", "neuron_3x3")
"""Kernels that have a MAC of least area beside their best one; larger neurons would take half an hour more."""

DATAFLOWS = ("os", "ws", "is")

GATED = "pe_zero_gated"
"""A MAC's PE whose multiplier keeps its operands, and whose sum stays, while x is 0: it needs two stages."""

PES = ("pe", GATED)
STAGED_STAGES = 2
STAGED_VERILOG = Path(__file__).parents[1] / "sources" / "verilog"


@dataclass(frozen=True, order=True)
class Unit:
    """One point of a table. Fields that don't apply are empty or 0.

    smallest: built by the recipe of least area, for comparison, instead of that of least area × energy × clock.
    """

    component: str
    op: Op | Literal[""] = ""
    x_bits: int = 0
    w_bits: int = 0
    acc_bits: int = 0
    dataflow: str = ""
    lanes: int = 0
    feeder: int = 0
    port_bits: int = 0
    stages: int = 1
    smallest: bool = False

    @property
    def op_bits(self) -> int:
        assert self.op
        return result_bits(self.op, self.x_bits, self.w_bits)

    @property
    def synapse_bits(self) -> int:
        return self.w_bits + (self.op == "threshold")

    def source(self) -> Source:
        """Return the Verilog of this unit."""
        builders = {
            "pe": _pe if self.stages == 1 else _staged_pe,
            GATED: _staged_pe,
            "tag": _tag,
            "skew": _skew,
            "bank": _bank,
            "edge": machine_units.edge,
            "lane": machine_units.lane,
            "ifmap_scratchpad": machine_units.scratchpad,
            "filter_scratchpad": machine_units.scratchpad,
            "packer": machine_units.packer,
            "scatter": machine_units.scatter,
            "pool": machine_units.pool,
            "control": machine_units.control,
            "op": kernels.op_alone,
            "op_result": kernels.op_result,
            "nand2": kernels.nand2,
            **dict.fromkeys(kernels.SYNAPSES, kernels.neuron),
        }
        return builders[self.component](self)


def _pe(unit: Unit) -> Source:
    assert unit.op
    files, parameters = kernels.op_files(unit.op), kernels.op_parameters(unit)
    if unit.dataflow == "os":
        return Source("limen_pe_os", (*files, "limen_pe_os.v"), {**parameters, "ACC_BITS": unit.acc_bits})
    stays = unit.dataflow == "is"
    still, moving = (unit.x_bits, unit.synapse_bits) if stays else (unit.synapse_bits, unit.x_bits)
    own = {"PSUM_BITS": unit.acc_bits, "X_STAYS": int(stays), "STILL_BITS": still, "MOVING_BITS": moving}
    return Source("limen_pe_stationary", (*files, "limen_pe_stationary.v"), {**parameters, **own})


def _staged_pe(unit: Unit) -> Source:
    assert unit.op
    held = "ACC_BITS" if unit.dataflow == "os" else "PSUM_BITS"
    parameters = {**kernels.op_parameters(unit), held: unit.acc_bits, "ZERO_GATING": int(unit.component == GATED)}
    top = f"limen_pe_{unit.dataflow}_staged"
    text = "".join((STAGED_VERILOG / f"{name}.v").read_text(encoding="utf-8") for name in ("limen_op_staged", top))
    return Source(top, kernels.op_files(unit.op), parameters, text)


def _tag(unit: Unit) -> Source:
    return Source("limen_tag", ("limen_tag.v",), {"ADDR_BITS": unit.acc_bits})


def _skew(unit: Unit) -> Source:
    return Source("limen_skew", ("limen_skew.v",), {"WIDTH": unit.acc_bits, "DEPTH": 1})


def _bank(unit: Unit) -> Source:
    return Source("limen_bank", ("limen_bank.v",), {"WIDTH": unit.x_bits, "DEPTH": 1 << unit.acc_bits}, buffered=True)


def multipliers(unit: Unit, library: Library) -> tuple[str, ...]:
    """Return the recipes to try: only a MAC has a product, and only it and a neuron's tree have full adders."""
    found = tuple(MULTIPLIERS) if unit.op == "mac" else (DEFAULT_MULTIPLIER,)
    if (unit.op == "mac" or unit.component in kernels.SYNAPSES) and full_adder(library):
        found += (FULL_ADDERS,)
    return found


def is_straightened(unit: Unit) -> bool:
    """Return whether a unit is a PE of the machine, priced at widths between those of its group."""
    return unit.component == "pe" and unit.stages == 1 and not unit.smallest


def pe_units(op: Op, x_bits: int, w_bits: int, dataflow: str) -> tuple[Unit, ...]:
    """Return one PE at the widths that span every accumulator (os) or psum (ws, is) a design can have.

    At op bits, a knee, a sum stops cutting results of the op off; for widths in between see `lines`.
    """
    op_bits = Unit("pe", op, x_bits, w_bits).op_bits
    widest = op_bits + (FAN_IN_BITS if dataflow == "os" else (MAX_ROWS - 1).bit_length())
    widths = {op_bits, widest}
    if dataflow == "os":
        widths.add(min(x_bits + 1, op_bits))
    return tuple(Unit("pe", op, x_bits, w_bits, width, dataflow) for width in sorted(widths))


def staged_units(widths: Sequence[int]) -> list[tuple[Unit, ...]]:
    """Return PEs of two stages with x as wide as w, and MACs that don't switch on zeros, at the widest sums."""
    found: list[tuple[Unit, ...]] = []
    for op, x_bits, dataflow in product(OPS, widths, ("os", "ws")):
        plain = pe_units(op, x_bits, kernels.weight_bits(op, x_bits), dataflow)[-1]
        found += [
            (replace(plain, component=component, stages=STAGED_STAGES),)
            for component in (PES if op == "mac" else ("pe",))
        ]
    return found


def groups(widths: range = WIDTHS, pairs: Pairs = "all") -> list[tuple[Unit, ...]]:
    """Return all units of a table, in groups that share one multiplier; the whole of a table in a fixed order.

    pairs: PEs of all pairs of widths, or only of x as wide as w.
    """
    found = [
        pe_units(op, x_bits, w_bits, dataflow)
        for op, x_bits, w_bits, dataflow in product(OPS, widths, widths, DATAFLOWS)
        if op != "shift" or w_bits in range(SHIFT_WEIGHT_BITS[0], SHIFT_WEIGHT_BITS[1] + 1)
        if pairs == "all" or w_bits == kernels.weight_bits(op, x_bits)
    ]
    found += [tuple(Unit("edge", "", x, 0, acc) for acc in EDGE_ACC_BITS) for x in widths]
    found.append(tuple(Unit("tag", acc_bits=bits) for bits in TAG_BITS))
    return found + fitted_groups() + kernel_groups(widths)


def kernel_groups(widths: range) -> list[tuple[Unit, ...]]:
    """Return PEs of WIDE_BITS and of two stages, the gate equivalent, ops alone and neurons; then the smallest MACs."""
    wide = kernels.WIDE_BITS if widths == WIDTHS else ()
    found = [
        pe_units(op, bits, kernels.weight_bits(op, bits), dataflow)
        for op, bits, dataflow in product(OPS, wide, ("os", "ws"))
    ]
    found += staged_units((*widths, *wide))
    found.append((Unit("nand2"),))
    found += [(kernel_unit("op", op, x_bits),) for op, x_bits in product(OPS, (*widths, *wide))]
    found += [
        (kernel_unit(component, op, x_bits),)
        for op, x_bits, component in product(OPS, (*widths, *wide), kernels.SYNAPSES)
    ]
    found += [(kernel_unit("op_result", op, x_bits),) for op, x_bits in product(OPS, (*widths, *wide)) if op != "mac"]
    return found + smallest_groups((*widths, *wide))


def smallest_groups(widths: Sequence[int]) -> list[tuple[Unit, ...]]:
    """Return the MACs of least area: SMALL_KERNELS of all widths, and PEs at the widest sums."""
    alone = [kernel_unit(component, "mac", bits) for component, bits in product(SMALL_KERNELS, widths)]
    pes = [pe_units("mac", bits, bits, dataflow)[-1] for bits, dataflow in product(widths, ("os", "ws"))]
    return [(replace(unit, smallest=True),) for unit in (*alone, *pes)]


def kernel_unit(component: str, op: Op, x_bits: int) -> Unit:
    """Return the op alone or a neuron at a width."""
    w_bits = kernels.weight_bits(op, x_bits)
    return Unit(component, op, x_bits, w_bits, kernels.sum_bits(component, op, x_bits, w_bits))


def fitted_groups() -> list[tuple[Unit, ...]]:
    """Return the points behind each fit."""
    found = [
        tuple(Unit("skew", acc_bits=bits) for bits in SKEW_BITS),
        tuple(Unit("bank", x_bits=width, acc_bits=address) for width, address in BANK_POINTS),
        tuple(Unit("pool", x_bits=x, feeder=feeder) for x, feeder in POOL_POINTS),
        tuple(Unit("ifmap_scratchpad", acc_bits=width, port_bits=port) for width, port in IFMAP_POINTS),
        tuple(Unit("filter_scratchpad", acc_bits=width, port_bits=port) for width, port in FILTER_POINTS),
    ]
    for dataflow in ("os", "ws"):
        points = ((x, dataflow, lanes, feeder) for lanes, x, feeder in LANE_POINTS)
        found.append(tuple(Unit("lane", "", x, 0, 0, flow, lanes, feeder) for x, flow, lanes, feeder in points))
    for component, flow in product(("packer", "scatter"), MOVER_POINTS):
        found.append(
            tuple(
                Unit(component, "", x, 0, acc, flow, lanes, feeder, port)
                for lanes, x, feeder, acc, port in MOVER_POINTS[flow]
            )
        )
    for dataflow in DATAFLOWS:
        found.append(tuple(Unit("control", "", x, 0, 0, dataflow, lanes, 4, port) for lanes, x, port in CONTROL_POINTS))
    return found
