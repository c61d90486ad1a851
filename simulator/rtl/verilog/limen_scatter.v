// Scatter: writes words of channels into the ofmap banks, one step a cycle: residuals, and pooled words.
//
// A residual tile comes as densely packed beats, plane after plane; a pooled word comes whole. What is
// written is value << shift, which the edge finds as its first psum.
//
// start, high for one cycle, begins a tile and drops what was under way; the inputs of a tile stay until its last word.
// A beat comes only while beat_ready is high; it falls while a whole word waits and never asks for beat_valid first. A
// pooled word stays, with word_valid, until word_taken. Words are written from the cycle on in which they are there:
// the banks take write_data with the clock edge.
`default_nettype none

module limen_scatter #(
    parameter COLS = 4,         // C, 1 at least
    parameter FEEDER = 4,       // channels a word, a power of two: 1..32
    parameter DATAFLOW = 0,     // 0: os, 1: ws, 2: is
    parameter X_BITS = 8,       // activation width, 2..16
    parameter X_SIGNED = 1,     // 1: activations are signed; 0: unsigned
    parameter ACC_BITS = 20,    // accumulator width, 1 at least; values wrap modulo 2^ACC_BITS
    parameter PORT_BITS = 64    // bits a beat: 32, 64, 128, 256 or 512
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire                      start,          // of a tile
    input  wire [15:0]               pixels,
    input  wire [15:0]               channels,
    input  wire [15:0]               group_outputs,
    input  wire [3:0]                shift,
    // residual beats
    input  wire                      beat_valid,
    input  wire                      beat_first,
    input  wire [PORT_BITS-1:0]      beat,
    output wire                      beat_ready,
    // pooled words: held until word_taken
    input  wire                      word_valid,
    input  wire [FEEDER*X_BITS-1:0]  word_in,
    output wire                      word_taken,
    output wire                      busy,           // words wait
    // ofmap banks
    output wire [COLS-1:0]           write_enable,
    output wire [15:0]               write_addr,
    output wire [COLS*ACC_BITS-1:0]  write_data
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
        if (COLS < 1 || X_BITS < 2 || X_SIGNED < 0 || X_SIGNED > 1 || ACC_BITS < 1
            || FEEDER < 1 || (FEEDER & (FEEDER - 1)) != 0) begin : g_wrong
            limen_wrong_parameter feeder_is_a_power_of_two_and_x_signed_0_or_1 ();
        end
        if (PORT_BITS < 32 || PORT_BITS > 512 || (PORT_BITS & (PORT_BITS - 1)) != 0) begin : g_wrong_port
            limen_wrong_parameter port_bits_are_32_64_128_256_or_512 ();
        end
    endgenerate

    reg [STREAM_BITS-1:0] stream_reg;
    reg [COUNT_BITS-1:0] count_reg;
    wire waiting = count_reg >= WORD_COUNT[COUNT_BITS-1:0];
    wire [WORD_BITS-1:0] word = word_valid ? word_in : stream_reg[WORD_BITS-1:0];
    wire active;
    wire step = (waiting | word_valid) & active;
    wire word_ends;
    wire plane_ends;
    wire [15:0] lane;

    assign busy = waiting;
    assign beat_ready = ~waiting;
    assign word_taken = step & word_ends & word_valid;

    wire [STREAM_BITS-1:0] fresh = {{WORD_BITS{1'b0}}, beat};
    always @(posedge clk) begin
        if (beat_valid) begin
            stream_reg <= beat_first ? fresh : stream_reg | (fresh << count_reg);
            count_reg <= beat_first ? PORT_COUNT[COUNT_BITS-1:0] : count_reg + PORT_COUNT[COUNT_BITS-1:0];
        end else if (step & word_ends & ~word_valid) begin
            stream_reg <= stream_reg >> WORD_BITS;
            count_reg <= plane_ends ? {COUNT_BITS{1'b0}} : count_reg - WORD_COUNT[COUNT_BITS-1:0];
        end
        if (start || rst) count_reg <= {COUNT_BITS{1'b0}};
    end

    genvar c;
    genvar e;
    generate
        // A word's lanes as accumulators, shifted.
        wire [FEEDER*ACC_BITS-1:0] values;
        for (e = 0; e < FEEDER; e = e + 1) begin : g_value
            wire [X_BITS:0] signed_value = {(X_SIGNED != 0) & word[(e+1)*X_BITS-1], word[e*X_BITS +: X_BITS]};
            wire [ACC_BITS-1:0] value;
            limen_resize #(.FROM_BITS(X_BITS + 1), .TO_BITS(ACC_BITS)) resize (.in(signed_value), .out(value));
            assign values[e*ACC_BITS +: ACC_BITS] = value << shift;
        end
        if (DATAFLOW != IS) begin : g_side_by_side
            wire [15:0] col;
            wire [15:0] count;
            limen_walker #(.COLS(COLS), .LANES(FEEDER)) walker (
                .clk(clk), .rst(rst), .start(start), .advance(step), .single(1'b0),
                .pixels(pixels), .channels(channels), .group_outputs(group_outputs),
                .active(active), .addr(write_addr), .col(col), .lane(lane), .count(count),
                .word_ends(word_ends), .plane_ends(plane_ends)
            );
            for (c = 0; c < COLS; c = c + 1) begin : g_bank
                wire [15:0] from = lane + c - col;
                assign write_enable[c] = step && c >= col && c < col + count;
                limen_select #(.WIDTH(ACC_BITS), .COUNT(FEEDER)) value_of_lane (
                    .words(values), .index(from), .word(write_data[c*ACC_BITS +: ACC_BITS])
                );
            end
        end else begin : g_turned
            localparam [31:0] COL_COUNT = COLS;
            localparam [31:0] LANE_COUNT = FEEDER;
            reg active_reg;
            reg [15:0] lane_reg;
            reg [15:0] bank_reg;
            reg [15:0] pixel_reg;
            reg [15:0] base_reg;
            reg [15:0] channel_reg;
            reg [15:0] channels_left_reg;
            wire [15:0] word_lanes = channels_left_reg < LANE_COUNT[15:0] ? channels_left_reg : LANE_COUNT[15:0];
            wire last_bank = bank_reg == COL_COUNT[15:0] - 16'd1;
            assign active = active_reg;
            assign lane = lane_reg;
            assign word_ends = lane_reg == word_lanes - 16'd1;
            assign plane_ends = word_ends && pixel_reg == pixels - 16'd1;
            assign write_addr = base_reg + channel_reg + lane_reg;
            wire [ACC_BITS-1:0] value;
            limen_select #(.WIDTH(ACC_BITS), .COUNT(FEEDER)) value_of_lane (
                .words(values), .index(lane), .word(value)
            );
            for (c = 0; c < COLS; c = c + 1) begin : g_bank
                assign write_enable[c] = step && bank_reg == c;
                assign write_data[c*ACC_BITS +: ACC_BITS] = value;
            end
            always @(posedge clk) begin
                if (step) begin
                    lane_reg <= word_ends ? 16'd0 : lane_reg + 16'd1;
                    if (plane_ends) begin
                        {bank_reg, pixel_reg, base_reg} <= 48'd0;
                        channel_reg <= channel_reg + word_lanes;
                        channels_left_reg <= channels_left_reg - word_lanes;
                        if (channels_left_reg == word_lanes) active_reg <= 1'b0;
                    end else if (word_ends) begin
                        pixel_reg <= pixel_reg + 16'd1;
                        bank_reg <= last_bank ? 16'd0 : bank_reg + 16'd1;
                        if (last_bank) base_reg <= base_reg + channels;
                    end
                end
                if (start) begin
                    active_reg <= 1'b1;
                    {lane_reg, bank_reg, pixel_reg, base_reg, channel_reg} <= 80'd0;
                    channels_left_reg <= channels;
                end
                if (rst) active_reg <= 1'b0;
            end
            wire unused = &{1'b0, group_outputs};
        end
    endgenerate
endmodule

`default_nettype wire
