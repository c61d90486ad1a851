// Sign-extends, or drops upper bits of, a two's complement value. Combinational, without a handshake.
//
// Dropping is exact where the receiver's sum is taken modulo its own width.
`default_nettype none

module limen_resize #(
    parameter FROM_BITS = 9,  // width of the input, 1 at least
    parameter TO_BITS = 20    // width of the output, 1 at least
) (
    input  wire [FROM_BITS-1:0]  in,
    output wire [TO_BITS-1:0]    out
);
    generate
        if (TO_BITS > FROM_BITS) begin : g_extend
            assign out = {{(TO_BITS - FROM_BITS){in[FROM_BITS-1]}}, in};
        end else if (TO_BITS == FROM_BITS) begin : g_same
            assign out = in;
        end else begin : g_drop
            assign out = in[TO_BITS-1:0];
            wire unused = &{1'b0, in[FROM_BITS-1:TO_BITS]};
        end
    endgenerate
endmodule

`default_nettype wire
