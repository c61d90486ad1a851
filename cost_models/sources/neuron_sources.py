"""An op alone and whole neurons, for comparison with published figures; no part of the machine.

An op alone is its module between ports: its result is an addend and a carry, not yet one number. The carry goes into
the adder that takes the result, in a neuron as in a PE, where that adder is part of the unit. `op_result` adds it to an
op alone, so that one number leaves; a MAC has no carry. A neuron has an op a synapse, a tree of adders and an output
register; its weights come from ports and stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cost_models.sources.source import Source
from simulator.encoding import op_code
from simulator.rtl.op_modules import op_modules
from workloads.ops.op_field import Op
from workloads.ops.registry import operation

if TYPE_CHECKING:
    from cost_models.units.unit import FusedPe, Neuron, Operator, OpUnit

NAND2 = """
module limen_nand2 (input wire a, input wire b, output wire y);
    assign y = ~(a & b);
endmodule
"""


OP_ALONE = """
module limen_op_alone #(
    parameter OPS = 1, parameter X_BITS = 8, parameter W_BITS = 8, parameter X_SIGNED = 1,
    parameter SYNAPSE_BITS = 9, parameter OP_BITS = 9
) (
    input wire [X_BITS-1:0] x, input wire [SYNAPSE_BITS-1:0] synapse,
    output wire [OP_BITS-1:0] addend, output wire carry
);
    generate
{choices}
    endgenerate
endmodule
"""
"""limen_op for one op of one stage: no clock, no choice. Neurons have it a hundred times, and other names around an op
make other netlists."""

CHOICE = """        if (OPS == {number}) begin : g_{module}
            {module} #(
                .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
            ) op (.x(x), .synapse(synapse), .addend(addend), .carry(carry));
        end"""


def read_ops(*ops: Op) -> tuple[Op, ...]:
    """Return the ops whose Verilog is read for a unit of one, or of a few.

    Yosys looks at modules as they are without parameters first, of op threshold. It numbers what it reads and orders
    names by their text: without op mac, which was read from the first table on, some units are other netlists.
    """
    return tuple(dict.fromkeys(("threshold", "mac", *ops)))


def op_files(op: Op) -> tuple[str, ...]:
    """Return the machine's own Verilog files of `read_ops`, but for the one whose place an op takes."""
    names = (f"{operation(name).verilog_module}.v" for name in read_ops(op))
    return tuple(name for name in names if name not in op_modules(operation(op)))


def op_text(op: Op) -> str:
    """Return what Verilog an op brings."""
    return "".join(op_modules(operation(op)).values())


def _alone(op: Op) -> str:
    """Return limen_op_alone, with what Verilog the op brings."""
    modules = {op_number(name): operation(name).verilog_module for name in read_ops(op)}
    choices = [CHOICE.format(number=number, module=module) for number, module in modules.items()]
    return OP_ALONE.format(choices="\n".join(choices)) + op_text(op)


def op_parameters(unit: OpUnit) -> dict[str, int]:
    """Return the parameters of limen_op."""
    return {
        "OPS": op_number(unit.op),
        "X_BITS": unit.x_bits,
        "W_BITS": unit.w_bits,
        "X_SIGNED": int(unit.x_signed),
        "SYNAPSE_BITS": unit.synapse_bits,
        "OP_BITS": unit.op_bits,
    }


def fused_parameters(unit: FusedPe) -> dict[str, int]:
    """Return the parameters of limen_op with several ops."""
    return {
        "OPS": sum(op_number(op) for op in unit.members()),
        "X_BITS": unit.x_bits,
        "W_BITS": unit.w_bits,
        "X_SIGNED": 1,
        "SYNAPSE_BITS": unit.synapse_bits,
        "OP_BITS": unit.op_bits,
    }


def op_number(op: Op) -> int:
    """Return what an op is in a set of ops: the parameter OPS of one op."""
    return 1 << op_code(op)


def op_alone(unit: Operator) -> Source:
    return Source("limen_op_alone", op_files(unit.op), op_parameters(unit), _alone(unit.op))


def op_result(unit: Operator) -> Source:
    text = op_text(unit.op) + _verilog("limen_op_result")
    return Source("limen_op_result", op_files(unit.op), op_parameters(unit), text)


def neuron(unit: Neuron) -> Source:
    parameters = op_parameters(unit) | {"SYNAPSES": unit.synapses, "SUM_BITS": unit.sum_bits}
    text = _verilog("limen_neuron") + _alone(unit.op)
    return Source("limen_neuron", ("limen_resize.v", *op_files(unit.op)), parameters, text)


def _verilog(name: str) -> str:
    return (Path(__file__).parent / "verilog" / f"{name}.v").read_text(encoding="utf-8")


def nand2() -> Source:
    """The gate that gate equivalents count."""
    return Source("limen_nand2", (), {}, NAND2)
