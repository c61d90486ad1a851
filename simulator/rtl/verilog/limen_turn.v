// What a column's edge keeps of the fold whose values pass it, where folds overlap.
//
// No handshake: begins_in is high one cycle before the fold's first value may reach stage A here; then whether the fold
// begins and ends sums, and whether the column counts, are taken from what all columns share, and stay until the next
// fold begins here. Bias and shift come, and are taken, one cycle later.
`default_nettype none

module limen_turn #(
    parameter CHANNEL_BITS = 25,  // bias and shift of a channel, 1 at least
    parameter KEEPS_CHANNEL = 1   // 0: under is, bias and shift pass by themselves
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire                     begins_in,     // of the column to the left
    input  wire                     first_shared,
    input  wire                     last_shared,
    input  wire                     used_shared,
    input  wire [CHANNEL_BITS-1:0]  channel_shared,
    output wire                     begins_out,
    output wire                     first,
    output wire                     last,
    output wire                     used,
    output wire [CHANNEL_BITS-1:0]  channel
);
    generate
        if (CHANNEL_BITS < 1 || KEEPS_CHANNEL < 0 || KEEPS_CHANNEL > 1) begin : g_wrong
            limen_wrong_parameter channel_bits_are_1_at_least_and_keeps_channel_0_or_1 ();
        end
    endgenerate

    reg begins_reg;
    reg [2:0] kept_reg;
    assign {first, last, used} = begins_reg ? {first_shared, last_shared, used_shared} : kept_reg;
    always @(posedge clk) begin
        begins_reg <= begins_in & ~rst;
        kept_reg <= {first, last, used};
    end
    assign begins_out = begins_reg;

    generate
        if (KEEPS_CHANNEL != 0) begin : g_kept
            reg begun_reg;
            reg [CHANNEL_BITS-1:0] channel_reg;
            always @(posedge clk) begin
                begun_reg <= begins_reg;
                channel_reg <= channel;
            end
            assign channel = begun_reg ? channel_shared : channel_reg;
        end else begin : g_passing
            assign channel = channel_shared;
        end
    endgenerate
endmodule

`default_nettype wire
