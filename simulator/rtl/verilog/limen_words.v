// Where operand memory has the next channel of the present group: in which word of a pixel, and as which of its elements.
//
// No handshake: what comes out is of the present cycle, so a read in it takes that channel, and moves on with the clock
// edge. start, high for one cycle, goes to a tile's first group, advance to the next one, back to the group's first
// channel. The inputs of a tile stay while it lasts.
`default_nettype none

module limen_words #(
    parameter FEEDER = 4  // channels a word, a power of two: 1..32
) (
    input  wire         clk,
    input  wire         start,
    input  wire         read,
    input  wire         back,
    input  wire         advance,
    input  wire [15:0]  first_lane,     // of the tile's first group
    input  wire [15:0]  channels,       // of one group, in this tile
    input  wire [15:0]  group_lanes,    // from one group to the next
    output wire [15:0]  addr,           // word of the pixel
    output wire [15:0]  element
);
    localparam [31:0] WORD_LANES = FEEDER;

    reg [15:0] addr_reg;
    reg [15:0] element_reg;
    reg [15:0] piece_reg;
    wire [15:0] lane, pieces, lane_end, plane_addr;
    limen_group #(.FEEDER(FEEDER)) group (
        .clk(clk), .start(start), .advance(advance), .first_lane(first_lane), .channels(channels),
        .group_step(16'd0), .group_lanes(group_lanes), .plane_words(16'd0),
        .plane_addr(plane_addr), .lane(lane), .pieces(pieces), .lane_end(lane_end)
    );
    wire unused = &{1'b0, plane_addr};

    wire last_piece = piece_reg == pieces - 16'd1;
    wire [15:0] first_element = piece_reg == 16'd0 ? lane : 16'd0;
    assign element = first_element + element_reg;
    wire word_ends = element == (last_piece ? lane_end : WORD_LANES[15:0]) - 16'd1;

    always @(posedge clk) begin
        if (read) begin
            element_reg <= word_ends ? 16'd0 : element_reg + 16'd1;
            if (word_ends) begin
                addr_reg <= addr_reg + 16'd1;
                piece_reg <= last_piece ? 16'd0 : piece_reg + 16'd1;
            end
        end
        if (start || back) {addr_reg, element_reg, piece_reg} <= 48'd0;
    end

    assign addr = addr_reg;
endmodule

`default_nettype wire
