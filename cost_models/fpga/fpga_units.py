"""What is put on an FPGA: ops, neurons, PEs and whole systems, as Verilog with registers where a path would have none.

A unit's inputs come from elsewhere: without registers before them, the paths from them have no clock and no part in
its highest frequency. `limen_registered` puts one before every input; their flip-flops are left out of the count.
"""

from __future__ import annotations

from itertools import product
from typing import get_args

from cost_models.fpga.systems import System, system_source, system_units
from cost_models.sources.source import Source
from cost_models.sources.unit_sources import unit_source
from cost_models.table.table import Row, load_table
from cost_models.units.catalogue import neuron, operator, pe_units
from cost_models.units.neurons import SYNAPSES, WIDE_BITS, weight_bits
from cost_models.units.unit import Neuron, Operator, Pe
from workloads.ops.registry import known_ops

WIDTHS = (*range(2, 9), *WIDE_BITS)
BITS = {
    "xc7": {"op": WIDTHS, "neuron_3x3": (4, 8, 16), "neuron_5x5": (8,), "neuron_1x1x64": (4,), "pe": WIDTHS},
    "ecp5": {"op": (4, 8, 16), "neuron_3x3": (4, 8), "neuron_5x5": (4, 8), "neuron_1x1x64": (4,), "pe": (4, 8, 16)},
}
"""Operand widths of a target's tables by component; w is as wide as x, but at most 5 bits under op shift.

What is placed and routed takes minutes where it is large, so there is less of it.
"""

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


FpgaUnit = Operator | Neuron | Pe | System
FPGA_UNITS: tuple[type[FpgaUnit], ...] = get_args(FpgaUnit)


def fpga_units(target: str, systems: bool = False) -> tuple[FpgaUnit, ...]:
    """Return the units of a target's tables in a fixed order, with the widest accumulator or psum there is.

    systems: whole designs after them, which take hours.
    """
    widths = BITS[target]
    units: list[FpgaUnit] = [operator(op, bits) for bits, op in product(widths["op"], known_ops())]
    for window in SYNAPSES:
        units += [neuron(window, op, bits) for bits, op in product(widths[window], known_ops())]
    for dataflow, bits, op in product(("os", "ws"), widths["pe"], known_ops()):
        units.append(pe_units(op, bits, weight_bits(op, bits), dataflow)[-1])
    if systems:
        units += system_units()
    return tuple(units)


def stored_rows(name: str, unit: FpgaUnit) -> list[Row]:
    """Return a unit's rows in a built-in table."""
    lookup = {"component": unit.component, **unit.columns().texts()}
    return [row for row in load_table(name).rows if all(row[field] == value for field, value in lookup.items())]


def source_of(unit: FpgaUnit) -> Source:
    """Return the Verilog of a unit as it is; of a system, all files that `limen export` writes."""
    return system_source(unit) if isinstance(unit, System) else unit_source(unit)


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
