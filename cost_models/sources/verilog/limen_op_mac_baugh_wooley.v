// MAC op as a Baugh-Wooley array: an unsigned activation times a signed weight, a row an addend.
//
// Stands in for limen_op_mac where multipliers are compared. The row of the weight's sign is inverted; what
// inverting it leaves is constant: -(x·s)·2^(W-1) = (~(x·s) + 1)·2^(W-1) - 2^(X+W-1).
`default_nettype none

module limen_op_mac #(
    parameter X_BITS = 8,    // activation width, 2..16
    parameter W_BITS = 8,    // weight width, 2..16
    parameter X_SIGNED = 0   // unsigned activations only
) (
    input  wire [X_BITS-1:0]         x,
    input  wire [W_BITS-1:0]         synapse,
    output reg  [X_BITS+W_BITS-1:0]  addend,
    output wire                      carry
);
    localparam PRODUCT_BITS = X_BITS + W_BITS;
    localparam [PRODUCT_BITS-1:0] ONE = 1;
    localparam [PRODUCT_BITS-1:0] LEFT_OVER = (ONE << (W_BITS - 1)) - (ONE << (PRODUCT_BITS - 1));

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
