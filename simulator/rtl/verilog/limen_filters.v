// Filters, from the memory port to the array and its edge: scratchpads of weights, of polarity, and of bias and shift.
//
// Beats are taken whenever they come, into the half that no tile is computed from. A row that filter_read or
// channel_read asks for is there one cycle later. A lane's synapse is {polarity, weight}, or the weight alone where no
// op has polarity; in cycles for which none was asked it is the neutral one.
`default_nettype none

module limen_filters #(
    parameter LANES = 4,              // array lanes that carry synapses: C, under is R
    parameter W_BITS = 8,             // threshold or weight width, 2..16
    parameter POLAR = 1,              // 1: threshold is among the ops, and has a polarity bit
    parameter POLARITY_LANES = 4,     // polarity bits a row: one a lane, or one for all of them
    parameter GENERATED = 0,          // 1: polarity is generated, and has no scratchpad
    parameter MATMUL = 0,             // 1: weights are written lane by lane too, and polarity can be +1 throughout
    parameter SEVERAL = 0,            // 1: layers have ops of their own
    parameter SYNAPSE_BITS = 9,       // W_BITS + POLAR
    parameter [SYNAPSE_BITS-1:0] NEUTRAL = 0,  // the synapse that contributes nothing, beside the neutral activation
    parameter CHANNEL_BITS = 25,      // bias and shift of a channel
    parameter CHANNEL_LANES = 4,      // channels a row: C, under is one
    parameter PORT_BITS = 64,         // bits a beat
    parameter FILTER_DEPTH = 256,     // rows of weights, each half
    parameter POLARITY_DEPTH = 256,   // rows of polarity, each half
    parameter CHANNEL_DEPTH = 16      // rows of bias and shift, each half
) (
    input  wire                           clk,
    input  wire                           half,             // of each scratchpad, that the tile is computed from
    input  wire [1:0]                     op_select,        // the op that is computed
    // beats of the tile being loaded
    input  wire                           weight_beat,
    input  wire                           polarity_beat,
    input  wire                           channel_beat,
    input  wire                           beat_first,       // of a plane
    input  wire [PORT_BITS-1:0]           beat,
    input  wire [15:0]                    weight_rows,
    input  wire [15:0]                    polarity_rows,
    input  wire [15:0]                    channel_rows,
    // weights, lane by lane, in cycles without a beat
    input  wire [LANES-1:0]               lane_write,
    input  wire [15:0]                    lane_row,
    input  wire [LANES*W_BITS-1:0]        lane_data,
    input  wire                           positive,         // polarity is +1, and none is stored
    // synapses
    input  wire                           filter_read,
    input  wire [15:0]                    filter_row,
    input  wire [15:0]                    polarity_row,
    input  wire [POLARITY_LANES-1:0]      generated,        // the row asked for one cycle before, see limen_generator
    output wire [LANES*SYNAPSE_BITS-1:0]  synapses,
    // bias and shift
    input  wire                           channel_read,
    input  wire [15:0]                    channel_row,
    output wire [CHANNEL_LANES*CHANNEL_BITS-1:0]  channels
);
    localparam [1:0] OP_THRESHOLD = 2'd0;

    generate
        if (SYNAPSE_BITS != W_BITS + POLAR || (POLARITY_LANES != 1 && POLARITY_LANES != LANES)) begin : g_wrong
            limen_wrong_parameter synapse_is_a_weight_and_polarity_of_a_lane_or_of_all ();
        end
        if (MATMUL < 0 || MATMUL > 1) begin : g_wrong_matmul
            limen_wrong_parameter matmul_is_0_or_1 ();
        end
        if (GENERATED < 0 || GENERATED > POLAR) begin : g_wrong_generated
            limen_wrong_parameter generated_is_0_or_1_and_without_polarity_0 ();
        end
    endgenerate

    // A plane begins at a beat and at row 0.
    wire [$clog2(PORT_BITS)-1:0] no_skip = {$clog2(PORT_BITS){1'b0}};
    wire [15:0] no_base = 16'd0;
    wire [LANES*W_BITS-1:0] weights;
    reg synapse_valid_reg;
    always @(posedge clk) synapse_valid_reg <= filter_read;

    limen_scratchpad #(
        .WIDTH(LANES * W_BITS), .DEPTH(FILTER_DEPTH), .PORT_BITS(PORT_BITS), .LANES(MATMUL != 0 ? LANES : 0)
    ) weight_scratchpad (
        .clk(clk), .beat_valid(weight_beat), .beat_first(beat_first), .beat(beat), .skip(no_skip), .base(no_base),
        .rows(weight_rows), .fill_half(~half),
        .lane_write(lane_write[(MATMUL != 0 ? LANES : 1)-1:0]), .lane_row(lane_row), .lane_data(lane_data), .read_enable(filter_read), .read_half(half), .read_row(filter_row),
        .read_data(weights)
    );

    genvar l;
    generate
        if (POLAR != 0) begin : g_polarity
            wire polarity_read;
            wire [POLARITY_LANES-1:0] row;
            wire [POLARITY_LANES-1:0] polarity;
            if (GENERATED != 0) begin : g_generated
                assign row = generated;
                wire unused = &{1'b0, polarity_read, polarity_beat, polarity_rows, polarity_row};
            end else begin : g_stored
                limen_scratchpad #(
                    .WIDTH(POLARITY_LANES), .DEPTH(POLARITY_DEPTH), .PORT_BITS(PORT_BITS)
                ) polarity_scratchpad (
                    .clk(clk), .beat_valid(polarity_beat), .beat_first(beat_first), .beat(beat), .skip(no_skip),
                    .base(no_base), .rows(polarity_rows), .fill_half(~half), .lane_write(1'b0), .lane_row(16'd0),
                    .lane_data({POLARITY_LANES{1'b0}}), .read_enable(polarity_read),
                    .read_half(half), .read_row(polarity_row), .read_data(row)
                );
                wire unused = &{1'b0, generated};
            end
            if (SEVERAL != 0) begin : g_of_layer
                wire polar = op_select == OP_THRESHOLD;  // layers of other ops have no polarity to read
                assign polarity_read = filter_read & polar & ~(MATMUL != 0 & positive);
                assign polarity = row & {POLARITY_LANES{polar & ~(MATMUL != 0 & positive)}};
            end else begin : g_of_design
                assign polarity_read = filter_read & ~(MATMUL != 0 & positive);
                assign polarity = row & {POLARITY_LANES{~(MATMUL != 0 & positive)}};
                wire unused = &{1'b0, op_select};
            end
            for (l = 0; l < LANES; l = l + 1) begin : g_lane
                assign synapses[l*SYNAPSE_BITS +: SYNAPSE_BITS] = synapse_valid_reg
                    ? {polarity[POLARITY_LANES == 1 ? 0 : l], weights[l*W_BITS +: W_BITS]} : NEUTRAL;
            end
        end else begin : g_weights
            for (l = 0; l < LANES; l = l + 1) begin : g_lane
                assign synapses[l*SYNAPSE_BITS +: SYNAPSE_BITS] =
                    synapse_valid_reg ? weights[l*W_BITS +: W_BITS] : NEUTRAL;
            end
            wire unused = &{1'b0, op_select, polarity_beat, polarity_rows, polarity_row, generated};
        end
    endgenerate

    limen_scratchpad #(
        .WIDTH(CHANNEL_LANES * CHANNEL_BITS), .DEPTH(CHANNEL_DEPTH), .PORT_BITS(PORT_BITS)
    ) channel_scratchpad (
        .clk(clk), .beat_valid(channel_beat), .beat_first(beat_first), .beat(beat), .skip(no_skip), .base(no_base),
        .rows(channel_rows), .fill_half(~half), .lane_write(1'b0), .lane_row(16'd0),
        .lane_data({(CHANNEL_LANES*CHANNEL_BITS){1'b0}}), .read_enable(channel_read), .read_half(half), .read_row(channel_row),
        .read_data(channels)
    );
    wire unused_lanes = &{1'b0, lane_write, lane_row, lane_data, positive};
endmodule

`default_nettype wire
