// Weight-stationary PE of two pipeline stages; as limen_pe_stationary, which has one, but for the register in between.
//
// No part of the machine yet. A column's psums start one cycle later, all together.
`default_nettype none

module limen_pe_ws_staged #(
    parameter OP = 0,             // 0: threshold, 1: mac, 2: adder, 3: shift
    parameter X_BITS = 8,         // activation width
    parameter W_BITS = 8,         // threshold or weight width
    parameter X_SIGNED = 1,       // 0: unsigned activations (mac and shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit for threshold
    parameter OP_BITS = 9,        // width of the op's result
    parameter PSUM_BITS = 13,     // OP_BITS + ceil(log2 rows): R terms always fit
    parameter ZERO_GATING = 0     // 1: operands of the op stay while x is 0, and nothing is added (mac and shift only)
) (
    input  wire                     clk,
    input  wire                     preload,     // shift the synapses down one row
    input  wire [X_BITS-1:0]        moving_in,
    input  wire [SYNAPSE_BITS-1:0]  still_in,    // synapse of the PE above
    input  wire [PSUM_BITS-1:0]     psum_in,     // partial sum of the PE above
    output wire [X_BITS-1:0]        moving_out,
    output wire [SYNAPSE_BITS-1:0]  still_out,
    output wire [PSUM_BITS-1:0]     psum_out
);
    reg [X_BITS-1:0] moving_reg;
    reg [SYNAPSE_BITS-1:0] still_reg;
    reg [PSUM_BITS-1:0] psum_reg;

    wire [OP_BITS-1:0] addend;
    wire carry;
    wire live;

    limen_op_staged #(
        .OP(OP), .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
        .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS), .ZERO_GATING(ZERO_GATING), .SYNAPSE_STAYS(1)
    ) op (
        .clk(clk), .x(moving_in), .synapse(still_reg), .addend(addend), .carry(carry), .live(live)
    );

    wire [PSUM_BITS-1:0] addend_extended;
    limen_resize #(.FROM_BITS(OP_BITS), .TO_BITS(PSUM_BITS)) resize (.in(addend), .out(addend_extended));

    wire [PSUM_BITS-1:0] sum = psum_in + addend_extended + {{(PSUM_BITS - 1){1'b0}}, carry};

    always @(posedge clk) begin
        moving_reg <= moving_in;
        if (preload) still_reg <= still_in;
        psum_reg <= live ? sum : psum_in;
    end

    assign moving_out = moving_reg;
    assign still_out = still_reg;
    assign psum_out = psum_reg;
endmodule

`default_nettype wire
