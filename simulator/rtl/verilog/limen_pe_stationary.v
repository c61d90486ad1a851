// Stationary PE of the dataflows ws (the synapse stays) and is (the activation stays).
//
// No handshake: while preload is high, the stationary operand shifts in from above. In every cycle the moving operand
// comes in and goes on to the right a cycle later, and the psum goes on downwards a row a cycle, with the operands'
// result added; with two stages the operands come one cycle before the psum that they are added to.
`default_nettype none

module limen_pe_stationary #(
    parameter OPS = 1,            // which ops there are, bit by bit: 1 threshold, 2 mac, 4 adder, 8 shift
    parameter STAGES = 1,         // pipeline stages of the op and its addition, 1 or 2
    parameter ZERO_GATING = 0,    // 1: operands of the op stay while x is 0, and nothing is added (see limen_op)
    parameter X_BITS = 8,         // activation width, 2..16
    parameter W_BITS = 8,         // threshold or weight width, 2..16
    parameter X_SIGNED = 1,       // 0: unsigned activations (mac and shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit where threshold is there
    parameter OP_BITS = 9,        // width of the widest op's result
    parameter PSUM_BITS = 13,     // OP_BITS + ceil(log2 rows): R terms always fit
    parameter X_STAYS = 0,        // 0: ws, 1: is
    parameter STILL_BITS = 9,     // width of the stationary operand: SYNAPSE_BITS (is: X_BITS)
    parameter MOVING_BITS = 8     // width of the moving operand: X_BITS (is: SYNAPSE_BITS)
) (
    input  wire                    clk,
    input  wire [1:0]              op_select,   // the layer's op; stays while a tile is computed
    input  wire                    preload,     // shift the stationary operands down one row
    input  wire [MOVING_BITS-1:0]  moving_in,
    input  wire [STILL_BITS-1:0]   still_in,    // stationary operand of the PE above
    input  wire [PSUM_BITS-1:0]    psum_in,     // partial sum of the PE above
    output wire [MOVING_BITS-1:0]  moving_out,
    output wire [STILL_BITS-1:0]   still_out,
    output wire [PSUM_BITS-1:0]    psum_out
);
    generate
        if (STILL_BITS != (X_STAYS != 0 ? X_BITS : SYNAPSE_BITS)
            || MOVING_BITS != (X_STAYS != 0 ? SYNAPSE_BITS : X_BITS) || PSUM_BITS < OP_BITS) begin : g_wrong
            limen_wrong_parameter operands_are_x_and_synapse_and_psum_bits_hold_a_result ();
        end
    endgenerate

    reg [MOVING_BITS-1:0] moving_reg;
    reg [STILL_BITS-1:0] still_reg;
    reg [PSUM_BITS-1:0] psum_reg;

    wire [X_BITS-1:0] x;
    wire [SYNAPSE_BITS-1:0] synapse;
    wire [OP_BITS-1:0] addend;
    wire carry;
    wire live;
    wire [PSUM_BITS-1:0] addend_extended;

    generate
        if (X_STAYS != 0) begin : g_is
            assign x = still_reg;
            assign synapse = moving_in;
        end else begin : g_ws
            assign x = moving_in;
            assign synapse = still_reg;
        end
    endgenerate

    limen_op #(
        .OPS(OPS), .STAGES(STAGES), .ZERO_GATING(ZERO_GATING), .X_STAYS(X_STAYS), .SYNAPSE_STAYS(X_STAYS == 0 ? 1 : 0),
        .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED), .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
    ) op (
        .clk(clk), .op_select(op_select), .x(x), .synapse(synapse), .addend(addend), .carry(carry), .live(live)
    );

    limen_resize #(.FROM_BITS(OP_BITS), .TO_BITS(PSUM_BITS)) resize (.in(addend), .out(addend_extended));

    wire [PSUM_BITS-1:0] sum = psum_in + addend_extended + {{(PSUM_BITS - 1){1'b0}}, carry};
    wire [PSUM_BITS-1:0] psum_next = STAGES == 1 ? sum : live ? sum : psum_in;  // one stage always is live

    always @(posedge clk) begin
        moving_reg <= moving_in;
        if (preload) still_reg <= still_in;
        psum_reg <= psum_next;
    end

    assign moving_out = moving_reg;
    assign still_out = still_reg;
    assign psum_out = psum_reg;
endmodule

`default_nettype wire
