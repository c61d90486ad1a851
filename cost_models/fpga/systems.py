"""Whole exported designs as units of a table: an array of PEs with all that surrounds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cost_models.sources.source import VERILOG, Source
from cost_models.units.catalogue import pe_units
from cost_models.units.unit import Columns, OpUnit
from simulator.designs.design import FittedDesign
from simulator.rtl.export import chip_verilog, rtl_parameters
from workloads.ops.op_field import Op

Machine = Literal["small", "default"]
"""What surrounds an array: the least there can be, or what a design has where nothing is said of it."""

SMALL = {
    "ifmap_kib": 2,
    "filter_kib": 2,
    "ofmap_kib": 2,
    "operand_depth": 64,
    "feeder_width": 1,
    "port_bits": 32,
}
"""A small machine's fields: scratchpads of 2 KiB, a channel a cycle, a narrow port."""

PREFIXES: dict[Machine, str] = {"small": "system", "default": "default_system"}
ARRAYS = ((4, 4), (4, 8), (8, 8))
"""Rows and columns of the arrays that are built."""

SYSTEM_BITS = 8

ACC_BITS: dict[Machine, dict[Op, int]] = {
    "small": {op: pe_units(op, SYSTEM_BITS, SYSTEM_BITS, "os")[-1].sum_bits for op in ("threshold", "mac")},
    "default": {"threshold": 18, "mac": 23},
}
"""Of accumulators: of small machines the widest PE's; else what the shipped trained networks of few layers
need by their weights, but MACs of `mnist-half`: they came later, need one bit more, and are refused."""


@dataclass(frozen=True)
class System(OpUnit):
    """A design as `limen export` writes it, dataflow os. acc_bits: of its accumulators."""

    machine: Machine
    rows: int
    cols: int
    acc_bits: int

    @property
    def component(self) -> str:
        return f"{PREFIXES[self.machine]}_{self.rows}x{self.cols}"

    @property
    def design(self) -> FittedDesign:
        fields = {"rows": self.rows, "cols": self.cols, "x_bits": self.x_bits, "w_bits": self.w_bits}
        fields |= {"acc_bits": self.acc_bits} | (SMALL if self.machine == "small" else {})
        return FittedDesign.model_validate({"dataflow": "os", "op": self.op, "acc_policy": "weights", **fields})

    def columns(self) -> Columns:
        return Columns(self.op, self.x_bits, self.w_bits, self.acc_bits, "os")


def system_units() -> tuple[System, ...]:
    """Return the systems of a target's tables, small machines first, then by array."""
    return tuple(
        system_unit(machine, *array, op) for machine in PREFIXES for array in ARRAYS for op in ACC_BITS[machine]
    )


def system_unit(machine: Machine, rows: int, cols: int, op: Op) -> System:
    """Return the system of an op with an array of these sizes in a machine."""
    return System(op, SYSTEM_BITS, SYSTEM_BITS, machine, rows, cols, ACC_BITS[machine][op])


def system_source(unit: System) -> Source:
    """Return the Verilog of a system: all files that `limen export` writes."""
    files = tuple(sorted(path.name for path in VERILOG.glob("*.v")))
    return Source("limen_chip", files, {}, chip_verilog(rtl_parameters(unit.design), f"{unit.component} {unit.op}"))
