"""What is characterised: every unit of the machine as Verilog to synthesise, with the stimuli that drive it.

In a table, `acc_bits` is the width of the value a unit holds: accumulator (os PE, edge), psum (ws and is PE),
operand (lane), address (tag).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from cost_models.synthesis import MULTIPLIERS, Source

WIDTHS = range(2, 9)
"""Operand widths of the shipped table."""

MAX_ROWS = 256
"""psum widths reach op_bits + log2 of this."""

FAN_IN_BITS = 14
"""Accumulators reach op_bits + this: fan-in 4,608 and a bias as large again."""

EDGE_ACC_BITS = (3, 8, 16, 24, 32)
LANE_BITS = (2, 9)
TAG_BITS = (2, 53)
"""Addresses, and under `is` the bias and shift word that walks along the columns."""
BANK_POINTS = tuple(product((4, 12, 24), (2, 3, 4)))
"""(width, address bits) of the register-file banks behind the fit."""

ADDR_BITS = 8
"""Address width inside the edge and the controller; tags scale with the design's own."""

SIZE_BITS = 16
DATAFLOWS = ("os", "ws", "is")
OPERATORS = ("limen_resize.v", "limen_op.v", "limen_op_threshold.v", "limen_op_mac.v")

@dataclass(frozen=True, order=True)
class Unit:
    """One point of a table. Fields that don't apply are empty or 0."""

    component: str
    op: str = ""
    x_bits: int = 0
    w_bits: int = 0
    acc_bits: int = 0
    dataflow: str = ""
    lanes: int = 0
    feeder: int = 0
    port_bits: int = 0

    @property
    def op_bits(self) -> int:
        return max(self.x_bits, self.w_bits) + 1 if self.op == "threshold" else self.x_bits + self.w_bits

    @property
    def synapse_bits(self) -> int:
        return self.w_bits + (self.op == "threshold")

    def source(self) -> Source:
        """Return the Verilog of this unit."""
        builders = {"pe": _pe, "edge": _edge, "lane": _lane, "tag": _tag, "controller": _controller, "bank": _bank}
        return builders[self.component](self)


def _pe(unit: Unit) -> Source:
    parameters = {
        "OP": int(unit.op == "mac"),
        "X_BITS": unit.x_bits,
        "W_BITS": unit.w_bits,
        "X_SIGNED": int(unit.op != "mac"),
        "SYNAPSE_BITS": unit.synapse_bits,
        "OP_BITS": unit.op_bits,
    }
    if unit.dataflow == "os":
        return Source("limen_pe_os", (*OPERATORS, "limen_pe_os.v"), {**parameters, "ACC_BITS": unit.acc_bits})
    stays = unit.dataflow == "is"
    still, moving = (unit.x_bits, unit.synapse_bits) if stays else (unit.synapse_bits, unit.x_bits)
    own = {"PSUM_BITS": unit.acc_bits, "X_STAYS": int(stays), "STILL_BITS": still, "MOVING_BITS": moving}
    return Source("limen_pe_stationary", (*OPERATORS, "limen_pe_stationary.v"), {**parameters, **own})


def _tag(unit: Unit) -> Source:
    return Source("limen_tag", ("limen_tag.v",), {"ADDR_BITS": unit.acc_bits})


def _skew(unit: Unit) -> Source:
    return Source("limen_skew", ("limen_skew.v",), {"WIDTH": unit.acc_bits, "DEPTH": 1})


def _bank(unit: Unit) -> Source:
    return Source("limen_bank", ("limen_bank.v",), {"WIDTH": unit.x_bits, "DEPTH": 1 << unit.acc_bits})


def multipliers(unit: Unit) -> tuple[str, ...]:
    """Return the recipes to try: only a MAC PE has a product."""
    return tuple(MULTIPLIERS) if unit.component == "pe" and unit.op == "mac" else ("partial_products",)


def pe_units(op: str, x_bits: int, w_bits: int, dataflow: str) -> tuple[Unit, ...]:
    """Return one PE at the widths that span every accumulator (os) or psum (ws, is) a design can have."""
    op_bits = Unit("pe", op, x_bits, w_bits).op_bits
    if dataflow == "os":
        widths = sorted({min(x_bits + 1, op_bits), op_bits, op_bits + FAN_IN_BITS})
    else:
        widths = [op_bits, op_bits + (MAX_ROWS - 1).bit_length()]
    return tuple(Unit("pe", op, x_bits, w_bits, width, dataflow) for width in widths)


def groups(widths: range = WIDTHS) -> list[tuple[Unit, ...]]:
    """Return all units of a table, in groups that share one multiplier; the whole of a table in a fixed order."""
    found = [pe_units(*point) for point in product(("threshold", "mac"), widths, widths, DATAFLOWS)]
    for dataflow in ("os", "ws"):
        found += [tuple(Unit("edge", "", x, 0, acc, dataflow) for acc in EDGE_ACC_BITS) for x in widths]
    found.append(tuple(Unit("lane", acc_bits=bits) for bits in LANE_BITS))
    found.append(tuple(Unit("tag", acc_bits=bits) for bits in TAG_BITS))
    found += [(Unit("controller", dataflow=dataflow),) for dataflow in DATAFLOWS]
    found.append(tuple(Unit("bank", x_bits=width, acc_bits=address) for width, address in BANK_POINTS))
    return found
