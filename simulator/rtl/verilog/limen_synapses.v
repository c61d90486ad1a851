// Synapses of a matmul: words of a tensor into lanes of the scratchpad of weights, one step a cycle.
//
// What a tile needs of the tensor comes as densely packed beats, plane after plane. Where it is transposed (as in
// Q·K^T) a pixel is an output and a channel a position of K; else (as in A·V) it is the other way round.
//
// Under os a row of the scratchpad is a position of K, a lane an output of the fold: transposed, a step writes one lane;
// else the channels of one fold. So rows lie as an ofmap does under is, or under os, and the units that know these places
// do the work. Under ws and is ranges of K lie one after another and reversed, which limen_synapse_words knows.
//
// start, high for one cycle, begins a tensor and drops what was under way; transposed, outputs, fan_in, channel_rows and
// rest stay until its last word. A beat comes only while beat_ready is high; it falls while a whole word waits and never
// asks for beat_valid first. Words are written from the cycle on in which they are there: the banks take write_data with
// the clock edge.
`default_nettype none

module limen_synapses #(
    parameter ROWS = 4,         // R, 1 at least
    parameter COLS = 4,         // C, 1 at least
    parameter LANES = 4,        // of the scratchpad: C, under is R
    parameter FEEDER = 4,       // channels a word, a power of two: 1..32
    parameter DATAFLOW = 0,     // 0: os, 1: ws, 2: is
    parameter X_BITS = 8,       // activation width, 2..16
    parameter X_SIGNED = 1,     // 1: activations are signed; 0: unsigned
    parameter W_BITS = 8,       // threshold or weight width; what is stored fits
    parameter [W_BITS-1:0] NEUTRAL = 0,  // under is, synapse of lanes without a position of K
    parameter PORT_BITS = 64    // bits a beat: 32, 64, 128, 256 or 512
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire                     start,         // of a tensor
    input  wire                     transposed,
    input  wire [15:0]              outputs,       // N
    input  wire [15:0]              fan_in,        // K
    input  wire [15:0]              channel_rows,  // under ws, folds of outputs
    input  wire [15:0]              rest,          // under ws, positions of the last range of K
    // beats
    input  wire                     beat_valid,
    input  wire                     beat_first,    // of a plane
    input  wire [PORT_BITS-1:0]     beat,
    output wire                     beat_ready,
    output wire                     busy,          // words wait
    // scratchpad of weights
    output wire [LANES-1:0]         write_enable,  // lane by lane
    output wire [15:0]              write_row,
    output wire [LANES*W_BITS-1:0]  write_data
);
    localparam OS = 0;
    localparam IS = 2;
    localparam [31:0] ROW_COUNT = ROWS;

    generate
        if (LANES != (DATAFLOW == IS ? ROWS : COLS)) begin : g_wrong
            limen_wrong_parameter lanes_are_cols_or_under_is_rows ();
        end
        if (DATAFLOW < OS || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_0_1_or_2 ();
        end
        if (DATAFLOW != OS) begin : g_ranges
            // All folds of outputs have ROWS rows a range; under is an output is a row of it.
            // Shifted and added, not multiplied: a machine of threshold neurons has no multiplier.
            reg [15:0] fold_rows;
            integer i;
            always @* begin
                fold_rows = 16'd0;
                for (i = 0; i < 16; i = i + 1)
                    if (ROW_COUNT[i]) fold_rows = fold_rows + (channel_rows << i);
            end
            wire [15:0] range_rows = DATAFLOW == IS ? outputs : fold_rows;
            limen_synapse_words #(
                .ROWS(ROWS), .COLS(COLS), .LANES(LANES), .FEEDER(FEEDER), .DATAFLOW(DATAFLOW), .X_BITS(X_BITS),
                .X_SIGNED(X_SIGNED), .W_BITS(W_BITS), .NEUTRAL(NEUTRAL), .PORT_BITS(PORT_BITS)
            ) words (
                .clk(clk), .rst(rst), .start(start), .transposed(transposed), .outputs(outputs), .fan_in(fan_in),
                .range_rows(range_rows), .rest(rest),
                .beat_valid(beat_valid), .beat_first(beat_first), .beat(beat), .beat_ready(beat_ready), .busy(busy),
                .write_enable(write_enable), .write_row(write_row), .write_data(write_data)
            );
            wire unused = &{1'b0, channel_rows};
        end else begin : g_scattered
            wire [FEEDER*X_BITS-1:0] no_word = {(FEEDER*X_BITS){1'b0}};
            wire [COLS-1:0] straight_enable, turned_enable;
            wire [15:0] straight_row, turned_row;
            wire [COLS*W_BITS-1:0] straight_data, turned_data;
            wire straight_ready, turned_ready, straight_busy, turned_busy, straight_taken, turned_taken;

            limen_scatter #(
                .COLS(COLS), .FEEDER(FEEDER), .DATAFLOW(OS), .X_BITS(X_BITS), .X_SIGNED(X_SIGNED), .ACC_BITS(W_BITS),
                .PORT_BITS(PORT_BITS)
            ) straight (
                .clk(clk), .rst(rst), .start(start & ~transposed), .pixels(fan_in), .channels(outputs),
                .group_outputs(outputs), .shift(4'd0),
                .beat_valid(beat_valid & ~transposed), .beat_first(beat_first), .beat(beat), .beat_ready(straight_ready),
                .word_valid(1'b0), .word_in(no_word), .word_taken(straight_taken), .busy(straight_busy),
                .write_enable(straight_enable), .write_addr(straight_row), .write_data(straight_data)
            );

            limen_scatter #(
                .COLS(COLS), .FEEDER(FEEDER), .DATAFLOW(IS), .X_BITS(X_BITS), .X_SIGNED(X_SIGNED), .ACC_BITS(W_BITS),
                .PORT_BITS(PORT_BITS)
            ) turned (
                .clk(clk), .rst(rst), .start(start & transposed), .pixels(outputs), .channels(fan_in),
                .group_outputs(fan_in), .shift(4'd0),
                .beat_valid(beat_valid & transposed), .beat_first(beat_first), .beat(beat), .beat_ready(turned_ready),
                .word_valid(1'b0), .word_in(no_word), .word_taken(turned_taken), .busy(turned_busy),
                .write_enable(turned_enable), .write_addr(turned_row), .write_data(turned_data)
            );

            assign beat_ready = transposed ? turned_ready : straight_ready;
            assign busy = straight_busy | turned_busy;
            assign write_enable = transposed ? turned_enable : straight_enable;
            assign write_row = transposed ? turned_row : straight_row;
            assign write_data = transposed ? turned_data : straight_data;
            wire unused = &{1'b0, channel_rows, rest, straight_taken, turned_taken};
        end
    endgenerate
endmodule

`default_nettype wire
