"""The Verilog that ops beyond Limen's own bring: their module, and limen_op as nothing but it."""

from __future__ import annotations

from workloads.ops.operation import Operation

OP_FILE = "limen_op.v"

ALONE = """// The op of a PE: {module}, where the machine has op {form}. Every op gives value = addend + carry.
`default_nettype none

module limen_op #(
    parameter OP = 0,             // that of {form}
    parameter X_BITS = 8,         // activation width
    parameter W_BITS = 8,         // weight width
    parameter X_SIGNED = 1,       // 0: unsigned activations
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit where the op has one
    parameter OP_BITS = 9         // width of the result
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    {module} #(.X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED)) op (
        .x(x), .synapse(synapse), .addend(addend), .carry(carry)
    );
    wire unused = &{{1'b0, OP != 0}};
endmodule

`default_nettype wire
"""


def op_modules(room: Operation) -> dict[str, str]:
    """Return Verilog files by name: {} for an op of Limen's own, else its module, and limen_op in place of ours."""
    if room.verilog is None:
        return {}
    text = room.verilog.read_text(encoding="utf-8")
    return {OP_FILE: ALONE.format(module=room.verilog_module, form=room.form), f"{room.verilog_module}.v": text}
