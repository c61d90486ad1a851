// Activations, from the memory port to the array's lanes: ifmap scratchpad, im2col unit, operand memory.
//
// Beats are taken whenever they come, into the half that no tile is computed from. From `start` on the im2col unit
// reads the other half word by word and fills one block of operands while the array uses the other: block_filled is
// high for one cycle as a block gets whole, release_block for one as the array leaves one. What x_read asks for is in
// x_operands one cycle later, and lanes without an operand hold the neutral one. In layers that pool, words go to the
// pooling unit instead, a cycle after they are visited; while `hold` is high, none is.
`default_nettype none

module limen_activations #(
    parameter LANES = 4,             // array lanes that carry activations: R, under is C
    parameter DATAFLOW = 0,          // 0: os, 1: ws, 2: is
    parameter FEEDER = 4,            // channels a word, a power of two
    parameter X_BITS = 8,            // activation width, 2..16
    parameter PORT_BITS = 64,        // bits a beat
    parameter IFMAP_DEPTH = 256,     // words of each half of the scratchpad
    parameter OPERAND_DEPTH = 256,   // activations a lane, each block
    parameter [X_BITS-1:0] NEUTRAL = 0  // the activation that contributes nothing, beside the neutral synapse
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire                      start,            // of a tile; high for one cycle
    input  wire                      ahead,            // it is the next one, see limen_im2col
    input  wire                      pool,             // the layer pools
    input  wire                      hold,             // a pooled word waits
    output wire                      active,           // words of the tile are still to be read
    input  wire                      half,             // of the scratchpad, that the tile is computed from
    // layer
    input  wire [15:0]               in_width,
    input  wire [15:0]               out_width,
    input  wire [15:0]               stride_w,
    input  wire [15:0]               stride_h,
    input  wire [15:0]               row_step,
    input  wire [15:0]               kernel_h,
    input  wire [15:0]               kernel_w,
    input  wire [15:0]               pad_left,
    input  wire [15:0]               group_lanes,
    // the tile being computed, with `ahead` the next one
    input  wire [15:0]               groups,
    input  wire [15:0]               pixels,
    input  wire [15:0]               tile_rows,
    input  wire [15:0]               first_row,
    input  wire [15:0]               first_addr,
    input  wire [15:0]               plane_words,
    input  wire [15:0]               first_lane,
    input  wire [15:0]               channels,
    input  wire [15:0]               group_step,
    // beats of the tile being loaded
    input  wire                      beat_valid,
    input  wire                      beat_first,       // of a run, which fills plane_words rows from `base` on
    input  wire [PORT_BITS-1:0]      beat,
    input  wire [$clog2(PORT_BITS)-1:0]  skip,         // bits before the first word
    input  wire [15:0]               base,
    input  wire [15:0]               next_plane_words,
    // blocks of operands
    output wire                      block_filled,
    input  wire                      release_block,
    // operands
    input  wire                      x_read,
    input  wire                      x_half,
    input  wire [15:0]               x_addr,
    input  wire [15:0]               x_element,
    input  wire [15:0]               x_lanes_left,
    output wire [LANES*X_BITS-1:0]   x_operands,
    // words for the pooling unit
    output wire                      ifmap_read,       // a word is read in this cycle
    output wire                      pixel_ends,       // the last word of a pixel is visited in this cycle
    output wire                      word_valid,
    output wire                      word_inside,      // not padding
    output wire                      word_first,       // of a pixel
    output wire                      word_last,
    output wire [FEEDER*X_BITS-1:0]  word
);
    localparam WORD_BITS = FEEDER * X_BITS;

    wire issue, issued_pixel_ends;
    wire [15:0] ifmap_row;
    wire fill_half;
    wire [15:0] fill_addr, fill_lane, fill_from, fill_count;
    assign pixel_ends = issue & issued_pixel_ends;

    limen_scratchpad #(.WIDTH(WORD_BITS), .DEPTH(IFMAP_DEPTH), .PORT_BITS(PORT_BITS)) ifmap_scratchpad (
        .clk(clk), .beat_valid(beat_valid), .beat_first(beat_first), .beat(beat), .skip(skip), .base(base),
        .rows(next_plane_words), .fill_half(~half), .lane_write(1'b0), .lane_row(16'd0),
        .lane_data({WORD_BITS{1'b0}}), .read_enable(ifmap_read), .read_half(half), .read_row(ifmap_row),
        .read_data(word)
    );

    limen_im2col #(.LANES(LANES), .DATAFLOW(DATAFLOW), .FEEDER(FEEDER)) im2col (
        .clk(clk), .rst(rst), .start(start), .ahead(ahead), .pool(pool), .hold(hold), .active(active),
        .release_block(release_block), .groups(groups), .pixels(pixels), .in_width(in_width), .out_width(out_width),
        .stride_w(stride_w), .stride_h(stride_h), .row_step(row_step),
        .kernel_h(kernel_h), .kernel_w(kernel_w), .pad_left(pad_left),
        .tile_rows(tile_rows), .first_row(first_row), .first_addr(first_addr), .plane_words(plane_words),
        .first_lane(first_lane), .channels(channels), .group_step(group_step), .group_lanes(group_lanes),
        .issue(issue), .read_enable(ifmap_read), .read_row(ifmap_row), .pixel_ends(issued_pixel_ends),
        .write_valid(word_valid), .write_inside(word_inside), .write_half(fill_half), .write_addr(fill_addr),
        .write_lane(fill_lane), .write_from(fill_from), .write_count(fill_count), .write_first(word_first),
        .write_last(word_last), .block_ends(block_filled)
    );

    // Padding is an activation of value 0; for pooling it is absent.
    wire [WORD_BITS-1:0] fill_word = word_inside ? word : {WORD_BITS{1'b0}};

    limen_operands #(
        .LANES(LANES), .DATAFLOW(DATAFLOW), .FEEDER(FEEDER), .X_BITS(X_BITS), .DEPTH(OPERAND_DEPTH), .NEUTRAL(NEUTRAL)
    ) operands (
        .clk(clk), .write_valid(word_valid & ~pool), .write_half(fill_half), .write_addr(fill_addr),
        .write_lane(fill_lane), .write_from(fill_from), .write_count(fill_count), .word(fill_word),
        .read_valid(x_read), .read_half(x_half), .read_addr(x_addr), .element(x_element), .lanes_left(x_lanes_left),
        .x_out(x_operands)
    );
endmodule

`default_nettype wire
