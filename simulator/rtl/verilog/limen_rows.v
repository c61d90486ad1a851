// Row of a scratchpad that the folds of a tile walk through: one step a read or a fold, going back as told.
`default_nettype none

module limen_rows #(
    parameter PER_READ = 1,      // 1: a step a read; 0: a step a fold
    parameter BACK_FOLD = 0,     // go back to the base after every fold
    parameter BACK_BLOCK = 1     // go back after a block's folds, unless its group ends
) (
    input  wire         clk,
    input  wire         start,
    input  wire         read,
    input  wire         fold_ends,
    input  wire         block_ends,   // with the last fold of a block
    input  wire         group_ends,   // with the last block of a group
    input  wire [15:0]  step,
    output reg  [15:0]  row
);
    reg [15:0] base_reg;
    wire [15:0] next = row + ((PER_READ != 0 ? read : fold_ends) ? step : 16'd0);
    wire onward = group_ends | (block_ends & BACK_BLOCK == 0);

    always @(posedge clk) begin
        row <= next;
        if (onward) base_reg <= next;
        else if (fold_ends && (BACK_FOLD != 0 || (block_ends && BACK_BLOCK != 0))) row <= base_reg;
        if (start) {row, base_reg} <= 32'd0;
    end
endmodule

`default_nettype wire
