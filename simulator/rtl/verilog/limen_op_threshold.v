// Threshold op: p * max(x - w, 0), with p = +1 or -1.
//
// A comparison, a subtraction and a conditional inversion; no multiplier. Combinational, without a handshake. The result
// is handed over as an addend and a carry (two's complement negation left to the psum adder): value = addend + carry.
`default_nettype none

module limen_op_threshold #(
    parameter X_BITS = 8,        // activation width, 2..16
    parameter W_BITS = 8,        // threshold width, 2..16
    parameter X_SIGNED = 1,      // 1: activations are signed, as every op takes them
    parameter SYNAPSE_BITS = 9,  // W_BITS and a polarity bit
    parameter OP_BITS = 9        // width of the result: one more than the wider operand, or that of a wider op beside it
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,  // {polarity, threshold}; polarity 1 is inhibitory
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    // One real range serves x and w, so operands of unequal width are aligned at their most significant bits.
    localparam ALIGNED_BITS = X_BITS > W_BITS ? X_BITS : W_BITS;
    localparam X_SHIFT = ALIGNED_BITS - X_BITS;
    localparam W_SHIFT = ALIGNED_BITS - W_BITS;
    generate
        if (X_SIGNED != 1 || SYNAPSE_BITS != W_BITS + 1 || OP_BITS < ALIGNED_BITS + 1) begin : g_wrong
            limen_wrong_parameter x_is_signed_and_synapse_has_polarity_and_op_bits_hold_a_difference ();
        end
    endgenerate

    wire polarity = synapse[W_BITS];
    wire [ALIGNED_BITS:0] x_aligned = {{(ALIGNED_BITS + 1 - X_BITS){x[X_BITS-1]}}, x} << X_SHIFT;
    wire [ALIGNED_BITS:0] w_aligned = {{(ALIGNED_BITS + 1 - W_BITS){synapse[W_BITS-1]}}, synapse[W_BITS-1:0]} << W_SHIFT;
    wire [ALIGNED_BITS:0] difference = x_aligned - w_aligned;
    wire below = difference[ALIGNED_BITS];
    wire [ALIGNED_BITS:0] above = {1'b0, difference[ALIGNED_BITS-1:0] & {ALIGNED_BITS{~below}}};

    assign addend[ALIGNED_BITS:0] = above ^ {(ALIGNED_BITS + 1){polarity}};
    generate
        if (OP_BITS > ALIGNED_BITS + 1) begin : g_extend
            assign addend[OP_BITS-1:ALIGNED_BITS+1] = {(OP_BITS - ALIGNED_BITS - 1){polarity}};
        end
    endgenerate
    assign carry = polarity;
endmodule

`default_nettype wire
