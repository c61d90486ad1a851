// Generated polarity: a row of signs, replayed from where the tile's descriptor says that they begin.
//
// The sign of channel n at position k of the fan-in is the parity of two words ANDed: a channel word, which counts n, and
// a position word, which counts k and is then mixed by gates that all lanes share. Neither depends on how a layer is cut
// or on the array: both are running sums of the tile's own beginning, without a multiplier or a divider.
//
// Under os and ws lanes are channels: each adds its place to the fold's first channel. Under is lanes are positions,
// whose words move in from lane 0 on as the activations are preloaded, and channels pass in time. Under ws rows are
// preloaded from the last to the first: one walk goes down, a second one up to the last row of the next block. Where folds
// overlap, ends are those of what moves: under ws of preloads, a cycle after them, under is block_ends alone of preloads;
// and under is the lanes keep a fold's words from its begin on, while the next ones move in.
//
// No handshake: start, high for one cycle, begins a tile, whose inputs stay until the next one; first_position and
// first_element are those of the array's last row in use under ws, of the tile's first position otherwise. The row
// that filter_read asks for is there one cycle later. Lanes that hold no channel or position of the tile get 0, which
// is excitatory: their synapses stay neutral.
`default_nettype none

module limen_generator #(
    parameter LANES = 4,      // array lanes that carry synapses: C, under is R; 1 at least
    parameter DATAFLOW = 0,   // 0: os, 1: ws, 2: is
    parameter OVERLAP = 0     // 1: folds overlap
) (
    input  wire              clk,
    input  wire              start,
    // tile
    input  wire [15:0]       first_position,
    input  wire [15:0]       first_element,   // channel of that position within its tap
    input  wire [15:0]       first_channel,   // of the first output
    input  wire              excitatory,      // all signs of the layer are 0
    input  wire [15:0]       tap_positions,   // positions from tap to tap: the layer's channels of a group
    input  wire [15:0]       channels,        // of a group that the tile has
    input  wire [15:0]       group_outputs,
    // folds, issue time
    input  wire              preload,         // is: words move into the lanes
    input  wire              begins,          // folds overlap: the fold whose words have moved in begins
    input  wire              x_read,          // is: and this one is of a position
    input  wire              filter_read,
    input  wire              next_row,        // ws: the next block has one more row
    input  wire              fold_ends,
    input  wire              block_ends,
    input  wire              group_ends,
    input  wire [15:0]       lanes_left,      // os, ws: lanes at or beyond it hold no channel
    // the row, {lane LANES-1, ..., lane 0}; 1 is inhibitory
    output wire [LANES-1:0]  signs
);
    localparam OS = 0;
    localparam WS = 1;
    localparam IS = 2;
    localparam [15:0] CHANNEL_TOP = 16'h8000;  // always in a channel word: one counted 0 has signs, too
    localparam [31:0] CHANNEL_STEP = DATAFLOW == IS ? 1 : LANES;

    generate
        if (DATAFLOW < OS || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_0_1_or_2 ();
        end
        if (LANES < 1) begin : g_wrong
            limen_wrong_parameter lanes_are_1_at_least ();
        end
    endgenerate

    function [15:0] rotated(input [15:0] word, input integer left);
        rotated = (word << left) | (word >> (16 - left));
    endfunction

    function [15:0] mixed_once(
        input [15:0] word, input integer first, input integer second, input integer third, input [15:0] constant
    );
        mixed_once = word ^ (rotated(word, first) & rotated(word, second)) ^ rotated(word, third) ^ constant;
    endfunction

    // Channels: the fold's first one, under is the present one.
    reg [15:0] channel_reg;
    reg [15:0] group_channel_reg;
    wire channel_moves = DATAFLOW == IS ? filter_read : fold_ends;
    wire channel_returns = DATAFLOW == IS ? fold_ends : block_ends;
    wire [15:0] next_group_channel = group_channel_reg + group_outputs;
    always @(posedge clk) begin
        if (channel_moves) channel_reg <= channel_reg + CHANNEL_STEP[15:0];
        if (channel_returns) channel_reg <= group_channel_reg;
        if (group_ends) {channel_reg, group_channel_reg} <= {2{next_group_channel}};
        if (start) {channel_reg, group_channel_reg} <= {2{first_channel}};
    end

    // Positions: channel by channel of a tap, then over the channels that the tile doesn't have to the next tap.
    reg [15:0] gap_reg;
    always @(posedge clk) gap_reg <= tap_positions - channels;
    reg [15:0] position_reg;
    reg [15:0] element_reg;
    generate
        if (DATAFLOW == WS) begin : g_down
            reg [15:0] head_position_reg;
            reg [15:0] head_element_reg;
            wire head_ends = head_element_reg == channels - 16'd1;
            wire tap_begins = element_reg == 16'd0;
            wire [15:0] head_position_next =
                head_position_reg + (next_row ? (head_ends ? gap_reg : 16'd0) + 16'd1 : 16'd0);
            wire [15:0] head_element_next = next_row ? (head_ends ? 16'd0 : head_element_reg + 16'd1) : head_element_reg;
            always @(posedge clk) begin
                head_position_reg <= head_position_next;
                head_element_reg <= head_element_next;
                if (filter_read) begin
                    position_reg <= position_reg - (tap_begins ? gap_reg : 16'd0) - 16'd1;
                    element_reg <= (tap_begins ? channels : element_reg) - 16'd1;
                end
                if (fold_ends) {position_reg, element_reg} <= {head_position_next, head_element_next};
                if (start || group_ends) begin
                    {head_position_reg, head_element_reg} <= {first_position, first_element};
                    {position_reg, element_reg} <= {first_position, first_element};
                end
            end
        end else begin : g_up
            wire tap_ends = element_reg == channels - 16'd1;
            always @(posedge clk) begin
                if (DATAFLOW == IS ? x_read : filter_read) begin
                    position_reg <= position_reg + (tap_ends ? gap_reg : 16'd0) + 16'd1;
                    element_reg <= tap_ends ? 16'd0 : element_reg + 16'd1;
                end
                if (start || (DATAFLOW == IS ? block_ends : fold_ends)) begin
                    {position_reg, element_reg} <= {first_position, first_element};
                end
            end
            wire unused = &{1'b0, next_row};
        end
    endgenerate

    wire [15:0] mixed = mixed_once(
        mixed_once(mixed_once(position_reg, 1, 2, 5, 16'h9E37), 3, 7, 11, 16'h79B9), 1, 5, 8, 16'h7F4A
    );
    wire [15:0] word = excitatory ? 16'd0 : mixed;

    reg [LANES-1:0] sign_reg;
    genvar l;
    generate
        if (DATAFLOW == IS) begin : g_positions
            reg [LANES*16-1:0] words_reg;  // a position word a lane
            wire [(LANES+1)*16-1:0] moved = {words_reg, x_read ? word : 16'd0};
            wire [LANES*16-1:0] words;
            always @(posedge clk) if (preload) words_reg <= moved[LANES*16-1:0];
            if (OVERLAP != 0) begin : g_kept
                reg [LANES*16-1:0] kept_reg;
                assign words = begins ? words_reg : kept_reg;
                always @(posedge clk) kept_reg <= words;
            end else begin : g_moving
                assign words = words_reg;
                wire unused = &{1'b0, begins};
            end
            for (l = 0; l < LANES; l = l + 1) begin : g_lane
                always @(posedge clk) sign_reg[l] <= ^((channel_reg | CHANNEL_TOP) & words[l*16 +: 16]);
            end
            wire unused = &{1'b0, block_ends, lanes_left, moved};
        end else begin : g_channels
            for (l = 0; l < LANES; l = l + 1) begin : g_lane
                wire [15:0] channel = channel_reg + l;
                always @(posedge clk) sign_reg[l] <= l < lanes_left && ^((channel | CHANNEL_TOP) & word);
            end
            wire unused = &{1'b0, x_read, preload, begins};
        end
    endgenerate
    assign signs = sign_reg;
endmodule

`default_nettype wire
