// A PE's shadow, where folds overlap: the chain of preloads or drains runs through it, not through the PE.
//
// Under ws and is stationary operands shift down the shadows while the PE still uses its own; load_in has the PE take
// the shadow's. Under os load_in has the shadow take the PE's accumulator, and the drain shifts shadows down while the
// PE is at the next fold. No handshake: load_in and shift_in are of this cycle, and go on to the right a cycle later.
`default_nettype none

module limen_shadow #(
    parameter WIDTH = 8,  // bits, 1 at least
    parameter TAKES = 0   // 1: load_in takes what the PE has (os); 0: the PE takes what is here (ws, is)
) (
    input  wire              clk,
    input  wire              rst,
    input  wire              load_in,
    input  wire              shift_in,
    input  wire [WIDTH-1:0]  own,        // what the PE has
    input  wire [WIDTH-1:0]  above,      // the shadow above
    output wire              load_out,
    output wire              shift_out,
    output wire [WIDTH-1:0]  value
);
    generate
        if (WIDTH < 1 || TAKES < 0 || TAKES > 1) begin : g_wrong
            limen_wrong_parameter width_is_1_at_least_and_takes_0_or_1 ();
        end
    endgenerate

    reg load_reg;
    reg shift_reg;
    reg [WIDTH-1:0] value_reg;
    wire [WIDTH-1:0] value_next = TAKES != 0 && load_in ? own : shift_in ? above : value_reg;

    always @(posedge clk) begin
        load_reg <= load_in & ~rst;
        shift_reg <= shift_in & ~rst;
        value_reg <= value_next;
    end

    assign load_out = load_reg;
    assign shift_out = shift_reg;
    assign value = value_reg;

    generate
        if (TAKES == 0) begin : g_unused
            wire unused = &{1'b0, own};
        end
    endgenerate
endmodule

`default_nettype wire
