// Sequencer: runs a program of descriptors, layer by layer, each as steps of one tile.
//
// Step i: the DMA stores tile i - 1 and loads tile i + 1 while the array computes tile i; it ends when both
// have. A layer ends when nothing is left to store; then the next layer's descriptor is fetched, unhidden.
`default_nettype none

module limen_sequencer #(
    parameter PORT_BITS = 64,   // bits a beat
    parameter LAYER_WORDS = 1,  // 32-bit words of a layer's descriptor
    parameter TILE_WORDS = 1    // 32-bit words of a tile's; limen_top sets both
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  start,
    output reg                   done,            // high from the end of the program to the next start
    output wire                  running,
    // descriptors
    input  wire                  beat_valid,
    input  wire                  beat_is_layer,
    input  wire                  beat_is_tile,
    input  wire [PORT_BITS-1:0]  beat,
    output wire [LAYER_WORDS*32-1:0]  layer,
    output wire [TILE_WORDS*32-1:0]   next_tile,    // being loaded
    output wire [TILE_WORDS*32-1:0]   tile,         // being computed
    output wire [TILE_WORDS*32-1:0]   stored_tile,  // being stored
    // of these, see limen_descriptor
    input  wire                  last,            // layer
    input  wire [15:0]           tiles,
    input  wire                  next_load_filter,
    input  wire                  next_load_ifmap,
    input  wire                  next_first_k,
    input  wire                  tile_store,
    // DMA
    output wire                  dma_start,
    output wire                  dma_layer,
    output wire                  dma_store,
    output wire                  dma_load,
    input  wire                  dma_busy,
    // compute
    output wire                  compute_start,
    input  wire                  compute_busy,
    // double buffers: the halves the present tile uses
    output reg                   filter_half,
    output reg                   ifmap_half,
    output reg                   ofmap_half
);
    localparam PER_BEAT = PORT_BITS / 32;
    localparam LAYER_BITS = ((LAYER_WORDS + PER_BEAT - 1) / PER_BEAT) * PORT_BITS;
    localparam TILE_BITS = ((TILE_WORDS + PER_BEAT - 1) / PER_BEAT) * PORT_BITS;
    localparam [1:0] IDLE = 2'd0, FETCH = 2'd1, STEP = 2'd2;

    reg [1:0] state_reg;
    reg [LAYER_BITS-1:0] layer_reg;
    reg [TILE_BITS-1:0] next_reg;
    reg [TILE_WORDS*32-1:0] tile_reg;
    reg [TILE_WORDS*32-1:0] stored_reg;
    reg next_valid_reg;                           // a loaded tile waits to be computed
    reg tile_valid_reg;                           // a tile is, or has just been, computed
    reg [15:0] tiles_left_reg;                    // still to be loaded
    wire [LAYER_BITS+PORT_BITS-1:0] layer_shifted = {beat, layer_reg};
    wire [TILE_BITS+PORT_BITS-1:0] next_shifted = {beat, next_reg};
    wire unused = &{1'b0, layer_shifted, next_shifted};

    assign layer = layer_reg[LAYER_WORDS*32-1:0];
    assign next_tile = next_reg[TILE_WORDS*32-1:0];
    assign tile = tile_reg;
    assign stored_tile = stored_reg;
    assign running = state_reg != IDLE;

    wire still = ~dma_busy & ~compute_busy;
    wire store = tile_valid_reg & tile_store;
    wire load = tiles_left_reg != 16'd0;
    wire more = store | load | next_valid_reg;
    wire steps = state_reg == STEP && still && more;
    wire layer_ends = state_reg == STEP && still && !more;
    wire fetch = (state_reg == IDLE && start) || (layer_ends && !last);
    assign dma_layer = fetch;
    assign dma_store = steps & store;
    assign dma_load = steps & load;
    assign dma_start = fetch | dma_store | dma_load;
    assign compute_start = steps & next_valid_reg;

    always @(posedge clk) begin
        // Descriptors come beat by beat, first word first.
        if (beat_valid & beat_is_layer) layer_reg <= layer_shifted[PORT_BITS +: LAYER_BITS];
        if (beat_valid & beat_is_tile) next_reg <= next_shifted[PORT_BITS +: TILE_BITS];
        case (state_reg)
            FETCH: if (~dma_busy) begin
                state_reg <= STEP;
                tiles_left_reg <= tiles;
                next_valid_reg <= 1'b0;
                tile_valid_reg <= 1'b0;
            end
            default: ;
        endcase
        if (steps) begin
            next_valid_reg <= load;
            tile_valid_reg <= next_valid_reg;
            if (load) tiles_left_reg <= tiles_left_reg - 16'd1;
            if (next_valid_reg) begin
                tile_reg <= next_reg[TILE_WORDS*32-1:0];
                if (next_load_filter) filter_half <= ~filter_half;
                if (next_load_ifmap) ifmap_half <= ~ifmap_half;
            end
            if (next_valid_reg ? next_first_k : store) ofmap_half <= ~ofmap_half;  // a new tile of outputs, or the end
            stored_reg <= tile_reg;
        end
        if (layer_ends) begin
            state_reg <= last ? IDLE : FETCH;
            done <= last;
        end
        if (state_reg == IDLE && start) begin
            state_reg <= FETCH;
            done <= 1'b0;
        end
        if (rst) begin
            state_reg <= IDLE;
            done <= 1'b0;
            {filter_half, ifmap_half, ofmap_half} <= 3'd0;
        end
    end
endmodule

`default_nettype wire
