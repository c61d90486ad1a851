// Feeder of one array lane: its operand bank, and the neutral operand wherever there is no valid one.
//
// Neutral operands make K tails and skew bubbles contribute exactly nothing.
`default_nettype none

module limen_feeder #(
    parameter WIDTH = 8,                     // operand width
    parameter ADDR_BITS = 8,                 // operand bank depth is 2^ADDR_BITS words
    parameter [WIDTH-1:0] NEUTRAL = 0        // operand that contributes nothing
) (
    input  wire                  clk,
    input  wire                  load_enable,   // host side: fill the bank
    input  wire [ADDR_BITS-1:0]  load_addr,
    input  wire [WIDTH-1:0]      load_data,
    input  wire                  valid,         // array side: one cycle before the operand
    input  wire [ADDR_BITS-1:0]  addr,
    output wire [WIDTH-1:0]      operand
);
    reg valid_reg;
    wire [WIDTH-1:0] word;

    limen_bank #(.WIDTH(WIDTH), .ADDR_BITS(ADDR_BITS)) bank (
        .clk(clk),
        .write_enable(load_enable), .write_addr(load_addr), .write_data(load_data),
        .read_addr(addr), .read_data(word)
    );

    always @(posedge clk) valid_reg <= valid;

    assign operand = valid_reg ? word : NEUTRAL;
endmodule

`default_nettype wire
