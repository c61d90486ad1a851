"""What is put on an FPGA: ops, neurons, PEs and whole systems, as Verilog with registers where a path would have none.

A unit's inputs come from elsewhere: without registers before them, the paths from them have no clock and no part in
its highest frequency. `limen_registered` puts one before every input; their flip-flops are left out of the count.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

from cost_models.sources.source import VERILOG, Source
from cost_models.sources.unit_sources import unit_source
from cost_models.units.catalogue import neuron, operator, pe_units
from cost_models.units.neurons import SYNAPSES, WIDE_BITS, weight_bits
from cost_models.units.unit import Columns, Neuron, Operator, OpUnit, Pe
from simulator.designs.design import FittedDesign
from simulator.rtl.export import chip_verilog, rtl_parameters
from workloads.ops.op_field import Op
from workloads.ops.registry import known_ops

WIDTHS = (*range(2, 9), *WIDE_BITS)
BITS = {
    "xc7": {"op": WIDTHS, "neuron_3x3": (4, 8, 16), "neuron_5x5": (8,), "neuron_1x1x64": (4,), "pe": WIDTHS},
    "ecp5": {"op": (4, 8, 16), "neuron_3x3": (4, 8), "neuron_5x5": (4, 8), "neuron_1x1x64": (4,), "pe": (4, 8, 16)},
}
"""Operand widths of a target's tables by component; w is as wide as x, but at most 5 bits under op shift.

What is placed and routed takes minutes where it is large, so there is less of it.
"""

SystemName = Literal["system_4x4", "system_8x8"]
SYSTEMS: dict[SystemName, int] = {"system_4x4": 4, "system_8x8": 8}
"""Whole exported designs by their component: rows and columns. Dataflow os, 8 bits, accumulators as wide as the
widest PE's; small scratchpads and a narrow port, so that the array is a good part of them."""

SYSTEM_OPS: tuple[Op, ...] = ("threshold", "mac")
SYSTEM_BITS = 8

REGISTERED = """
module limen_registered (
    input  wire clk,
{ports}
);
{registers}
    always @(posedge clk) begin
{loads}
    end
    {top} #({parameters}) unit (.clk(clk), {wires});
endmodule
"""


@dataclass(frozen=True)
class System(OpUnit):
    """A whole exported design. acc_bits: of its accumulators."""

    name: SystemName
    acc_bits: int

    @property
    def component(self) -> str:
        return self.name

    def columns(self) -> Columns:
        return Columns(self.op, self.x_bits, self.w_bits, self.acc_bits, "os")


FpgaUnit = Operator | Neuron | Pe | System
FPGA_UNITS: tuple[type[FpgaUnit], ...] = get_args(FpgaUnit)


def fpga_units(target: str, systems: bool = False) -> tuple[FpgaUnit, ...]:
    """Return the units of a target's tables in a fixed order, with the widest accumulator or psum there is.

    systems: whole designs after them, each of which takes as long as all units together.
    """
    widths = BITS[target]
    units: list[FpgaUnit] = [operator(op, bits) for bits, op in product(widths["op"], known_ops())]
    for window in SYNAPSES:
        units += [neuron(window, op, bits) for bits, op in product(widths[window], known_ops())]
    for dataflow, bits, op in product(("os", "ws"), widths["pe"], known_ops()):
        units.append(pe_units(op, bits, weight_bits(op, bits), dataflow)[-1])
    if systems:
        units += [system_unit(name, op) for name, op in product(SYSTEMS, SYSTEM_OPS)]
    return tuple(units)


def system_unit(name: SystemName, op: Op) -> System:
    """Return a whole design as a unit of a table."""
    acc_bits = pe_units(op, SYSTEM_BITS, SYSTEM_BITS, "os")[-1].sum_bits
    return System(op, SYSTEM_BITS, SYSTEM_BITS, name, acc_bits)


def source_of(unit: FpgaUnit) -> Source:
    """Return the Verilog of a unit as it is; of a system, all files that `limen export` writes."""
    if not isinstance(unit, System):
        return unit_source(unit)
    size = SYSTEMS[unit.name]
    design = FittedDesign(
        rows=size,
        cols=size,
        dataflow="os",
        op=unit.op,
        x_bits=unit.x_bits,
        w_bits=unit.w_bits,
        acc_bits=unit.acc_bits,
        ifmap_kib=2,
        filter_kib=2,
        ofmap_kib=2,
        operand_depth=64,
        feeder_width=1,
        port_bits=32,
    )
    files = tuple(sorted(path.name for path in VERILOG.glob("*.v")))
    return Source("limen_chip", files, {}, chip_verilog(rtl_parameters(design), f"{unit.name} {unit.op}"))


def inputs_of(unit: FpgaUnit) -> dict[str, int]:
    """Return the inputs that get registers, by name, with their bits: none of an op alone or of a system."""
    if isinstance(unit, Neuron):
        return {"x": unit.synapses * unit.x_bits, "synapse": unit.synapses * unit.synapse_bits}
    if not isinstance(unit, Pe):
        return {}
    if unit.dataflow == "ws":
        return {"preload": 1, "moving_in": unit.x_bits, "still_in": unit.synapse_bits, "psum_in": unit.sum_bits}
    return {"rst": 1, "drain": 1, "x_in": unit.x_bits, "synapse_in": unit.synapse_bits, "acc_in": unit.sum_bits}


def _outputs_of(unit: Neuron | Pe) -> dict[str, int]:
    if isinstance(unit, Neuron):
        return {"sum": unit.sum_bits}
    if unit.dataflow == "ws":
        return {"moving_out": unit.x_bits, "still_out": unit.synapse_bits, "psum_out": unit.sum_bits}
    return {"x_out": unit.x_bits, "synapse_out": unit.synapse_bits, "acc_out": unit.sum_bits}


def registered(unit: FpgaUnit) -> Source:
    """Return a unit with a register before each of its inputs; as it is where it has no clock or is a system."""
    source = source_of(unit)
    if not isinstance(unit, Neuron | Pe):
        return source
    inputs, outputs = inputs_of(unit), _outputs_of(unit)
    ports = [f"    input  wire [{bits - 1}:0] {name}" for name, bits in inputs.items()]
    ports += [f"    output wire [{bits - 1}:0] {name}" for name, bits in outputs.items()]
    wires = [f".{name}({name}_first_reg)" for name in inputs] + [f".{name}({name})" for name in outputs]
    text = REGISTERED.format(
        ports=",\n".join(ports),
        registers="\n".join(f"    reg [{bits - 1}:0] {name}_first_reg;" for name, bits in inputs.items()),
        loads="\n".join(f"        {name}_first_reg <= {name};" for name in inputs),
        top=source.top,
        parameters=", ".join(f".{name}({value})" for name, value in source.parameters.items()),
        wires=", ".join(wires),
    )
    return Source("limen_registered", source.files, {}, source.text + text)
