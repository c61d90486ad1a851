// Shift op: plus or minus x << e, or 0: a product with a weight that is a power of two.
//
// A shifter and a conditional inversion; no multiplier. Combinational, without a handshake. The result is handed over as
// an addend and a carry (two's complement negation left to the psum adder): value = addend + carry.
`default_nettype none

module limen_op_shift #(
    parameter X_BITS = 8,        // activation width, 2..16
    parameter W_BITS = 4,        // width of the PE's weights, 2..16; of a wider one the low 5 bits are this op's
    parameter X_SIGNED = 0,      // 0: activations are unsigned (after ReLU)
    parameter SYNAPSE_BITS = 4,  // W_BITS, or more where an op beside it has a polarity bit
    parameter OP_BITS = 15       // width of the result: that of the furthest shift, or of a wider op beside it
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,  // {sign, exponent} in its low bits; an exponent of all ones means 0
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    localparam SHIFT_W_BITS = W_BITS < 5 ? W_BITS : 5;
    // The furthest shift is by 2^(SHIFT_W_BITS-1) - 2, and minus the lowest activation needs a bit more than it.
    localparam SHIFTED_BITS = X_BITS + (1 << (SHIFT_W_BITS - 1)) - 1;
    generate
        if (SYNAPSE_BITS < W_BITS || OP_BITS < SHIFTED_BITS) begin : g_wrong
            limen_wrong_parameter synapse_bits_hold_a_weight_and_op_bits_the_furthest_shift ();
        end
    endgenerate

    wire sign = synapse[SHIFT_W_BITS-1];
    wire [SHIFT_W_BITS-2:0] exponent = synapse[SHIFT_W_BITS-2:0];
    wire [X_BITS-1:0] kept = x & {X_BITS{~&exponent}};
    wire x_sign = (X_SIGNED != 0) & kept[X_BITS-1];
    wire [SHIFTED_BITS-1:0] shifted = {{(SHIFTED_BITS - X_BITS){x_sign}}, kept} << exponent;

    assign addend[SHIFTED_BITS-1:0] = shifted ^ {SHIFTED_BITS{sign}};
    generate
        if (OP_BITS > SHIFTED_BITS) begin : g_extend
            assign addend[OP_BITS-1:SHIFTED_BITS] = {(OP_BITS - SHIFTED_BITS){x_sign ^ sign}};
        end
    endgenerate
    assign carry = sign;

    generate
        if (SYNAPSE_BITS > SHIFT_W_BITS) begin : g_unused
            wire unused = &{1'b0, synapse[SYNAPSE_BITS-1:SHIFT_W_BITS]};
        end
    endgenerate
endmodule

`default_nettype wire
