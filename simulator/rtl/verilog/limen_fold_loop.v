// Which fold of a tile one of its engines is at: groups, in each of them blocks, in each of them folds.
//
// No handshake: what comes out is of the present fold. start, high for one cycle, goes to a tile's first fold, whose
// sizes stay while it lasts; next, high for one cycle, to the fold after this one. Behind the last there is none.
`default_nettype none

module limen_fold_loop #(
    parameter OUTER_STEP = 4,  // pixels or positions of K of a block, 1 at least
    parameter INNER_STEP = 4   // channels or positions of K of a fold, 1 at least
) (
    input  wire         clk,
    input  wire         start,
    input  wire         next,
    input  wire [15:0]  groups,
    input  wire [15:0]  outer_size,
    input  wire [15:0]  inner_size,
    output wire [15:0]  outer_left,    // of the group, from this block on
    output wire [15:0]  inner_left,    // of the block, from this fold on
    output wire [15:0]  outer_offset,  // of the group, before this block
    output wire         outer_first,   // the group's first block
    output wire         inner_first,   // the block's first fold
    output wire         outer_last,
    output wire         inner_last,
    output wire         tile_last      // the tile's last fold
);
    localparam [31:0] OUTER = OUTER_STEP;
    localparam [31:0] INNER = INNER_STEP;

    generate
        if (OUTER_STEP < 1 || INNER_STEP < 1) begin : g_wrong
            limen_wrong_parameter steps_are_1_at_least ();
        end
    endgenerate

    reg [15:0] groups_left_reg;
    reg [15:0] outer_left_reg;
    reg [15:0] inner_left_reg;
    reg [15:0] outer_offset_reg;
    reg outer_first_reg;
    reg inner_first_reg;

    assign inner_last = inner_left_reg <= INNER[15:0];
    assign outer_last = outer_left_reg <= OUTER[15:0];
    assign tile_last = inner_last && outer_last && groups_left_reg == 16'd1;

    always @(posedge clk) begin
        if (next) begin
            inner_left_reg <= inner_last ? inner_size : inner_left_reg - INNER[15:0];
            inner_first_reg <= inner_last;
            if (inner_last) begin
                outer_left_reg <= outer_last ? outer_size : outer_left_reg - OUTER[15:0];
                outer_offset_reg <= outer_last ? 16'd0 : outer_offset_reg + OUTER[15:0];
                outer_first_reg <= outer_last;
                if (outer_last) groups_left_reg <= groups_left_reg - 16'd1;
            end
        end
        if (start) begin
            groups_left_reg <= groups;
            outer_left_reg <= outer_size;
            inner_left_reg <= inner_size;
            outer_offset_reg <= 16'd0;
            {outer_first_reg, inner_first_reg} <= 2'b11;
        end
    end

    assign outer_left = outer_left_reg;
    assign inner_left = inner_left_reg;
    assign outer_offset = outer_offset_reg;
    assign outer_first = outer_first_reg;
    assign inner_first = inner_first_reg;
endmodule

`default_nettype wire
