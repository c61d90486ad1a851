// Where the channels of the present group lie in words: groups follow one another and may share a word.
//
// No handshake: start and advance, each high for one cycle, go to the tile's first group and to the next one with the
// clock edge; what comes out is that of the present group. The inputs of a tile stay while it lasts.
`default_nettype none

module limen_group #(
    parameter FEEDER = 4  // channels a word, a power of two: 1..32
) (
    input  wire         clk,
    input  wire         start,          // first group of a tile
    input  wire         advance,        // next group
    input  wire [15:0]  first_lane,     // of the tile's first group
    input  wire [15:0]  channels,       // of one group, in this tile
    input  wire [15:0]  group_step,     // from one group to the next: scratchpad rows of whole words of channels
    input  wire [15:0]  group_lanes,    // and lanes
    input  wire [15:0]  plane_words,    // scratchpad rows of one word of channels
    output wire [15:0]  plane_addr,     // of the word of the group's first channel, from the tile's first on
    output wire [15:0]  lane,           // lane of it
    output wire [15:0]  pieces,         // words the group touches
    output wire [15:0]  lane_end        // lane after its last channel, in the last of them
);
    localparam [31:0] LANE_COUNT = FEEDER;
    localparam LANE_BITS = $clog2(FEEDER);

    generate
        if (FEEDER < 1 || FEEDER > 32 || (FEEDER & (FEEDER - 1)) != 0) begin : g_wrong
            limen_wrong_parameter feeder_is_a_power_of_two_up_to_32 ();
        end
    endgenerate

    reg [15:0] plane_addr_reg;
    reg [15:0] lane_reg;

    wire [15:0] last = lane_reg + channels - 16'd1;
    assign pieces = (last >> LANE_BITS) + 16'd1;
    assign lane_end = (last & (LANE_COUNT[15:0] - 16'd1)) + 16'd1;
    wire [15:0] sum = lane_reg + group_lanes;
    wire wraps = sum >= LANE_COUNT[15:0];
    wire [15:0] lane_next = wraps ? sum - LANE_COUNT[15:0] : sum;
    wire [15:0] plane_addr_next = plane_addr_reg + group_step + (wraps ? plane_words : 16'd0);

    always @(posedge clk) begin
        if (advance) begin
            lane_reg <= lane_next;
            plane_addr_reg <= plane_addr_next;
        end
        if (start) begin
            lane_reg <= first_lane;
            plane_addr_reg <= 16'd0;
        end
    end

    assign plane_addr = plane_addr_reg;
    assign lane = lane_reg;
endmodule

`default_nettype wire
