// Array edge of one column: accumulation over K folds in the ofmap bank, bias, requantiser.
//
// Stage A reads the bank, stage B adds (and writes a psum that is not final), stage C requantises and
// writes. A psum is written in the cycle after its read, so even folds of two cycles never collide.
`default_nettype none

module limen_edge #(
    parameter ACC_BITS = 20,    // accumulator width; sums wrap modulo 2^ACC_BITS
    parameter VALUE_BITS = 13,  // width of what leaves the array
    parameter ADDR_BITS = 8,    // ofmap bank depth is 2^ADDR_BITS words
    parameter Y_BITS = 9        // width of the signed activation limits
) (
    input  wire                   clk,
    input  wire                   rst,
    // stage A
    input  wire                   a_valid,
    input  wire                   a_first,    // first K fold: start from the bias
    input  wire                   a_last,     // last K fold: requantise
    input  wire [ADDR_BITS-1:0]   a_addr,
    // stage B
    input  wire [VALUE_BITS-1:0]  b_value,
    input  wire [ACC_BITS-1:0]    b_bias,
    input  wire [4:0]             b_shift,
    // layer constants
    input  wire                   raw,
    input  wire [Y_BITS-1:0]      y_low,
    input  wire [Y_BITS-1:0]      y_high,
    output wire [ACC_BITS-1:0]    word        // bank word of the last cycle's a_addr
);
    reg b_valid_reg;
    reg b_first_reg;
    reg b_last_reg;
    reg [ADDR_BITS-1:0] b_addr_reg;
    reg c_valid_reg;
    reg [ADDR_BITS-1:0] c_addr_reg;
    reg [ACC_BITS-1:0] c_acc_reg;
    reg [4:0] c_shift_reg;

    wire [ACC_BITS-1:0] value;
    wire [ACC_BITS-1:0] y;
    limen_resize #(.FROM_BITS(VALUE_BITS), .TO_BITS(ACC_BITS)) resize (.in(b_value), .out(value));

    wire [ACC_BITS-1:0] sum = (b_first_reg ? b_bias : word) + value;

    limen_requantiser #(.ACC_BITS(ACC_BITS), .Y_BITS(Y_BITS)) requantiser (
        .acc(c_acc_reg), .shift(c_shift_reg), .raw(raw), .y_low(y_low), .y_high(y_high), .y(y)
    );

    limen_bank #(.WIDTH(ACC_BITS), .ADDR_BITS(ADDR_BITS)) ofmap_bank (
        .clk(clk),
        .write_enable(c_valid_reg | (b_valid_reg & ~b_last_reg)),
        .write_addr(c_valid_reg ? c_addr_reg : b_addr_reg),
        .write_data(c_valid_reg ? y : sum),
        .read_addr(a_addr), .read_data(word)
    );

    always @(posedge clk) begin
        b_valid_reg <= a_valid & ~rst;
        b_first_reg <= a_first;
        b_last_reg <= a_last;
        b_addr_reg <= a_addr;
        c_valid_reg <= b_valid_reg & b_last_reg & ~rst;
        c_addr_reg <= b_addr_reg;
        c_acc_reg <= sum;
        c_shift_reg <= b_shift;
    end
endmodule

`default_nettype wire
