"""`Unit`: what a row of a table is about. A plain record; its Verilog is found in `sources`.

In a table, `acc_bits` is the width of the value a unit holds: accumulator (os PE, edge), psum (ws and is PE),
sum (neuron), operand (lane), address (tag).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workloads.ops.op_field import Op
from workloads.ops.operation import Operation
from workloads.ops.registry import operation

GATED = "pe_zero_gated"
"""A MAC's PE whose multiplier keeps its operands, and whose sum stays, while x is 0: it needs two stages."""

PE_COMPONENTS = ("pe", GATED)
STAGED_STAGES = 2


@dataclass(frozen=True, order=True)
class Unit:
    """One unit of a table. Fields that don't apply are empty or 0.

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
    def operation(self) -> Operation:
        """The room of its op."""
        assert self.op, f"{self.component} has no op"
        return operation(self.op)

    @property
    def multiplies(self) -> bool:
        """Whether it holds a multiplier."""
        return bool(self.op) and self.operation.multiplies

    @property
    def op_bits(self) -> int:
        return self.operation.result_bits(self.x_bits, self.w_bits)

    @property
    def synapse_bits(self) -> int:
        return self.w_bits + self.operation.polar
