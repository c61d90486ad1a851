// What descriptors hold: their words into named wires, for all who need them. Combinational.
//
// Fields, flags and their places are those of simulator/encoding.py; a test compares them.
`default_nettype none

module limen_descriptor #(
    parameter LAYER_WORDS = 1,  // 32-bit words of a layer's descriptor
    parameter TILE_WORDS = 1    // 32-bit words of a tile's; limen_top sets both
) (
    // words, as the sequencer has them
    input  wire [LAYER_WORDS*32-1:0]  layer,
    input  wire [LAYER_WORDS*32-1:0]  next_layer,
    input  wire [TILE_WORDS*32-1:0]   next_tile,
    input  wire [TILE_WORDS*32-1:0]   tile,
    input  wire [TILE_WORDS*32-1:0]   stored_tile,
    input  wire         compute_start,
    input  wire         ahead,
    // the layer
    output wire         last,
    output wire         raw,
    output wire         pool,
    output wire         residual,
    output wire         excitatory,
    output wire         matmul,
    output wire         transposed,
    output wire [1:0]   op,
    output wire [7:0]   residual_shift,
    output wire [31:0]  y_low,
    output wire [31:0]  y_high,
    output wire [15:0]  in_width,
    output wire [15:0]  out_width,
    output wire [15:0]  stride_w,
    output wire [15:0]  row_step,
    output wire [15:0]  stride_h,
    output wire [15:0]  pad_left,
    output wire [15:0]  group_lanes,
    output wire [15:0]  kernel_h,
    output wire [15:0]  kernel_w,
    output wire [15:0]  tap_positions,
    // the layer after it
    output wire [15:0]  next_tiles,
    // the tile being loaded
    output wire         next_load_filter,
    output wire         next_load_ifmap,
    output wire         next_load_residual,
    output wire         next_first_k,
    output wire [31:0]  next_filter_addr,
    output wire [15:0]  next_weight_beats,
    output wire [15:0]  next_weight_rows,
    output wire [15:0]  next_polarity_beats,
    output wire [15:0]  next_polarity_rows,
    output wire [15:0]  next_channel_beats,
    output wire [15:0]  next_channel_rows,
    output wire [31:0]  next_ifmap_addr,
    output wire [15:0]  next_ifmap_runs,
    output wire [15:0]  next_ifmap_beats,
    output wire [15:0]  next_ifmap_plane_beats,
    output wire [15:0]  next_residual_plane_beats,
    output wire [15:0]  next_skip,
    output wire [15:0]  next_plane_words,
    output wire [31:0]  next_ifmap_stride,
    output wire [31:0]  next_residual_addr,
    output wire [15:0]  next_residual_runs,
    output wire [15:0]  next_residual_beats,
    output wire [31:0]  next_plane_stride,
    output wire [15:0]  next_pixels,
    output wire [15:0]  next_k_size,
    output wire [15:0]  next_group_outputs,
    output wire [15:0]  next_tile_outputs,
    // the tile being computed; in the cycle that starts one its descriptor is still the next one's
    output wire         now_first_k,
    output wire         now_last_k,
    output wire [15:0]  now_groups,
    output wire [15:0]  now_pixels,
    output wire [15:0]  now_k_size,
    output wire [15:0]  now_group_outputs,
    output wire [15:0]  now_tile_outputs,
    output wire [15:0]  now_first_lane,
    output wire [15:0]  now_channels,
    output wire [7:0]   now_first_element,
    output wire [15:0]  now_polarity_beats,
    output wire [15:0]  now_polarity_rows,
    output wire         tile_store,
    // the tile whose operands are fetched: it, or the next one
    output wire [15:0]  fill_groups,
    output wire [15:0]  fill_plane_words,
    output wire [15:0]  fill_tile_rows,
    output wire [15:0]  fill_first_row,
    output wire [15:0]  fill_pixels,
    output wire [15:0]  fill_first_lane,
    output wire [15:0]  fill_channels,
    output wire [15:0]  fill_first_addr,
    output wire [15:0]  fill_group_step,
    // the tile being stored
    output wire [31:0]  stored_plane_stride,
    output wire [31:0]  stored_store_addr,
    output wire [15:0]  stored_store_runs,
    output wire [15:0]  stored_store_beats,
    output wire [15:0]  stored_pixels,
    output wire [15:0]  stored_group_outputs,
    output wire [15:0]  stored_tile_outputs
);
    // Where each field begins, in bits.
    localparam LAYER_FLAG_BITS = 0;
    localparam LAYER_RESIDUAL_SHIFT = 8;
    localparam LAYER_TILES = 16;
    localparam LAYER_Y_LOW = 32;
    localparam LAYER_Y_HIGH = 64;
    localparam LAYER_IN_WIDTH = 96;
    localparam LAYER_OUT_WIDTH = 112;
    localparam LAYER_STRIDE_W = 128;
    localparam LAYER_ROW_STEP = 144;
    localparam LAYER_STRIDE_H = 160;
    localparam LAYER_TAP_POSITIONS = 176;
    localparam LAYER_PAD_LEFT = 192;
    localparam LAYER_GROUP_LANES = 208;
    localparam LAYER_KERNEL_H = 224;
    localparam LAYER_KERNEL_W = 240;
    localparam TILE_FLAG_BITS = 0;
    localparam TILE_FIRST_ELEMENT = 8;
    localparam TILE_GROUPS = 16;
    localparam TILE_FILTER_ADDR = 32;
    localparam TILE_WEIGHT_BEATS = 64;
    localparam TILE_WEIGHT_ROWS = 80;
    localparam TILE_POLARITY_BEATS = 96;
    localparam TILE_POLARITY_ROWS = 112;
    localparam TILE_CHANNEL_BEATS = 128;
    localparam TILE_CHANNEL_ROWS = 144;
    localparam TILE_IFMAP_ADDR = 160;
    localparam TILE_IFMAP_RUNS = 192;
    localparam TILE_IFMAP_BEATS = 208;
    localparam TILE_IFMAP_PLANE_BEATS = 224;
    localparam TILE_RESIDUAL_PLANE_BEATS = 240;
    localparam TILE_SKIP = 256;
    localparam TILE_PLANE_WORDS = 272;
    localparam TILE_IFMAP_STRIDE = 288;
    localparam TILE_RESIDUAL_ADDR = 320;
    localparam TILE_RESIDUAL_RUNS = 352;
    localparam TILE_RESIDUAL_BEATS = 368;
    localparam TILE_PLANE_STRIDE = 384;
    localparam TILE_STORE_ADDR = 416;
    localparam TILE_STORE_RUNS = 448;
    localparam TILE_STORE_BEATS = 464;
    localparam TILE_TILE_ROWS = 480;
    localparam TILE_FIRST_ROW = 496;
    localparam TILE_PIXELS = 512;
    localparam TILE_K_SIZE = 528;
    localparam TILE_GROUP_OUTPUTS = 544;
    localparam TILE_TILE_OUTPUTS = 560;
    localparam TILE_FIRST_LANE = 576;
    localparam TILE_CHANNELS = 592;
    localparam TILE_FIRST_ADDR = 608;
    localparam TILE_GROUP_STEP = 624;
    // Bits of a layer's flags, and where its op begins; of a tile's flags.
    localparam LAST = 0;
    localparam RAW = 1;
    localparam POOL = 2;
    localparam RESIDUAL = 3;
    localparam EXCITATORY = 6;
    localparam OP_PLACE = 4;
    localparam MATMUL = 7;
    localparam TRANSPOSED = 4;  // of a layer's residual_shift, which a matmul doesn't have
    localparam LOAD_FILTER = 0;
    localparam LOAD_IFMAP = 1;
    localparam LOAD_RESIDUAL = 2;
    localparam STORE = 3;
    localparam FIRST_K = 4;
    localparam LAST_K = 5;

    assign last = layer[LAYER_FLAG_BITS + LAST];
    assign raw = layer[LAYER_FLAG_BITS + RAW];
    assign pool = layer[LAYER_FLAG_BITS + POOL];
    assign residual = layer[LAYER_FLAG_BITS + RESIDUAL];
    assign excitatory = layer[LAYER_FLAG_BITS + EXCITATORY];
    assign matmul = layer[LAYER_FLAG_BITS + MATMUL];
    assign transposed = layer[LAYER_RESIDUAL_SHIFT + TRANSPOSED];
    assign op = layer[LAYER_FLAG_BITS + OP_PLACE +: 2];
    assign residual_shift = layer[LAYER_RESIDUAL_SHIFT +: 8];
    assign next_tiles = next_layer[LAYER_TILES +: 16];
    assign y_low = layer[LAYER_Y_LOW +: 32];
    assign y_high = layer[LAYER_Y_HIGH +: 32];
    assign in_width = layer[LAYER_IN_WIDTH +: 16];
    assign out_width = layer[LAYER_OUT_WIDTH +: 16];
    assign stride_w = layer[LAYER_STRIDE_W +: 16];
    assign row_step = layer[LAYER_ROW_STEP +: 16];
    assign stride_h = layer[LAYER_STRIDE_H +: 16];
    assign pad_left = layer[LAYER_PAD_LEFT +: 16];
    assign group_lanes = layer[LAYER_GROUP_LANES +: 16];
    assign kernel_h = layer[LAYER_KERNEL_H +: 16];
    assign kernel_w = layer[LAYER_KERNEL_W +: 16];
    assign tap_positions = layer[LAYER_TAP_POSITIONS +: 16];

    assign next_load_filter = next_tile[TILE_FLAG_BITS + LOAD_FILTER];
    assign next_load_ifmap = next_tile[TILE_FLAG_BITS + LOAD_IFMAP];
    assign next_load_residual = next_tile[TILE_FLAG_BITS + LOAD_RESIDUAL];
    assign next_first_k = next_tile[TILE_FLAG_BITS + FIRST_K];
    assign next_filter_addr = next_tile[TILE_FILTER_ADDR +: 32];
    assign next_weight_beats = next_tile[TILE_WEIGHT_BEATS +: 16];
    assign next_weight_rows = next_tile[TILE_WEIGHT_ROWS +: 16];
    assign next_polarity_beats = next_tile[TILE_POLARITY_BEATS +: 16];
    assign next_polarity_rows = next_tile[TILE_POLARITY_ROWS +: 16];
    assign next_channel_beats = next_tile[TILE_CHANNEL_BEATS +: 16];
    assign next_channel_rows = next_tile[TILE_CHANNEL_ROWS +: 16];
    assign next_ifmap_addr = next_tile[TILE_IFMAP_ADDR +: 32];
    assign next_ifmap_runs = next_tile[TILE_IFMAP_RUNS +: 16];
    assign next_ifmap_beats = next_tile[TILE_IFMAP_BEATS +: 16];
    assign next_ifmap_plane_beats = next_tile[TILE_IFMAP_PLANE_BEATS +: 16];
    assign next_residual_plane_beats = next_tile[TILE_RESIDUAL_PLANE_BEATS +: 16];
    assign next_skip = next_tile[TILE_SKIP +: 16];
    assign next_plane_words = next_tile[TILE_PLANE_WORDS +: 16];
    assign next_ifmap_stride = next_tile[TILE_IFMAP_STRIDE +: 32];
    assign next_residual_addr = next_tile[TILE_RESIDUAL_ADDR +: 32];
    assign next_residual_runs = next_tile[TILE_RESIDUAL_RUNS +: 16];
    assign next_residual_beats = next_tile[TILE_RESIDUAL_BEATS +: 16];
    assign next_plane_stride = next_tile[TILE_PLANE_STRIDE +: 32];
    assign next_k_size = next_tile[TILE_K_SIZE +: 16];
    assign next_pixels = next_tile[TILE_PIXELS +: 16];
    assign next_group_outputs = next_tile[TILE_GROUP_OUTPUTS +: 16];
    assign next_tile_outputs = next_tile[TILE_TILE_OUTPUTS +: 16];

    wire [TILE_WORDS*32-1:0] now = compute_start ? next_tile : tile;
    assign now_first_k = now[TILE_FLAG_BITS + FIRST_K];
    assign now_last_k = now[TILE_FLAG_BITS + LAST_K];
    assign now_groups = now[TILE_GROUPS +: 16];
    assign now_pixels = now[TILE_PIXELS +: 16];
    assign now_k_size = now[TILE_K_SIZE +: 16];
    assign now_group_outputs = now[TILE_GROUP_OUTPUTS +: 16];
    assign now_tile_outputs = now[TILE_TILE_OUTPUTS +: 16];
    assign now_first_lane = now[TILE_FIRST_LANE +: 16];
    assign now_channels = now[TILE_CHANNELS +: 16];
    assign now_first_element = now[TILE_FIRST_ELEMENT +: 8];
    assign now_polarity_beats = now[TILE_POLARITY_BEATS +: 16];
    assign now_polarity_rows = now[TILE_POLARITY_ROWS +: 16];
    assign tile_store = tile[TILE_FLAG_BITS + STORE];

    wire [TILE_WORDS*32-1:0] fill = compute_start | ahead ? next_tile : tile;
    assign fill_groups = fill[TILE_GROUPS +: 16];
    assign fill_plane_words = fill[TILE_PLANE_WORDS +: 16];
    assign fill_tile_rows = fill[TILE_TILE_ROWS +: 16];
    assign fill_first_row = fill[TILE_FIRST_ROW +: 16];
    assign fill_pixels = fill[TILE_PIXELS +: 16];
    assign fill_first_lane = fill[TILE_FIRST_LANE +: 16];
    assign fill_channels = fill[TILE_CHANNELS +: 16];
    assign fill_first_addr = fill[TILE_FIRST_ADDR +: 16];
    assign fill_group_step = fill[TILE_GROUP_STEP +: 16];

    assign stored_plane_stride = stored_tile[TILE_PLANE_STRIDE +: 32];
    assign stored_store_addr = stored_tile[TILE_STORE_ADDR +: 32];
    assign stored_store_runs = stored_tile[TILE_STORE_RUNS +: 16];
    assign stored_store_beats = stored_tile[TILE_STORE_BEATS +: 16];
    assign stored_pixels = stored_tile[TILE_PIXELS +: 16];
    assign stored_group_outputs = stored_tile[TILE_GROUP_OUTPUTS +: 16];
    assign stored_tile_outputs = stored_tile[TILE_TILE_OUTPUTS +: 16];
    wire unused = &{1'b0, layer, next_layer, next_tile, now, fill, stored_tile};
endmodule

`default_nettype wire
