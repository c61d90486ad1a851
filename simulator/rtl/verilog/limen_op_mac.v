// MAC op: x * w, signed weight, signed or unsigned activation.
//
// Combinational, without a handshake. value = addend + carry, and the carry is 0.
`default_nettype none

module limen_op_mac #(
    parameter X_BITS = 8,        // activation width, 2..16
    parameter W_BITS = 8,        // weight width, 2..16
    parameter X_SIGNED = 1,      // 0: activations are unsigned (after ReLU)
    parameter SYNAPSE_BITS = 8,  // W_BITS, or more where an op beside it has a polarity bit
    parameter OP_BITS = 16       // width of the result: that of the product, or of a wider op beside it
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,  // the weight in its low bits
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    generate
        if (SYNAPSE_BITS < W_BITS || OP_BITS < X_BITS + W_BITS) begin : g_wrong
            limen_wrong_parameter synapse_bits_hold_a_weight_and_op_bits_a_product ();
        end
    endgenerate

    wire x_sign = (X_SIGNED != 0) & x[X_BITS-1];
    wire signed [OP_BITS-1:0] x_extended = {{(OP_BITS - X_BITS){x_sign}}, x};
    wire signed [OP_BITS-1:0] w_extended = {{(OP_BITS - W_BITS){synapse[W_BITS-1]}}, synapse[W_BITS-1:0]};

    assign addend = x_extended * w_extended;
    assign carry = 1'b0;

    generate
        if (SYNAPSE_BITS > W_BITS) begin : g_unused
            wire unused = &{1'b0, synapse[SYNAPSE_BITS-1:W_BITS]};
        end
    endgenerate
endmodule

`default_nettype wire
