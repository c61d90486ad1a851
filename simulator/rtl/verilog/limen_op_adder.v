// Adder op: -|x - w|, the term of an AdderNet.
//
// A subtraction and a conditional inversion; no multiplier. The result is handed over as an addend and a carry:
// a difference that is not negative is inverted, and the psum adder does the rest of its negation.
`default_nettype none

module limen_op_adder #(
    parameter X_BITS = 8,  // activation width, 2..16
    parameter W_BITS = 8   // weight width, 2..16
) (
    input  wire [X_BITS-1:0]                             x,
    input  wire [W_BITS-1:0]                             synapse,
    output wire [(X_BITS > W_BITS ? X_BITS : W_BITS):0]  addend,
    output wire                                          carry
);
    // One real range serves x and w, so operands of unequal width are aligned at their most significant bits.
    localparam ALIGNED_BITS = X_BITS > W_BITS ? X_BITS : W_BITS;
    localparam X_SHIFT = ALIGNED_BITS - X_BITS;
    localparam W_SHIFT = ALIGNED_BITS - W_BITS;

    wire [ALIGNED_BITS:0] x_aligned = {{(ALIGNED_BITS + 1 - X_BITS){x[X_BITS-1]}}, x} << X_SHIFT;
    wire [ALIGNED_BITS:0] w_aligned = {{(ALIGNED_BITS + 1 - W_BITS){synapse[W_BITS-1]}}, synapse} << W_SHIFT;
    wire [ALIGNED_BITS:0] difference = x_aligned - w_aligned;
    wire below = difference[ALIGNED_BITS];

    assign addend = difference ^ {(ALIGNED_BITS + 1){~below}};
    assign carry = ~below;
endmodule

`default_nettype wire
