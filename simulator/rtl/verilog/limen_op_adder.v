// Adder op: -|x - w|, the term of an AdderNet.
//
// A subtraction and a conditional inversion; no multiplier. Combinational, without a handshake. The result is handed
// over as an addend and a carry: a difference that is not negative is inverted, and the psum adder does the rest of its
// negation.
`default_nettype none

module limen_op_adder #(
    parameter X_BITS = 8,        // activation width, 2..16
    parameter W_BITS = 8,        // weight width, 2..16
    parameter X_SIGNED = 1,      // 1: activations are signed, as every op takes them
    parameter SYNAPSE_BITS = 8,  // W_BITS, or more where an op beside it has a polarity bit
    parameter OP_BITS = 9        // width of the result: one more than the wider operand, or that of a wider op beside it
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,  // the weight in its low bits
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    // One real range serves x and w, so operands of unequal width are aligned at their most significant bits.
    localparam ALIGNED_BITS = X_BITS > W_BITS ? X_BITS : W_BITS;
    localparam X_SHIFT = ALIGNED_BITS - X_BITS;
    localparam W_SHIFT = ALIGNED_BITS - W_BITS;
    generate
        if (X_SIGNED != 1 || SYNAPSE_BITS < W_BITS || OP_BITS < ALIGNED_BITS + 1) begin : g_wrong
            limen_wrong_parameter x_is_signed_and_synapse_bits_hold_a_weight_and_op_bits_a_difference ();
        end
    endgenerate

    wire [ALIGNED_BITS:0] x_aligned = {{(ALIGNED_BITS + 1 - X_BITS){x[X_BITS-1]}}, x} << X_SHIFT;
    wire [ALIGNED_BITS:0] w_aligned = {{(ALIGNED_BITS + 1 - W_BITS){synapse[W_BITS-1]}}, synapse[W_BITS-1:0]} << W_SHIFT;
    wire [ALIGNED_BITS:0] difference = x_aligned - w_aligned;
    wire below = difference[ALIGNED_BITS];

    assign addend[ALIGNED_BITS:0] = difference ^ {(ALIGNED_BITS + 1){~below}};
    generate
        if (OP_BITS > ALIGNED_BITS + 1) begin : g_extend
            assign addend[OP_BITS-1:ALIGNED_BITS+1] = {(OP_BITS - ALIGNED_BITS - 1){1'b1}};  // less than 0
        end
    endgenerate
    assign carry = ~below;

    generate
        if (SYNAPSE_BITS > W_BITS) begin : g_unused
            wire unused = &{1'b0, synapse[SYNAPSE_BITS-1:W_BITS]};
        end
    endgenerate
endmodule

`default_nettype wire
