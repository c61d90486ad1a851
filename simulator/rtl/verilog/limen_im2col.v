// im2col unit: reads the ifmap scratchpad one word a cycle and fills the operand memory block by block.
//
// A block is what the array's lanes hold during consecutive folds: under os and is the K channels of R (C)
// pixels, under ws R positions of K for all pixels of the tile. For each pixel it visits (kh, kw, word of
// channels) in that order. One block fills while the array uses the other; a block is claimed from its first
// word until it is released. For pooling a group is one word of channels and a block the whole tile.
//
// start, high for one cycle while active is low, begins a tile, whose inputs stay until active falls; active rises one
// cycle later. In every cycle with issue a word is visited: it is read at once, and what to do with it comes one cycle
// later, with write_valid, as the scratchpad answers. There is no ready: issue pauses for hold, and before a block
// while both are claimed; release_block, high for one cycle, frees the older one.
//
// With `ahead` a tile begins while the one before is computed, of which all words are visited: its blocks stay claimed,
// and of the new tile no block but the first is begun until `ahead` has fallen.
`default_nettype none

module limen_im2col #(
    parameter LANES = 4,      // array lanes that carry activations: R, under is C; 1 at least
    parameter DATAFLOW = 0,   // 0: os, 1: ws, 2: is
    parameter FEEDER = 4      // channels a word, a power of two: 1..32
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,          // of a tile
    input  wire         ahead,          // it is the next one
    input  wire         pool,
    input  wire         hold,           // issue nothing: a pooled word waits
    output wire         active,
    input  wire         release_block,
    // layer and tile
    input  wire [15:0]  groups,
    input  wire [15:0]  pixels,
    input  wire [15:0]  in_width,
    input  wire [15:0]  out_width,
    input  wire [15:0]  stride_w,
    input  wire [15:0]  stride_h,
    input  wire [15:0]  row_step,       // stride_h * in_width
    input  wire [15:0]  kernel_h,
    input  wire [15:0]  kernel_w,
    input  wire [15:0]  pad_left,
    input  wire [15:0]  tile_rows,      // input rows in the scratchpad
    input  wire [15:0]  first_row,      // signed: row of the first window's top
    input  wire [15:0]  first_addr,     // signed: first_row * in_width - pad_left
    input  wire [15:0]  plane_words,    // tile_rows * in_width
    input  wire [15:0]  first_lane,
    input  wire [15:0]  channels,
    input  wire [15:0]  group_step,
    input  wire [15:0]  group_lanes,
    // ifmap scratchpad, issue time
    output wire         issue,          // a word is visited in this cycle
    output wire         read_enable,    // and it lies inside the ifmap
    output wire [15:0]  read_row,
    output wire         pixel_ends,     // the last word of a pixel
    // operand memory, one cycle later
    output wire         write_valid,
    output wire         write_inside,   // the word read, or padding of value 0
    output wire         write_half,
    output wire [15:0]  write_addr,     // os, is: word of the pixel; ws: pixel
    output wire [15:0]  write_lane,     // os, is: lane of the pixel; ws: lane of the word's first channel (signed)
    output wire [15:0]  write_from,     // ws: first channel of the group in the word
    output wire [15:0]  write_count,    // ws: channels of it
    output wire         write_first,    // pooling: the first word of a pixel
    output wire         write_last,     // pooling: the last
    output wire         block_ends      // with the block's last word
);
    localparam [31:0] LANE_COUNT = LANES;
    localparam [31:0] WORD_LANES = FEEDER;
    localparam OS = 0;
    localparam WS = 1;
    localparam IS = 2;

    generate
        if (DATAFLOW < OS || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_0_1_or_2 ();
        end
        if (LANES < 1 || FEEDER < 1 || (FEEDER & (FEEDER - 1)) != 0) begin : g_wrong
            limen_wrong_parameter lanes_are_1_at_least_and_feeder_is_a_power_of_two ();
        end
    endgenerate

    // Where we are: block, pixel, word of the pixel.
    reg active_reg;
    reg half_reg;
    reg filling_reg;                            // in the middle of a block
    reg first_reg;                              // no block of the tile is filled yet
    reg [1:0] claimed_reg;
    reg release_half_reg;                       // the block released next
    reg [15:0] groups_left_reg;
    reg [15:0] pixels_left_reg;                 // from this pixel on
    reg [15:0] lane_reg;                        // pixel of the block
    reg [15:0] out_col_reg;
    reg [15:0] row_reg, col_reg;                // top left of the window, signed
    reg [15:0] addr_reg, line_reg;              // its word in a plane; and that of the line's first window
    reg [15:0] word_reg;                        // words of this pixel so far
    // Word of the pixel: kh, kw, its row in a plane, piece of the group, that piece's plane, position of K (ws).
    reg [95:0] place_reg;
    reg [95:0] begin_reg;                       // where the words of this block's pixels begin
    // What is done with the word read in the cycle before.
    reg write_valid_reg, write_inside_reg, write_half_reg, write_first_reg, write_last_reg, block_ends_reg;
    reg [15:0] write_addr_reg, write_lane_reg, write_from_reg, write_count_reg;
    wire [15:0] kh, kw, kh_addr, piece, plane, offset;
    assign {kh, kw, kh_addr, piece, plane, offset} = place_reg;

    wire [15:0] plane_addr;
    wire [15:0] group_lane;
    wire [15:0] pieces;
    wire [15:0] lane_end;
    wire group_ends;
    limen_group #(.FEEDER(FEEDER)) group (
        .clk(clk), .start(start), .advance(group_ends), .first_lane(first_lane), .channels(channels),
        .group_step(group_step), .group_lanes(group_lanes), .plane_words(plane_words),
        .plane_addr(plane_addr), .lane(group_lane), .pieces(pieces), .lane_end(lane_end)
    );

    assign active = active_reg;
    assign issue = active_reg & ~hold & (filling_reg | (~claimed_reg[half_reg] & (first_reg | ~ahead)));
    wire [15:0] row = row_reg + kh;
    wire [15:0] col = col_reg + kw;
    wire on_map = ~row[15] && row < tile_rows && ~col[15] && col < in_width;
    assign read_enable = issue & on_map;
    assign read_row = addr_reg + kh_addr + kw + plane + plane_addr;

    // Channels of this word that belong to the group.
    wire last_piece = piece == pieces - 16'd1;
    wire [15:0] from = piece == 16'd0 ? group_lane : 16'd0;
    wire [15:0] count = (last_piece ? lane_end : WORD_LANES[15:0]) - from;
    wire [15:0] reach = offset + count;         // ws: positions of K up to here, counted from the block's first
    wire split = DATAFLOW == WS && ~pool;       // blocks are ranges of K, not of pixels
    wire past = split && ~reach[15] && reach > LANE_COUNT[15:0];
    wire covers = past | (split && reach == LANE_COUNT[15:0]);
    wire last_kw = kw == kernel_w - 16'd1;
    wire last_word = last_piece && last_kw && kh == kernel_h - 16'd1;
    assign pixel_ends = last_word | covers;
    wire last_pixel = pixels_left_reg == 16'd1;
    wire block_full = ~split && ~pool && lane_reg == LANE_COUNT[15:0] - 16'd1;
    wire ends = pixel_ends & (last_pixel | block_full);
    assign group_ends = issue & ends & last_pixel & last_word & ~past;
    wire line_ends = out_col_reg == out_width - 16'd1;
    wire [15:0] row_below = row_reg + stride_h;
    wire [15:0] line_below = line_reg + row_step;

    // The word after this one.
    wire step_kw = last_piece;
    wire step_kh = last_piece & last_kw;
    wire [95:0] place_next = {
        step_kh ? kh + 16'd1 : kh,
        step_kh ? 16'd0 : step_kw ? kw + 16'd1 : kw,
        step_kh ? kh_addr + in_width : kh_addr,
        last_piece ? 16'd0 : piece + 16'd1,
        last_piece ? 16'd0 : plane + plane_words,
        split ? reach : 16'd0
    };
    // The next block begins with what this one did not use of the present word.
    wire [95:0] begin_next =
        group_ends | ~split ? 96'd0 :
        past ? {place_reg[95:16], offset - LANE_COUNT[15:0]} :
        {place_next[95:16], 16'd0};

    always @(posedge clk) begin
        write_valid_reg <= issue & ~rst;
        write_inside_reg <= on_map;
        write_half_reg <= half_reg;
        write_addr_reg <= split ? pixels - pixels_left_reg : word_reg;
        write_lane_reg <= split ? offset : lane_reg;
        write_from_reg <= from;
        write_count_reg <= count;
        write_first_reg <= kh == 16'd0 && kw == 16'd0;
        write_last_reg <= last_word;
        block_ends_reg <= issue & ends & ~rst;
        if (release_block) begin
            claimed_reg[release_half_reg] <= 1'b0;
            release_half_reg <= ~release_half_reg;
        end
        if (issue) begin
            filling_reg <= 1'b1;
            claimed_reg[half_reg] <= ~pool;
            place_reg <= pixel_ends ? begin_reg : place_next;
            word_reg <= pixel_ends ? 16'd0 : word_reg + 16'd1;
            if (pixel_ends) begin
                lane_reg <= lane_reg + 16'd1;
                pixels_left_reg <= last_pixel ? pixels : pixels_left_reg - 16'd1;
                out_col_reg <= line_ends ? 16'd0 : out_col_reg + 16'd1;
                row_reg <= line_ends ? row_below : row_reg;
                col_reg <= line_ends ? 16'd0 - pad_left : col_reg + stride_w;
                addr_reg <= line_ends ? line_below : addr_reg + stride_w;
                line_reg <= line_ends ? line_below : line_reg;
            end
            if (ends) begin
                filling_reg <= 1'b0;
                first_reg <= 1'b0;
                half_reg <= ~half_reg;
                lane_reg <= 16'd0;
                place_reg <= begin_next;
                begin_reg <= begin_next;
            end
        end
        if (group_ends) begin
            groups_left_reg <= groups_left_reg - 16'd1;
            active_reg <= groups_left_reg != 16'd1;
        end
        if (start) begin
            active_reg <= 1'b1;
            filling_reg <= 1'b0;
            first_reg <= 1'b1;
            groups_left_reg <= groups;
            pixels_left_reg <= pixels;
            {lane_reg, word_reg} <= 32'd0;
            place_reg <= 96'd0;
            begin_reg <= 96'd0;
        end
        if (start && ~ahead) begin
            half_reg <= 1'b0;
            claimed_reg <= 2'd0;
            release_half_reg <= 1'b0;
        end
        if (start || (issue & ends & last_pixel)) begin
            out_col_reg <= 16'd0;
            row_reg <= first_row;
            col_reg <= 16'd0 - pad_left;
            addr_reg <= first_addr;
            line_reg <= first_addr;
        end
        if (rst) active_reg <= 1'b0;
    end

    assign write_valid = write_valid_reg;
    assign write_inside = write_inside_reg;
    assign write_half = write_half_reg;
    assign write_addr = write_addr_reg;
    assign write_lane = write_lane_reg;
    assign write_from = write_from_reg;
    assign write_count = write_count_reg;
    assign write_first = write_first_reg;
    assign write_last = write_last_reg;
    assign block_ends = block_ends_reg;
endmodule

`default_nettype wire
