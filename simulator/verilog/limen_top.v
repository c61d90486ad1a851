// Limen: feeders, array, array edge and controller; runs one layer from its on-chip memories.
//
// Operand banks, bias and shift banks are filled through the load port (the memory system's place);
// outputs are read from the ofmap banks through the read port after `done`.
`default_nettype none

module limen_top #(
    parameter ROWS = 4,                // R
    parameter COLS = 4,                // C
    parameter DATAFLOW = 0,            // 0: os, 1: ws, 2: is
    parameter OP = 0,                  // 0: threshold, 1: mac
    parameter X_BITS = 8,              // activation width, 2..16
    parameter W_BITS = 8,              // threshold or weight width, 2..16
    parameter X_SIGNED = 1,            // 0: unsigned activations (mac only)
    parameter ACC_BITS = 20,           // accumulator width, X_BITS+1..48
    parameter SIZE_BITS = 16,          // width of a layer size; at least that of every address
    parameter ROW_ADDR_BITS = 8,       // depth of a row operand bank, as a power of two
    parameter COL_ADDR_BITS = 8,       // depth of a column operand bank
    parameter OUT_ADDR_BITS = 8,       // depth of an ofmap bank
    parameter CHANNEL_ADDR_BITS = 8    // depth of a bias and shift bank
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  start,          // high for one cycle: run the layer
    output wire                  done,           // high from the end of the layer to the next start
    output wire [2:0]            phase,          // 0 idle, 1 preload, 2 stream, 3 drain, 4 pipeline
    // layer, stable while it runs
    input  wire [SIZE_BITS-1:0]  row_size,       // os: M; ws, is: K
    input  wire [SIZE_BITS-1:0]  col_size,       // os, ws: N; is: M
    input  wire [SIZE_BITS-1:0]  time_size,      // os: K; ws: M; is: N
    input  wire                  raw,            // write accumulators instead of requantising
    input  wire [X_BITS:0]       y_low,          // signed limits of the next layer's activations
    input  wire [X_BITS:0]       y_high,
    // load port
    input  wire                  load_enable,
    input  wire [1:0]            load_target,    // 0: row banks, 1: column banks, 2: bias and shift banks
    input  wire [SIZE_BITS-1:0]  load_lane,
    input  wire [SIZE_BITS-1:0]  load_addr,
    input  wire [63:0]           load_data,      // an operand, {polarity, threshold}, or {shift, bias}
    // read port, while idle; data in the next cycle
    input  wire [SIZE_BITS-1:0]  read_lane,
    input  wire [SIZE_BITS-1:0]  read_addr,
    output wire [31:0]           read_data       // sign-extended
);
    localparam THRESHOLD = 0;
    localparam OS = 0;
    localparam IS = 2;
    localparam ALIGNED_BITS = X_BITS > W_BITS ? X_BITS : W_BITS;
    localparam SYNAPSE_BITS = OP == THRESHOLD ? W_BITS + 1 : W_BITS;
    localparam OP_BITS = OP == THRESHOLD ? ALIGNED_BITS + 1 : X_BITS + W_BITS;
    localparam PSUM_BITS = OP_BITS + $clog2(ROWS);
    localparam VALUE_BITS = DATAFLOW == OS ? ACC_BITS : PSUM_BITS;
    localparam LEFT_BITS = DATAFLOW == IS ? SYNAPSE_BITS : X_BITS;
    localparam TOP_BITS = DATAFLOW == IS ? X_BITS : SYNAPSE_BITS;
    localparam CHANNEL_BITS = ACC_BITS + 5;
    localparam Y_BITS = X_BITS + 1;
    // The pair that contributes nothing: lowest activation with highest excitatory threshold, or zeros.
    localparam [31:0] NEUTRAL_X = OP == THRESHOLD ? 1 << (X_BITS - 1) : 0;
    localparam [31:0] NEUTRAL_SYNAPSE = OP == THRESHOLD ? (1 << (W_BITS - 1)) - 1 : 0;
    localparam [31:0] NEUTRAL_LEFT = DATAFLOW == IS ? NEUTRAL_SYNAPSE : NEUTRAL_X;
    localparam [31:0] NEUTRAL_TOP = DATAFLOW == IS ? NEUTRAL_X : NEUTRAL_SYNAPSE;

    wire row_valid;
    wire [ROW_ADDR_BITS-1:0] row_addr;
    wire col_valid;
    wire [COL_ADDR_BITS-1:0] col_addr;
    wire [SIZE_BITS-1:0] rows_left;
    wire [SIZE_BITS-1:0] cols_left;
    wire array_shift;
    wire edge_valid;
    wire [OUT_ADDR_BITS-1:0] edge_addr;
    wire edge_first;
    wire edge_last;
    wire [SIZE_BITS-1:0] edge_cols_left;
    wire [CHANNEL_ADDR_BITS-1:0] channel_addr;
    wire last_row_valid;

    wire [ROWS*LEFT_BITS-1:0] left;
    wire [COLS*TOP_BITS-1:0] top;
    wire [COLS*VALUE_BITS-1:0] bottom;
    wire [COLS*ACC_BITS-1:0] words;

    limen_controller #(
        .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .SIZE_BITS(SIZE_BITS),
        .ROW_ADDR_BITS(ROW_ADDR_BITS), .COL_ADDR_BITS(COL_ADDR_BITS),
        .OUT_ADDR_BITS(OUT_ADDR_BITS), .CHANNEL_ADDR_BITS(CHANNEL_ADDR_BITS)
    ) controller (
        .clk(clk), .rst(rst), .start(start), .done(done), .phase(phase),
        .row_size(row_size), .col_size(col_size), .time_size(time_size),
        .row_valid(row_valid), .row_addr(row_addr), .col_valid(col_valid), .col_addr(col_addr),
        .rows_left(rows_left), .cols_left(cols_left), .array_shift(array_shift),
        .last_row_valid(last_row_valid), .edge_valid(edge_valid), .edge_addr(edge_addr),
        .edge_first(edge_first), .edge_last(edge_last), .edge_cols_left(edge_cols_left),
        .channel_addr(channel_addr)
    );

    limen_array #(
        .ROWS(ROWS), .COLS(COLS), .DATAFLOW(DATAFLOW), .OP(OP), .X_BITS(X_BITS), .W_BITS(W_BITS),
        .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS),
        .LEFT_BITS(LEFT_BITS), .TOP_BITS(TOP_BITS), .VALUE_BITS(VALUE_BITS)
    ) array (
        .clk(clk), .rst(rst), .shift(array_shift), .left(left), .top(top), .bottom(bottom)
    );

    genvar r;
    genvar c;
    generate
        // Row lanes: the controller's tag walks down, one row a cycle.
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            wire valid;
            wire [ROW_ADDR_BITS-1:0] addr;
            if (r == 0) begin : g_first
                assign valid = row_valid;
                assign addr = row_addr;
            end else begin : g_later
                limen_tag #(.ADDR_BITS(ROW_ADDR_BITS)) tag (
                    .clk(clk), .rst(rst), .valid_in(g_row[r-1].valid), .addr_in(g_row[r-1].addr),
                    .valid_out(valid), .addr_out(addr)
                );
            end
            limen_feeder #(.WIDTH(LEFT_BITS), .ADDR_BITS(ROW_ADDR_BITS), .NEUTRAL(NEUTRAL_LEFT[LEFT_BITS-1:0])) feeder (
                .clk(clk),
                .load_enable(load_enable && load_target == 2'd0 && load_lane == r),
                .load_addr(load_addr[ROW_ADDR_BITS-1:0]), .load_data(load_data[LEFT_BITS-1:0]),
                .valid(valid && rows_left > r), .addr(addr), .operand(left[r*LEFT_BITS +: LEFT_BITS])
            );
        end
        assign last_row_valid = g_row[ROWS-1].valid;

        for (c = 0; c < COLS; c = c + 1) begin : g_col
            // Column lanes: os skews them like the rows; ws and is preload all columns at once.
            wire valid;
            wire [COL_ADDR_BITS-1:0] addr;
            if (c == 0 || DATAFLOW != OS) begin : g_first
                assign valid = col_valid;
                assign addr = col_addr;
            end else begin : g_later
                limen_tag #(.ADDR_BITS(COL_ADDR_BITS)) tag (
                    .clk(clk), .rst(rst), .valid_in(g_col[c-1].valid), .addr_in(g_col[c-1].addr),
                    .valid_out(valid), .addr_out(addr)
                );
            end
            limen_feeder #(.WIDTH(TOP_BITS), .ADDR_BITS(COL_ADDR_BITS), .NEUTRAL(NEUTRAL_TOP[TOP_BITS-1:0])) feeder (
                .clk(clk),
                .load_enable(load_enable && load_target == 2'd1 && load_lane == c),
                .load_addr(load_addr[COL_ADDR_BITS-1:0]), .load_data(load_data[TOP_BITS-1:0]),
                .valid(valid && cols_left > c), .addr(addr), .operand(top[c*TOP_BITS +: TOP_BITS])
            );

            // Array edge: the tag walks on along the columns under ws and is; os drains all columns at once.
            wire tag_valid;
            wire [OUT_ADDR_BITS-1:0] tag_addr;
            if (c == 0 || DATAFLOW == OS) begin : g_tag
                assign tag_valid = edge_valid;
                assign tag_addr = edge_addr;
            end else begin : g_tag_later
                limen_tag #(.ADDR_BITS(OUT_ADDR_BITS)) tag (
                    .clk(clk), .rst(rst), .valid_in(g_col[c-1].tag_valid), .addr_in(g_col[c-1].tag_addr),
                    .valid_out(tag_valid), .addr_out(tag_addr)
                );
            end

            // Bias and shift: a bank a column; under is channels vary with time, so one word follows the tag.
            wire [CHANNEL_BITS-1:0] channel;
            if (c == 0 || DATAFLOW != IS) begin : g_channel
                limen_bank #(.WIDTH(CHANNEL_BITS), .ADDR_BITS(CHANNEL_ADDR_BITS)) bank (
                    .clk(clk),
                    .write_enable(load_enable && load_target == 2'd2 && load_lane == c),
                    .write_addr(load_addr[CHANNEL_ADDR_BITS-1:0]), .write_data(load_data[CHANNEL_BITS-1:0]),
                    .read_addr(channel_addr), .read_data(channel)
                );
            end else begin : g_channel_later
                reg [CHANNEL_BITS-1:0] channel_reg;
                always @(posedge clk) channel_reg <= g_col[c-1].channel;
                assign channel = channel_reg;
            end

            limen_edge #(
                .ACC_BITS(ACC_BITS), .VALUE_BITS(VALUE_BITS), .ADDR_BITS(OUT_ADDR_BITS), .Y_BITS(Y_BITS)
            ) column_edge (
                .clk(clk), .rst(rst),
                .a_valid(tag_valid && edge_cols_left > c), .a_first(edge_first), .a_last(edge_last),
                .a_addr(phase == 3'd0 ? read_addr[OUT_ADDR_BITS-1:0] : tag_addr),
                .b_value(bottom[c*VALUE_BITS +: VALUE_BITS]),
                .b_bias(channel[ACC_BITS-1:0]), .b_shift(channel[CHANNEL_BITS-1:ACC_BITS]),
                .raw(raw), .y_low(y_low), .y_high(y_high),
                .word(words[c*ACC_BITS +: ACC_BITS])
            );
        end
    endgenerate

    // Read port: the lane is remembered for the cycle in which its bank answers.
    reg [SIZE_BITS-1:0] read_lane_reg;
    always @(posedge clk) read_lane_reg <= read_lane;
    reg [ACC_BITS-1:0] read_word;
    integer lane;
    always @* begin
        read_word = words[ACC_BITS-1:0];
        for (lane = 1; lane < COLS; lane = lane + 1)
            if (read_lane_reg == lane[SIZE_BITS-1:0]) read_word = words[lane*ACC_BITS +: ACC_BITS];
    end
    limen_resize #(.FROM_BITS(ACC_BITS), .TO_BITS(32)) resize (.in(read_word), .out(read_data));
    wire unused = &{1'b0, load_data, load_addr, read_addr};
endmodule

`default_nettype wire
