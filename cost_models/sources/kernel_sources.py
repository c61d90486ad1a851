"""Kernels: an op alone and whole neurons, for comparison with published figures; no part of the machine.

An op alone is limen_op between ports: its result is an addend and a carry, not yet one number. The carry goes into
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
    from cost_models.units.unit import Neuron, Operator, OpUnit

OPERATORS = ("limen_resize.v", "limen_op.v", "limen_op_threshold.v", "limen_op_mac.v")
"""Read with every op: hashes of rows are over them."""

NAND2 = """
module limen_nand2 (input wire a, input wire b, output wire y);
    assign y = ~(a & b);
endmodule
"""


def op_files(op: Op) -> tuple[str, ...]:
    """Return the machine's own Verilog files behind limen_op."""
    if operation(op).verilog is not None:
        return ("limen_resize.v",)
    return tuple(dict.fromkeys((*OPERATORS, f"{operation(op).verilog_module}.v")))


def op_text(op: Op) -> str:
    """Return what Verilog an op brings."""
    return "".join(op_modules(operation(op)).values())


def op_parameters(unit: OpUnit) -> dict[str, int]:
    """Return the parameters of limen_op; a MAC's activations are unsigned, as after ReLU."""
    return {
        "OP": op_code(unit.op).value,
        "X_BITS": unit.x_bits,
        "W_BITS": unit.w_bits,
        "X_SIGNED": int(unit.operation.one_range),
        "SYNAPSE_BITS": unit.synapse_bits,
        "OP_BITS": unit.op_bits,
    }


def op_alone(unit: Operator) -> Source:
    return Source("limen_op", op_files(unit.op), op_parameters(unit), op_text(unit.op))


def op_result(unit: Operator) -> Source:
    text = op_text(unit.op) + _verilog("limen_op_result")
    return Source("limen_op_result", op_files(unit.op), op_parameters(unit), text)


def neuron(unit: Neuron) -> Source:
    sizes = {"SYNAPSES": unit.synapses, "SUM_BITS": unit.sum_bits}
    text = op_text(unit.op) + _verilog("limen_neuron")
    return Source("limen_neuron", op_files(unit.op), {**op_parameters(unit), **sizes}, text)


def _verilog(name: str) -> str:
    return (Path(__file__).parent / "verilog" / f"{name}.v").read_text(encoding="utf-8")


def nand2() -> Source:
    """The gate that gate equivalents count."""
    return Source("limen_nand2", (), {}, NAND2)
