// Sequencer: runs a program of descriptors, layer by layer, each as steps of one tile.
//
// Step i: the DMA stores tile i - 1 and loads tile i + 1 while the array computes tile i; it ends when both
// have. While the last tile is computed, the next layer's descriptor is fetched. A layer ends when nothing is left to
// store; then the next one begins.
//
// `start` counts where nothing runs; `done` is high from the end of the program to the next start. dma_start and
// compute_start are high for one cycle, only while neither is busy; what there is to do is said with them: by
// dma_layer, dma_store and dma_load, and by the descriptors. The one to be computed is next_tile in the cycle of
// compute_start, and `tile` from the next cycle on. Beats of descriptors are taken whenever they come.
`default_nettype none

module limen_sequencer #(
    parameter PORT_BITS = 64,   // bits a beat
    parameter LAYER_WORDS = 1,  // 32-bit words of a layer's descriptor
    parameter TILE_WORDS = 1    // 32-bit words of a tile's; limen_top sets both
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  start,
    output wire                  done,
    output wire                  running,
    output wire                  layer_begins,    // a layer but the first begins in the next cycle
    // descriptors
    input  wire                  layer_beat,      // the beat is a layer's
    input  wire                  tile_beat,       // a tile's
    input  wire [PORT_BITS-1:0]  beat,
    output wire [LAYER_WORDS*32-1:0]  layer,
    output wire [LAYER_WORDS*32-1:0]  next_layer,   // fetched, or being fetched
    output wire [TILE_WORDS*32-1:0]   next_tile,    // being loaded
    output wire [TILE_WORDS*32-1:0]   tile,         // being computed
    output wire [TILE_WORDS*32-1:0]   stored_tile,  // being stored
    // of these, see limen_descriptor
    input  wire                  last,            // layer
    input  wire [15:0]           next_tiles,      // next_layer
    input  wire                  next_load_filter,
    input  wire                  next_load_ifmap,
    input  wire                  next_first_k,
    input  wire                  tile_store,
    // DMA
    output wire                  rewind,          // back to the program's first descriptor
    output wire                  dma_start,
    output wire                  dma_layer,       // fetch a layer's descriptor
    output wire                  dma_store,       // store a tile
    output wire                  dma_load,        // fetch a tile's descriptor, and what it asks for
    input  wire                  dma_busy,
    input  wire                  scatter_busy,    // what came in last isn't written yet
    // compute
    output wire                  next_loaded,     // a tile waits to be computed, and nothing moves
    output wire                  compute_start,
    input  wire                  compute_busy,
    // double buffers: the halves the present tile uses
    output wire                  filter_half,
    output wire                  ifmap_half,
    output wire                  ofmap_half
);
    localparam LAYER_BITS = ((LAYER_WORDS * 32 + PORT_BITS - 1) / PORT_BITS) * PORT_BITS;  // whole beats
    localparam TILE_BITS = ((TILE_WORDS * 32 + PORT_BITS - 1) / PORT_BITS) * PORT_BITS;
    localparam [1:0] STATE_IDLE = 2'd0, STATE_FETCH = 2'd1, STATE_STEP = 2'd2;

    reg [1:0] state_reg;
    reg done_reg;
    reg filter_half_reg, ifmap_half_reg, ofmap_half_reg;
    reg [LAYER_WORDS*32-1:0] layer_reg;
    reg [LAYER_BITS-1:0] next_layer_reg;
    reg [TILE_BITS-1:0] next_reg;
    reg [TILE_WORDS*32-1:0] tile_reg;
    reg [TILE_WORDS*32-1:0] stored_reg;
    reg next_valid_reg;                           // a loaded tile waits to be computed
    reg tile_valid_reg;                           // a tile is, or has just been, computed
    reg [15:0] tiles_left_reg;                    // still to be loaded
    wire [LAYER_BITS+PORT_BITS-1:0] layer_shifted = {beat, next_layer_reg};
    wire [TILE_BITS+PORT_BITS-1:0] next_shifted = {beat, next_reg};
    wire unused = &{1'b0, layer_shifted, next_shifted};

    assign layer = layer_reg;
    assign next_layer = next_layer_reg[LAYER_WORDS*32-1:0];
    assign next_tile = next_reg[TILE_WORDS*32-1:0];
    assign tile = tile_reg;
    assign stored_tile = stored_reg;
    assign running = state_reg != STATE_IDLE;
    assign done = done_reg;
    assign {filter_half, ifmap_half, ofmap_half} = {filter_half_reg, ifmap_half_reg, ofmap_half_reg};

    wire moving = dma_busy | scatter_busy;
    wire still = ~moving & ~compute_busy;
    wire store = tile_valid_reg & tile_store;
    wire load = tiles_left_reg != 16'd0;
    wire more = store | load | next_valid_reg;
    wire steps = state_reg == STATE_STEP && still && more;
    wire layer_ends = state_reg == STATE_STEP && still && !more;
    wire last_tile = steps & next_valid_reg & ~load;
    wire fetch = (state_reg == STATE_IDLE && start) || (last_tile && !last);
    wire fetched = state_reg == STATE_FETCH && !moving;
    assign layer_begins = layer_ends & ~last;
    assign rewind = start & ~running;
    assign dma_layer = fetch;
    assign dma_store = steps & store;
    assign dma_load = steps & load;
    assign dma_start = fetch | dma_store | dma_load;
    assign next_loaded = next_valid_reg & ~moving;
    assign compute_start = steps & next_valid_reg;

    always @(posedge clk) begin
        // Descriptors come beat by beat, first word first.
        if (layer_beat) next_layer_reg <= layer_shifted[PORT_BITS +: LAYER_BITS];
        if (tile_beat) next_reg <= next_shifted[PORT_BITS +: TILE_BITS];
        if (fetched | layer_begins) begin
            state_reg <= STATE_STEP;
            layer_reg <= next_layer;
            tiles_left_reg <= next_tiles;
            next_valid_reg <= 1'b0;
            tile_valid_reg <= 1'b0;
        end
        if (steps) begin
            next_valid_reg <= load;
            tile_valid_reg <= next_valid_reg;
            if (load) tiles_left_reg <= tiles_left_reg - 16'd1;
            if (next_valid_reg) begin
                tile_reg <= next_reg[TILE_WORDS*32-1:0];
                if (next_load_filter) filter_half_reg <= ~filter_half_reg;
                if (next_load_ifmap) ifmap_half_reg <= ~ifmap_half_reg;
            end
            // A new tile of outputs, or the end.
            if (next_valid_reg ? next_first_k : store) ofmap_half_reg <= ~ofmap_half_reg;
            stored_reg <= tile_reg;
        end
        if (layer_ends & last) begin
            state_reg <= STATE_IDLE;
            done_reg <= 1'b1;
        end
        if (state_reg == STATE_IDLE && start) begin
            state_reg <= STATE_FETCH;
            done_reg <= 1'b0;
        end
        if (rst) begin
            state_reg <= STATE_IDLE;
            done_reg <= 1'b0;
            {filter_half_reg, ifmap_half_reg, ofmap_half_reg} <= 3'd0;
        end
    end
endmodule

`default_nettype wire
