// An op whose result is one number, where a PE's leaves the addition of a carry to the adder behind it.
//
// Combinational, without a handshake. No part of the machine: what an op costs on its own. A MAC leaves no carry: it is
// whole as it is.
`default_nettype none

module limen_op_result #(
    parameter OPS = 1,            // its one op: 1 threshold, 4 adder, 8 shift
    parameter X_BITS = 8,         // activation width
    parameter W_BITS = 8,         // threshold or weight width
    parameter X_SIGNED = 1,       // 0: unsigned activations (shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit for threshold
    parameter OP_BITS = 9         // width of the op's result
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output wire [OP_BITS-1:0]       result
);
    localparam THRESHOLD = 1;
    localparam ADDER = 4;
    localparam SHIFT = 8;
    generate
        if (OPS == THRESHOLD) begin : g_threshold
            // -(x - w) is ~(x - w - 1): what polarity inverts is one less, which the subtraction's carry in does.
            wire polarity = synapse[W_BITS];
            wire [OP_BITS-1:0] x_aligned = {{(OP_BITS - X_BITS){x[X_BITS-1]}}, x} << (OP_BITS - 1 - X_BITS);
            wire [OP_BITS-1:0] w_aligned =
                {{(OP_BITS - W_BITS){synapse[W_BITS-1]}}, synapse[W_BITS-1:0]} << (OP_BITS - 1 - W_BITS);
            wire [OP_BITS-1:0] difference = x_aligned + ~w_aligned + {{(OP_BITS - 1){1'b0}}, ~polarity};
            wire below = difference[OP_BITS-1];
            assign result = (difference ^ {OP_BITS{polarity}}) & {OP_BITS{~below}};
        end else if (OPS == ADDER) begin : g_adder
            wire [OP_BITS-1:0] addend;
            wire carry;
            limen_op_adder #(
                .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
            ) op (
                .x(x), .synapse(synapse), .addend(addend), .carry(carry)
            );
            assign result = addend + {{(OP_BITS - 1){1'b0}}, carry};
        end else if (OPS == SHIFT) begin : g_shift
            // The activation is negated before it is shifted: the adder is as wide as it, not as the result.
            wire sign = synapse[W_BITS-1];
            wire [W_BITS-2:0] exponent = synapse[W_BITS-2:0];
            wire [X_BITS-1:0] kept = x & {X_BITS{~&exponent}};
            wire x_sign = (X_SIGNED != 0) & kept[X_BITS-1];
            wire [X_BITS:0] negated = ({x_sign, kept} ^ {(X_BITS + 1){sign}}) + {{X_BITS{1'b0}}, sign};
            assign result = {{(OP_BITS - 1 - X_BITS){negated[X_BITS]}}, negated} << exponent;
        end else begin : g_wrong
            limen_wrong_parameter ops_is_one_op_that_leaves_a_carry ();
        end
    endgenerate
endmodule

`default_nettype wire
