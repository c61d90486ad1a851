// On-chip memory with one write and one synchronous read port (read data one cycle after the address).
`default_nettype none

module limen_bank #(
    parameter WIDTH = 8,      // bits a word
    parameter DEPTH = 256,    // words
    parameter ADDR_BITS = 16  // width of the address ports; addresses are below DEPTH wherever it matters
) (
    input  wire                  clk,
    input  wire                  write_enable,
    input  wire [ADDR_BITS-1:0]  write_addr,
    input  wire [WIDTH-1:0]      write_data,
    input  wire                  read_enable,  // without it, read_data stays
    input  wire [ADDR_BITS-1:0]  read_addr,
    output reg  [WIDTH-1:0]      read_data
);
    localparam BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    reg [WIDTH-1:0] words [0:DEPTH-1];

    always @(posedge clk) begin
        if (write_enable) words[write_addr[BITS-1:0]] <= write_data;
        if (read_enable) read_data <= words[read_addr[BITS-1:0]];
    end
    wire unused = &{1'b0, write_addr, read_addr};
endmodule

`default_nettype wire
