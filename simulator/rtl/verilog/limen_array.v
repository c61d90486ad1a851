// The array: ROWS x COLS PEs, operands entering from the left and from the top.
//
// os: top carries synapses, left activations, bottom accumulators while draining.
// ws: top carries synapses during preload, left activations; is: the two exchanged. Bottom carries psums.
//
// Where folds overlap, preloads and drains run through shadows beside the PEs: shift and load are those of column 0,
// and go on to the right a column a cycle.
//
// No handshake: operands come in and values go out in every cycle, and whoever gives the operands knows which count.
`default_nettype none

module limen_array #(
    parameter ROWS = 4,           // R
    parameter COLS = 4,           // C
    parameter DATAFLOW = 0,       // 0: os, 1: ws, 2: is
    parameter OPS = 1,            // which ops there are, bit by bit: 1 threshold, 2 mac, 4 adder, 8 shift
    parameter STAGES = 1,         // pipeline stages of a PE, 1 or 2
    parameter ZERO_GATING = 0,    // 1: a PE's op rests while x is 0 (two stages; mac and shift only)
    parameter OVERLAP = 0,        // 1: folds overlap
    parameter X_BITS = 8,         // activation width
    parameter W_BITS = 8,         // threshold or weight width
    parameter X_SIGNED = 1,       // 0: unsigned activations (mac and shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit for threshold
    parameter OP_BITS = 9,        // width of the op's result
    parameter LEFT_BITS = 8,      // width of an operand from the left
    parameter TOP_BITS = 9,       // width of an operand from the top
    parameter VALUE_BITS = 20     // os: accumulator width; ws, is: psum width
) (
    input  wire                        clk,
    input  wire                        rst,
    input  wire [1:0]                  op_select,  // which of several ops the layer has
    input  wire                        shift,      // os: drain; ws, is: preload
    input  wire                        load,       // folds overlap: the first PE turns to its next fold
    input  wire [ROWS*LEFT_BITS-1:0]   left,
    input  wire [COLS*TOP_BITS-1:0]    top,
    output wire [COLS*VALUE_BITS-1:0]  bottom
);
    localparam OS = 0;
    localparam IS = 2;
    wire [ROWS-1:0] load_rows;
    wire [ROWS-1:0] shift_rows;
    genvar r;
    genvar c;
    generate
        if (OVERLAP != 0) begin : g_overlap
            limen_waves #(.ROWS(ROWS), .DRAINS(DATAFLOW == OS ? 1 : 0)) waves (
                .clk(clk), .rst(rst), .load(load), .shift(shift), .load_rows(load_rows), .shift_rows(shift_rows)
            );
        end else begin : g_apart
            assign load_rows = {ROWS{load}};
            assign shift_rows = {ROWS{shift}};
            wire unused = &{1'b0, load_rows, shift_rows};
        end
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (c = 0; c < COLS; c = c + 1) begin : g_col
                wire [LEFT_BITS-1:0] from_left;
                wire [TOP_BITS-1:0] from_top;
                wire [VALUE_BITS-1:0] value_from_top;
                wire [LEFT_BITS-1:0] to_right;
                wire [TOP_BITS-1:0] to_bottom;
                wire [VALUE_BITS-1:0] value_to_bottom;

                if (c == 0) begin : g_left_edge
                    assign from_left = left[r*LEFT_BITS +: LEFT_BITS];
                end else begin : g_left_inner
                    assign from_left = g_row[r].g_col[c-1].to_right;
                end
                if (r == 0) begin : g_top_edge
                    assign from_top = top[c*TOP_BITS +: TOP_BITS];
                    assign value_from_top = {VALUE_BITS{1'b0}};
                end else begin : g_top_inner
                    assign from_top = g_row[r-1].g_col[c].to_bottom;
                    assign value_from_top = g_row[r-1].g_col[c].value_to_bottom;
                end
                if (c == COLS - 1) begin : g_right_edge
                    wire unused = &{1'b0, to_right};
                end
                if (r == ROWS - 1) begin : g_bottom_edge
                    wire unused = &{1'b0, to_bottom};
                    assign bottom[c*VALUE_BITS +: VALUE_BITS] = value_to_bottom;
                end

                wire load_in;
                wire shift_in;
                wire load_out;
                wire shift_out;
                if (c == 0) begin : g_waves
                    assign load_in = load_rows[r];
                    assign shift_in = shift_rows[r];
                end else begin : g_waves_inner
                    assign load_in = g_row[r].g_col[c-1].load_out;
                    assign shift_in = g_row[r].g_col[c-1].shift_out;
                end
                if (c == COLS - 1) begin : g_waves_end
                    wire unused = &{1'b0, load_out, shift_out};
                end

                if (DATAFLOW == OS) begin : g_os
                    wire drain;
                    wire [VALUE_BITS-1:0] acc_in;
                    wire [VALUE_BITS-1:0] acc;
                    limen_pe_os #(
                        .OPS(OPS), .STAGES(STAGES), .ZERO_GATING(ZERO_GATING), .X_BITS(X_BITS), .W_BITS(W_BITS),
                        .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS), .ACC_BITS(VALUE_BITS)
                    ) pe (
                        .clk(clk), .rst(rst), .op_select(op_select), .drain(drain),
                        .x_in(from_left), .synapse_in(from_top), .acc_in(acc_in),
                        .x_out(to_right), .synapse_out(to_bottom), .acc_out(acc)
                    );
                    if (OVERLAP != 0) begin : g_shadow
                        // The PE is drained of what its shadow takes.
                        assign drain = load_in;
                        assign acc_in = {VALUE_BITS{1'b0}};
                        limen_shadow #(.WIDTH(VALUE_BITS), .TAKES(1)) shadow (
                            .clk(clk), .rst(rst), .load_in(load_in), .shift_in(shift_in), .own(acc),
                            .above(value_from_top), .load_out(load_out), .shift_out(shift_out), .value(value_to_bottom)
                        );
                    end else begin : g_alone
                        assign drain = shift;
                        assign acc_in = value_from_top;
                        assign value_to_bottom = acc;
                        assign load_out = load_in;
                        assign shift_out = shift_in;
                    end
                end else begin : g_stationary
                    wire preload;
                    wire [TOP_BITS-1:0] still_in;
                    wire [TOP_BITS-1:0] still;
                    limen_pe_stationary #(
                        .OPS(OPS), .STAGES(STAGES), .ZERO_GATING(ZERO_GATING), .X_BITS(X_BITS), .W_BITS(W_BITS),
                        .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS), .PSUM_BITS(VALUE_BITS),
                        .X_STAYS(DATAFLOW == IS ? 1 : 0), .STILL_BITS(TOP_BITS), .MOVING_BITS(LEFT_BITS)
                    ) pe (
                        .clk(clk), .op_select(op_select), .preload(preload),
                        .moving_in(from_left), .still_in(still_in), .psum_in(value_from_top),
                        .moving_out(to_right), .still_out(still), .psum_out(value_to_bottom)
                    );
                    if (OVERLAP != 0) begin : g_shadow
                        // The PE takes what its shadow holds.
                        assign preload = load_in;
                        assign still_in = to_bottom;
                        limen_shadow #(.WIDTH(TOP_BITS), .TAKES(0)) shadow (
                            .clk(clk), .rst(rst), .load_in(load_in), .shift_in(shift_in), .own(still),
                            .above(from_top), .load_out(load_out), .shift_out(shift_out), .value(to_bottom)
                        );
                    end else begin : g_alone
                        assign preload = shift;
                        assign still_in = from_top;
                        assign to_bottom = still;
                        assign load_out = load_in;
                        assign shift_out = shift_in;
                    end
                end
            end
        end
        if (DATAFLOW != OS) begin : g_no_reset
            wire unused = &{1'b0, rst};  // stationary PEs need no reset: tags mark what is valid
        end
    endgenerate
endmodule

`default_nettype wire
