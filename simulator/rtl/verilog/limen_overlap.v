// Runs the folds of one tile one over another, in issue time: what limen_folds does where none overlaps.
//
// Three engines walk through the same folds, each with a loop of its own: preload (ws, is) moves the next fold's
// stationary operands down the shadows, stream gives the operands of the present one, edge says what leaves the array.
// A fold begins max(T, R) + 1 cycles after the one before, C at least, as soon as its operands are there: values of two
// folds are then a cycle apart, in which a PE turns (os: lets its shadow take the accumulator; ws, is: takes what
// its shadow holds), and an edge has written the last value before the next one; and no more than two are in the edges.
// A preload begins when the fold before it begins to stream. The last fold of a tile streams until its last PE is through.
//
// Handshake as limen_folds; under is a block is released with the preload of its last fold.
`default_nettype none

module limen_overlap #(
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
    input  wire         ahead,            // its first block is filled, or being filled, already
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
    output wire         array_shift,      // array time, column 0: preload or drain
    output wire         array_load,       // array time, the first PE turns
    // polarity that is generated: ends of what its walks follow, under ws a cycle late
    output wire         fold_ends,
    output wire         block_ends,
    output wire         group_ends,
    output wire [15:0]  cols_left,        // outputs from the first column of the fold that is read on
    output wire         next_row,         // ws: high for one cycle a row of the next block, before its first fold
    output wire         preload,          // ws, is: a row is preloaded, if there is one
    output wire         begins,           // a fold begins to stream
    // array edge
    output wire         edge_begins,      // with or before stage A of a fold's first value in column 0
    output wire         edge_valid,       // stage A of column 0
    output wire [15:0]  edge_addr,
    output wire         edge_first,       // these stay until the next fold begins
    output wire         edge_last,
    output wire [15:0]  edge_cols_left,
    output wire         channel_read,
    output wire [15:0]  channel_row
);
    localparam OS = 0;
    localparam WS = 1;
    localparam IS = 2;
    localparam POLARITY_GENERATED = 3;
    localparam [2:0] PHASE_IDLE = 3'd0, PHASE_PRELOAD = 3'd1, PHASE_STREAM = 3'd2, PHASE_DRAIN = 3'd3;
    localparam [2:0] PHASE_PIPELINE = 3'd4, PHASE_POOL = 3'd5, PHASE_STALL_FEEDER = 3'd6;
    localparam SHORTEST = ROWS > COLS - 1 ? ROWS : COLS - 1;
    localparam [31:0] SHORTEST_LAST = SHORTEST;               // the last cycle of a fold that another follows is this,
                                                              // or time_size if that is more
    localparam [31:0] STREAM_EXTRA = ROWS + COLS + STAGES - 4;  // of a tile's last fold it is time_size + this
    localparam [31:0] PIPELINE_LAST = 2;
    localparam [31:0] LAST_ROW = ROWS - 1;
    localparam OUTER_STEP = DATAFLOW == IS ? COLS : ROWS;
    localparam INNER_STEP = DATAFLOW == IS ? ROWS : COLS;

    generate
        if (DATAFLOW < OS || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_0_1_or_2 ();
        end
        if (STAGES < 1 || STAGES > 2) begin : g_wrong_stages
            limen_wrong_parameter stages_are_1_or_2 ();
        end
        if (POLARITY < 0 || POLARITY > POLARITY_GENERATED) begin : g_wrong_polarity
            limen_wrong_parameter polarity_is_0_to_3 ();
        end
        if (ROWS < 1 || COLS < 1 || FEEDER < 1 || (FEEDER & (FEEDER - 1)) != 0) begin : g_wrong
            limen_wrong_parameter rows_and_cols_are_1_at_least_and_feeder_is_a_power_of_two ();
        end
    endgenerate

    wire [15:0] outer_size = DATAFLOW == WS ? k_size : pixels;
    wire [15:0] inner_size = DATAFLOW == IS ? k_size : group_outputs;
    wire [15:0] time_size = DATAFLOW == OS ? k_size : DATAFLOW == WS ? pixels : group_outputs;

    reg [2:0] state_reg;    // of stream; states are phases
    reg [16:0] count_reg;   // cycles into the phase
    reg begun_reg;          // the tile's first fold has begun to stream
    reg half_reg;           // block in use: of stream, under is of preload
    reg fill_half_reg;      // block being filled
    reg [1:0] ready_reg;

    // Stream.
    wire stream_ends;
    wire [15:0] outer_left, inner_left, outer_offset;
    wire outer_first, inner_first, outer_last, inner_last, tile_last;
    limen_fold_loop #(.OUTER_STEP(OUTER_STEP), .INNER_STEP(INNER_STEP)) stream_loop (
        .clk(clk), .start(start), .next(stream_ends), .groups(groups), .outer_size(outer_size), .inner_size(inner_size),
        .outer_left(outer_left), .inner_left(inner_left), .outer_offset(outer_offset), .outer_first(outer_first),
        .inner_first(inner_first), .outer_last(outer_last), .inner_last(inner_last), .tile_last(tile_last)
    );
    wire [16:0] interval_last = {1'b0, time_size > SHORTEST_LAST[15:0] ? time_size : SHORTEST_LAST[15:0]};
    wire [16:0] phase_last =
        state_reg == PHASE_STREAM ? (tile_last ? {1'b0, time_size} + STREAM_EXTRA[16:0] : interval_last) :
        state_reg == PHASE_PIPELINE ? PIPELINE_LAST[16:0] : LAST_ROW[16:0];
    wire phase_ends = count_reg == phase_last;
    assign stream_ends = phase_ends && state_reg == PHASE_STREAM;
    wire streaming = state_reg == PHASE_STREAM && count_reg < {1'b0, time_size};
    assign begins = state_reg == PHASE_STREAM && count_reg == 17'd0;
    wire last_operand = state_reg == PHASE_STREAM && count_reg == {1'b0, time_size} - 17'd1;
    wire stream_block_ends = stream_ends & inner_last;

    // What the next fold to stream, and to preload, needs.
    wire preload_step, preload_ends, preload_block_ends, preloaded;
    wire x_ready = DATAFLOW == IS || (stream_block_ends ? ready_reg[~half_reg] : ready_reg[half_reg]);
    wire goes = preloaded & x_ready & (state_reg == PHASE_STALL_FEEDER || (stream_ends && ~tile_last));
    wire released = DATAFLOW == IS ? preload_block_ends : stream_block_ends;

    always @(posedge clk) begin
        count_reg <=
            phase_ends || state_reg == PHASE_STALL_FEEDER || state_reg == PHASE_IDLE ? 17'd0 : count_reg + 17'd1;
        if (block_filled) begin
            ready_reg[fill_half_reg] <= 1'b1;
            fill_half_reg <= ~fill_half_reg;
        end
        if (released) begin
            ready_reg[half_reg] <= 1'b0;
            half_reg <= ~half_reg;
        end
        if (goes) begun_reg <= 1'b1;
        case (state_reg)
            PHASE_STALL_FEEDER: if (goes) state_reg <= PHASE_STREAM;
            PHASE_STREAM: if (phase_ends) begin
                state_reg <= tile_last ? (DATAFLOW == OS ? PHASE_DRAIN : PHASE_PIPELINE)
                    : goes ? PHASE_STREAM : PHASE_STALL_FEEDER;
            end
            PHASE_DRAIN: if (phase_ends) state_reg <= PHASE_PIPELINE;
            PHASE_PIPELINE: if (phase_ends) state_reg <= PHASE_IDLE;
            PHASE_POOL: if (~pool_busy) state_reg <= PHASE_IDLE;
            default: ;
        endcase
        if (start) begin
            state_reg <= pool ? PHASE_POOL : PHASE_STALL_FEEDER;
            count_reg <= 17'd0;
            begun_reg <= 1'b0;
        end
        if (start & ~ahead) begin
            {half_reg, fill_half_reg} <= 2'd0;
            ready_reg <= 2'd0;  // apart: Yosys takes no concatenation with what is also written bit by bit
        end
        if (rst) state_reg <= PHASE_IDLE;
    end

    assign busy = state_reg != PHASE_IDLE;
    assign phase = state_reg == PHASE_STALL_FEEDER && ~begun_reg && preload_step ? PHASE_PRELOAD : state_reg;
    assign release_block = released;
    assign preload = preload_step;
    assign x_half = half_reg;

    // Preload.
    wire [15:0] preload_outer_left;
    wire preload_inner_last, preload_outer_last, preloading;
    generate
        if (DATAFLOW == OS) begin : g_no_preload
            assign preloaded = 1'b1;
            assign preload_step = 1'b0;
            assign preload_ends = 1'b0;
            assign preload_block_ends = 1'b0;
            assign preloading = 1'b0;
            assign preload_outer_left = 16'd0;
            assign preload_inner_last = 1'b0;
            assign preload_outer_last = 1'b0;
            assign {fold_ends, block_ends, group_ends} =
                {stream_ends, stream_block_ends, stream_block_ends & outer_last};
            assign cols_left = inner_left;
            assign next_row = 1'b0;
        end else begin : g_preload
            reg preload_reg;                // the next fold is being preloaded, or waits for its block
            reg [16:0] preload_count_reg;
            reg more_reg;                   // there are folds that haven't been
            wire [15:0] preload_inner_left, preload_outer_offset;
            wire preload_outer_first, preload_inner_first, preload_tile_last;
            limen_fold_loop #(.OUTER_STEP(OUTER_STEP), .INNER_STEP(INNER_STEP)) preload_loop (
                .clk(clk), .start(start), .next(preload_ends), .groups(groups), .outer_size(outer_size),
                .inner_size(inner_size), .outer_left(preload_outer_left), .inner_left(preload_inner_left),
                .outer_offset(preload_outer_offset), .outer_first(preload_outer_first),
                .inner_first(preload_inner_first), .outer_last(preload_outer_last), .inner_last(preload_inner_last),
                .tile_last(preload_tile_last)
            );
            assign preload_step =
                preload_reg & (DATAFLOW == WS || preload_count_reg != 17'd0 || ready_reg[half_reg]);
            assign preload_ends = preload_step && preload_count_reg == LAST_ROW[16:0];
            assign preload_block_ends = preload_ends & preload_inner_last;
            assign preloaded = ~preload_reg;
            // Rows come from the last to the first.
            wire [16:0] preload_row = LAST_ROW[16:0] - preload_count_reg;
            assign preloading =
                preload_step && preload_row < {1'b0, DATAFLOW == IS ? preload_inner_left : preload_outer_left};
            always @(posedge clk) begin
                if (preload_step) preload_count_reg <= preload_ends ? 17'd0 : preload_count_reg + 17'd1;
                if (preload_ends) begin
                    preload_reg <= 1'b0;
                    more_reg <= ~preload_tile_last;
                end
                if (goes) preload_reg <= more_reg;
                if (start) begin
                    preload_reg <= ~pool;
                    preload_count_reg <= 17'd0;
                    more_reg <= 1'b1;
                end
                if (rst) preload_reg <= 1'b0;
            end
            if (DATAFLOW == WS) begin : g_ws
                reg [2:0] ends_reg;
                always @(posedge clk) begin
                    ends_reg <= {preload_ends, preload_block_ends, preload_block_ends & preload_outer_last};
                end
                assign {fold_ends, block_ends, group_ends} = ends_reg;
                // Said in the preload of a block's last fold: after the last block there is none.
                wire [15:0] rows_beyond = preload_outer_left - LAST_ROW[15:0] - 16'd1;
                assign next_row = preload_step & preload_inner_last & ~preload_outer_last
                    & preload_count_reg[15:0] < rows_beyond;
            end else begin : g_is
                assign {fold_ends, block_ends, group_ends} =
                    {stream_ends, preload_block_ends, stream_block_ends & outer_last};
                assign next_row = 1'b0;
            end
            assign cols_left = preload_inner_left;
            wire unused = &{1'b0, preload_outer_offset, preload_outer_first, preload_inner_first};
        end
    endgenerate

    // Filter rows lie in the order in which they are read.
    wire filter_fold_ends = DATAFLOW == WS ? preload_ends : stream_ends;
    wire filter_block_ends = DATAFLOW == WS ? preload_block_ends : stream_block_ends;
    wire filter_group_ends = filter_block_ends & (DATAFLOW == WS ? preload_outer_last : outer_last);
    assign filter_read = DATAFLOW == WS ? preloading : streaming;
    limen_rows #(.PER_READ(1), .BACK_FOLD(0), .BACK_BLOCK(DATAFLOW == WS ? 0 : 1)) filter_rows (
        .clk(clk), .start(start), .read(filter_read), .fold_ends(filter_fold_ends), .block_ends(filter_block_ends),
        .group_ends(filter_group_ends), .step(16'd1), .row(filter_row)
    );
    limen_polarity_rows #(.DATAFLOW(DATAFLOW), .POLARITY(POLARITY)) polarity_rows (
        .clk(clk), .start(start), .read(filter_read), .fold_ends(filter_fold_ends), .block_ends(filter_block_ends),
        .group_ends(filter_group_ends), .filter_row(filter_row), .row(polarity_row)
    );

    // Activations: under ws one a lane and pixel; else the channels of each word in turn.
    assign x_read = DATAFLOW == IS ? preloading : streaming;
    assign x_lanes_left = DATAFLOW == IS ? preload_outer_left : outer_left;
    generate
        if (DATAFLOW == WS) begin : g_pixels
            assign x_addr = count_reg[15:0];
            assign x_element = 16'd0;
            wire unused = &{1'b0, first_lane, channels, group_lanes};
        end else begin : g_channels
            limen_words #(.FEEDER(FEEDER)) words (
                .clk(clk), .start(start), .read(x_read), .back(released || (stream_ends && DATAFLOW == OS)),
                .advance(released & (DATAFLOW == IS ? preload_outer_last : outer_last)), .first_lane(first_lane),
                .channels(channels), .group_lanes(group_lanes), .addr(x_addr), .element(x_element)
            );
        end
    endgenerate

    // Edge: a value a cycle, T of a fold (ws, is), or R rows from the last to the first (os).
    wire edge_step, edge_ends;
    reg [15:0] edge_count_reg;
    wire edge_starts = edge_step && edge_count_reg == 16'd0;
    wire [15:0] edge_outer_left, edge_inner_left, edge_outer_offset;
    wire edge_outer_first, edge_inner_first, edge_outer_last, edge_inner_last, edge_tile_last;
    limen_fold_loop #(.OUTER_STEP(OUTER_STEP), .INNER_STEP(INNER_STEP)) edge_loop (
        .clk(clk), .start(start), .next(edge_ends), .groups(groups), .outer_size(outer_size), .inner_size(inner_size),
        .outer_left(edge_outer_left), .inner_left(edge_inner_left), .outer_offset(edge_outer_offset),
        .outer_first(edge_outer_first), .inner_first(edge_inner_first), .outer_last(edge_outer_last),
        .inner_last(edge_inner_last), .tile_last(edge_tile_last)
    );
    assign edge_ends = edge_step && edge_count_reg == (DATAFLOW == OS ? LAST_ROW[15:0] : time_size - 16'd1);
    wire edge_block_ends = edge_ends & edge_inner_last;
    wire edge_group_ends = edge_block_ends & edge_outer_last;
    wire [15:0] drain_row = LAST_ROW[15:0] - edge_count_reg;
    wire [15:0] out_row;
    wire [15:0] group_row;                    // row of the fold's channels; is: the group's first channel

    reg edge_begins_reg;
    reg edge_valid_reg;
    reg [15:0] edge_addr_reg;
    reg edge_first_reg;
    reg edge_last_reg;
    reg [15:0] edge_cols_left_reg;
    reg [15:0] channel_row_reg;
    reg channel_read_reg;
    always @(posedge clk) begin
        if (edge_step) edge_count_reg <= edge_ends ? 16'd0 : edge_count_reg + 16'd1;
        if (start) edge_count_reg <= 16'd0;
        edge_begins_reg <= edge_starts & ~rst;
        edge_valid_reg <= edge_step & ~rst & (DATAFLOW != OS || drain_row < edge_outer_left);
        edge_addr_reg <= out_row + (DATAFLOW == OS ? edge_outer_offset + drain_row : edge_count_reg);
        if (edge_starts) begin
            edge_first_reg <= first_k & (DATAFLOW == IS ? edge_inner_first : DATAFLOW == WS ? edge_outer_first : 1'b1);
            edge_last_reg <= last_k & (DATAFLOW == IS ? edge_inner_last : DATAFLOW == WS ? edge_outer_last : 1'b1);
            edge_cols_left_reg <= DATAFLOW == IS ? edge_outer_left : edge_inner_left;
        end
        channel_row_reg <= DATAFLOW == IS ? group_row + edge_count_reg : group_row;
        channel_read_reg <= edge_step & ~rst & (DATAFLOW == IS || edge_count_reg == 16'd0);
    end
    assign edge_begins = edge_begins_reg;
    assign edge_valid = edge_valid_reg;
    assign edge_addr = edge_addr_reg;
    assign edge_first = edge_first_reg;
    assign edge_last = edge_last_reg;
    assign edge_cols_left = edge_cols_left_reg;
    assign channel_read = channel_read_reg;
    assign channel_row = channel_row_reg;

    generate
        if (DATAFLOW == OS) begin : g_os
            // An accumulator has its last result STAGES + 1 cycles after its last operand was issued; the shadow of the
            // last row shows it at the bottom R cycles after the first PE's took its own.
            wire drain_begins;
            reg drain_reg;
            reg array_shift_reg;
            limen_skew #(.WIDTH(1), .DEPTH(STAGES + 1)) load (.clk(clk), .in(last_operand & ~rst), .out(array_load));
            limen_skew #(.WIDTH(1), .DEPTH(ROWS + STAGES - 1)) drain (
                .clk(clk), .in(last_operand & ~rst), .out(drain_begins)
            );
            assign edge_step = drain_begins | edge_count_reg != 16'd0;
            always @(posedge clk) begin
                drain_reg <= edge_step & ~rst;
                array_shift_reg <= drain_reg;
            end
            assign array_shift = array_shift_reg;
            wire unused = &{1'b0, begins};
        end else begin : g_stationary
            // A psum leaves the last row one cycle after that row's operand, with two stages two.
            reg array_shift_reg;
            limen_skew #(.WIDTH(1), .DEPTH(ROWS + STAGES - 2)) last_row (
                .clk(clk), .in(streaming & ~rst), .out(edge_step)
            );
            always @(posedge clk) array_shift_reg <= preload_step & ~rst;
            assign array_shift = array_shift_reg;
            assign array_load = begins;
            wire unused = &{1'b0, last_operand};
        end
        if (DATAFLOW == IS) begin : g_is
            reg [15:0] out_row_reg;
            reg [15:0] group_row_reg;
            always @(posedge clk) begin
                if (edge_block_ends) out_row_reg <= out_row_reg + tile_outputs;
                if (edge_group_ends) begin
                    group_row_reg <= group_row_reg + group_outputs;
                    out_row_reg <= group_row_reg + group_outputs;
                end
                if (start) {out_row_reg, group_row_reg} <= 32'd0;
            end
            assign out_row = out_row_reg;
            assign group_row = group_row_reg;
        end else begin : g_os_ws
            limen_rows #(.PER_READ(0), .BACK_FOLD(0), .BACK_BLOCK(1)) out_rows (
                .clk(clk), .start(start), .read(1'b0), .fold_ends(edge_ends), .block_ends(edge_block_ends),
                .group_ends(edge_group_ends), .step(pixels), .row(out_row)
            );
            limen_rows #(.PER_READ(0), .BACK_FOLD(0), .BACK_BLOCK(1)) channel_rows (
                .clk(clk), .start(start), .read(1'b0), .fold_ends(edge_ends), .block_ends(edge_block_ends),
                .group_ends(edge_group_ends), .step(16'd1), .row(group_row)
            );
            wire unused = &{1'b0, tile_outputs};
        end
    endgenerate

    wire unused = &{1'b0, outer_left, inner_left, outer_offset, outer_first, inner_first, outer_last, edge_tile_last,
        edge_outer_left, edge_inner_left, edge_outer_offset, edge_outer_first, edge_inner_first, preload_ends,
        preload_block_ends, preload_inner_last, preload_outer_last, preload_outer_left, begins, last_operand};
endmodule

`default_nettype wire
