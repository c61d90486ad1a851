// On-chip memory with one write and one synchronous read port.
//
// No handshake: write_enable and read_enable say what happens at the clock edge, in both ports at once. read_data
// answers one cycle after the address and stays until the next read; of a word that is being written it is what was
// there before.
`default_nettype none

module limen_bank #(
    parameter WIDTH = 8,      // bits a word, 1 at least
    parameter DEPTH = 256,    // words, 0..2^ADDR_BITS; 0 where no network of the design stores any
    parameter ADDR_BITS = 16  // width of the address ports, 1 at least; addresses are below DEPTH wherever it matters
) (
    input  wire                  clk,
    input  wire                  write_enable,
    input  wire [ADDR_BITS-1:0]  write_addr,
    input  wire [WIDTH-1:0]      write_data,
    input  wire                  read_enable,  // without it, read_data stays
    input  wire [ADDR_BITS-1:0]  read_addr,
    output wire [WIDTH-1:0]      read_data
);
    localparam BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    generate
        if (WIDTH < 1 || DEPTH < 0 || BITS > ADDR_BITS) begin : g_wrong
            limen_wrong_parameter width_is_1_at_least_and_addr_bits_reach_every_word ();
        end
    endgenerate

    reg [WIDTH-1:0] words [0:DEPTH-1];
    reg [WIDTH-1:0] read_data_reg;

    always @(posedge clk) begin
        if (write_enable) words[write_addr[BITS-1:0]] <= write_data;
        if (read_enable) read_data_reg <= words[read_addr[BITS-1:0]];
    end

    assign read_data = read_data_reg;
    wire unused = &{1'b0, write_addr, read_addr};
endmodule

`default_nettype wire
