// Output-stationary PE: operands move right and down, the accumulator stays until it drains downwards.
//
// No handshake: in every cycle operands come in, go on to the neighbours a cycle later, and their result is added; with
// two stages one cycle later still. Operands that add nothing stand for none. While drain is high, the accumulator takes
// that of the PE above instead.
`default_nettype none

module limen_pe_os #(
    parameter OPS = 1,            // which ops there are, bit by bit: 1 threshold, 2 mac, 4 adder, 8 shift
    parameter STAGES = 1,         // pipeline stages of the op and its addition, 1 or 2
    parameter ZERO_GATING = 0,    // 1: operands of the op stay while x is 0, and nothing is added (see limen_op)
    parameter X_BITS = 8,         // activation width, 2..16
    parameter W_BITS = 8,         // threshold or weight width, 2..16
    parameter X_SIGNED = 1,       // 0: unsigned activations (mac and shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit where threshold is there
    parameter OP_BITS = 9,        // width of the widest op's result
    parameter ACC_BITS = 20       // accumulator width, 2 at least; sums wrap modulo 2^ACC_BITS
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire [1:0]               op_select,    // the layer's op; stays while a tile is computed
    input  wire                     drain,        // shift accumulators down instead of accumulating
    input  wire [X_BITS-1:0]        x_in,
    input  wire [SYNAPSE_BITS-1:0]  synapse_in,
    input  wire [ACC_BITS-1:0]      acc_in,       // accumulator of the PE above
    output wire [X_BITS-1:0]        x_out,
    output wire [SYNAPSE_BITS-1:0]  synapse_out,
    output wire [ACC_BITS-1:0]      acc_out
);
    generate
        if (ACC_BITS < 2) begin : g_wrong
            limen_wrong_parameter acc_bits_are_2_at_least ();
        end
    endgenerate

    reg [X_BITS-1:0] x_reg;
    reg [SYNAPSE_BITS-1:0] synapse_reg;
    reg [ACC_BITS-1:0] acc_reg;

    wire [OP_BITS-1:0] addend;
    wire carry;
    wire live;
    wire [ACC_BITS-1:0] addend_extended;

    limen_op #(
        .OPS(OPS), .STAGES(STAGES), .ZERO_GATING(ZERO_GATING), .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
        .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
    ) op (
        .clk(clk), .op_select(op_select), .x(x_in), .synapse(synapse_in), .addend(addend), .carry(carry), .live(live)
    );

    limen_resize #(.FROM_BITS(OP_BITS), .TO_BITS(ACC_BITS)) resize (.in(addend), .out(addend_extended));

    wire [ACC_BITS-1:0] sum = acc_reg + addend_extended + {{(ACC_BITS - 1){1'b0}}, carry};
    wire [ACC_BITS-1:0] acc_next = drain ? acc_in : STAGES == 1 ? sum : live ? sum : acc_reg;  // one stage always is live

    always @(posedge clk) begin
        x_reg <= x_in;
        synapse_reg <= synapse_in;
        // Only the accumulator needs a known start: draining refills it with zeros afterwards.
        acc_reg <= rst ? {ACC_BITS{1'b0}} : acc_next;
    end

    assign x_out = x_reg;
    assign synapse_out = synapse_reg;
    assign acc_out = acc_reg;
endmodule

`default_nettype wire
