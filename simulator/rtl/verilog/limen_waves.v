// When the shadows of column 0 load and shift, row by row, where folds overlap.
//
// No handshake. A load of the first row goes down a row a cycle, as its operands do. While shift is high, a row under
// ws and is shifts from the cycle of its own number on: before, nothing has come down so far, and what it holds may
// still be wanted. Under os it shifts in the cycles before that of its number: then its next value is loaded. shift is
// low for a cycle at least between two preloads or drains.
`default_nettype none

module limen_waves #(
    parameter ROWS = 4,   // R, 1 at least
    parameter DRAINS = 0  // 1: shadows drain (os); 0: they preload (ws, is)
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             load,
    input  wire             shift,
    output wire [ROWS-1:0]  load_rows,
    output wire [ROWS-1:0]  shift_rows
);
    generate
        if (ROWS < 1 || DRAINS < 0 || DRAINS > 1) begin : g_wrong
            limen_wrong_parameter rows_are_1_at_least_and_drains_is_0_or_1 ();
        end
    endgenerate

    wire [ROWS-1:0] reached;  // rows that the shift has come down to: row r from its cycle r on
    assign load_rows[0] = load;
    assign reached[0] = shift;
    genvar r;
    generate
        for (r = 1; r < ROWS; r = r + 1) begin : g_row
            reg load_reg;
            reg reached_reg;
            always @(posedge clk) begin
                load_reg <= load_rows[r-1] & ~rst;
                reached_reg <= reached[r-1] & ~rst;
            end
            assign load_rows[r] = load_reg;
            assign reached[r] = reached_reg & shift;
        end
    endgenerate
    wire unused = &{1'b0, clk, rst};  // of one row
    assign shift_rows = DRAINS != 0 ? {ROWS{shift}} & ~reached : reached;
endmodule

`default_nettype wire
