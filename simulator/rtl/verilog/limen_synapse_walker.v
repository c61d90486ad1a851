// Walks a tensor that becomes synapses under ws or is: which lanes of which row of the scratchpad a step fills.
//
// K comes in ranges of ROWS positions, of which the last may be shorter. Under ws a row is a position of K and a fold
// of COLS outputs: range by range, in each of them fold by fold, in each of those from the last position to the first.
// Under is a row is an output and a range of K: range by range, the first position in the highest lane in use.
//
// Words come plane by plane, in each of them pixel by pixel. A word holds FEEDER outputs of a position of K or, where
// the tensor is transposed, as many positions of an output. A step fills lanes side by side as far as the row's fold
// or range goes or, where each value of a word has a row of its own, one lane.
//
// start, high for one cycle, goes to the first step with the clock edge. While active is high the outputs describe the
// present step; advance takes it and goes to the next with the clock edge; active falls behind the last. The inputs of
// a tensor stay until then.
`default_nettype none

module limen_synapse_walker #(
    parameter ROWS = 4,      // R, 1 at least
    parameter COLS = 4,      // C, 1 at least
    parameter FEEDER = 4,    // channels a word, 1 at least
    parameter DATAFLOW = 1   // 1: ws, 2: is
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,       // high for one cycle: begin at the tensor's first word
    input  wire         advance,     // to the next step
    input  wire         transposed,
    input  wire [15:0]  outputs,     // N
    input  wire [15:0]  fan_in,      // K
    input  wire [15:0]  range_rows,  // rows of a full range of K
    input  wire [15:0]  rest,        // positions of the last range of K
    output wire         active,
    output wire [15:0]  row,
    output wire [15:0]  place,       // lane of the step's first value; further ones lie above it, under is below
    output wire [15:0]  lane,        // place of that value in the word
    output wire [15:0]  count,       // values this step moves
    output wire         row_begins,  // this step has the row's first output or, under is, position of K
    output wire         word_ends,   // this step completes a word
    output wire         plane_ends   // and it is the last pixel's
);
    localparam WS = 1;
    localparam IS = 2;
    localparam [31:0] ROW_COUNT = ROWS;
    localparam [31:0] COL_COUNT = COLS;
    localparam [31:0] LANE_COUNT = DATAFLOW == IS ? ROWS : COLS;
    localparam [31:0] WORD_COUNT = FEEDER;

    generate
        if (ROWS < 1 || COLS < 1 || FEEDER < 1) begin : g_wrong
            limen_wrong_parameter rows_cols_and_feeder_are_1_at_least ();
        end
        if (DATAFLOW < WS || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_1_or_2 ();
        end
    endgenerate

    reg active_reg;
    reg [15:0] lane_reg;
    reg [15:0] pixel_reg;
    // The step's place along K: in its range, rows before that, positions from the range on.
    reg [15:0] k_place_reg, k_row_reg, k_left_reg;
    // And along N: in its fold, rows of a full and of the last range before that. Under is all outputs are one fold.
    reg [15:0] n_place_reg, n_row_reg, n_rest_reg;
    // Values of the axis that words lie along: left from this step on; and all that, where the present words began.
    reg [15:0] left_reg, word_left_reg;
    reg [47:0] word_reg;

    wire last_range = k_left_reg <= ROW_COUNT[15:0];
    wire [15:0] height = last_range ? k_left_reg : ROW_COUNT[15:0];
    wire [15:0] from_end = height - k_place_reg - 16'd1;
    wire side_by_side = transposed == (DATAFLOW == IS);
    wire [15:0] room = WORD_COUNT[15:0] - lane_reg;
    wire [15:0] to_edge = LANE_COUNT[15:0] - (DATAFLOW == IS ? k_place_reg : n_place_reg);
    wire [15:0] there = to_edge < left_reg ? to_edge : left_reg;
    wire [15:0] step = ~side_by_side ? 16'd1 : room < there ? room : there;
    wire [15:0] left_next = left_reg - step;
    wire last_pixel = pixel_reg == (transposed ? outputs : fan_in) - 16'd1;

    wire [15:0] k_place_next = k_place_reg + (transposed ? step : 16'd1);
    wire [15:0] n_place_next = n_place_reg + (transposed ? 16'd1 : step);
    wire range_ends = k_place_next == height;
    wire fold_ends = DATAFLOW == WS && n_place_next == COL_COUNT[15:0];
    wire [47:0] k_present = {k_place_reg, k_row_reg, k_left_reg};
    wire [47:0] n_present = {n_place_reg, n_row_reg, n_rest_reg};
    wire [47:0] k_next = range_ends ? {16'd0, k_row_reg + range_rows, k_left_reg - height} :
        {k_place_next, k_row_reg, k_left_reg};
    wire [47:0] n_next = fold_ends ? {16'd0, n_row_reg + ROW_COUNT[15:0], n_rest_reg + rest} :
        {n_place_next, n_row_reg, n_rest_reg};
    wire [47:0] k_begin = {32'd0, fan_in};
    wire [47:0] n_begin = 48'd0;
    // Along the axis that words lie along a new pixel goes back to where words began, along the other one on.
    wire [47:0] along = transposed ? k_next : n_next;
    wire goes_back = word_ends && !last_pixel;

    assign active = active_reg;
    assign row = k_row_reg + (DATAFLOW == IS ? n_place_reg : from_end + (last_range ? n_rest_reg : n_row_reg));
    assign place = DATAFLOW == IS ? from_end : n_place_reg;
    assign lane = lane_reg;
    assign count = step;
    assign row_begins = (DATAFLOW == IS ? k_place_reg : n_place_reg) == 16'd0;
    assign word_ends = step == room || left_next == 16'd0;
    assign plane_ends = word_ends && last_pixel;

    always @(posedge clk) begin
        if (advance) begin
            lane_reg <= word_ends ? 16'd0 : lane_reg + step;
            left_reg <= goes_back ? word_left_reg : left_next;
            if (word_ends) pixel_reg <= last_pixel ? 16'd0 : pixel_reg + 16'd1;
            if (transposed) begin
                {k_place_reg, k_row_reg, k_left_reg} <= goes_back ? word_reg : k_next;
                {n_place_reg, n_row_reg, n_rest_reg} <= plane_ends ? n_begin : word_ends ? n_next : n_present;
            end else begin
                {n_place_reg, n_row_reg, n_rest_reg} <= goes_back ? word_reg : n_next;
                {k_place_reg, k_row_reg, k_left_reg} <= plane_ends ? k_begin : word_ends ? k_next : k_present;
            end
            if (plane_ends) begin
                {word_reg, word_left_reg} <= {along, left_next};
                active_reg <= left_next != 16'd0;
            end
        end
        if (start) begin
            active_reg <= 1'b1;
            {lane_reg, pixel_reg} <= 32'd0;
            {k_place_reg, k_row_reg, k_left_reg} <= k_begin;
            {n_place_reg, n_row_reg, n_rest_reg} <= n_begin;
            left_reg <= transposed ? fan_in : outputs;
            {word_reg, word_left_reg} <= transposed ? {k_begin, fan_in} : {n_begin, outputs};
        end
        if (rst) active_reg <= 1'b0;
    end
endmodule

`default_nettype wire
