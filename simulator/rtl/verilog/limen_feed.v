// What enters the array: activations and synapses, from the side their dataflow has them enter, as late as lanes need.
//
// No handshake: row r gets what came r cycles ago, under os column c what came c cycles ago, and under
// ws and is too where folds overlap.
`default_nettype none

module limen_feed #(
    parameter ROWS = 4,           // R
    parameter COLS = 4,           // C
    parameter DATAFLOW = 0,       // 0: os, 1: ws, 2: is
    parameter OVERLAP = 0,        // 1: folds overlap
    parameter LEFT_BITS = 8,      // width of an operand from the left: an activation, under is a synapse
    parameter TOP_BITS = 9,       // width of an operand from the top: a synapse, under is an activation
    parameter X_WIDTH = 32,       // of all activations together
    parameter SYNAPSE_WIDTH = 36  // of all synapses together
) (
    input  wire                       clk,
    input  wire [X_WIDTH-1:0]         x_operands,
    input  wire [SYNAPSE_WIDTH-1:0]   synapses,
    output wire [ROWS*LEFT_BITS-1:0]  left,
    output wire [COLS*TOP_BITS-1:0]   top
);
    localparam OS = 0;
    localparam IS = 2;

    generate
        if (X_WIDTH != (DATAFLOW == IS ? COLS * TOP_BITS : ROWS * LEFT_BITS)
            || SYNAPSE_WIDTH != (DATAFLOW == IS ? ROWS * LEFT_BITS : COLS * TOP_BITS)) begin : g_wrong
            limen_wrong_parameter activations_and_synapses_fill_their_sides ();
        end
    endgenerate

    wire [ROWS*LEFT_BITS-1:0] left_straight;
    wire [COLS*TOP_BITS-1:0] top_straight;
    genvar r;
    genvar c;
    generate
        if (DATAFLOW == IS) begin : g_is
            assign left_straight = synapses;
            assign top_straight = x_operands;
        end else begin : g_os_ws
            assign left_straight = x_operands;
            assign top_straight = synapses;
        end
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            limen_skew #(.WIDTH(LEFT_BITS), .DEPTH(r)) skew (
                .clk(clk), .in(left_straight[r*LEFT_BITS +: LEFT_BITS]), .out(left[r*LEFT_BITS +: LEFT_BITS])
            );
        end
        for (c = 0; c < COLS; c = c + 1) begin : g_top
            limen_skew #(.WIDTH(TOP_BITS), .DEPTH(DATAFLOW == OS || OVERLAP != 0 ? c : 0)) skew (
                .clk(clk), .in(top_straight[c*TOP_BITS +: TOP_BITS]), .out(top[c*TOP_BITS +: TOP_BITS])
            );
        end
    endgenerate
endmodule

`default_nettype wire
