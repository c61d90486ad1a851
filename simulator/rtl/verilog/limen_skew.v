// Delay line: what enters leaves DEPTH cycles later. Lane i of the array gets its operands i cycles late.
//
// No handshake and no reset: a word every cycle. With DEPTH 0 it is a wire.
`default_nettype none

module limen_skew #(
    parameter WIDTH = 8,  // bits, 1 at least
    parameter DEPTH = 1   // cycles, 0 and up
) (
    input  wire              clk,
    input  wire [WIDTH-1:0]  in,
    output wire [WIDTH-1:0]  out
);
    generate
        if (WIDTH < 1 || DEPTH < 0) begin : g_wrong
            limen_wrong_parameter width_is_1_at_least_and_depth_0_and_up ();
        end

        if (DEPTH == 0) begin : g_wire
            assign out = in;
            wire unused = &{1'b0, clk};
        end else begin : g_line
            reg [WIDTH-1:0] line_reg [0:DEPTH-1];
            integer i;
            always @(posedge clk) begin
                line_reg[0] <= in;
                for (i = 1; i < DEPTH; i = i + 1) line_reg[i] <= line_reg[i-1];
            end
            assign out = line_reg[DEPTH-1];
        end
    endgenerate
endmodule

`default_nettype wire
