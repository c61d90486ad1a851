// A whole accelerator: it runs a network's program from `start` to `done`. Here are only its parts and their wires.
//
// The program (descriptors), the filters and all activations lie in the memory behind the port, which is
// addressed in beats; the program begins at beat 0. Nothing else is loaded or read.
//
// Memory port: mem_request is high, and mem_write, mem_addr, mem_beats and mem_kind stay, up to a clock edge at which
// mem_request_ready is high. Then mem_beats beats move, one at each clock edge at which valid and ready are both high;
// mem_write_valid and mem_write_data stay until then, mem_read_valid may fall again. One run moves at a time.
`default_nettype none

module limen_top #(
    parameter ROWS = 4,                // R
    parameter COLS = 4,                // C
    parameter DATAFLOW = 0,            // 0: os, 1: ws, 2: is
    parameter OP = 0,                  // 0: threshold, 1: mac, 2: adder, 3: shift; several: 16 + a bit each
    parameter STAGES = 1,              // pipeline stages of a PE, 1 or 2
    parameter ZERO_GATING = 0,         // 1: a PE's op rests while x is 0 (two stages; mac and shift only)
    parameter OVERLAP = 0,             // 1: folds of a tile overlap
    parameter X_BITS = 8,              // activation width, 2..16
    parameter W_BITS = 8,              // threshold or weight width, 2..16 (shift alone: 2..5)
    parameter X_SIGNED = 1,            // 0: unsigned activations (mac and shift only)
    parameter ACC_BITS = 20,           // accumulator width, X_BITS+1..48
    parameter POLARITY = 0,            // 0: synapse, 1: input, 2: neuron, 3: generated (threshold only)
    parameter MATMUL = 0,              // 1: the synapses of a layer may be another tensor
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
    output wire [3:0]            phase,              // what the cycle is spent on, see limen_phase
    output wire [6:0]            activity,           // memories accessed in this cycle, see limen_phase
    // memory port
    output wire                  mem_request,        // a run of consecutive beats
    input  wire                  mem_request_ready,
    output wire                  mem_write,
    output wire [31:0]           mem_addr,           // in beats
    output wire [15:0]           mem_beats,
    output wire [2:0]            mem_kind,           // what moves, see limen_dma
    input  wire                  mem_read_valid,
    output wire                  mem_read_ready,
    input  wire [PORT_BITS-1:0]  mem_read_data,
    output wire                  mem_write_valid,
    input  wire                  mem_write_ready,
    output wire [PORT_BITS-1:0]  mem_write_data
);
    localparam OP_THRESHOLD = 0;
    localparam OP_MAC = 1;
    localparam OP_ADDER = 2;
    localparam OP_SHIFT = 3;
    localparam SEVERAL_OPS = 16;
    localparam POLARITY_SYNAPSE = 0;
    localparam POLARITY_INPUT = 1;
    localparam POLARITY_GENERATED = 3;
    localparam OS = 0;
    localparam IS = 2;
    localparam [2:0] PHASE_PRELOAD = 3'd1;
    // The op, or ops, and the widths of their operands and results.
    localparam SEVERAL = OP >= SEVERAL_OPS ? 1 : 0;
    localparam OPS = SEVERAL != 0 ? OP - SEVERAL_OPS : 1 << OP;
    localparam POLAR = (OPS >> OP_THRESHOLD) % 2;
    localparam SYNAPSE_BITS = W_BITS + POLAR;
    localparam ALIGNED_BITS = X_BITS > W_BITS ? X_BITS : W_BITS;
    localparam DIFFERENCE_BITS = POLAR + (OPS >> OP_ADDER) % 2 != 0 ? ALIGNED_BITS + 1 : 0;
    localparam PRODUCT_BITS = (OPS >> OP_MAC) % 2 != 0 ? X_BITS + W_BITS : 0;
    localparam SHIFT_W_BITS = W_BITS < 5 ? W_BITS : 5;
    localparam SHIFTED_BITS = (OPS >> OP_SHIFT) % 2 != 0 ? X_BITS + (1 << (SHIFT_W_BITS - 1)) - 1 : 0;
    localparam WIDER_BITS = PRODUCT_BITS > SHIFTED_BITS ? PRODUCT_BITS : SHIFTED_BITS;
    localparam OP_BITS = DIFFERENCE_BITS > WIDER_BITS ? DIFFERENCE_BITS : WIDER_BITS;
    localparam PSUM_BITS = OP_BITS + $clog2(ROWS);
    localparam VALUE_BITS = DATAFLOW == OS ? ACC_BITS : PSUM_BITS;
    localparam LEFT_BITS = DATAFLOW == IS ? SYNAPSE_BITS : X_BITS;
    localparam TOP_BITS = DATAFLOW == IS ? X_BITS : SYNAPSE_BITS;
    localparam Y_BITS = X_BITS + 1;
    // The pair that contributes nothing: lowest activation with highest excitatory threshold, an activation of 0 with
    // the exponent of weight 0, or zeros, which are nothing under every op.
    localparam [31:0] NEUTRAL_X = OP == OP_THRESHOLD ? 1 << (X_BITS - 1) : 0;
    localparam [31:0] NEUTRAL_SYNAPSE = OP == OP_THRESHOLD || OP == OP_SHIFT ? (1 << (W_BITS - 1)) - 1 : 0;
    // Lanes.
    localparam X_LANES = DATAFLOW == IS ? COLS : ROWS;
    localparam SYNAPSE_LANES = DATAFLOW == IS ? ROWS : COLS;
    // One bit serves all lanes where lanes differ in what polarity does not depend on.
    localparam GENERATED = POLARITY == POLARITY_GENERATED ? 1 : 0;
    localparam POLARITY_LANES = POLARITY == POLARITY_SYNAPSE || GENERATED != 0 ? SYNAPSE_LANES :
        (POLARITY == POLARITY_INPUT) == (DATAFLOW == IS) ? SYNAPSE_LANES : 1;
    localparam CHANNEL_BITS = ACC_BITS + 5;
    localparam CHANNEL_LANES = DATAFLOW == IS ? 1 : COLS;
    localparam WORD_BITS = FEEDER * X_BITS;
    // Descriptors.
    localparam LAYER_WORDS = 8;
    localparam TILE_WORDS = 20;
    localparam LAYER_BEATS = (LAYER_WORDS * 32 + PORT_BITS - 1) / PORT_BITS;
    localparam TILE_BEATS = (TILE_WORDS * 32 + PORT_BITS - 1) / PORT_BITS;

    limen_parameters #(
        .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .OP(OP), .OPS(OPS), .STAGES(STAGES),
        .ZERO_GATING(ZERO_GATING), .OVERLAP(OVERLAP), .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
        .ACC_BITS(ACC_BITS), .POLARITY(POLARITY), .MATMUL(MATMUL), .FEEDER(FEEDER), .PORT_BITS(PORT_BITS),
        .IFMAP_DEPTH(IFMAP_DEPTH), .FILTER_DEPTH(FILTER_DEPTH), .POLARITY_DEPTH(POLARITY_DEPTH),
        .CHANNEL_DEPTH(CHANNEL_DEPTH), .OFMAP_DEPTH(OFMAP_DEPTH), .OPERAND_DEPTH(OPERAND_DEPTH)
    ) parameters ();

    // Descriptors: words, and what they hold.
    wire [LAYER_WORDS*32-1:0] layer, next_layer;
    wire [TILE_WORDS*32-1:0] next_tile, tile, stored_tile;
    wire last, raw, pool, residual, excitatory, matmul, transposed, next_load_filter, next_load_ifmap,
        next_load_residual, next_first_k, now_first_k, now_last_k, tile_store;
    wire [1:0] op;
    wire [7:0] now_first_element;
    wire [7:0] residual_shift;
    wire [15:0] next_tiles, in_width, out_width, stride_w, row_step, stride_h, pad_left, group_lanes, kernel_h,
        kernel_w, tap_positions, next_weight_beats, next_weight_rows, next_polarity_beats, next_polarity_rows,
        next_channel_beats, next_channel_rows, next_ifmap_runs, next_ifmap_beats, next_ifmap_plane_beats,
        next_residual_plane_beats, next_skip, next_plane_words, next_residual_runs, next_residual_beats, next_pixels,
        next_k_size, next_group_outputs, next_tile_outputs, now_groups,
        now_pixels, now_k_size, now_group_outputs, now_tile_outputs, now_first_lane, now_channels,
        now_polarity_beats, now_polarity_rows, fill_groups, fill_plane_words, fill_tile_rows, fill_first_row,
        fill_pixels, fill_first_lane, fill_channels, fill_first_addr, fill_group_step, stored_store_runs,
        stored_store_beats, stored_pixels, stored_group_outputs, stored_tile_outputs;
    wire [31:0] y_low, y_high, next_filter_addr, next_ifmap_addr, next_ifmap_stride, next_residual_addr,
        next_plane_stride, stored_plane_stride, stored_store_addr;

    // From the sequencer.
    wire running, layer_begins, rewind, dma_start, dma_layer, dma_store, dma_load, next_loaded,
        compute_start;
    wire filter_half, ifmap_half, ofmap_half;
    // From the DMA, and beats by what they are of.
    wire dma_busy, dma_picking, beat_valid, beat_first, residual_start, pack_start, pack_taken;
    wire [2:0] kind;
    wire [1:0] plane;
    wire [15:0] base;
    wire layer_beat, tile_beat, weight_beat, polarity_beat, channel_beat, ifmap_beat, residual_beat;
    // From the folds, and the layer's op.
    wire compute_busy, release_block, x_read, x_half, filter_read, channel_read, array_shift, array_load;
    wire fold_ends, block_ends, group_ends, next_row, preload, begins;
    wire edge_begins, edge_valid, edge_first, edge_last;
    wire [2:0] fold_phase;
    wire [15:0] x_addr, x_element, x_lanes_left, filter_row, polarity_row, channel_row, edge_addr, edge_cols_left,
        cols_left;
    wire [1:0] op_select;
    // From activations and filters to the array.
    wire begin_tile, ahead;
    wire words_left, block_filled, ifmap_read, pixel_ends, word_valid, word_inside, word_first, word_last;
    wire [WORD_BITS-1:0] word;
    wire [X_LANES*X_BITS-1:0] x_operands;
    wire [POLARITY_LANES-1:0] generated;
    wire [SYNAPSE_LANES*SYNAPSE_BITS-1:0] synapses;
    wire [CHANNEL_LANES*CHANNEL_BITS-1:0] channels;
    wire [ROWS*LEFT_BITS-1:0] left;
    wire [COLS*TOP_BITS-1:0] top;
    // From the array, its edges, the packer, and what refills the edges' banks.
    wire [COLS*VALUE_BITS-1:0] bottom;
    wire [COLS*ACC_BITS-1:0] pack_words;
    wire pack_read, pack_valid;
    wire [15:0] pack_addr;
    wire [PORT_BITS-1:0] pack_beat;
    wire hold, pool_busy, scatter_busy, residual_ready, scatter_half;
    wire [COLS-1:0] scatter_write;
    wire [15:0] scatter_addr;
    wire [COLS*ACC_BITS-1:0] scatter_data;

    // The program, and the memory port.
    limen_sequencer #(.PORT_BITS(PORT_BITS), .LAYER_WORDS(LAYER_WORDS), .TILE_WORDS(TILE_WORDS)) sequencer (
        .clk(clk), .rst(rst), .start(start), .done(done), .running(running), .layer_begins(layer_begins),
        .layer_beat(layer_beat), .tile_beat(tile_beat), .beat(mem_read_data),
        .layer(layer), .next_layer(next_layer), .next_tile(next_tile), .tile(tile), .stored_tile(stored_tile),
        .last(last), .next_tiles(next_tiles), .next_load_filter(next_load_filter), .next_load_ifmap(next_load_ifmap),
        .next_first_k(next_first_k), .tile_store(tile_store),
        .rewind(rewind), .dma_start(dma_start), .dma_layer(dma_layer), .dma_store(dma_store), .dma_load(dma_load),
        .dma_busy(dma_busy), .scatter_busy(scatter_busy), .next_loaded(next_loaded),
        .compute_start(compute_start), .compute_busy(compute_busy),
        .filter_half(filter_half), .ifmap_half(ifmap_half), .ofmap_half(ofmap_half)
    );

    limen_descriptor #(.LAYER_WORDS(LAYER_WORDS), .TILE_WORDS(TILE_WORDS)) descriptor (
        .layer(layer), .next_layer(next_layer), .next_tile(next_tile), .tile(tile), .stored_tile(stored_tile),
        .compute_start(compute_start), .ahead(ahead),
        .last(last), .raw(raw), .pool(pool), .residual(residual), .excitatory(excitatory), .op(op),
        .matmul(matmul), .transposed(transposed), .residual_shift(residual_shift),
        .next_tiles(next_tiles), .y_low(y_low), .y_high(y_high), .in_width(in_width), .out_width(out_width),
        .stride_w(stride_w), .row_step(row_step), .stride_h(stride_h), .pad_left(pad_left),
        .group_lanes(group_lanes), .kernel_h(kernel_h), .kernel_w(kernel_w),
        .tap_positions(tap_positions), .next_load_filter(next_load_filter),
        .next_load_ifmap(next_load_ifmap), .next_load_residual(next_load_residual), .next_first_k(next_first_k),
        .next_filter_addr(next_filter_addr), .next_weight_beats(next_weight_beats),
        .next_weight_rows(next_weight_rows), .next_polarity_beats(next_polarity_beats),
        .next_polarity_rows(next_polarity_rows), .next_channel_beats(next_channel_beats),
        .next_channel_rows(next_channel_rows), .next_ifmap_addr(next_ifmap_addr), .next_ifmap_runs(next_ifmap_runs),
        .next_ifmap_beats(next_ifmap_beats), .next_ifmap_plane_beats(next_ifmap_plane_beats),
        .next_residual_plane_beats(next_residual_plane_beats), .next_skip(next_skip),
        .next_plane_words(next_plane_words), .next_ifmap_stride(next_ifmap_stride),
        .next_residual_addr(next_residual_addr),
        .next_residual_runs(next_residual_runs), .next_residual_beats(next_residual_beats),
        .next_plane_stride(next_plane_stride), .next_pixels(next_pixels), .next_k_size(next_k_size),
        .next_group_outputs(next_group_outputs), .next_tile_outputs(next_tile_outputs),
        .now_first_k(now_first_k), .now_last_k(now_last_k),
        .now_groups(now_groups), .now_pixels(now_pixels), .now_k_size(now_k_size),
        .now_group_outputs(now_group_outputs), .now_tile_outputs(now_tile_outputs), .now_first_lane(now_first_lane),
        .now_channels(now_channels),
        .now_first_element(now_first_element), .now_polarity_beats(now_polarity_beats),
        .now_polarity_rows(now_polarity_rows), .fill_groups(fill_groups), .fill_plane_words(fill_plane_words),
        .fill_tile_rows(fill_tile_rows), .fill_first_row(fill_first_row), .fill_pixels(fill_pixels),
        .fill_first_lane(fill_first_lane), .fill_channels(fill_channels), .fill_first_addr(fill_first_addr),
        .fill_group_step(fill_group_step), .tile_store(tile_store),
        .stored_plane_stride(stored_plane_stride), .stored_store_addr(stored_store_addr),
        .stored_store_runs(stored_store_runs), .stored_store_beats(stored_store_beats),
        .stored_pixels(stored_pixels), .stored_group_outputs(stored_group_outputs),
        .stored_tile_outputs(stored_tile_outputs)
    );

    // A layer whose synapses are another tensor has no residual: that tensor's beats come in the residual's place.
    wire of_synapses = MATMUL != 0 & matmul;
    wire [31:0] residual_stride = of_synapses ? {16'd0, next_residual_plane_beats} : next_plane_stride;

    limen_dma #(.PORT_BITS(PORT_BITS)) dma (
        .clk(clk), .rst(rst), .rewind(rewind), .start(dma_start),
        .start_layer(dma_layer), .start_store(dma_store), .start_load(dma_load), .busy(dma_busy),
        .picking(dma_picking), .kind(kind),
        .layer_beats(LAYER_BEATS[15:0]), .tile_beats(TILE_BEATS[15:0]),
        .load_filter(next_load_filter), .load_ifmap(next_load_ifmap), .load_residual(next_load_residual),
        .filter_addr(next_filter_addr), .weight_beats(next_weight_beats),
        .polarity_beats(GENERATED != 0 ? 16'd0 : next_polarity_beats),
        .channel_beats(next_channel_beats), .ifmap_addr(next_ifmap_addr), .ifmap_runs(next_ifmap_runs),
        .ifmap_beats(next_ifmap_beats), .ifmap_plane_beats(next_ifmap_plane_beats), .ifmap_stride(next_ifmap_stride),
        .plane_words(next_plane_words), .residual_addr(next_residual_addr), .residual_runs(next_residual_runs),
        .residual_beats(next_residual_beats), .residual_plane_beats(next_residual_plane_beats),
        .residual_stride(residual_stride),
        .store_addr(stored_store_addr), .store_runs(stored_store_runs),
        .store_beats(stored_store_beats), .store_stride(stored_plane_stride),
        .beat_valid(beat_valid), .beat_first(beat_first), .plane(plane), .base(base),
        .residual_ready(residual_ready), .residual_start(residual_start),
        .store_start(pack_start), .store_valid(pack_valid), .store_taken(pack_taken), .store_beat(pack_beat),
        .mem_request(mem_request), .mem_request_ready(mem_request_ready), .mem_write(mem_write),
        .mem_addr(mem_addr), .mem_beats(mem_beats), .mem_read_valid(mem_read_valid), .mem_read_ready(mem_read_ready),
        .mem_write_valid(mem_write_valid), .mem_write_ready(mem_write_ready), .mem_write_data(mem_write_data)
    );
    assign mem_kind = kind;

    limen_beats beats (
        .beat_valid(beat_valid), .kind(kind), .plane(plane), .layer_beat(layer_beat), .tile_beat(tile_beat),
        .weight_beat(weight_beat), .polarity_beat(polarity_beat), .channel_beat(channel_beat),
        .ifmap_beat(ifmap_beat), .residual_beat(residual_beat)
    );

    // What a tile's computation does when.
    generate
        if (OVERLAP != 0) begin : g_overlap
            limen_overlap #(
                .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .STAGES(STAGES), .FEEDER(FEEDER), .POLARITY(POLARITY)
            ) folds (
                .clk(clk), .rst(rst), .start(compute_start), .ahead(ahead), .pool(pool), .busy(compute_busy),
                .phase(fold_phase), .pool_busy(pool_busy),
                .groups(now_groups), .pixels(now_pixels), .k_size(now_k_size),
                .group_outputs(now_group_outputs), .tile_outputs(now_tile_outputs),
                .first_k(now_first_k), .last_k(now_last_k),
                .first_lane(now_first_lane), .channels(now_channels), .group_lanes(group_lanes),
                .block_filled(block_filled), .release_block(release_block),
                .x_read(x_read), .x_half(x_half), .x_addr(x_addr), .x_element(x_element), .x_lanes_left(x_lanes_left),
                .filter_read(filter_read), .filter_row(filter_row), .polarity_row(polarity_row),
                .array_shift(array_shift), .array_load(array_load), .fold_ends(fold_ends), .block_ends(block_ends),
                .group_ends(group_ends), .cols_left(cols_left), .next_row(next_row), .preload(preload),
                .begins(begins), .edge_begins(edge_begins),
                .edge_valid(edge_valid), .edge_addr(edge_addr), .edge_first(edge_first), .edge_last(edge_last),
                .edge_cols_left(edge_cols_left), .channel_read(channel_read), .channel_row(channel_row)
            );
            limen_ahead begin_ahead (
                .clk(clk), .rst(rst), .pool(pool), .next_loaded(next_loaded), .compute_start(compute_start),
                .compute_busy(compute_busy), .words_left(words_left), .begin_tile(begin_tile), .ahead(ahead)
            );
        end else begin : g_folds
            limen_folds #(
                .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .STAGES(STAGES), .FEEDER(FEEDER), .POLARITY(POLARITY)
            ) folds (
                .clk(clk), .rst(rst), .start(compute_start), .pool(pool), .busy(compute_busy), .phase(fold_phase),
                .pool_busy(pool_busy),
                .groups(now_groups), .pixels(now_pixels), .k_size(now_k_size),
                .group_outputs(now_group_outputs), .tile_outputs(now_tile_outputs),
                .first_k(now_first_k), .last_k(now_last_k),
                .first_lane(now_first_lane), .channels(now_channels), .group_lanes(group_lanes),
                .block_filled(block_filled), .release_block(release_block),
                .x_read(x_read), .x_half(x_half), .x_addr(x_addr), .x_element(x_element), .x_lanes_left(x_lanes_left),
                .filter_read(filter_read), .filter_row(filter_row), .polarity_row(polarity_row),
                .array_shift(array_shift), .fold_ends(fold_ends), .block_ends(block_ends), .group_ends(group_ends),
                .cols_left(cols_left), .next_row(next_row),
                .edge_valid(edge_valid), .edge_addr(edge_addr), .edge_first(edge_first), .edge_last(edge_last),
                .edge_cols_left(edge_cols_left), .channel_read(channel_read), .channel_row(channel_row)
            );
            assign array_load = 1'b0;
            assign preload = fold_phase == PHASE_PRELOAD;
            assign begins = 1'b0;
            assign edge_begins = 1'b0;
            assign begin_tile = compute_start;
            assign ahead = 1'b0;
            wire unused = &{1'b0, next_loaded};
        end
    endgenerate

    limen_layer_op #(.OP(OP)) layer_op (.clk(clk), .rst(rst), .start(compute_start), .op(op), .op_select(op_select));

    // Operands.
    limen_activations #(
        .LANES(X_LANES), .DATAFLOW(DATAFLOW), .FEEDER(FEEDER), .X_BITS(X_BITS), .PORT_BITS(PORT_BITS),
        .IFMAP_DEPTH(IFMAP_DEPTH), .OPERAND_DEPTH(OPERAND_DEPTH), .NEUTRAL(NEUTRAL_X[X_BITS-1:0])
    ) activations (
        .clk(clk), .rst(rst), .start(begin_tile), .ahead(ahead), .pool(pool), .hold(hold), .active(words_left),
        .half(ifmap_half ^ (ahead & next_load_ifmap)),
        .in_width(in_width), .out_width(out_width), .stride_w(stride_w), .stride_h(stride_h), .row_step(row_step),
        .kernel_h(kernel_h), .kernel_w(kernel_w), .pad_left(pad_left), .group_lanes(group_lanes),
        .groups(fill_groups), .pixels(fill_pixels), .tile_rows(fill_tile_rows), .first_row(fill_first_row),
        .first_addr(fill_first_addr), .plane_words(fill_plane_words), .first_lane(fill_first_lane),
        .channels(fill_channels), .group_step(fill_group_step),
        .beat_valid(ifmap_beat), .beat_first(beat_first), .beat(mem_read_data),
        .skip(next_skip[$clog2(PORT_BITS)-1:0]), .base(base), .next_plane_words(next_plane_words),
        .block_filled(block_filled), .release_block(release_block),
        .x_read(x_read), .x_half(x_half), .x_addr(x_addr), .x_element(x_element), .x_lanes_left(x_lanes_left),
        .x_operands(x_operands), .ifmap_read(ifmap_read), .pixel_ends(pixel_ends), .word_valid(word_valid),
        .word_inside(word_inside), .word_first(word_first), .word_last(word_last), .word(word)
    );

    generate
        if (GENERATED != 0) begin : g_generated
            // Where polarity is generated no plane of it is loaded: its beginning stands in the plane's place.
            limen_generator #(.LANES(SYNAPSE_LANES), .DATAFLOW(DATAFLOW), .OVERLAP(OVERLAP)) generator (
                .clk(clk), .start(compute_start), .first_position(now_polarity_beats),
                .first_element({8'd0, now_first_element}), .first_channel(now_polarity_rows),
                .excitatory(excitatory), .tap_positions(tap_positions),
                .channels(now_channels), .group_outputs(now_group_outputs),
                .preload(preload), .begins(begins), .x_read(x_read), .filter_read(filter_read),
                .next_row(next_row), .fold_ends(fold_ends), .block_ends(block_ends), .group_ends(group_ends),
                .lanes_left(cols_left), .signs(generated)
            );
        end else begin : g_stored
            assign generated = {POLARITY_LANES{1'b0}};
            wire unused = &{1'b0, excitatory, now_first_element, now_polarity_beats, now_polarity_rows, tap_positions,
                fold_ends, block_ends, group_ends, cols_left, next_row, preload, begins};
        end
    endgenerate

    wire refill_ready, refill_busy, synapses_ready, synapses_busy;
    wire [SYNAPSE_LANES-1:0] lane_write;
    wire [15:0] lane_row;
    wire [SYNAPSE_LANES*W_BITS-1:0] lane_data;
    assign residual_ready = of_synapses ? synapses_ready : refill_ready;
    assign scatter_busy = refill_busy | synapses_busy;
    generate
        if (MATMUL != 0) begin : g_matmul
            // No polarity is loaded, so its rows' place in the descriptor has the positions of the last range of K.
            limen_synapses #(
                .ROWS(ROWS), .COLS(COLS), .LANES(SYNAPSE_LANES), .FEEDER(FEEDER), .DATAFLOW(DATAFLOW), .X_BITS(X_BITS),
                .X_SIGNED(X_SIGNED), .W_BITS(W_BITS), .NEUTRAL(NEUTRAL_SYNAPSE[W_BITS-1:0]), .PORT_BITS(PORT_BITS)
            ) from_tensor (
                .clk(clk), .rst(rst), .start(residual_start & matmul), .transposed(transposed),
                .outputs(next_group_outputs), .fan_in(next_k_size), .channel_rows(next_channel_rows),
                .rest(next_polarity_rows),
                .beat_valid(residual_beat & matmul), .beat_first(beat_first), .beat(mem_read_data),
                .beat_ready(synapses_ready), .busy(synapses_busy),
                .write_enable(lane_write), .write_row(lane_row), .write_data(lane_data)
            );
        end else begin : g_no_matmul
            assign {synapses_ready, synapses_busy} = 2'b00;
            assign lane_write = {SYNAPSE_LANES{1'b0}};
            assign lane_row = 16'd0;
            assign lane_data = {(SYNAPSE_LANES*W_BITS){1'b0}};
            wire unused = &{1'b0, matmul, transposed, next_k_size, synapses_ready};
        end
    endgenerate

    limen_filters #(
        .LANES(SYNAPSE_LANES), .W_BITS(W_BITS), .POLAR(POLAR), .POLARITY_LANES(POLARITY_LANES), .GENERATED(GENERATED),
        .MATMUL(MATMUL), .SEVERAL(SEVERAL),
        .SYNAPSE_BITS(SYNAPSE_BITS), .NEUTRAL(NEUTRAL_SYNAPSE[SYNAPSE_BITS-1:0]), .CHANNEL_BITS(CHANNEL_BITS),
        .CHANNEL_LANES(CHANNEL_LANES), .PORT_BITS(PORT_BITS), .FILTER_DEPTH(FILTER_DEPTH),
        .POLARITY_DEPTH(POLARITY_DEPTH), .CHANNEL_DEPTH(CHANNEL_DEPTH)
    ) filters (
        .clk(clk), .half(filter_half), .op_select(op_select), .weight_beat(weight_beat), .polarity_beat(polarity_beat),
        .channel_beat(channel_beat), .beat_first(beat_first), .beat(mem_read_data), .weight_rows(next_weight_rows),
        .polarity_rows(next_polarity_rows), .channel_rows(next_channel_rows),
        .lane_write(lane_write), .lane_row(lane_row), .lane_data(lane_data), .positive(of_synapses),
        .filter_read(filter_read), .filter_row(filter_row), .polarity_row(polarity_row), .generated(generated),
        .synapses(synapses), .channel_read(channel_read), .channel_row(channel_row), .channels(channels)
    );

    limen_feed #(
        .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .OVERLAP(OVERLAP), .LEFT_BITS(LEFT_BITS), .TOP_BITS(TOP_BITS),
        .X_WIDTH(X_LANES * X_BITS), .SYNAPSE_WIDTH(SYNAPSE_LANES * SYNAPSE_BITS)
    ) feed (.clk(clk), .x_operands(x_operands), .synapses(synapses), .left(left), .top(top));

    // The array and its outputs.
    limen_array #(
        .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .OPS(OPS), .STAGES(STAGES), .ZERO_GATING(ZERO_GATING),
        .OVERLAP(OVERLAP), .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS),
        .OP_BITS(OP_BITS), .LEFT_BITS(LEFT_BITS), .TOP_BITS(TOP_BITS), .VALUE_BITS(VALUE_BITS)
    ) array (
        .clk(clk), .rst(rst), .op_select(op_select), .shift(array_shift), .load(array_load),
        .left(left), .top(top), .bottom(bottom)
    );

    limen_edges #(
        .COLS(COLS), .DATAFLOW(DATAFLOW), .OVERLAP(OVERLAP), .ACC_BITS(ACC_BITS), .VALUE_BITS(VALUE_BITS),
        .Y_BITS(Y_BITS), .CHANNEL_BITS(CHANNEL_BITS), .CHANNEL_LANES(CHANNEL_LANES), .DEPTH(OFMAP_DEPTH)
    ) edges (
        .clk(clk), .rst(rst), .half(ofmap_half), .edge_begins(edge_begins), .edge_valid(edge_valid),
        .edge_addr(edge_addr), .edge_first(edge_first), .edge_last(edge_last), .edge_cols_left(edge_cols_left),
        .values(bottom), .channels(channels), .raw(raw), .y_low(y_low[Y_BITS-1:0]), .y_high(y_high[Y_BITS-1:0]),
        .residual(residual), .pack_read(pack_read), .pack_addr(pack_addr), .pack_words(pack_words),
        .scatter_write(scatter_write), .scatter_half(scatter_half), .scatter_addr(scatter_addr),
        .scatter_data(scatter_data)
    );

    limen_packer #(
        .COLS(COLS), .FEEDER(FEEDER), .DATAFLOW(DATAFLOW), .X_BITS(X_BITS), .ACC_BITS(ACC_BITS), .PORT_BITS(PORT_BITS)
    ) packer (
        .clk(clk), .rst(rst), .start(pack_start), .raw(raw),
        .pixels(stored_pixels), .channels(stored_tile_outputs), .group_outputs(stored_group_outputs),
        .read_enable(pack_read), .read_addr(pack_addr), .words(pack_words),
        .beat_valid(pack_valid), .beat_taken(pack_taken), .beat(pack_beat)
    );

    limen_refill #(
        .COLS(COLS), .FEEDER(FEEDER), .DATAFLOW(DATAFLOW), .X_BITS(X_BITS), .X_SIGNED(X_SIGNED),
        .ACC_BITS(ACC_BITS), .PORT_BITS(PORT_BITS)
    ) refill (
        .clk(clk), .rst(rst), .pool(pool), .half(ofmap_half), .compute_start(compute_start), .words_left(words_left),
        .hold(hold), .pool_busy(pool_busy), .busy(refill_busy),
        .now_pixels(now_pixels), .now_channels(now_tile_outputs), .now_group_outputs(now_group_outputs),
        .next_pixels(next_pixels), .next_channels(next_tile_outputs), .next_group_outputs(next_group_outputs),
        .residual_start(residual_start & ~of_synapses), .residual_shift(residual_shift[3:0]),
        .beat_valid(residual_beat & ~of_synapses),
        .beat_first(beat_first), .beat(mem_read_data), .residual_ready(refill_ready),
        .lowest(y_low[X_BITS-1:0]), .pixel_ends(pixel_ends), .word_valid(word_valid), .word_inside(word_inside),
        .word_first(word_first), .word_last(word_last), .word(word),
        .scatter_write(scatter_write), .scatter_half(scatter_half), .scatter_addr(scatter_addr),
        .scatter_data(scatter_data)
    );

    // For whoever counts.
    limen_phase phases (
        .running(running), .compute_busy(compute_busy), .fold_phase(fold_phase), .dma_busy(dma_busy),
        .dma_picking(dma_picking), .kind(kind), .scatter_busy(scatter_busy), .phase(phase),
        .beat_in(beat_valid), .beat_out_valid(mem_write_valid), .beat_out_ready(mem_write_ready),
        .ifmap_read(ifmap_read), .filter_read(filter_read), .channel_read(channel_read), .pack_read(pack_read),
        .layer_begins(layer_begins), .activity(activity)
    );

    wire unused = &{1'b0, residual_shift, y_low, y_high, next_skip};
endmodule

`default_nettype wire
