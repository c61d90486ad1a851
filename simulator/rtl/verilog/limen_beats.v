// Whose a beat from memory is: that of the descriptor or scratchpad that the DMA is filling.
//
// Combinational. Of the outputs at most one is high, in each cycle in which a beat moves; the beat is taken then.
`default_nettype none

module limen_beats (
    input  wire        beat_valid,      // a beat moves
    input  wire [2:0]  kind,            // what the DMA is moving
    input  wire [1:0]  plane,           // of a filter: 0 weights, 1 polarity, 2 bias and shift
    output wire        layer_beat,
    output wire        tile_beat,
    output wire        weight_beat,
    output wire        polarity_beat,
    output wire        channel_beat,
    output wire        ifmap_beat,
    output wire        residual_beat
);
    localparam [2:0] KIND_LAYER = 3'd1, KIND_TILE = 3'd2, KIND_FILTER = 3'd3, KIND_IFMAP = 3'd4, KIND_RESIDUAL = 3'd5;
    localparam [1:0] PLANE_WEIGHTS = 2'd0, PLANE_POLARITY = 2'd1, PLANE_CHANNELS = 2'd2;

    wire filter_beat = beat_valid && kind == KIND_FILTER;
    assign layer_beat = beat_valid && kind == KIND_LAYER;
    assign tile_beat = beat_valid && kind == KIND_TILE;
    assign weight_beat = filter_beat && plane == PLANE_WEIGHTS;
    assign polarity_beat = filter_beat && plane == PLANE_POLARITY;
    assign channel_beat = filter_beat && plane == PLANE_CHANNELS;
    assign ifmap_beat = beat_valid && kind == KIND_IFMAP;
    assign residual_beat = beat_valid && kind == KIND_RESIDUAL;
endmodule

`default_nettype wire
