// Where the channels of the present group lie in words: groups follow one another and may share a word.
`default_nettype none

module limen_group #(
    parameter FEEDER = 4  // channels a word, a power of two
) (
    input  wire         clk,
    input  wire         start,          // first group of a tile
    input  wire         advance,        // next group
    input  wire [15:0]  first_lane,     // of the tile's first group
    input  wire [15:0]  channels,       // of one group, in this tile
    input  wire [15:0]  group_step,     // from one group to the next: scratchpad rows of whole words of channels
    input  wire [15:0]  group_lanes,    // and lanes
    input  wire [15:0]  plane_words,    // scratchpad rows of one word of channels
    output reg  [15:0]  plane_addr,     // of the word of the group's first channel, from the tile's first on
    output reg  [15:0]  lane,           // lane of it
    output wire [15:0]  pieces,         // words the group touches
    output wire [15:0]  lane_end        // lane after its last channel, in the last of them
);
    localparam [31:0] LANE_COUNT = FEEDER;
    localparam LANE_BITS = $clog2(FEEDER);

    wire [15:0] last = lane + channels - 16'd1;
    assign pieces = (last >> LANE_BITS) + 16'd1;
    assign lane_end = (last & (LANE_COUNT[15:0] - 16'd1)) + 16'd1;
    wire [15:0] next_lane = lane + group_lanes;
    wire wraps = next_lane >= LANE_COUNT[15:0];

    always @(posedge clk) begin
        if (advance) begin
            lane <= wraps ? next_lane - LANE_COUNT[15:0] : next_lane;
            plane_addr <= plane_addr + group_step + (wraps ? plane_words : 16'd0);
        end
        if (start) begin
            lane <= first_lane;
            plane_addr <= 16'd0;
        end
    end
endmodule

`default_nettype wire
