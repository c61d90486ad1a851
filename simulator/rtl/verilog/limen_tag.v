// One step of a tag's walk along the lanes: a valid bit and an address, one cycle later.
`default_nettype none

module limen_tag #(
    parameter ADDR_BITS = 8  // width of the address
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  valid_in,
    input  wire [ADDR_BITS-1:0]  addr_in,
    output reg                   valid_out,
    output reg  [ADDR_BITS-1:0]  addr_out
);
    always @(posedge clk) begin
        valid_out <= valid_in & ~rst;
        addr_out <= addr_in;
    end
endmodule

`default_nettype wire
