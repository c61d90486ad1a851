// Array edge of one column: accumulation over K folds and tiles in the ofmap bank, bias, requantiser.
//
// The bank is double: one half accumulates the present tile, the other is stored, and filled with residuals.
// Stage A reads the bank, stage B adds (and writes a psum that is not final), stage C requantises and
// writes. A psum is written in the cycle after its read, so even folds of two cycles never collide.
//
// No handshake: a value may come every cycle. a_valid marks its address; the value itself, bias and shift are there one
// cycle later, an activation is written two cycles later. pack_word answers one cycle after pack_read. A scattered word
// is written at once and wins over the edge's own in the same half: none comes while the edge writes there.
`default_nettype none

module limen_edge #(
    parameter ACC_BITS = 20,    // accumulator width, 2..48; sums wrap modulo 2^ACC_BITS
    parameter VALUE_BITS = 13,  // width of what leaves the array, 1 at least
    parameter DEPTH = 256,      // words of each half of the ofmap bank, 1..65536
    parameter Y_BITS = 9        // width of the signed activation limits: one more than an activation, 3..17
) (
    input  wire                   clk,
    input  wire                   rst,
    // stage A
    input  wire                   a_valid,
    input  wire                   half,       // of the present tile
    input  wire                   a_first,    // first K fold: start from the bias
    input  wire                   a_last,     // last K fold: requantise
    input  wire [15:0]            a_addr,
    // stage B
    input  wire [VALUE_BITS-1:0]  b_value,
    input  wire [ACC_BITS-1:0]    b_bias,
    input  wire [4:0]             b_shift,
    // layer constants
    input  wire                   raw,
    input  wire [Y_BITS-1:0]      y_low,
    input  wire [Y_BITS-1:0]      y_high,
    input  wire                   residual,   // the bank holds a residual, which the first K fold adds to the bias
    // the other half
    input  wire                   pack_read,
    input  wire [15:0]            pack_addr,
    output wire [ACC_BITS-1:0]    pack_word,
    input  wire                   scatter_write,
    input  wire                   scatter_half,
    input  wire [15:0]            scatter_addr,
    input  wire [ACC_BITS-1:0]    scatter_data
);
    generate
        if (VALUE_BITS < 1) begin : g_wrong
            limen_wrong_parameter value_bits_are_1_at_least ();
        end
    endgenerate

    reg b_valid_reg;
    reg b_first_reg;
    reg b_last_reg;
    reg [15:0] b_addr_reg;
    reg c_valid_reg;
    reg [15:0] c_addr_reg;
    reg [ACC_BITS-1:0] c_acc_reg;
    reg [4:0] c_shift_reg;

    wire [ACC_BITS-1:0] value;
    wire [ACC_BITS-1:0] y;
    limen_resize #(.FROM_BITS(VALUE_BITS), .TO_BITS(ACC_BITS)) resize (.in(b_value), .out(value));

    wire [2*ACC_BITS-1:0] words;
    wire [ACC_BITS-1:0] word = half ? words[ACC_BITS +: ACC_BITS] : words[0 +: ACC_BITS];
    assign pack_word = half ? words[0 +: ACC_BITS] : words[ACC_BITS +: ACC_BITS];
    wire [ACC_BITS-1:0] held = b_first_reg & ~residual ? {ACC_BITS{1'b0}} : word;
    wire [ACC_BITS-1:0] sum = (b_first_reg ? b_bias : {ACC_BITS{1'b0}}) + held + value;

    limen_requantiser #(.ACC_BITS(ACC_BITS), .Y_BITS(Y_BITS)) requantiser (
        .acc(c_acc_reg), .shift(c_shift_reg), .raw(raw), .y_low(y_low), .y_high(y_high), .y(y)
    );

    wire edge_write = c_valid_reg | (b_valid_reg & ~b_last_reg);
    wire [15:0] edge_write_addr = c_valid_reg ? c_addr_reg : b_addr_reg;
    wire [ACC_BITS-1:0] edge_write_data = c_valid_reg ? y : sum;
    genvar h;
    generate
        for (h = 0; h < 2; h = h + 1) begin : g_half
            wire scattered = scatter_write && scatter_half == h;
            limen_bank #(.WIDTH(ACC_BITS), .DEPTH(DEPTH)) ofmap_bank (
                .clk(clk),
                .write_enable(scattered | (edge_write && half == h)),
                .write_addr(scattered ? scatter_addr : edge_write_addr),
                .write_data(scattered ? scatter_data : edge_write_data),
                .read_enable(half == h ? a_valid & (residual | ~a_first) : pack_read),
                .read_addr(half == h ? a_addr : pack_addr),
                .read_data(words[h*ACC_BITS +: ACC_BITS])
            );
        end
    endgenerate

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
