// Walks a tile's outputs in the order of their words, as they lie in the ofmap banks under os and ws.
//
// Channel n of a tile lies in bank (n in its group) mod COLS; a fold of a group's channels shares one base.
// A word holds LANES consecutive channels of one pixel; a step moves those that lie in one fold.
//
// start, high for one cycle, goes to the first step with the clock edge. While active is high the outputs describe the
// present step; advance takes it and goes to the next with the clock edge; active falls behind the last. The inputs of
// a tile stay until then.
`default_nettype none

module limen_walker #(
    parameter COLS = 4,   // C, 1 at least
    parameter LANES = 4   // channels a word, 1 at least
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,          // high for one cycle: begin at the tile's first word
    input  wire         advance,        // to the next step
    input  wire         single,         // words of one channel
    input  wire [15:0]  pixels,
    input  wire [15:0]  channels,       // of the tile
    input  wire [15:0]  group_outputs,  // channels of one group in the tile
    output wire         active,
    output wire [15:0]  addr,           // word in every bank
    output wire [15:0]  col,            // bank of the step's first channel
    output wire [15:0]  lane,           // place of it in the word
    output wire [15:0]  count,          // channels this step moves
    output wire         word_ends,      // this step completes a word
    output wire         plane_ends      // and it is the last pixel's
);
    localparam [31:0] COL_COUNT = COLS;
    localparam [31:0] LANE_COUNT = LANES;

    generate
        if (COLS < 1 || LANES < 1) begin : g_wrong
            limen_wrong_parameter cols_and_lanes_are_1_at_least ();
        end
    endgenerate

    reg active_reg;
    reg [15:0] pixel_reg;
    reg [15:0] lane_reg;
    // The step's place in channels, and where the present words began.
    reg [15:0] col_reg, base_reg, fold_reg, left_reg;              // fold: channels of the group from this fold on
    reg [15:0] word_col_reg, word_base_reg, word_fold_reg, word_left_reg;  // left: channels of the tile

    wire [15:0] width = fold_reg < COL_COUNT[15:0] ? fold_reg : COL_COUNT[15:0];  // channels in this fold
    wire [15:0] lanes = single ? 16'd1 : LANE_COUNT[15:0];
    wire [15:0] room = lanes - lane_reg;
    wire [15:0] there = width - col_reg;
    wire [15:0] step = room < there ? room : there;
    wire fold_ends = step == there;
    wire group_ends = fold_ends && fold_reg == width;
    wire last_pixel = pixel_reg == pixels - 16'd1;
    wire [15:0] col_next = fold_ends ? 16'd0 : col_reg + step;
    wire [15:0] base_next = fold_ends ? base_reg + pixels : base_reg;
    wire [15:0] fold_next = group_ends ? group_outputs : fold_ends ? fold_reg - width : fold_reg;
    wire [15:0] left_next = left_reg - step;

    assign active = active_reg;
    assign count = step;
    assign addr = base_reg + pixel_reg;
    assign col = col_reg;
    assign lane = lane_reg;
    assign word_ends = step == room || left_next == 16'd0;
    assign plane_ends = word_ends && last_pixel;

    always @(posedge clk) begin
        if (advance) begin
            if (!word_ends) begin
                lane_reg <= lane_reg + step;
                {col_reg, base_reg, fold_reg, left_reg} <= {col_next, base_next, fold_next, left_next};
            end else begin
                lane_reg <= 16'd0;
                pixel_reg <= last_pixel ? 16'd0 : pixel_reg + 16'd1;
                if (last_pixel) begin
                    {col_reg, base_reg, fold_reg, left_reg} <= {col_next, base_next, fold_next, left_next};
                    {word_col_reg, word_base_reg, word_fold_reg, word_left_reg} <=
                        {col_next, base_next, fold_next, left_next};
                    active_reg <= left_next != 16'd0;
                end else begin
                    {col_reg, base_reg, fold_reg, left_reg} <=
                        {word_col_reg, word_base_reg, word_fold_reg, word_left_reg};
                end
            end
        end
        if (start) begin
            active_reg <= 1'b1;
            lane_reg <= 16'd0;
            pixel_reg <= 16'd0;
            {col_reg, base_reg, fold_reg, left_reg} <= {32'd0, group_outputs, channels};
            {word_col_reg, word_base_reg, word_fold_reg, word_left_reg} <= {32'd0, group_outputs, channels};
        end
        if (rst) active_reg <= 1'b0;
    end
endmodule

`default_nettype wire
