// Limen: DMA, scratchpads, im2col unit, operand memory, array, array edge and sequencer; runs a whole network.
//
// The program (descriptors), the filters and all activations lie in the memory behind the port, which is
// addressed in beats; the program begins at beat 0. Nothing else is loaded or read.
`default_nettype none

module limen_top #(
    parameter ROWS = 4,                // R
    parameter COLS = 4,                // C
    parameter DATAFLOW = 0,            // 0: os, 1: ws, 2: is
    parameter OP = 0,                  // 0: threshold, 1: mac, 2: adder, 3: shift; several: 16 + a bit each
    parameter X_BITS = 8,              // activation width, 2..16
    parameter W_BITS = 8,              // threshold or weight width, 2..16 (shift alone: 2..5)
    parameter X_SIGNED = 1,            // 0: unsigned activations (mac and shift only)
    parameter ACC_BITS = 20,           // accumulator width, X_BITS+1..48
    parameter POLARITY = 0,            // 0: synapse, 1: input, 2: neuron (threshold only)
    parameter FEEDER = 4,              // channels the im2col unit moves a cycle, a power of two
    parameter PORT_BITS = 64,          // bits a beat: 32, 64, 128, 256 or 512, at least FEEDER * X_BITS
    parameter IFMAP_DEPTH = 256,       // words of FEEDER activations, each half
    parameter FILTER_DEPTH = 256,      // rows of C (is: R) thresholds or weights, each half
    parameter POLARITY_DEPTH = 256,    // rows of polarity bits, each half
    parameter CHANNEL_DEPTH = 16,      // rows of bias and shift of C channels (is: of one), each half
    parameter OFMAP_DEPTH = 256,       // accumulators a column, each half
    parameter OPERAND_DEPTH = 256      // activations a lane, each block
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  start,              // high for one cycle: run the program
    output wire                  done,               // high from the end of the program to the next start
    output wire [3:0]            phase,              // see limen_top's end
    output wire [6:0]            activity,           // memories accessed in this cycle, see limen_top's end
    // memory port
    output wire                  mem_request,        // a run of consecutive beats
    input  wire                  mem_request_ready,
    output wire                  mem_write,
    output wire [31:0]           mem_addr,           // in beats
    output wire [15:0]           mem_beats,
    output wire [2:0]            mem_kind,           // 0 store, 1 layer, 2 tile, 3 filter, 4 ifmap, 5 residual
    input  wire                  mem_read_valid,
    output wire                  mem_read_ready,
    input  wire [PORT_BITS-1:0]  mem_read_data,
    output wire                  mem_write_valid,
    input  wire                  mem_write_ready,
    output wire [PORT_BITS-1:0]  mem_write_data
);
    localparam THRESHOLD = 0;
    localparam MAC = 1;
    localparam ADDER = 2;
    localparam SHIFT = 3;
    localparam OS = 0;
    localparam IS = 2;
    localparam FUSED = OP >= 16;
    localparam OPS = FUSED ? OP - 16 : 1 << OP;
    localparam POLAR = (OPS >> THRESHOLD) % 2;
    localparam SYNAPSE_BITS = W_BITS + POLAR;
    localparam ALIGNED_BITS = X_BITS > W_BITS ? X_BITS : W_BITS;
    localparam DIFFERENCE_BITS = POLAR + (OPS >> ADDER) % 2 != 0 ? ALIGNED_BITS + 1 : 0;
    localparam PRODUCT_BITS = (OPS >> MAC) % 2 != 0 ? X_BITS + W_BITS : 0;
    localparam SHIFT_W_BITS = W_BITS < 5 ? W_BITS : 5;
    localparam SHIFTED_BITS = (OPS >> SHIFT) % 2 != 0 ? X_BITS + (1 << (SHIFT_W_BITS - 1)) - 1 : 0;
    localparam WIDER_BITS = PRODUCT_BITS > SHIFTED_BITS ? PRODUCT_BITS : SHIFTED_BITS;
    localparam OP_BITS = DIFFERENCE_BITS > WIDER_BITS ? DIFFERENCE_BITS : WIDER_BITS;
    localparam PSUM_BITS = OP_BITS + $clog2(ROWS);
    localparam VALUE_BITS = DATAFLOW == OS ? ACC_BITS : PSUM_BITS;
    localparam LEFT_BITS = DATAFLOW == IS ? SYNAPSE_BITS : X_BITS;
    localparam TOP_BITS = DATAFLOW == IS ? X_BITS : SYNAPSE_BITS;
    localparam X_LANES = DATAFLOW == IS ? COLS : ROWS;
    localparam SYNAPSE_LANES = DATAFLOW == IS ? ROWS : COLS;
    // One bit serves all lanes where lanes differ in what polarity does not depend on.
    localparam POLARITY_LANES = POLARITY == 0 ? SYNAPSE_LANES : (POLARITY == 1) == (DATAFLOW == IS) ? SYNAPSE_LANES : 1;
    localparam CHANNEL_BITS = ACC_BITS + 5;
    localparam CHANNEL_LANES = DATAFLOW == IS ? 1 : COLS;
    localparam WORD_BITS = FEEDER * X_BITS;
    localparam Y_BITS = X_BITS + 1;
    localparam LAYER_WORDS = 8;
    localparam TILE_WORDS = 19;
    localparam LAYER_BEATS = (LAYER_WORDS * 32 + PORT_BITS - 1) / PORT_BITS;
    localparam TILE_BEATS = (TILE_WORDS * 32 + PORT_BITS - 1) / PORT_BITS;
    // The pair that contributes nothing: lowest activation with highest excitatory threshold, an activation of 0 with
    // the exponent of weight 0, or zeros, which are nothing under every op.
    localparam [31:0] NEUTRAL_X = OP == THRESHOLD ? 1 << (X_BITS - 1) : 0;
    localparam [31:0] NEUTRAL_SYNAPSE = OP == THRESHOLD || OP == SHIFT ? (1 << (W_BITS - 1)) - 1 : 0;

    // Descriptors: words, and what they hold.
    wire [LAYER_WORDS*32-1:0] layer;
    wire [TILE_WORDS*32-1:0] next_tile, tile, stored_tile;
    wire last, raw, pool, residual, next_load_filter, next_load_ifmap, next_load_residual, next_first_k,
        now_first_k, now_last_k, tile_store;
    wire [1:0] op;
    wire [7:0] residual_shift;
    wire [15:0] tiles, in_width, out_width, stride_w, row_step, stride_h, pad_left, group_lanes, kernel_h, kernel_w,
        next_weight_beats, next_weight_rows, next_polarity_beats, next_polarity_rows, next_channel_beats,
        next_channel_rows, next_ifmap_runs, next_ifmap_beats, next_skip, next_plane_words, next_residual_runs,
        next_residual_beats, next_pixels, next_group_outputs, next_tile_outputs, now_groups, now_plane_words,
        now_tile_rows, now_first_row, now_pixels, now_k_size, now_group_outputs, now_tile_outputs, now_first_lane,
        now_channels, now_first_addr, now_group_step, stored_store_runs, stored_store_beats, stored_pixels,
        stored_group_outputs, stored_tile_outputs;
    wire [31:0] y_low, y_high, next_filter_addr, next_ifmap_addr, next_ifmap_stride, next_residual_addr,
        next_plane_stride, stored_plane_stride, stored_store_addr;

    // DMA and sequencer.
    wire dma_start, dma_layer, dma_store, dma_load, dma_busy, dma_picking;
    wire compute_start, compute_busy, filter_half, ifmap_half, ofmap_half;
    wire [2:0] kind;
    wire beat_valid, beat_first;
    wire [1:0] plane;
    wire [15:0] base;
    wire residual_start, residual_ready, scatter_busy;
    wire pack_start, pack_valid, pack_taken;
    wire [PORT_BITS-1:0] pack_beat;
    wire running;
    assign mem_kind = kind;

    limen_descriptor #(.LAYER_WORDS(LAYER_WORDS), .TILE_WORDS(TILE_WORDS)) descriptor (
        .layer(layer), .next_tile(next_tile), .tile(tile), .stored_tile(stored_tile), .compute_start(compute_start),
        .last(last), .raw(raw), .pool(pool), .residual(residual), .op(op), .residual_shift(residual_shift),
        .tiles(tiles), .y_low(y_low), .y_high(y_high), .in_width(in_width), .out_width(out_width),
        .stride_w(stride_w), .row_step(row_step), .stride_h(stride_h), .pad_left(pad_left),
        .group_lanes(group_lanes), .kernel_h(kernel_h), .kernel_w(kernel_w), .next_load_filter(next_load_filter),
        .next_load_ifmap(next_load_ifmap), .next_load_residual(next_load_residual), .next_first_k(next_first_k),
        .next_filter_addr(next_filter_addr), .next_weight_beats(next_weight_beats),
        .next_weight_rows(next_weight_rows), .next_polarity_beats(next_polarity_beats),
        .next_polarity_rows(next_polarity_rows), .next_channel_beats(next_channel_beats),
        .next_channel_rows(next_channel_rows), .next_ifmap_addr(next_ifmap_addr), .next_ifmap_runs(next_ifmap_runs),
        .next_ifmap_beats(next_ifmap_beats), .next_skip(next_skip), .next_plane_words(next_plane_words),
        .next_ifmap_stride(next_ifmap_stride), .next_residual_addr(next_residual_addr),
        .next_residual_runs(next_residual_runs), .next_residual_beats(next_residual_beats),
        .next_plane_stride(next_plane_stride), .next_pixels(next_pixels), .next_group_outputs(next_group_outputs),
        .next_tile_outputs(next_tile_outputs), .now_first_k(now_first_k), .now_last_k(now_last_k),
        .now_groups(now_groups), .now_plane_words(now_plane_words), .now_tile_rows(now_tile_rows),
        .now_first_row(now_first_row), .now_pixels(now_pixels), .now_k_size(now_k_size),
        .now_group_outputs(now_group_outputs), .now_tile_outputs(now_tile_outputs), .now_first_lane(now_first_lane),
        .now_channels(now_channels), .now_first_addr(now_first_addr), .now_group_step(now_group_step),
        .tile_store(tile_store), .stored_plane_stride(stored_plane_stride), .stored_store_addr(stored_store_addr),
        .stored_store_runs(stored_store_runs), .stored_store_beats(stored_store_beats),
        .stored_pixels(stored_pixels), .stored_group_outputs(stored_group_outputs),
        .stored_tile_outputs(stored_tile_outputs)
    );

    limen_sequencer #(.PORT_BITS(PORT_BITS), .LAYER_WORDS(LAYER_WORDS), .TILE_WORDS(TILE_WORDS)) sequencer (
        .clk(clk), .rst(rst), .start(start), .done(done), .running(running),
        .beat_valid(beat_valid), .beat_is_layer(kind == 3'd1), .beat_is_tile(kind == 3'd2), .beat(mem_read_data),
        .layer(layer), .next_tile(next_tile), .tile(tile), .stored_tile(stored_tile),
        .last(last), .tiles(tiles), .next_load_filter(next_load_filter), .next_load_ifmap(next_load_ifmap),
        .next_first_k(next_first_k), .tile_store(tile_store),
        .dma_start(dma_start), .dma_layer(dma_layer), .dma_store(dma_store), .dma_load(dma_load),
        .dma_busy(dma_busy | scatter_busy), .compute_start(compute_start), .compute_busy(compute_busy),
        .filter_half(filter_half), .ifmap_half(ifmap_half), .ofmap_half(ofmap_half)
    );

    limen_dma #(.PORT_BITS(PORT_BITS)) dma (
        .clk(clk), .rst(rst), .rewind(start & ~running), .start(dma_start),
        .start_layer(dma_layer), .start_store(dma_store), .start_load(dma_load), .busy(dma_busy),
        .picking(dma_picking), .kind(kind),
        .layer_beats(LAYER_BEATS[15:0]), .tile_beats(TILE_BEATS[15:0]),
        .load_filter(next_load_filter), .load_ifmap(next_load_ifmap), .load_residual(next_load_residual),
        .filter_addr(next_filter_addr), .weight_beats(next_weight_beats), .polarity_beats(next_polarity_beats),
        .channel_beats(next_channel_beats), .ifmap_addr(next_ifmap_addr), .ifmap_runs(next_ifmap_runs),
        .ifmap_beats(next_ifmap_beats), .ifmap_stride(next_ifmap_stride), .plane_words(next_plane_words),
        .residual_addr(next_residual_addr), .residual_runs(next_residual_runs),
        .residual_beats(next_residual_beats), .residual_stride(next_plane_stride),
        .store_addr(stored_store_addr), .store_runs(stored_store_runs),
        .store_beats(stored_store_beats), .store_stride(stored_plane_stride),
        .beat_valid(beat_valid), .beat_first(beat_first), .plane(plane), .base(base), .residual_ready(residual_ready),
        .residual_start(residual_start), .store_start(pack_start), .store_valid(pack_valid), .store_taken(pack_taken), .store_beat(pack_beat),
        .mem_request(mem_request), .mem_request_ready(mem_request_ready), .mem_write(mem_write),
        .mem_addr(mem_addr), .mem_beats(mem_beats), .mem_read_valid(mem_read_valid), .mem_read_ready(mem_read_ready),
        .mem_write_valid(mem_write_valid), .mem_write_ready(mem_write_ready), .mem_write_data(mem_write_data)
    );

    // Folds and im2col.
    wire [2:0] fold_phase;
    wire block_filled, release_block;
    wire x_read, x_half, filter_read, array_shift;
    wire [15:0] x_addr, x_element, x_lanes_left, filter_row, polarity_row;
    wire edge_valid, edge_first, edge_last, channel_read;
    wire [15:0] edge_addr, edge_cols_left, channel_row;
    wire im2col_active, issue, pixel_ends, ifmap_read;
    wire [15:0] ifmap_row;
    wire fill_valid, fill_inside, fill_half, fill_first, fill_last;
    wire [15:0] fill_addr, fill_lane, fill_from, fill_count;
    wire [WORD_BITS-1:0] ifmap_word;
    wire pool_valid, pool_taken;
    wire [WORD_BITS-1:0] pool_word;
    reg pool_wait_reg;                                // a pixel's words are read, its result not yet written

    limen_folds #(
        .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .FEEDER(FEEDER), .POLARITY(POLARITY)
    ) folds (
        .clk(clk), .rst(rst), .start(compute_start), .pool(pool), .busy(compute_busy), .phase(fold_phase),
        .pool_busy(im2col_active | pool_wait_reg),
        .groups(now_groups), .pixels(now_pixels), .k_size(now_k_size),
        .group_outputs(now_group_outputs), .tile_outputs(now_tile_outputs),
        .first_k(now_first_k), .last_k(now_last_k),
        .first_lane(now_first_lane), .channels(now_channels), .group_lanes(group_lanes),
        .block_filled(block_filled), .release_block(release_block),
        .x_read(x_read), .x_half(x_half), .x_addr(x_addr), .x_element(x_element), .x_lanes_left(x_lanes_left),
        .filter_read(filter_read), .filter_row(filter_row), .polarity_row(polarity_row), .array_shift(array_shift),
        .edge_valid(edge_valid), .edge_addr(edge_addr), .edge_first(edge_first), .edge_last(edge_last),
        .edge_cols_left(edge_cols_left), .channel_read(channel_read), .channel_row(channel_row)
    );

    limen_im2col #(.LANES(X_LANES), .DATAFLOW(DATAFLOW), .FEEDER(FEEDER)) im2col (
        .clk(clk), .rst(rst), .start(compute_start), .pool(pool), .hold(pool_wait_reg), .active(im2col_active),
        .release_block(release_block),
        .groups(now_groups), .pixels(now_pixels), .in_width(in_width), .out_width(out_width),
        .stride_w(stride_w), .stride_h(stride_h), .row_step(row_step),
        .kernel_h(kernel_h), .kernel_w(kernel_w), .pad_left(pad_left),
        .tile_rows(now_tile_rows), .first_row(now_first_row), .first_addr(now_first_addr),
        .plane_words(now_plane_words), .first_lane(now_first_lane), .channels(now_channels),
        .group_step(now_group_step), .group_lanes(group_lanes),
        .issue(issue), .read_enable(ifmap_read), .read_row(ifmap_row), .pixel_ends(pixel_ends),
        .write_valid(fill_valid), .write_inside(fill_inside), .write_half(fill_half), .write_addr(fill_addr),
        .write_lane(fill_lane), .write_from(fill_from), .write_count(fill_count), .write_first(fill_first),
        .write_last(fill_last), .block_ends(block_filled)
    );

    always @(posedge clk) begin
        if (pool_taken) pool_wait_reg <= 1'b0;
        if (issue & pixel_ends & pool) pool_wait_reg <= 1'b1;
        if (rst) pool_wait_reg <= 1'b0;
    end

    limen_scratchpad #(.WIDTH(WORD_BITS), .DEPTH(IFMAP_DEPTH), .PORT_BITS(PORT_BITS)) ifmap_scratchpad (
        .clk(clk), .beat_valid(beat_valid && kind == 3'd4), .beat_first(beat_first), .beat(mem_read_data),
        .skip(next_skip[$clog2(PORT_BITS)-1:0]), .base(base), .rows(next_plane_words),
        .fill_half(~ifmap_half), .read_enable(ifmap_read), .read_half(ifmap_half), .read_row(ifmap_row),
        .read_data(ifmap_word)
    );

    wire [X_LANES*X_BITS-1:0] x_operands;
    wire [WORD_BITS-1:0] fill_word = fill_inside ? ifmap_word : {WORD_BITS{1'b0}};
    limen_operands #(
        .LANES(X_LANES), .DATAFLOW(DATAFLOW), .FEEDER(FEEDER), .X_BITS(X_BITS), .DEPTH(OPERAND_DEPTH),
        .NEUTRAL(NEUTRAL_X[X_BITS-1:0])
    ) operands (
        .clk(clk), .write_valid(fill_valid & ~pool), .write_half(fill_half), .write_addr(fill_addr),
        .write_lane(fill_lane), .write_from(fill_from), .write_count(fill_count), .word(fill_word),
        .read_valid(x_read), .read_half(x_half), .read_addr(x_addr), .element(x_element), .lanes_left(x_lanes_left),
        .x_out(x_operands)
    );

    // Op of the tile that is computed: it stays as it is from the first operand to the last.
    wire [1:0] op_select;
    generate
        if (FUSED) begin : g_op_of_layer
            reg [1:0] op_reg;
            always @(posedge clk) begin
                if (compute_start) op_reg <= op;
                if (rst) op_reg <= 2'd0;
            end
            assign op_select = op_reg;
        end else begin : g_op_of_design
            assign op_select = OP[1:0];
        end
    endgenerate

    // Filters: thresholds or weights, polarity, and bias and shift.
    wire [SYNAPSE_LANES*W_BITS-1:0] weights;
    wire [SYNAPSE_LANES*SYNAPSE_BITS-1:0] synapses;
    reg synapse_valid_reg;
    always @(posedge clk) synapse_valid_reg <= filter_read;
    limen_scratchpad #(.WIDTH(SYNAPSE_LANES * W_BITS), .DEPTH(FILTER_DEPTH), .PORT_BITS(PORT_BITS)) weight_scratchpad (
        .clk(clk), .beat_valid(beat_valid && kind == 3'd3 && plane == 2'd0), .beat_first(beat_first),
        .beat(mem_read_data), .skip({$clog2(PORT_BITS){1'b0}}), .base(16'd0), .rows(next_weight_rows),
        .fill_half(~filter_half), .read_enable(filter_read), .read_half(filter_half), .read_row(filter_row),
        .read_data(weights)
    );
    genvar r;
    genvar c;
    genvar l;
    generate
        if (POLAR != 0) begin : g_polarity
            wire polarity_read;
            wire [POLARITY_LANES-1:0] stored;
            wire [POLARITY_LANES-1:0] polarity;
            limen_scratchpad #(.WIDTH(POLARITY_LANES), .DEPTH(POLARITY_DEPTH), .PORT_BITS(PORT_BITS)) polarity_scratchpad (
                .clk(clk), .beat_valid(beat_valid && kind == 3'd3 && plane == 2'd1), .beat_first(beat_first),
                .beat(mem_read_data), .skip({$clog2(PORT_BITS){1'b0}}), .base(16'd0), .rows(next_polarity_rows),
                .fill_half(~filter_half), .read_enable(polarity_read), .read_half(filter_half), .read_row(polarity_row),
                .read_data(stored)
            );
            if (FUSED) begin : g_of_layer
                wire polar = op_select == THRESHOLD[1:0];   // layers of other ops have no polarity to read
                assign polarity_read = filter_read & polar;
                assign polarity = stored & {POLARITY_LANES{polar}};
            end else begin : g_of_design
                assign polarity_read = filter_read;
                assign polarity = stored;
            end
            for (l = 0; l < SYNAPSE_LANES; l = l + 1) begin : g_lane
                assign synapses[l*SYNAPSE_BITS +: SYNAPSE_BITS] = synapse_valid_reg
                    ? {polarity[POLARITY_LANES == 1 ? 0 : l], weights[l*W_BITS +: W_BITS]}
                    : NEUTRAL_SYNAPSE[SYNAPSE_BITS-1:0];
            end
        end else begin : g_weights
            for (l = 0; l < SYNAPSE_LANES; l = l + 1) begin : g_lane
                assign synapses[l*SYNAPSE_BITS +: SYNAPSE_BITS] = synapse_valid_reg
                    ? weights[l*W_BITS +: W_BITS] : NEUTRAL_SYNAPSE[SYNAPSE_BITS-1:0];
            end
            wire unused = &{1'b0, polarity_row};
        end
    endgenerate

    // Array: rows get their operands one cycle after one another; under os the columns too.
    wire [ROWS*LEFT_BITS-1:0] left;
    wire [COLS*TOP_BITS-1:0] top;
    wire [COLS*VALUE_BITS-1:0] bottom;
    wire [ROWS*LEFT_BITS-1:0] left_straight;
    wire [COLS*TOP_BITS-1:0] top_straight;
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
            limen_skew #(.WIDTH(TOP_BITS), .DEPTH(DATAFLOW == OS ? c : 0)) skew (
                .clk(clk), .in(top_straight[c*TOP_BITS +: TOP_BITS]), .out(top[c*TOP_BITS +: TOP_BITS])
            );
        end
    endgenerate

    limen_array #(
        .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .OP(OP), .X_BITS(X_BITS), .W_BITS(W_BITS),
        .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS),
        .LEFT_BITS(LEFT_BITS), .TOP_BITS(TOP_BITS), .VALUE_BITS(VALUE_BITS)
    ) array (
        .clk(clk), .rst(rst), .op_select(op_select), .shift(array_shift), .left(left), .top(top), .bottom(bottom)
    );

    // Array edge.
    wire [CHANNEL_LANES*CHANNEL_BITS-1:0] channels;
    limen_scratchpad #(
        .WIDTH(CHANNEL_LANES * CHANNEL_BITS), .DEPTH(CHANNEL_DEPTH), .PORT_BITS(PORT_BITS)
    ) channel_scratchpad (
        .clk(clk), .beat_valid(beat_valid && kind == 3'd3 && plane == 2'd2), .beat_first(beat_first),
        .beat(mem_read_data), .skip({$clog2(PORT_BITS){1'b0}}), .base(16'd0), .rows(next_channel_rows),
        .fill_half(~filter_half), .read_enable(channel_read), .read_half(filter_half), .read_row(channel_row),
        .read_data(channels)
    );

    wire [COLS*ACC_BITS-1:0] pack_words;
    wire pack_read;
    wire [15:0] pack_addr;
    wire [COLS-1:0] scatter_write;
    wire [15:0] scatter_addr;
    wire [COLS*ACC_BITS-1:0] scatter_data;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            // The tag walks on along the columns under ws and is; os drains all columns at once.
            wire tag_valid;
            wire [15:0] tag_addr;
            if (c == 0 || DATAFLOW == OS) begin : g_tag
                assign tag_valid = edge_valid;
                assign tag_addr = edge_addr;
            end else begin : g_tag_later
                limen_tag #(.ADDR_BITS(16)) tag (
                    .clk(clk), .rst(rst), .valid_in(g_col[c-1].tag_valid), .addr_in(g_col[c-1].tag_addr),
                    .valid_out(tag_valid), .addr_out(tag_addr)
                );
            end

            // Bias and shift; under is channels vary with time, so one word walks on with the tag.
            wire [CHANNEL_BITS-1:0] channel;
            if (DATAFLOW != IS) begin : g_channel
                assign channel = channels[c*CHANNEL_BITS +: CHANNEL_BITS];
            end else if (c == 0) begin : g_channel_first
                assign channel = channels;
            end else begin : g_channel_later
                limen_skew #(.WIDTH(CHANNEL_BITS), .DEPTH(1)) skew (.clk(clk), .in(g_col[c-1].channel), .out(channel));
            end

            limen_edge #(
                .ACC_BITS(ACC_BITS), .VALUE_BITS(VALUE_BITS), .DEPTH(OFMAP_DEPTH), .Y_BITS(Y_BITS)
            ) column_edge (
                .clk(clk), .rst(rst), .half(ofmap_half),
                .a_valid(tag_valid && edge_cols_left > c), .a_first(edge_first), .a_last(edge_last), .a_addr(tag_addr),
                .b_value(bottom[c*VALUE_BITS +: VALUE_BITS]),
                .b_bias(channel[ACC_BITS-1:0]), .b_shift(channel[CHANNEL_BITS-1:ACC_BITS]),
                .raw(raw), .y_low(y_low[Y_BITS-1:0]), .y_high(y_high[Y_BITS-1:0]), .residual(residual),
                .pack_read(pack_read), .pack_addr(pack_addr), .pack_word(pack_words[c*ACC_BITS +: ACC_BITS]),
                .scatter_write(scatter_write[c]), .scatter_half(ofmap_half ^ ~pool), .scatter_addr(scatter_addr),
                .scatter_data(scatter_data[c*ACC_BITS +: ACC_BITS])
            );
        end
    endgenerate

    limen_packer #(
        .COLS(COLS), .FEEDER(FEEDER), .DATAFLOW(DATAFLOW), .X_BITS(X_BITS), .ACC_BITS(ACC_BITS), .PORT_BITS(PORT_BITS)
    ) packer (
        .clk(clk), .rst(rst), .start(pack_start), .raw(raw),
        .pixels(stored_pixels), .channels(stored_tile_outputs), .group_outputs(stored_group_outputs),
        .read_enable(pack_read), .read_addr(pack_addr), .words(pack_words),
        .beat_valid(pack_valid), .beat_taken(pack_taken), .beat(pack_beat)
    );

    limen_pool #(.FEEDER(FEEDER), .X_BITS(X_BITS), .X_SIGNED(X_SIGNED)) pooling (
        .clk(clk), .rst(rst), .start(compute_start), .enable(pool), .lowest(y_low[X_BITS-1:0]),
        .word_valid(fill_valid), .word_inside(fill_inside), .word_first(fill_first), .word_last(fill_last),
        .word(ifmap_word), .out_valid(pool_valid), .out(pool_word), .out_taken(pool_taken)
    );

    // The scatter unit belongs to the tile being pooled, or to the one whose residual is being loaded.
    limen_scatter #(
        .COLS(COLS), .FEEDER(FEEDER), .DATAFLOW(DATAFLOW), .X_BITS(X_BITS), .X_SIGNED(X_SIGNED),
        .ACC_BITS(ACC_BITS), .PORT_BITS(PORT_BITS)
    ) scatter (
        .clk(clk), .rst(rst), .start(pool ? compute_start : residual_start),
        .pixels(pool ? now_pixels : next_pixels), .channels(pool ? now_tile_outputs : next_tile_outputs),
        .group_outputs(pool ? now_group_outputs : next_group_outputs), .shift(pool ? 4'd0 : residual_shift[3:0]),
        .beat_valid(beat_valid && kind == 3'd5), .beat_first(beat_first), .beat(mem_read_data), .beat_ready(residual_ready),
        .word_valid(pool_valid), .word_in(pool_word), .word_taken(pool_taken), .busy(scatter_busy),
        .write_enable(scatter_write), .write_addr(scatter_addr), .write_data(scatter_data)
    );

    // Phase of this cycle: 0 idle, 1 preload, 2 stream, 3 drain, 4 pipeline, 5 pool; and stalls: 6 feeder,
    // 7 ifmap (residuals included), 8 filter, 9 ofmap store, 10 control.
    wire [3:0] dma_phase = ~dma_busy ? (scatter_busy ? 4'd7 : 4'd10) :
        dma_picking ? 4'd10 : kind == 3'd0 ? 4'd9 : kind == 3'd3 ? 4'd8 : kind == 3'd4 || kind == 3'd5 ? 4'd7 : 4'd10;
    assign phase = compute_busy ? {1'b0, fold_phase} : running ? dma_phase : 4'd0;
    // Activity of this cycle: 0 a beat in, 1 a beat out, 2 ifmap read, 3 filter read, 4 bias and shift read,
    // 5 packer's read, 6 the next cycle is a layer's first.
    assign activity = {
        dma_layer, pack_read, channel_read, filter_read, ifmap_read, mem_write_valid & mem_write_ready, beat_valid
    };
    wire unused = &{1'b0, op, residual_shift, y_low, y_high, next_skip, next_polarity_rows};
endmodule

`default_nettype wire
