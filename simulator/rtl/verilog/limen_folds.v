// Runs the folds of one tile, in issue time (one cycle before the array), as blocks of operands get ready.
//
// For each group, for each block, for each fold that shares the block. Blocks are pixels under os and is, ranges
// of K under ws; the folds of a block are the groups of C output channels (os, ws) or the ranges of K (is).
// All addresses are running sums: no multiplier, no divider.
//
// start, high for one cycle while busy is low, begins a tile, whose inputs stay until busy falls; busy rises one cycle
// later. block_filled, high for one cycle, says that the next block is whole; release_block, high in the last cycle of
// its last fold, that it may be filled again. Between them nothing waits: what is read and what the edge gets is said
// in the cycle in which it must be done, without a ready. A pooling tile does nothing but wait until pool_busy falls.
`default_nettype none

module limen_folds #(
    parameter ROWS = 4,       // R, 1 at least
    parameter COLS = 4,       // C, 1 at least
    parameter DATAFLOW = 0,   // 0: os, 1: ws, 2: is
    parameter STAGES = 1,     // pipeline stages of a PE, 1 or 2: the last operand's result comes so much later
    parameter FEEDER = 4,     // channels a word, a power of two: 1..32
    parameter POLARITY = 0    // what a polarity bit depends on: 0: synapse, 1: input, 2: neuron; 3: it is generated
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,            // of a tile; high for one cycle, while not busy
    input  wire         pool,
    output wire         busy,
    output wire [2:0]   phase,            // of limen_top's phases the one that computing is in
    input  wire         pool_busy,
    // tile
    input  wire [15:0]  groups,
    input  wire [15:0]  pixels,
    input  wire [15:0]  k_size,
    input  wire [15:0]  group_outputs,
    input  wire [15:0]  tile_outputs,
    input  wire         first_k,          // the tile starts its psums
    input  wire         last_k,           // the tile ends them
    input  wire [15:0]  first_lane,
    input  wire [15:0]  channels,
    input  wire [15:0]  group_lanes,
    // operand blocks
    input  wire         block_filled,     // the block being filled is whole
    output wire         release_block,
    // operands, issue time
    output wire         x_read,
    output wire         x_half,
    output wire [15:0]  x_addr,
    output wire [15:0]  x_element,
    output wire [15:0]  x_lanes_left,
    output wire         filter_read,
    output wire [15:0]  filter_row,
    output wire [15:0]  polarity_row,
    output wire         array_shift,      // array time: preload or drain
    // polarity that is generated
    output wire         fold_ends,        // high in the last cycle of each, an outer one only together with the inner
    output wire         block_ends,
    output wire         group_ends,
    output wire [15:0]  cols_left,        // outputs (is: pixels) from the fold's first column on
    output wire         next_row,         // ws: high for one cycle a row of the next block, before its first fold
    // array edge
    output wire         edge_valid,       // stage A of column 0 (os: of all columns)
    output wire [15:0]  edge_addr,
    output wire         edge_first,
    output wire         edge_last,
    output wire [15:0]  edge_cols_left,
    output wire         channel_read,
    output wire [15:0]  channel_row
);
    localparam OS = 0;
    localparam WS = 1;
    localparam IS = 2;
    localparam POLARITY_SYNAPSE = 0;
    localparam POLARITY_GENERATED = 3;
    // States are phases: waiting for a block of operands is a stall of the feeder.
    localparam [2:0] PHASE_IDLE = 3'd0, PHASE_PRELOAD = 3'd1, PHASE_STREAM = 3'd2, PHASE_DRAIN = 3'd3;
    localparam [2:0] PHASE_PIPELINE = 3'd4, PHASE_POOL = 3'd5, PHASE_STALL_FEEDER = 3'd6;
    localparam [2:0] FOLD_BEGIN = DATAFLOW == OS ? PHASE_STREAM : PHASE_PRELOAD;
    localparam [2:0] FOLD_END = DATAFLOW == OS ? PHASE_DRAIN : PHASE_STREAM;
    localparam [31:0] STREAM_EXTRA = ROWS + COLS + STAGES - 4;  // the last stream cycle is time_size + this
    localparam [31:0] PIPELINE_LAST = DATAFLOW == OS ? 1 : 2;
    localparam [31:0] LAST_ROW = ROWS - 1;
    localparam [31:0] OUTER_STEP = DATAFLOW == IS ? COLS : ROWS;
    localparam [31:0] INNER_STEP = DATAFLOW == IS ? ROWS : COLS;

    generate
        if (DATAFLOW < OS || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_0_1_or_2 ();
        end
        if (POLARITY < POLARITY_SYNAPSE || POLARITY > POLARITY_GENERATED) begin : g_wrong_polarity
            limen_wrong_parameter polarity_is_0_to_3 ();
        end
        if (STAGES < 1 || STAGES > 2) begin : g_wrong_stages
            limen_wrong_parameter stages_are_1_or_2 ();
        end
        if (ROWS < 1 || COLS < 1 || FEEDER < 1 || (FEEDER & (FEEDER - 1)) != 0) begin : g_wrong
            limen_wrong_parameter rows_and_cols_are_1_at_least_and_feeder_is_a_power_of_two ();
        end
    endgenerate

    wire [15:0] outer_size = DATAFLOW == WS ? k_size : pixels;
    wire [15:0] inner_size = DATAFLOW == IS ? k_size : group_outputs;
    wire [15:0] time_size = DATAFLOW == OS ? k_size : DATAFLOW == WS ? pixels : group_outputs;

    reg [2:0] state_reg;
    reg [2:0] array_state_reg;                       // state_reg, in array time
    reg [16:0] count_reg;                            // cycles into the phase
    reg [15:0] groups_left_reg;
    reg [15:0] outer_left_reg;
    reg [15:0] inner_left_reg;
    reg [15:0] outer_offset_reg;                     // of the block: pixels or positions of K before it
    reg half_reg;                                    // block in use
    reg fill_half_reg;                               // block being filled
    reg [1:0] ready_reg;
    reg inner_first_reg;
    reg outer_first_reg;

    wire [16:0] phase_last =
        state_reg == PHASE_STREAM ? {1'b0, time_size} + STREAM_EXTRA[16:0] :
        state_reg == PHASE_PIPELINE ? PIPELINE_LAST[16:0] : LAST_ROW[16:0];
    wire phase_ends = count_reg == phase_last;
    assign fold_ends = phase_ends && state_reg == FOLD_END;
    wire last_inner = inner_left_reg <= INNER_STEP[15:0];
    wire last_outer = outer_left_reg <= OUTER_STEP[15:0];
    assign block_ends = fold_ends & last_inner;
    assign group_ends = block_ends & last_outer;
    wire [15:0] rows_beyond = outer_left_reg - OUTER_STEP[15:0];  // ws: rows of K after this block
    wire [15:0] rows_left = DATAFLOW == IS ? inner_left_reg : outer_left_reg;
    assign cols_left = DATAFLOW == IS ? outer_left_reg : inner_left_reg;
    // Preload and drain go through the rows from the last to the first.
    wire [16:0] shift_row = LAST_ROW[16:0] - count_reg;
    wire shift_row_used = shift_row < {1'b0, rows_left};
    wire streaming = state_reg == PHASE_STREAM && count_reg < {1'b0, time_size};
    wire preloading = state_reg == PHASE_PRELOAD && shift_row_used;
    // Said in the preload of a block's last fold: after the last block there is none.
    assign next_row = state_reg == PHASE_PRELOAD && last_inner && !last_outer && count_reg[15:0] < rows_beyond;

    always @(posedge clk) begin
        array_state_reg <= state_reg;
        count_reg <= phase_ends || state_reg == PHASE_STALL_FEEDER ? 17'd0 : count_reg + 17'd1;
        if (block_filled) begin
            ready_reg[fill_half_reg] <= 1'b1;
            fill_half_reg <= ~fill_half_reg;
        end
        case (state_reg)
            PHASE_STALL_FEEDER: if (ready_reg[half_reg]) state_reg <= FOLD_BEGIN;
            PHASE_PRELOAD: if (phase_ends) state_reg <= PHASE_STREAM;
            PHASE_STREAM: if (phase_ends && DATAFLOW == OS) state_reg <= PHASE_DRAIN;
            PHASE_PIPELINE: if (phase_ends) state_reg <= PHASE_IDLE;
            PHASE_POOL: if (~pool_busy) state_reg <= PHASE_IDLE;
            default: ;
        endcase
        if (fold_ends) begin
            state_reg <= FOLD_BEGIN;
            inner_left_reg <= inner_left_reg - INNER_STEP[15:0];
            inner_first_reg <= 1'b0;
        end
        if (block_ends) begin
            inner_left_reg <= inner_size;
            inner_first_reg <= 1'b1;
            outer_left_reg <= outer_left_reg - OUTER_STEP[15:0];
            outer_offset_reg <= outer_offset_reg + OUTER_STEP[15:0];
            outer_first_reg <= 1'b0;
            ready_reg[half_reg] <= 1'b0;
            half_reg <= ~half_reg;
            if (~ready_reg[~half_reg]) state_reg <= PHASE_STALL_FEEDER;
        end
        if (group_ends) begin
            outer_left_reg <= outer_size;
            outer_offset_reg <= 16'd0;
            outer_first_reg <= 1'b1;
            groups_left_reg <= groups_left_reg - 16'd1;
            if (groups_left_reg == 16'd1) state_reg <= PHASE_PIPELINE;
        end
        if (start) begin
            state_reg <= pool ? PHASE_POOL : PHASE_STALL_FEEDER;
            count_reg <= 17'd0;
            groups_left_reg <= groups;
            outer_left_reg <= outer_size;
            inner_left_reg <= inner_size;
            outer_offset_reg <= 16'd0;
            {half_reg, fill_half_reg} <= 2'd0;
            ready_reg <= 2'd0;  // apart: Yosys takes no concatenation with what is also written bit by bit
            {inner_first_reg, outer_first_reg} <= 2'b11;
        end
        if (rst) begin
            state_reg <= PHASE_IDLE;
            array_state_reg <= PHASE_IDLE;
        end
    end

    assign busy = state_reg != PHASE_IDLE;
    assign phase = state_reg;
    assign release_block = block_ends;
    assign array_shift = array_state_reg == PHASE_PRELOAD || array_state_reg == PHASE_DRAIN;
    assign x_half = half_reg;

    // Filter rows lie in the order in which they are read.
    assign filter_read = DATAFLOW == WS ? preloading : streaming;
    limen_rows #(.PER_READ(1), .BACK_FOLD(0), .BACK_BLOCK(DATAFLOW == WS ? 0 : 1)) filter_rows (
        .clk(clk), .start(start), .read(filter_read), .fold_ends(fold_ends), .block_ends(block_ends),
        .group_ends(group_ends), .step(16'd1), .row(filter_row)
    );
    limen_polarity_rows #(.DATAFLOW(DATAFLOW), .POLARITY(POLARITY)) polarity_rows (
        .clk(clk), .start(start), .read(filter_read), .fold_ends(fold_ends), .block_ends(block_ends),
        .group_ends(group_ends), .filter_row(filter_row), .row(polarity_row)
    );

    // Activations: under ws one a lane and pixel; else the channels of each word in turn.
    generate
        if (DATAFLOW == WS) begin : g_pixels
            assign x_read = streaming;
            assign x_addr = count_reg[15:0];
            assign x_element = 16'd0;
            assign x_lanes_left = rows_left;
            wire unused = &{1'b0, first_lane, channels, group_lanes};
        end else begin : g_channels
            limen_words #(.FEEDER(FEEDER)) words (
                .clk(clk), .start(start), .read(x_read), .back(block_ends || (fold_ends && DATAFLOW == OS)),
                .advance(group_ends), .first_lane(first_lane), .channels(channels), .group_lanes(group_lanes),
                .addr(x_addr), .element(x_element)
            );
            assign x_read = DATAFLOW == OS ? streaming : preloading;
            assign x_lanes_left = DATAFLOW == OS ? rows_left : cols_left;
        end
    endgenerate

    // Array edge.
    generate
        if (DATAFLOW == OS) begin : g_os
            // The accumulator drained next reaches the bottom one cycle after this one: stage A is issue time.
            wire [15:0] out_row;
            limen_rows #(.PER_READ(0), .BACK_FOLD(0), .BACK_BLOCK(1)) out_rows (
                .clk(clk), .start(start), .read(1'b0), .fold_ends(fold_ends), .block_ends(block_ends),
                .group_ends(group_ends), .step(pixels), .row(out_row)
            );
            limen_rows #(.PER_READ(0), .BACK_FOLD(0), .BACK_BLOCK(1)) channel_rows (
                .clk(clk), .start(start), .read(1'b0), .fold_ends(fold_ends), .block_ends(block_ends),
                .group_ends(group_ends), .step(16'd1), .row(channel_row)
            );
            assign edge_valid = state_reg == PHASE_DRAIN && shift_row_used;
            assign edge_addr = out_row + outer_offset_reg + shift_row[15:0];
            assign edge_first = first_k;
            assign edge_last = last_k;
            assign edge_cols_left = cols_left;
            assign channel_read = state_reg == PHASE_DRAIN && count_reg == 17'd0;
            wire unused = &{1'b0, tile_outputs, inner_first_reg, outer_first_reg};
        end else begin : g_stationary
            // A psum leaves the last row one cycle after that row's operand, with two stages two: stage A is array time.
            wire last_row_valid;
            limen_skew #(.WIDTH(1), .DEPTH(ROWS + STAGES - 2)) last_row (.clk(clk), .in(streaming & ~rst), .out(last_row_valid));
            reg edge_valid_reg;
            reg [15:0] edge_time_reg;
            reg [15:0] edge_addr_reg;
            reg edge_first_reg;
            reg edge_last_reg;
            reg [15:0] edge_cols_left_reg;
            reg [15:0] channel_row_reg;
            reg channel_read_reg;
            wire [15:0] out_row;
            wire [15:0] group_row;                    // ws: row of the fold's channels; is: the group's first channel
            always @(posedge clk) begin
                edge_valid_reg <= last_row_valid & ~rst;
                edge_time_reg <= state_reg == PHASE_PRELOAD ? 16'd0 : edge_time_reg + {15'd0, last_row_valid};
                edge_addr_reg <= out_row + edge_time_reg;
                edge_first_reg <= first_k & (DATAFLOW == IS ? inner_first_reg : outer_first_reg);
                edge_last_reg <= last_k & (DATAFLOW == IS ? last_inner : last_outer);
                edge_cols_left_reg <= cols_left;
                channel_row_reg <= DATAFLOW == IS ? group_row + edge_time_reg : group_row;
                channel_read_reg <= last_row_valid & ~rst & (DATAFLOW == IS || edge_time_reg == 16'd0);
            end
            assign edge_valid = edge_valid_reg;
            assign edge_addr = edge_addr_reg;
            assign edge_first = edge_first_reg;
            assign edge_last = edge_last_reg;
            assign edge_cols_left = edge_cols_left_reg;
            assign channel_read = channel_read_reg;
            assign channel_row = channel_row_reg;
            if (DATAFLOW == WS) begin : g_ws
                limen_rows #(.PER_READ(0), .BACK_FOLD(0), .BACK_BLOCK(1)) out_rows (
                    .clk(clk), .start(start), .read(1'b0), .fold_ends(fold_ends), .block_ends(block_ends),
                    .group_ends(group_ends), .step(pixels), .row(out_row)
                );
                limen_rows #(.PER_READ(0), .BACK_FOLD(0), .BACK_BLOCK(1)) channel_rows (
                    .clk(clk), .start(start), .read(1'b0), .fold_ends(fold_ends), .block_ends(block_ends),
                    .group_ends(group_ends), .step(16'd1), .row(group_row)
                );
                wire unused = &{1'b0, tile_outputs, inner_first_reg, outer_offset_reg};
            end else begin : g_is
                reg [15:0] out_row_reg;
                reg [15:0] group_row_reg;
                always @(posedge clk) begin
                    if (block_ends) out_row_reg <= out_row_reg + tile_outputs;
                    if (group_ends) begin
                        group_row_reg <= group_row_reg + group_outputs;
                        out_row_reg <= group_row_reg + group_outputs;
                    end
                    if (start) {out_row_reg, group_row_reg} <= 32'd0;
                end
                assign out_row = out_row_reg;
                assign group_row = group_row_reg;
                wire unused = &{1'b0, outer_first_reg, outer_offset_reg};
            end
        end
    endgenerate
endmodule

`default_nettype wire
