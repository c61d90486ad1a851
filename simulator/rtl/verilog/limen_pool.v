// Max pooling: the largest of a window's words, lane by lane.
//
// A word is taken in every cycle in which word_valid and enable are high; there is no ready. One cycle after a window's
// last word out_valid rises, and it stays with the largest until out_taken: no words may come meanwhile. start, high
// for one cycle, drops what was under way.
`default_nettype none

module limen_pool #(
    parameter FEEDER = 4,   // channels a word, 1 at least
    parameter X_BITS = 8,   // activation width, 2..16
    parameter X_SIGNED = 1  // 1: activations are signed; 0: unsigned
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire                      start,
    input  wire                      enable,      // the layer pools
    input  wire [X_BITS-1:0]         lowest,      // of the layer's own format, which may be narrower than X_BITS
    // words of the window
    input  wire                      word_valid,
    input  wire                      word_inside, // outside there is nothing: it never wins
    input  wire                      word_first,
    input  wire                      word_last,
    input  wire [FEEDER*X_BITS-1:0]  word,
    // the largest
    output wire                      out_valid,
    output wire [FEEDER*X_BITS-1:0]  out,
    input  wire                      out_taken
);
    generate
        if (FEEDER < 1 || X_BITS < 2 || X_SIGNED < 0 || X_SIGNED > 1) begin : g_wrong
            limen_wrong_parameter feeder_is_1_at_least_and_x_bits_2_and_x_signed_0_or_1 ();
        end
    endgenerate

    reg [FEEDER*X_BITS-1:0] best_reg;
    reg out_valid_reg;
    assign out = best_reg;
    assign out_valid = out_valid_reg;

    genvar e;
    generate
        for (e = 0; e < FEEDER; e = e + 1) begin : g_lane
            wire [X_BITS-1:0] best = word_first ? lowest : best_reg[e*X_BITS +: X_BITS];
            wire [X_BITS-1:0] fresh = word_inside ? word[e*X_BITS +: X_BITS] : lowest;
            wire signed [X_BITS:0] best_extended = {(X_SIGNED != 0) & best[X_BITS-1], best};
            wire signed [X_BITS:0] fresh_extended = {(X_SIGNED != 0) & fresh[X_BITS-1], fresh};
            always @(posedge clk) if (word_valid & enable)
                best_reg[e*X_BITS +: X_BITS] <= fresh_extended > best_extended ? fresh : best;
        end
    endgenerate

    always @(posedge clk) begin
        if (out_taken) out_valid_reg <= 1'b0;
        if (word_valid & word_last & enable) out_valid_reg <= 1'b1;
        if (start || rst) out_valid_reg <= 1'b0;
    end
endmodule

`default_nettype wire
