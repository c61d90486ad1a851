// Words of a tensor into lanes of the scratchpad of weights under ws or is, one step a cycle.
//
// The tensor comes as densely packed beats, plane after plane; limen_synapse_walker says where its values go. Lanes that
// no position of K uses under is hold the neutral synapse: they are filled with the row's first.
//
// start, high for one cycle, begins a tensor and drops what was under way; the inputs of a tensor stay until its last
// word. A beat comes only while beat_ready is high; it falls while a whole word waits and never asks for beat_valid
// first. Words are written from the cycle on in which they are there: the banks take write_data with the clock edge.
`default_nettype none

module limen_synapse_words #(
    parameter ROWS = 4,         // R, 1 at least
    parameter COLS = 4,         // C, 1 at least
    parameter LANES = 4,        // of the scratchpad: C, under is R
    parameter FEEDER = 4,       // channels a word, a power of two: 1..32
    parameter DATAFLOW = 1,     // 1: ws, 2: is
    parameter X_BITS = 8,       // activation width, 2..16
    parameter X_SIGNED = 1,     // 1: activations are signed; 0: unsigned
    parameter W_BITS = 8,       // threshold or weight width; what is stored fits
    parameter [W_BITS-1:0] NEUTRAL = 0,  // synapse of lanes without a position of K
    parameter PORT_BITS = 64    // bits a beat: 32, 64, 128, 256 or 512
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire                     start,         // of a tensor
    input  wire                     transposed,
    input  wire [15:0]              outputs,       // N
    input  wire [15:0]              fan_in,        // K
    input  wire [15:0]              range_rows,    // rows of a full range of K
    input  wire [15:0]              rest,          // positions of the last range of K
    // beats
    input  wire                     beat_valid,
    input  wire                     beat_first,    // of a plane
    input  wire [PORT_BITS-1:0]     beat,
    output wire                     beat_ready,
    output wire                     busy,          // words wait
    // scratchpad of weights
    output wire [LANES-1:0]         write_enable,  // lane by lane
    output wire [15:0]              write_row,
    output wire [LANES*W_BITS-1:0]  write_data
);
    localparam IS = 2;
    localparam WORD_BITS = FEEDER * X_BITS;
    localparam STREAM_BITS = PORT_BITS + WORD_BITS;
    localparam COUNT_BITS = $clog2(STREAM_BITS + 1);
    localparam [31:0] PORT_COUNT = PORT_BITS;
    localparam [31:0] WORD_COUNT = WORD_BITS;

    generate
        if (LANES != (DATAFLOW == IS ? ROWS : COLS)) begin : g_wrong
            limen_wrong_parameter lanes_are_cols_or_under_is_rows ();
        end
        if (X_BITS < 2 || X_SIGNED < 0 || X_SIGNED > 1 || W_BITS < 1
            || FEEDER < 1 || (FEEDER & (FEEDER - 1)) != 0) begin : g_wrong_word
            limen_wrong_parameter feeder_is_a_power_of_two_and_x_signed_0_or_1 ();
        end
        if (PORT_BITS < 32 || PORT_BITS > 512 || (PORT_BITS & (PORT_BITS - 1)) != 0) begin : g_wrong_port
            limen_wrong_parameter port_bits_are_32_64_128_256_or_512 ();
        end
    endgenerate

    reg [STREAM_BITS-1:0] stream_reg;
    reg [COUNT_BITS-1:0] count_reg;
    wire waiting = count_reg >= WORD_COUNT[COUNT_BITS-1:0];
    wire active, row_begins, word_ends, plane_ends;
    wire step = waiting & active;
    wire [15:0] place, lane, count;

    assign busy = waiting;
    assign beat_ready = ~waiting;

    wire [STREAM_BITS-1:0] fresh = {{WORD_BITS{1'b0}}, beat};
    always @(posedge clk) begin
        if (beat_valid) begin
            stream_reg <= beat_first ? fresh : stream_reg | (fresh << count_reg);
            count_reg <= beat_first ? PORT_COUNT[COUNT_BITS-1:0] : count_reg + PORT_COUNT[COUNT_BITS-1:0];
        end else if (step & word_ends) begin
            stream_reg <= stream_reg >> WORD_BITS;
            count_reg <= plane_ends ? {COUNT_BITS{1'b0}} : count_reg - WORD_COUNT[COUNT_BITS-1:0];
        end
        if (start || rst) count_reg <= {COUNT_BITS{1'b0}};
    end

    limen_synapse_walker #(.ROWS(ROWS), .COLS(COLS), .FEEDER(FEEDER), .DATAFLOW(DATAFLOW)) walker (
        .clk(clk), .rst(rst), .start(start), .advance(step), .transposed(transposed),
        .outputs(outputs), .fan_in(fan_in), .range_rows(range_rows), .rest(rest),
        .active(active), .row(write_row), .place(place), .lane(lane), .count(count), .row_begins(row_begins),
        .word_ends(word_ends), .plane_ends(plane_ends)
    );

    genvar e;
    genvar l;
    generate
        wire [FEEDER*W_BITS-1:0] values;
        for (e = 0; e < FEEDER; e = e + 1) begin : g_value
            wire [X_BITS:0] signed_value =
                {(X_SIGNED != 0) & stream_reg[(e+1)*X_BITS-1], stream_reg[e*X_BITS +: X_BITS]};
            limen_resize #(.FROM_BITS(X_BITS + 1), .TO_BITS(W_BITS)) resize (
                .in(signed_value), .out(values[e*W_BITS +: W_BITS])
            );
        end
        for (l = 0; l < LANES; l = l + 1) begin : g_lane
            wire [15:0] distance = DATAFLOW == IS ? place - l : l - place;  // from the step's first value
            wire beyond = DATAFLOW == IS && distance[15];
            wire [15:0] from = lane + distance;
            wire [W_BITS-1:0] value;
            limen_select #(.WIDTH(W_BITS), .COUNT(FEEDER)) value_of_lane (
                .words(values), .index(from), .word(value)
            );
            assign write_enable[l] = step && (beyond ? row_begins : distance < count);
            assign write_data[l*W_BITS +: W_BITS] = beyond ? NEUTRAL : value;
        end
    endgenerate
endmodule

`default_nettype wire
