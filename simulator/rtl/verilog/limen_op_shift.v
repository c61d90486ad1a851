// Shift op: plus or minus x << e, or 0: a product with a weight that is a power of two.
//
// A shifter and a conditional inversion; no multiplier. The result is handed over as an addend and a carry (two's
// complement negation left to the psum adder): value = addend + carry.
`default_nettype none

module limen_op_shift #(
    parameter X_BITS = 8,    // activation width, 2..16
    parameter W_BITS = 4,    // weight width, 2..5
    parameter X_SIGNED = 0   // 0: activations are unsigned (after ReLU)
) (
    input  wire [X_BITS-1:0]                  x,
    input  wire [W_BITS-1:0]                  synapse,  // {sign, exponent}; an exponent of all ones means 0
    output wire [X_BITS+(1<<(W_BITS-1))-2:0]  addend,
    output wire                               carry
);
    // The furthest shift is by 2^(W_BITS-1) - 2, and minus the lowest activation needs a bit more than it.
    localparam SHIFTED_BITS = X_BITS + (1 << (W_BITS - 1)) - 1;

    wire sign = synapse[W_BITS-1];
    wire [W_BITS-2:0] exponent = synapse[W_BITS-2:0];
    wire [X_BITS-1:0] kept = x & {X_BITS{~&exponent}};
    wire x_sign = (X_SIGNED != 0) & kept[X_BITS-1];
    wire [SHIFTED_BITS-1:0] shifted = {{(SHIFTED_BITS - X_BITS){x_sign}}, kept} << exponent;

    assign addend = shifted ^ {SHIFTED_BITS{sign}};
    assign carry = sign;
endmodule

`default_nettype wire
