// One step of a tag's walk along the lanes: a valid bit and an address, one cycle later.
//
// No handshake: what comes in goes out with the next clock edge. Under reset the valid bit is cleared; the address is
// for nobody without it.
`default_nettype none

module limen_tag #(
    parameter ADDR_BITS = 8  // width of the address, 1 at least
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  valid_in,
    input  wire [ADDR_BITS-1:0]  addr_in,
    output wire                  valid_out,
    output wire [ADDR_BITS-1:0]  addr_out
);
    generate
        if (ADDR_BITS < 1) begin : g_wrong
            limen_wrong_parameter addr_bits_are_1_at_least ();
        end
    endgenerate

    reg valid_reg;
    reg [ADDR_BITS-1:0] addr_reg;

    always @(posedge clk) begin
        valid_reg <= valid_in & ~rst;
        addr_reg <= addr_in;
    end

    assign valid_out = valid_reg;
    assign addr_out = addr_reg;
endmodule

`default_nettype wire
