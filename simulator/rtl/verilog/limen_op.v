// The op of a PE, chosen at build time. Every op gives value = addend + carry.
`default_nettype none

module limen_op #(
    parameter OP = 0,             // 0: threshold, 1: mac, 2: adder, 3: shift
    parameter X_BITS = 8,         // activation width
    parameter W_BITS = 8,         // threshold or weight width
    parameter X_SIGNED = 1,       // 0: unsigned activations (mac and shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit for threshold
    parameter OP_BITS = 9         // width of the result
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    generate
        if (OP == 0) begin : g_threshold
            limen_op_threshold #(.X_BITS(X_BITS), .W_BITS(W_BITS)) op (
                .x(x), .synapse(synapse), .addend(addend), .carry(carry)
            );
        end else if (OP == 1) begin : g_mac
            limen_op_mac #(.X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED)) op (
                .x(x), .synapse(synapse), .addend(addend), .carry(carry)
            );
        end else if (OP == 2) begin : g_adder
            limen_op_adder #(.X_BITS(X_BITS), .W_BITS(W_BITS)) op (
                .x(x), .synapse(synapse), .addend(addend), .carry(carry)
            );
        end else begin : g_shift
            limen_op_shift #(.X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED)) op (
                .x(x), .synapse(synapse), .addend(addend), .carry(carry)
            );
        end
    endgenerate
endmodule

`default_nettype wire
