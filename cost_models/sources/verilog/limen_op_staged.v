// An op with a register: behind it, or with ZERO_GATING before it. Its result comes one clock edge after its operands.
`default_nettype none

module limen_op_staged #(
    parameter OP = 0,
    parameter X_BITS = 8,
    parameter W_BITS = 8,
    parameter X_SIGNED = 1,
    parameter SYNAPSE_BITS = 9,
    parameter OP_BITS = 9,
    parameter ZERO_GATING = 0,
    parameter SYNAPSE_STAYS = 0   // 1: the synapse needs no register to stay
) (
    input  wire                     clk,
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry,
    output wire                     live          // 0: the result is one of earlier operands; add nothing
);
    wire [X_BITS-1:0] op_x;
    wire [SYNAPSE_BITS-1:0] op_synapse;
    wire [OP_BITS-1:0] op_addend;
    wire op_carry;

    limen_op #(
        .OP(OP), .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
        .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
    ) op (
        .x(op_x), .synapse(op_synapse), .addend(op_addend), .carry(op_carry)
    );

    generate
        if (ZERO_GATING != 0) begin : g_gated
            reg [X_BITS-1:0] held_x;
            reg live_reg;
            wire now_live = x != {X_BITS{1'b0}};
            always @(posedge clk) begin
                if (now_live) held_x <= x;
                live_reg <= now_live;
            end
            if (SYNAPSE_STAYS != 0) begin : g_stays
                assign op_synapse = synapse;
            end else begin : g_held
                reg [SYNAPSE_BITS-1:0] held_synapse;
                always @(posedge clk) if (now_live) held_synapse <= synapse;
                assign op_synapse = held_synapse;
            end
            assign op_x = held_x;
            assign addend = op_addend;
            assign carry = op_carry;
            assign live = live_reg;
        end else begin : g_plain
            reg [OP_BITS-1:0] addend_reg;
            reg carry_reg;
            always @(posedge clk) begin
                addend_reg <= op_addend;
                carry_reg <= op_carry;
            end
            assign op_x = x;
            assign op_synapse = synapse;
            assign addend = addend_reg;
            assign carry = carry_reg;
            assign live = 1'b1;
        end
    endgenerate
endmodule

`default_nettype wire
