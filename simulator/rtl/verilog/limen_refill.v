// What comes into the ofmap banks from elsewhere than the array: residuals from memory, and pooled words.
//
// The scatter unit belongs to the tile being pooled, or to the one whose residual is being loaded; a layer has one or
// the other. residual_start is high for one cycle before a residual's first beat, and a beat moves only while
// residual_ready is high. A window's words come in one after another; once its last is visited, `hold` is high until
// the largest has been written, so that no other window begins.
`default_nettype none

module limen_refill #(
    parameter COLS = 4,        // C
    parameter FEEDER = 4,      // channels a word, a power of two
    parameter DATAFLOW = 0,    // 0: os, 1: ws, 2: is
    parameter X_BITS = 8,      // activation width, 2..16
    parameter X_SIGNED = 1,    // 0: unsigned activations
    parameter ACC_BITS = 20,   // accumulator width
    parameter PORT_BITS = 64   // bits a beat
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire                      pool,                // the layer pools
    input  wire                      half,                // of the ofmap banks, that the tile is computed into
    input  wire                      compute_start,       // of the tile to be pooled; high for one cycle
    input  wire                      words_left,          // words of the tile are still to be read
    output wire                      hold,                // a pixel's words are visited, its result isn't yet written
    output wire                      pool_busy,
    output wire                      busy,                // words wait to be written
    // the tile being pooled, and the one being loaded
    input  wire [15:0]               now_pixels,
    input  wire [15:0]               now_channels,
    input  wire [15:0]               now_group_outputs,
    input  wire [15:0]               next_pixels,
    input  wire [15:0]               next_channels,
    input  wire [15:0]               next_group_outputs,
    // residual
    input  wire                      residual_start,
    input  wire [3:0]                residual_shift,
    input  wire                      beat_valid,
    input  wire                      beat_first,          // of a plane
    input  wire [PORT_BITS-1:0]      beat,
    output wire                      residual_ready,
    // words to be pooled
    input  wire [X_BITS-1:0]         lowest,              // of the layer's own format
    input  wire                      pixel_ends,          // the last word of a pixel is visited
    input  wire                      word_valid,
    input  wire                      word_inside,         // not padding
    input  wire                      word_first,          // of a pixel
    input  wire                      word_last,
    input  wire [FEEDER*X_BITS-1:0]  word,
    // ofmap banks
    output wire [COLS-1:0]           scatter_write,
    output wire                      scatter_half,
    output wire [15:0]               scatter_addr,
    output wire [COLS*ACC_BITS-1:0]  scatter_data
);
    wire pool_valid, pool_taken;
    wire [FEEDER*X_BITS-1:0] pool_word;
    reg pool_wait_reg;
    wire pool_wait_next = (pixel_ends & pool) | (pool_wait_reg & ~pool_taken);
    always @(posedge clk) pool_wait_reg <= pool_wait_next & ~rst;
    assign hold = pool_wait_reg;
    assign pool_busy = words_left | pool_wait_reg;

    limen_pool #(.FEEDER(FEEDER), .X_BITS(X_BITS), .X_SIGNED(X_SIGNED)) pooling (
        .clk(clk), .rst(rst), .start(compute_start), .enable(pool), .lowest(lowest),
        .word_valid(word_valid), .word_inside(word_inside), .word_first(word_first), .word_last(word_last),
        .word(word), .out_valid(pool_valid), .out(pool_word), .out_taken(pool_taken)
    );

    limen_scatter #(
        .COLS(COLS), .FEEDER(FEEDER), .DATAFLOW(DATAFLOW), .X_BITS(X_BITS), .X_SIGNED(X_SIGNED),
        .ACC_BITS(ACC_BITS), .PORT_BITS(PORT_BITS)
    ) scatter (
        .clk(clk), .rst(rst), .start(pool ? compute_start : residual_start),
        .pixels(pool ? now_pixels : next_pixels), .channels(pool ? now_channels : next_channels),
        .group_outputs(pool ? now_group_outputs : next_group_outputs), .shift(pool ? 4'd0 : residual_shift),
        .beat_valid(beat_valid), .beat_first(beat_first), .beat(beat), .beat_ready(residual_ready),
        .word_valid(pool_valid), .word_in(pool_word), .word_taken(pool_taken), .busy(busy),
        .write_enable(scatter_write), .write_addr(scatter_addr), .write_data(scatter_data)
    );

    // Pooled words are outputs of the tile that is computed; a residual is for the next.
    assign scatter_half = half ^ ~pool;
endmodule

`default_nettype wire
