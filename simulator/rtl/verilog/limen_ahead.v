// Where folds overlap: has the im2col unit fill the next tile's first block of operands while a tile is computed.
//
// It begins the next tile once nothing moves any more (so that tile's descriptor and activations are there) and it has
// no word of the present one left. `ahead` is high from then until compute_start, that cycle included: the unit sees
// the next tile's descriptor and half of the scratchpad, and fills no block but the first. A tile that isn't begun so
// begins with compute_start. Pooling tiles have no blocks, and the next layer's first tile isn't loaded yet.
//
// No handshake: begin_tile is high for one cycle a tile.
`default_nettype none

module limen_ahead (
    input  wire  clk,
    input  wire  rst,
    input  wire  pool,
    input  wire  next_loaded,     // a tile waits to be computed, and nothing moves
    input  wire  compute_start,
    input  wire  compute_busy,
    input  wire  words_left,      // the im2col unit is in the middle of a tile
    output wire  begin_tile,      // it begins one
    output wire  ahead            // which is the next one, not the one that is computed
);
    reg ahead_reg;
    wire begins = next_loaded & compute_busy & ~pool & ~words_left & ~ahead_reg;

    always @(posedge clk) begin
        if (begins) ahead_reg <= 1'b1;
        if (compute_start | rst) ahead_reg <= 1'b0;
    end

    assign ahead = begins | ahead_reg;
    assign begin_tile = begins | (compute_start & ~ahead_reg);
endmodule

`default_nettype wire
