// Packer: reads a finished tile out of the ofmap banks and packs it densely into beats.
//
// Words of FEEDER channels, plane after plane; a plane (one word of every pixel) ends on a beat. A raw tile
// gives one accumulator a beat. Everything moves only while the last beat has been taken.
// Under os and ws a word's channels lie side by side in the banks; under is a bank holds a pixel, so a block
// of FEEDER x COLS values is read first and turned.
//
// start, high for one cycle, begins a tile and drops what was under way; the inputs of a tile stay until its last beat.
// The banks answer one cycle after read_enable and hold their answer until the next. beat_valid stays high, with its
// beat, until beat_taken, which is high only with it; the first beat comes three cycles after start at the earliest.
`default_nettype none

module limen_packer #(
    parameter COLS = 4,         // C, 1 at least
    parameter FEEDER = 4,       // channels a word, a power of two: 1..32
    parameter DATAFLOW = 0,     // 0: os, 1: ws, 2: is
    parameter X_BITS = 8,       // activation width, 2..16
    parameter ACC_BITS = 20,    // accumulator width, X_BITS at least
    parameter PORT_BITS = 64    // bits a beat: 32, 64, 128, 256 or 512, at least FEEDER * X_BITS
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire                      start,
    input  wire                      raw,
    input  wire [15:0]               pixels,
    input  wire [15:0]               channels,
    input  wire [15:0]               group_outputs,
    output wire                      read_enable,
    output wire [15:0]               read_addr,
    input  wire [COLS*ACC_BITS-1:0]  words,
    output wire                      beat_valid,
    input  wire                      beat_taken,
    output wire [PORT_BITS-1:0]      beat
);
    localparam WORD_BITS = FEEDER * X_BITS;
    localparam STREAM_BITS = PORT_BITS + WORD_BITS;
    localparam COUNT_BITS = $clog2(STREAM_BITS + 1);
    localparam [31:0] PORT_COUNT = PORT_BITS;
    localparam [31:0] WORD_COUNT = WORD_BITS;

    localparam OS = 0;
    localparam IS = 2;

    generate
        if (DATAFLOW < OS || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_0_1_or_2 ();
        end
        if (COLS < 1 || X_BITS < 2 || ACC_BITS < X_BITS || FEEDER < 1 || (FEEDER & (FEEDER - 1)) != 0) begin : g_wrong
            limen_wrong_parameter feeder_is_a_power_of_two_and_acc_bits_hold_an_activation ();
        end
        if (PORT_BITS < 32 || PORT_BITS > 512 || (PORT_BITS & (PORT_BITS - 1)) != 0 || PORT_BITS < WORD_BITS)
        begin : g_wrong_port
            limen_wrong_parameter port_bits_are_32_64_128_256_or_512_and_hold_a_word ();
        end
    endgenerate

    reg beat_valid_reg;
    reg [PORT_BITS-1:0] beat_reg;
    reg flush_reg;                                    // a plane's last bits still wait
    assign beat_valid = beat_valid_reg;
    assign beat = beat_reg;
    wire go = (~beat_valid_reg | beat_taken) & ~flush_reg;

    // Stage 1 gives addresses, stage 2 has the banks' answer.
    wire step_valid;
    wire word_done;                                   // stage 2: `word` is whole
    wire plane_done;
    wire [WORD_BITS-1:0] word;
    wire [ACC_BITS-1:0] value;                        // stage 2: a raw word
    wire step_reads;
    assign read_enable = go & step_reads;

    genvar c;
    genvar e;
    generate
        if (DATAFLOW != IS) begin : g_side_by_side
            assign step_reads = step_valid;
            wire [15:0] col;
            wire [15:0] lane;
            wire [15:0] count;
            wire word_ends;
            wire plane_ends;
            limen_walker #(.COLS(COLS), .LANES(FEEDER)) walker (
                .clk(clk), .rst(rst), .start(start), .advance(read_enable), .single(raw),
                .pixels(pixels), .channels(channels), .group_outputs(group_outputs),
                .active(step_valid), .addr(read_addr), .col(col), .lane(lane), .count(count),
                .word_ends(word_ends), .plane_ends(plane_ends)
            );
            reg valid_reg;
            reg [15:0] col_reg;
            reg [15:0] lane_reg;
            reg [15:0] count_reg;
            reg word_ends_reg;
            reg plane_ends_reg;
            reg [WORD_BITS-1:0] word_reg;             // the steps of this word so far
            always @(posedge clk) begin
                if (go) begin
                    valid_reg <= step_valid;
                    {col_reg, lane_reg, count_reg} <= {col, lane, count};
                    {word_ends_reg, plane_ends_reg} <= {word_ends, plane_ends};
                    if (valid_reg) word_reg <= word_ends_reg ? {WORD_BITS{1'b0}} : word;
                end
                if (start || rst) begin
                    valid_reg <= 1'b0;
                    word_reg <= {WORD_BITS{1'b0}};
                end
            end
            wire [COLS*X_BITS-1:0] narrow;
            for (c = 0; c < COLS; c = c + 1) begin : g_narrow
                assign narrow[c*X_BITS +: X_BITS] = words[c*ACC_BITS +: X_BITS];
            end
            for (e = 0; e < FEEDER; e = e + 1) begin : g_lane
                wire [15:0] from = col_reg + e - lane_reg;
                wire is_moved = e >= lane_reg && e < lane_reg + count_reg;
                wire [X_BITS-1:0] lane_value;
                limen_select #(.WIDTH(X_BITS), .COUNT(COLS)) value_of_column (
                    .words(narrow), .index(from), .word(lane_value)
                );
                assign word[e*X_BITS +: X_BITS] =
                    word_reg[e*X_BITS +: X_BITS] | (is_moved ? lane_value : {X_BITS{1'b0}});
            end
            limen_select #(.WIDTH(ACC_BITS), .COUNT(COLS)) raw_value (.words(words), .index(col_reg), .word(value));
            assign word_done = valid_reg & word_ends_reg;
            assign plane_done = plane_ends_reg;
        end else begin : g_turned
            localparam [31:0] COL_COUNT = COLS;
            localparam [31:0] LANE_COUNT = FEEDER;
            // For each word of channels, for each fold of pixels: read its channels, then emit its pixels.
            reg active_reg;
            reg emit_reg;
            reg [15:0] index_reg;                     // channel of the word, then pixel of the fold
            reg [15:0] pixels_left_reg;
            reg [15:0] channels_left_reg;
            reg [15:0] base_reg;                      // of the fold of pixels
            reg [15:0] channel_reg;                   // first of the word
            wire [15:0] lanes = raw ? 16'd1 : LANE_COUNT[15:0];
            wire [15:0] word_lanes = channels_left_reg < lanes ? channels_left_reg : lanes;
            wire [15:0] fold_pixels = pixels_left_reg < COL_COUNT[15:0] ? pixels_left_reg : COL_COUNT[15:0];
            wire last_index = index_reg == (emit_reg ? fold_pixels : word_lanes) - 16'd1;
            wire last_fold = pixels_left_reg == fold_pixels;
            wire last_word = channels_left_reg == word_lanes;
            assign step_valid = active_reg;
            assign step_reads = active_reg & ~emit_reg;
            wire unused = &{1'b0, step_valid};
            assign read_addr = base_reg + channel_reg + index_reg;
            reg valid_reg;
            reg turned_reg;
            reg ends_reg;
            reg [15:0] place_reg;
            reg [COLS*WORD_BITS-1:0] block_reg;       // a word a column
            reg [COLS*ACC_BITS-1:0] raw_reg;
            integer i;
            integer j;
            always @(posedge clk) begin
                if (go) begin
                    valid_reg <= active_reg;
                    turned_reg <= emit_reg;
                    place_reg <= index_reg;
                    ends_reg <= last_index & last_fold;
                    if (valid_reg & ~turned_reg) begin
                        raw_reg <= words;
                        if (place_reg == 16'd0) block_reg <= {(COLS*WORD_BITS){1'b0}};
                        for (i = 0; i < COLS; i = i + 1)
                            for (j = 0; j < FEEDER; j = j + 1)
                                if (place_reg == j[15:0])
                                    block_reg[(i*FEEDER+j)*X_BITS +: X_BITS] <= words[i*ACC_BITS +: X_BITS];
                    end
                    if (active_reg) begin
                        index_reg <= last_index ? 16'd0 : index_reg + 16'd1;
                        if (last_index) emit_reg <= ~emit_reg;
                        if (last_index & emit_reg) begin
                            pixels_left_reg <= last_fold ? pixels : pixels_left_reg - fold_pixels;
                            base_reg <= last_fold ? 16'd0 : base_reg + channels;
                            if (last_fold) begin
                                channel_reg <= channel_reg + word_lanes;
                                channels_left_reg <= channels_left_reg - word_lanes;
                                if (last_word) active_reg <= 1'b0;
                            end
                        end
                    end
                end
                if (start) begin
                    active_reg <= 1'b1;
                    emit_reg <= 1'b0;
                    {index_reg, base_reg, channel_reg} <= 48'd0;
                    pixels_left_reg <= pixels;
                    channels_left_reg <= channels;
                end
                if (start || rst) valid_reg <= 1'b0;
                if (rst) active_reg <= 1'b0;
            end
            limen_select #(.WIDTH(WORD_BITS), .COUNT(COLS)) word_of_pixel (
                .words(block_reg), .index(place_reg), .word(word)
            );
            limen_select #(.WIDTH(ACC_BITS), .COUNT(COLS)) raw_value (
                .words(raw_reg), .index(place_reg), .word(value)
            );
            assign word_done = valid_reg & turned_reg;
            assign plane_done = ends_reg;
            wire unused_group = &{1'b0, group_outputs};
        end
    endgenerate

    wire [31:0] value_extended;
    limen_resize #(.FROM_BITS(ACC_BITS), .TO_BITS(32)) resize (.in(value), .out(value_extended));

    // Words into beats.
    reg [PORT_BITS-1:0] carry_reg;                    // bits of a beat that is not full: any number of words
    reg [COUNT_BITS-1:0] count_reg;
    wire [STREAM_BITS-1:0] stream = {{WORD_BITS{1'b0}}, carry_reg} | ({{PORT_BITS{1'b0}}, word} << count_reg);
    wire [COUNT_BITS-1:0] total = count_reg + WORD_COUNT[COUNT_BITS-1:0];
    wire full = total >= PORT_COUNT[COUNT_BITS-1:0];
    wire over = total > PORT_COUNT[COUNT_BITS-1:0];
    wire [PORT_BITS+31:0] value_beat = {{PORT_BITS{1'b0}}, value_extended};
    wire unused = &{1'b0, value_beat, rest};
    wire [STREAM_BITS-1:0] rest = stream >> PORT_BITS;
    always @(posedge clk) begin
        if (beat_taken) beat_valid_reg <= 1'b0;
        if (flush_reg) begin
            if (~beat_valid_reg | beat_taken) begin
                beat_valid_reg <= 1'b1;
                beat_reg <= carry_reg;
                carry_reg <= {PORT_BITS{1'b0}};
                count_reg <= {COUNT_BITS{1'b0}};
                flush_reg <= 1'b0;
            end
        end else if (go & word_done) begin
            if (raw) begin
                beat_valid_reg <= 1'b1;
                beat_reg <= value_beat[PORT_BITS-1:0];
            end else begin
                beat_valid_reg <= full | plane_done;
                beat_reg <= stream[PORT_BITS-1:0];
                flush_reg <= plane_done & over;
                carry_reg <= full ? rest[PORT_BITS-1:0] : plane_done ? {PORT_BITS{1'b0}} : stream[PORT_BITS-1:0];
                count_reg <= full ? total - PORT_COUNT[COUNT_BITS-1:0] : plane_done ? {COUNT_BITS{1'b0}} : total;
            end
        end
        if (start || rst) begin
            beat_valid_reg <= 1'b0;
            flush_reg <= 1'b0;
            carry_reg <= {PORT_BITS{1'b0}};
            count_reg <= {COUNT_BITS{1'b0}};
        end
    end
endmodule

`default_nettype wire
