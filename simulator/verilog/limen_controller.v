// Controller: runs the folds of one layer, in issue time (one cycle before the array).
//
// Layer sizes are run-time. Rows, columns and time stand for (M, N, K) under os, (K, N, M) under ws and
// (K, M, N) under is. Row folds are innermost. All addresses are running sums: no multiplier, no divider.
`default_nettype none

module limen_controller #(
    parameter ROWS = 4,
    parameter COLS = 4,
    parameter DATAFLOW = 0,           // 0: os, 1: ws, 2: is
    parameter SIZE_BITS = 16,         // width of a layer size
    parameter ROW_ADDR_BITS = 8,      // row operand banks
    parameter COL_ADDR_BITS = 8,      // column operand banks
    parameter OUT_ADDR_BITS = 8,      // ofmap banks
    parameter CHANNEL_ADDR_BITS = 8   // bias and shift banks
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire                          start,
    output reg                           done,
    output wire [2:0]                    phase,        // 0 idle, 1 preload, 2 stream, 3 drain, 4 pipeline
    input  wire [SIZE_BITS-1:0]          row_size,
    input  wire [SIZE_BITS-1:0]          col_size,
    input  wire [SIZE_BITS-1:0]          time_size,
    // feeders, issue time
    output wire                          row_valid,    // of lane 0; later lanes follow a cycle apart
    output wire [ROW_ADDR_BITS-1:0]      row_addr,
    output wire                          col_valid,    // os: of lane 0; ws, is: of all lanes
    output wire [COL_ADDR_BITS-1:0]      col_addr,
    output wire [SIZE_BITS-1:0]          rows_left,    // lanes at or beyond it hold no operand in this fold
    output wire [SIZE_BITS-1:0]          cols_left,
    output wire                          array_shift,  // array time: preload or drain
    // array edge
    input  wire                          last_row_valid,  // issue time, of the last row lane
    output wire                          edge_valid,      // stage A of column 0 (os: of all columns)
    output wire [OUT_ADDR_BITS-1:0]      edge_addr,
    output wire                          edge_first,
    output wire                          edge_last,
    output wire [SIZE_BITS-1:0]          edge_cols_left,
    output wire [CHANNEL_ADDR_BITS-1:0]  channel_addr
);
    localparam OS = 0;
    localparam IS = 2;
    localparam [2:0] IDLE = 3'd0, PRELOAD = 3'd1, STREAM = 3'd2, DRAIN = 3'd3, FLUSH = 3'd4;
    localparam [2:0] FOLD_BEGIN = DATAFLOW == OS ? STREAM : PRELOAD;
    localparam [2:0] FOLD_END = DATAFLOW == OS ? DRAIN : STREAM;
    localparam COUNT_BITS = SIZE_BITS + 1;
    localparam [31:0] STREAM_EXTRA = ROWS + COLS - 3;  // the last stream cycle is time_size + this
    localparam [31:0] ROW_LAST = ROWS - 1;
    localparam [31:0] FLUSH_LAST = DATAFLOW == OS ? 1 : 2;
    localparam [31:0] ROW_COUNT = ROWS;
    localparam [31:0] COL_COUNT = COLS;
    localparam [COUNT_BITS-1:0] LAST_ROW = ROW_LAST[COUNT_BITS-1:0];
    localparam [SIZE_BITS-1:0] ROW_STEP = ROW_COUNT[SIZE_BITS-1:0];
    localparam [SIZE_BITS-1:0] COL_STEP = COL_COUNT[SIZE_BITS-1:0];

    reg [2:0] state_reg;
    reg [2:0] array_state_reg;                       // state_reg, in array time
    reg [COUNT_BITS-1:0] count_reg;                  // cycles into the phase
    reg [SIZE_BITS-1:0] rows_left_reg;
    reg [SIZE_BITS-1:0] cols_left_reg;
    reg [SIZE_BITS-1:0] row_offset_reg;              // rows of earlier folds
    reg [ROW_ADDR_BITS-1:0] row_base_reg;
    reg [COL_ADDR_BITS-1:0] col_base_reg;
    reg [OUT_ADDR_BITS-1:0] out_base_reg;
    reg [CHANNEL_ADDR_BITS-1:0] col_fold_reg;

    wire [COUNT_BITS-1:0] phase_last =
        state_reg == STREAM ? {1'b0, time_size} + STREAM_EXTRA[COUNT_BITS-1:0] :
        state_reg == FLUSH ? FLUSH_LAST[COUNT_BITS-1:0] : LAST_ROW;
    wire phase_ends = count_reg == phase_last;
    wire fold_ends = phase_ends & (state_reg == FOLD_END);
    wire last_row_fold = rows_left_reg <= ROW_STEP;
    wire last_col_fold = cols_left_reg <= COL_STEP;
    wire [COL_ADDR_BITS-1:0] col_stride = DATAFLOW == OS ? time_size[COL_ADDR_BITS-1:0] : row_size[COL_ADDR_BITS-1:0];
    wire [OUT_ADDR_BITS-1:0] out_stride = DATAFLOW == OS ? row_size[OUT_ADDR_BITS-1:0] : time_size[OUT_ADDR_BITS-1:0];
    // Preload and drain go through the rows from the last to the first.
    wire [COUNT_BITS-1:0] shift_row = LAST_ROW - count_reg;
    wire shift_row_used = shift_row < {1'b0, rows_left_reg};

    always @(posedge clk) begin
        array_state_reg <= state_reg;
        count_reg <= phase_ends ? {COUNT_BITS{1'b0}} : count_reg + 1'b1;
        case (state_reg)
            IDLE: begin
                count_reg <= {COUNT_BITS{1'b0}};
                if (start) begin
                    state_reg <= FOLD_BEGIN;
                    done <= 1'b0;
                    rows_left_reg <= row_size;
                    cols_left_reg <= col_size;
                    row_offset_reg <= {SIZE_BITS{1'b0}};
                    row_base_reg <= {ROW_ADDR_BITS{1'b0}};
                    col_base_reg <= {COL_ADDR_BITS{1'b0}};
                    out_base_reg <= {OUT_ADDR_BITS{1'b0}};
                    col_fold_reg <= {CHANNEL_ADDR_BITS{1'b0}};
                end
            end
            PRELOAD: if (phase_ends) state_reg <= STREAM;
            STREAM: if (phase_ends && DATAFLOW == OS) state_reg <= DRAIN;
            FLUSH: if (phase_ends) begin
                state_reg <= IDLE;
                done <= 1'b1;
            end
            default: ;
        endcase
        if (fold_ends) begin
            state_reg <= FOLD_BEGIN;
            if (!last_row_fold) begin
                rows_left_reg <= rows_left_reg - ROW_STEP;
                row_offset_reg <= row_offset_reg + ROW_STEP;
                row_base_reg <= row_base_reg + time_size[ROW_ADDR_BITS-1:0];
            end else begin
                rows_left_reg <= row_size;
                row_offset_reg <= {SIZE_BITS{1'b0}};
                row_base_reg <= {ROW_ADDR_BITS{1'b0}};
                cols_left_reg <= cols_left_reg - COL_STEP;
                col_base_reg <= col_base_reg + col_stride;
                out_base_reg <= out_base_reg + out_stride;
                col_fold_reg <= col_fold_reg + 1'b1;
                if (last_col_fold) state_reg <= FLUSH;
            end
        end
        if (rst) begin
            state_reg <= IDLE;
            array_state_reg <= IDLE;
            done <= 1'b0;
        end
    end

    assign phase = state_reg == IDLE ? IDLE : array_state_reg == IDLE ? FLUSH : array_state_reg;
    assign rows_left = rows_left_reg;
    assign cols_left = cols_left_reg;
    assign array_shift = array_state_reg == PRELOAD || array_state_reg == DRAIN;
    assign row_valid = state_reg == STREAM && count_reg < {1'b0, time_size};
    assign row_addr = row_base_reg + count_reg[ROW_ADDR_BITS-1:0];

    generate
        if (DATAFLOW == OS) begin : g_os
            assign col_valid = row_valid;
            assign col_addr = col_base_reg + count_reg[COL_ADDR_BITS-1:0];
            // The accumulator drained next reaches the bottom one cycle after this one: stage A is issue time.
            assign edge_valid = state_reg == DRAIN && shift_row_used;
            assign edge_addr = out_base_reg + row_offset_reg[OUT_ADDR_BITS-1:0] + shift_row[OUT_ADDR_BITS-1:0];
            assign edge_first = 1'b1;
            assign edge_last = 1'b1;
            assign edge_cols_left = cols_left_reg;
            assign channel_addr = col_fold_reg;
            wire unused = &{1'b0, last_row_valid};
        end else begin : g_stationary
            assign col_valid = state_reg == PRELOAD && shift_row_used;
            assign col_addr = col_base_reg + row_offset_reg[COL_ADDR_BITS-1:0] + shift_row[COL_ADDR_BITS-1:0];
            // A psum leaves the last row one cycle after that row's operand: stage A is array time.
            reg edge_valid_reg;
            reg [OUT_ADDR_BITS-1:0] edge_time_reg;
            reg [OUT_ADDR_BITS-1:0] edge_addr_reg;
            reg edge_first_reg;
            reg edge_last_reg;
            reg [SIZE_BITS-1:0] edge_cols_left_reg;
            reg [CHANNEL_ADDR_BITS-1:0] channel_addr_reg;
            always @(posedge clk) begin
                edge_valid_reg <= last_row_valid & ~rst;
                edge_time_reg <= state_reg == PRELOAD ? {OUT_ADDR_BITS{1'b0}} : edge_time_reg + {{(OUT_ADDR_BITS-1){1'b0}}, last_row_valid};
                edge_addr_reg <= out_base_reg + edge_time_reg;
                edge_first_reg <= row_offset_reg == {SIZE_BITS{1'b0}};
                edge_last_reg <= last_row_fold;
                edge_cols_left_reg <= cols_left_reg;
            end
            if (DATAFLOW == IS) begin : g_is
                always @(posedge clk) channel_addr_reg <= edge_time_reg[CHANNEL_ADDR_BITS-1:0];
            end else begin : g_ws
                always @(posedge clk) channel_addr_reg <= col_fold_reg;
            end
            assign edge_valid = edge_valid_reg;
            assign edge_addr = edge_addr_reg;
            assign edge_first = edge_first_reg;
            assign edge_last = edge_last_reg;
            assign edge_cols_left = edge_cols_left_reg;
            assign channel_addr = channel_addr_reg;
        end
    endgenerate
endmodule

`default_nettype wire
