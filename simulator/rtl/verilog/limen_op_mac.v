// MAC op: x * w, signed weight, signed or unsigned activation.
`default_nettype none

module limen_op_mac #(
    parameter X_BITS = 8,    // activation width, 2..16
    parameter W_BITS = 8,    // weight width, 2..16
    parameter X_SIGNED = 1   // 0: activations are unsigned (after ReLU)
) (
    input  wire [X_BITS-1:0]         x,
    input  wire [W_BITS-1:0]         synapse,
    output wire [X_BITS+W_BITS-1:0]  addend,
    output wire                      carry
);
    localparam PRODUCT_BITS = X_BITS + W_BITS;

    wire x_sign = (X_SIGNED != 0) & x[X_BITS-1];
    wire signed [PRODUCT_BITS-1:0] x_extended = {{W_BITS{x_sign}}, x};
    wire signed [PRODUCT_BITS-1:0] w_extended = {{X_BITS{synapse[W_BITS-1]}}, synapse};

    assign addend = x_extended * w_extended;
    assign carry = 1'b0;
endmodule

`default_nettype wire
