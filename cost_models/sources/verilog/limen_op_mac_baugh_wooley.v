// MAC op as a Baugh-Wooley array: an unsigned activation times a signed weight, a row an addend.
//
// Stands in for limen_op_mac where multipliers are compared. The row of the weight's sign is inverted; what
// inverting it leaves is constant: -(x·s)·2^(W-1) = (~(x·s) + 1)·2^(W-1) - 2^(X+W-1).
`default_nettype none

module limen_op_mac #(
    parameter X_BITS = 8,        // activation width, 2..16
    parameter W_BITS = 8,        // weight width, 2..16
    parameter X_SIGNED = 0,      // unsigned activations only
    parameter SYNAPSE_BITS = 8,  // W_BITS
    parameter OP_BITS = 16       // width of the product
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output reg  [OP_BITS-1:0]       addend,
    output wire                     carry
);
    localparam [OP_BITS-1:0] ONE = 1;
    localparam [OP_BITS-1:0] LEFT_OVER = (ONE << (W_BITS - 1)) - (ONE << (OP_BITS - 1));
    generate
        if (X_SIGNED != 0 || SYNAPSE_BITS != W_BITS || OP_BITS != X_BITS + W_BITS) begin : g_wrong
            limen_wrong_parameter x_is_unsigned_and_mac_is_alone ();
        end
    endgenerate

    integer j;
    reg [X_BITS-1:0] row;
    always @* begin
        addend = LEFT_OVER;
        for (j = 0; j < W_BITS; j = j + 1) begin
            row = x & {X_BITS{synapse[j]}};
            if (j == W_BITS - 1) row = ~row;
            addend = addend + ({{W_BITS{1'b0}}, row} << j);
        end
    end
    assign carry = 1'b0;
endmodule

`default_nettype wire
