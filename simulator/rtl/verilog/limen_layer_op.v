// The op of the tile that is computed: it stays as it is from the first operand to the last.
//
// Of several ops it is what `op` says in the cycle of `start`, from the next cycle on; of one it is that one.
`default_nettype none

module limen_layer_op #(
    parameter OP = 0  // 0: threshold, 1: mac, 2: adder, 3: shift; several: 16 + a bit each
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        start,      // of a tile; high for one cycle
    input  wire [1:0]  op,         // the layer's
    output wire [1:0]  op_select
);
    localparam SEVERAL_OPS = 16;
    generate
        if (OP >= SEVERAL_OPS) begin : g_of_layer
            reg [1:0] op_reg;
            always @(posedge clk) begin
                if (start) op_reg <= op;
                if (rst) op_reg <= 2'd0;
            end
            assign op_select = op_reg;
        end else begin : g_of_design
            assign op_select = OP[1:0];
            wire unused = &{1'b0, clk, rst, start, op};
        end
    endgenerate
endmodule

`default_nettype wire
