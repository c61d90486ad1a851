// Requantiser: sat((acc + 2^(t-1)) >> t), no rounding at t = 0; raw layers pass through.
//
// (acc + 2^(t-1)) >> t equals (acc >> t) + bit t-1 of acc for every t, so no wide rounding adder is needed.
// Combinational, without a handshake.
`default_nettype none

module limen_requantiser #(
    parameter ACC_BITS = 20,  // accumulator width, 2..48
    parameter Y_BITS = 9      // width of the signed limits: one more than an activation, 3..17
) (
    input  wire [ACC_BITS-1:0]  acc,
    input  wire [4:0]           shift,   // t
    input  wire                 raw,     // last layer: write the accumulator itself
    input  wire [Y_BITS-1:0]    y_low,   // signed limits of the next layer's activations
    input  wire [Y_BITS-1:0]    y_high,
    output wire [ACC_BITS-1:0]  y
);
    // Formed one bit wider than the accumulator, and never narrower than the limits.
    localparam WIDE_BITS = (ACC_BITS > Y_BITS ? ACC_BITS : Y_BITS) + 1;

    generate
        if (ACC_BITS < 2 || ACC_BITS > 48 || Y_BITS < 3 || Y_BITS > 17) begin : g_wrong
            limen_wrong_parameter acc_bits_are_2_to_48_and_y_bits_3_to_17 ();
        end
    endgenerate

    wire signed [WIDE_BITS-1:0] wide;
    wire signed [WIDE_BITS-1:0] low;
    wire signed [WIDE_BITS-1:0] high;
    limen_resize #(.FROM_BITS(ACC_BITS), .TO_BITS(WIDE_BITS)) resize_acc (.in(acc), .out(wide));
    limen_resize #(.FROM_BITS(Y_BITS), .TO_BITS(WIDE_BITS)) resize_low (.in(y_low), .out(low));
    limen_resize #(.FROM_BITS(Y_BITS), .TO_BITS(WIDE_BITS)) resize_high (.in(y_high), .out(high));

    wire [WIDE_BITS:0] doubled = {wide, 1'b0};                 // bit t of it is bit t-1 of acc, or 0
    wire signed [WIDE_BITS:0] shifted = $signed(doubled) >>> shift;
    wire signed [WIDE_BITS-1:0] rounded = shifted[WIDE_BITS:1] + {{(WIDE_BITS - 1){1'b0}}, shifted[0]};
    wire signed [WIDE_BITS-1:0] clamped = rounded < low ? low : rounded > high ? high : rounded;

    assign y = raw ? acc : clamped[ACC_BITS-1:0];
    wire unused = &{1'b0, clamped[WIDE_BITS-1:ACC_BITS]};
endmodule

`default_nettype wire
