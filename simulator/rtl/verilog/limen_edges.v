// The array's edge: an edge a column, and what walks along them under ws and is.
//
// No handshake. edge_valid says that what leaves column 0 one cycle later counts, and edge_addr where its sum lies; the
// two walk on a column a cycle, as psums leave one column after another. Under os all columns drain at once, unless folds
// overlap; then each column also keeps what edge_begins says of a fold, until the next one reaches it. Channels
// are the columns' own; under is they pass in time, so one word comes in and walks on with the tag.
`default_nettype none

module limen_edges #(
    parameter COLS = 4,            // C
    parameter DATAFLOW = 0,        // 0: os, 1: ws, 2: is
    parameter OVERLAP = 0,         // 1: folds overlap
    parameter ACC_BITS = 20,       // accumulator width
    parameter VALUE_BITS = 20,     // width of what leaves the array
    parameter Y_BITS = 9,          // width of the signed activation limits
    parameter CHANNEL_BITS = 25,   // bias and shift of a channel
    parameter CHANNEL_LANES = 4,   // channels that come in: C, under is one
    parameter DEPTH = 256          // accumulators a column, each half
) (
    input  wire                        clk,
    input  wire                        rst,
    input  wire                        half,            // of the ofmap banks, that the tile is computed into
    // folds
    input  wire                        edge_begins,     // folds overlap: of a fold, with its first value or before
    input  wire                        edge_valid,
    input  wire [15:0]                 edge_addr,
    input  wire                        edge_first,      // first K fold: start from the bias
    input  wire                        edge_last,       // last K fold: requantise
    input  wire [15:0]                 edge_cols_left,  // columns at or beyond it hold nothing that counts
    // array and filters, one cycle after edge_valid
    input  wire [COLS*VALUE_BITS-1:0]  values,
    input  wire [CHANNEL_LANES*CHANNEL_BITS-1:0]  channels,
    // layer
    input  wire                        raw,
    input  wire [Y_BITS-1:0]           y_low,
    input  wire [Y_BITS-1:0]           y_high,
    input  wire                        residual,
    // the packer reads all columns at one address of the other half; words come one cycle later
    input  wire                        pack_read,
    input  wire [15:0]                 pack_addr,
    output wire [COLS*ACC_BITS-1:0]    pack_words,
    // residuals and pooled words
    input  wire [COLS-1:0]             scatter_write,
    input  wire                        scatter_half,
    input  wire [15:0]                 scatter_addr,
    input  wire [COLS*ACC_BITS-1:0]    scatter_data
);
    localparam OS = 0;
    localparam IS = 2;

    generate
        if (CHANNEL_BITS != ACC_BITS + 5 || CHANNEL_LANES != (DATAFLOW == IS ? 1 : COLS)) begin : g_wrong
            limen_wrong_parameter channels_are_a_bias_and_5_bits_of_shift_each_and_one_a_column_or_under_is_one ();
        end
    endgenerate

    genvar c;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            wire tag_valid;
            wire [15:0] tag_addr;
            if (c == 0 || (DATAFLOW == OS && OVERLAP == 0)) begin : g_tag
                assign tag_valid = edge_valid;
                assign tag_addr = edge_addr;
            end else begin : g_tag_later
                limen_tag #(.ADDR_BITS(16)) tag (
                    .clk(clk), .rst(rst), .valid_in(g_col[c-1].tag_valid), .addr_in(g_col[c-1].tag_addr),
                    .valid_out(tag_valid), .addr_out(tag_addr)
                );
            end

            wire [CHANNEL_BITS-1:0] channel;
            wire begins;
            wire first;
            wire last;
            wire used;
            wire [CHANNEL_BITS-1:0] own_channel;
            if (c == 0 || OVERLAP == 0) begin : g_shared
                assign begins = edge_begins;
                assign first = edge_first;
                assign last = edge_last;
                assign used = edge_cols_left > c;
                assign own_channel = channel;
            end else begin : g_turn
                limen_turn #(.CHANNEL_BITS(CHANNEL_BITS), .KEEPS_CHANNEL(DATAFLOW == IS ? 0 : 1)) turn (
                    .clk(clk), .rst(rst), .begins_in(g_col[c-1].begins), .first_shared(edge_first),
                    .last_shared(edge_last), .used_shared(edge_cols_left > c), .channel_shared(channel),
                    .begins_out(begins), .first(first), .last(last), .used(used), .channel(own_channel)
                );
            end
            if (c == COLS - 1 || OVERLAP == 0) begin : g_unused
                wire unused = &{1'b0, begins};
            end
            if (DATAFLOW != IS) begin : g_channel
                assign channel = channels[c*CHANNEL_BITS +: CHANNEL_BITS];
            end else if (c == 0) begin : g_channel_first
                assign channel = channels;
            end else begin : g_channel_later
                limen_skew #(.WIDTH(CHANNEL_BITS), .DEPTH(1)) skew (.clk(clk), .in(g_col[c-1].channel), .out(channel));
            end

            limen_edge #(
                .ACC_BITS(ACC_BITS), .VALUE_BITS(VALUE_BITS), .DEPTH(DEPTH), .Y_BITS(Y_BITS)
            ) column_edge (
                .clk(clk), .rst(rst), .half(half),
                .a_valid(tag_valid && used), .a_first(first), .a_last(last), .a_addr(tag_addr),
                .b_value(values[c*VALUE_BITS +: VALUE_BITS]),
                .b_bias(own_channel[ACC_BITS-1:0]), .b_shift(own_channel[CHANNEL_BITS-1:ACC_BITS]),
                .raw(raw), .y_low(y_low), .y_high(y_high), .residual(residual),
                .pack_read(pack_read), .pack_addr(pack_addr), .pack_word(pack_words[c*ACC_BITS +: ACC_BITS]),
                .scatter_write(scatter_write[c]), .scatter_half(scatter_half), .scatter_addr(scatter_addr),
                .scatter_data(scatter_data[c*ACC_BITS +: ACC_BITS])
            );
        end
    endgenerate
endmodule

`default_nettype wire
