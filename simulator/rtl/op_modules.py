"""The Verilog that ops beyond Limen's own bring: their module, in the place of the op whose form they have."""

from __future__ import annotations

from workloads.ops.operation import Operation

TAKEN_PLACE = """// The place of op {form}, which the machine has taken by {module}.
`default_nettype none

module limen_op_{form} #(
    parameter X_BITS = 8,         // activation width
    parameter W_BITS = 8,         // weight width
    parameter X_SIGNED = 1,       // 0: unsigned activations
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit where the op has one
    parameter OP_BITS = 16        // width of the result
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    {module} #(
        .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
    ) op (.x(x), .synapse(synapse), .addend(addend), .carry(carry));
endmodule

`default_nettype wire
"""


def op_modules(room: Operation) -> dict[str, str]:
    """Return Verilog files by name: {} for an op of Limen's own, else its module, and one in place of its form's."""
    if room.verilog is None:
        return {}
    text = room.verilog.read_text(encoding="utf-8")
    place = TAKEN_PLACE.format(module=room.verilog_module, form=room.form)
    return {f"limen_op_{room.form}.v": place, f"{room.verilog_module}.v": text}
