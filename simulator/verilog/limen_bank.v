// On-chip memory with one write and one synchronous read port (read data one cycle after the address).
`default_nettype none

module limen_bank #(
    parameter WIDTH = 8,      // bits a word
    parameter ADDR_BITS = 8   // depth is 2^ADDR_BITS words
) (
    input  wire                  clk,
    input  wire                  write_enable,
    input  wire [ADDR_BITS-1:0]  write_addr,
    input  wire [WIDTH-1:0]      write_data,
    input  wire [ADDR_BITS-1:0]  read_addr,
    output reg  [WIDTH-1:0]      read_data
);
    reg [WIDTH-1:0] words [0:(1 << ADDR_BITS)-1];

    always @(posedge clk) begin
        if (write_enable) words[write_addr] <= write_data;
        read_data <= words[read_addr];
    end
endmodule

`default_nettype wire
