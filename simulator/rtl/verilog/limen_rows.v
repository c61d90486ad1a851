// Row of a scratchpad that the folds of a tile walk through: one step a read or a fold, going back as told.
//
// No handshake: row is that of the present cycle, so a read in it takes that row, and moves on with the clock edge.
// start, high for one cycle, goes to row 0; fold_ends, block_ends and group_ends are high in the last cycle of each, an
// outer one only together with the inner ones.
`default_nettype none

module limen_rows #(
    parameter PER_READ = 1,   // 1: a step a read; 0: a step a fold
    parameter BACK_FOLD = 0,  // 1: go back to the base after every fold; 0: don't
    parameter BACK_BLOCK = 1  // 1: go back after a block's folds, unless its group ends; 0: don't
) (
    input  wire         clk,
    input  wire         start,
    input  wire         read,
    input  wire         fold_ends,
    input  wire         block_ends,   // with the last fold of a block
    input  wire         group_ends,   // with the last block of a group
    input  wire [15:0]  step,
    output wire [15:0]  row
);
    generate
        if (PER_READ < 0 || PER_READ > 1 || BACK_FOLD < 0 || BACK_FOLD > 1 || BACK_BLOCK < 0 || BACK_BLOCK > 1)
        begin : g_wrong
            limen_wrong_parameter per_read_back_fold_and_back_block_are_0_or_1 ();
        end
    endgenerate

    reg [15:0] row_reg;
    reg [15:0] base_reg;                // where the walk goes back to
    wire [15:0] stepped = row_reg + ((PER_READ != 0 ? read : fold_ends) ? step : 16'd0);
    wire onward = group_ends | (block_ends & BACK_BLOCK == 0);

    always @(posedge clk) begin
        row_reg <= stepped;
        if (onward) base_reg <= stepped;
        else if (fold_ends && (BACK_FOLD != 0 || (block_ends && BACK_BLOCK != 0))) row_reg <= base_reg;
        if (start) {row_reg, base_reg} <= 32'd0;
    end

    assign row = row_reg;
endmodule

`default_nettype wire
