// Min-abs op: sign(x) * sign(w) * min(|x|, |w|), a product's sign with the smaller magnitude for its size.
//
// Two magnitudes, a comparison and a conditional inversion; no multiplier. The result is handed over as an addend and
// a carry (two's complement negation left to the psum adder): value = addend + carry.
`default_nettype none

module limen_op_minabs #(
    parameter X_BITS = 8,        // activation width, 2..16
    parameter W_BITS = 8,        // weight width, 2..16
    parameter X_SIGNED = 1,      // always: x and w share a range
    parameter SYNAPSE_BITS = 8,  // W_BITS
    parameter OP_BITS = 9        // one more than the wider operand
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    localparam ALIGNED_BITS = X_BITS > W_BITS ? X_BITS : W_BITS;
    localparam X_SHIFT = ALIGNED_BITS - X_BITS;
    localparam W_SHIFT = ALIGNED_BITS - W_BITS;

    wire x_sign = x[X_BITS-1];
    wire w_sign = synapse[W_BITS-1];
    // The lowest operand's magnitude needs all ALIGNED_BITS, without a sign.
    wire [ALIGNED_BITS-1:0] x_aligned = {{(ALIGNED_BITS - X_BITS + 1){x_sign}}, x[X_BITS-2:0]} << X_SHIFT;
    wire [ALIGNED_BITS-1:0] w_aligned = {{(ALIGNED_BITS - W_BITS + 1){w_sign}}, synapse[W_BITS-2:0]} << W_SHIFT;
    wire [ALIGNED_BITS-1:0] x_size = (x_aligned ^ {ALIGNED_BITS{x_sign}}) + {{(ALIGNED_BITS - 1){1'b0}}, x_sign};
    wire [ALIGNED_BITS-1:0] w_size = (w_aligned ^ {ALIGNED_BITS{w_sign}}) + {{(ALIGNED_BITS - 1){1'b0}}, w_sign};
    wire [ALIGNED_BITS-1:0] smaller = x_size < w_size ? x_size : w_size;

    assign carry = x_sign ^ w_sign;
    assign addend = {1'b0, smaller} ^ {(ALIGNED_BITS + 1){carry}};
    wire unused = X_SIGNED != 0;
endmodule

`default_nettype wire
