// The op of a PE: one of a set, chosen when the hardware is built; of several, op_select chooses while it runs.
//
// No handshake: an operation a cycle. With one stage it is combinational, the result is that of the operands as they
// are now; with two it is that of the operands of the clock edge before, from a register behind the op, or with
// ZERO_GATING before it. Nothing is reset: what comes out before operands came in is for nobody.
// The result is an addend and a carry, value = addend + carry: the adder that takes it does the rest of a negation.
//
// Two stages are one stage and a register, several ops are one op each and a choice. One op is a module of its own; all
// have the same parameters and ports. Bit N of OPS is the op of number N.
`default_nettype none

module limen_op #(
    parameter OPS = 1,            // which ops there are, bit by bit: 1 threshold, 2 mac, 4 adder, 8 shift
    parameter STAGES = 1,         // pipeline stages, 1 or 2
    parameter ZERO_GATING = 0,    // 1: operands of the op stay while x is 0 (two stages; mac and shift only)
    parameter X_STAYS = 0,        // 1: x stays of itself while operands come: gating needs no register for it
    parameter SYNAPSE_STAYS = 0,  // 1: the same of the synapse
    parameter X_BITS = 8,         // activation width, 2..16
    parameter W_BITS = 8,         // threshold or weight width, 2..16
    parameter X_SIGNED = 1,       // 0: unsigned activations (mac and shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit where threshold is there
    parameter OP_BITS = 9         // width of the widest op's result
) (
    input  wire                     clk,        // of two stages only
    input  wire [1:0]               op_select,  // number of an op that is there, or anything where it is the only one
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry,
    output wire                     live        // 0: the result is one of earlier operands; add nothing
);
    localparam THRESHOLD = 1;
    localparam MAC = 2;
    localparam ADDER = 4;
    localparam SHIFT = 8;
    localparam COUNT = $clog2(OPS + 1);  // numbers up to the last op that is there
    localparam SEVERAL = OPS & (OPS - 1);
    localparam [31:0] THERE = OPS;

    genvar i;
    generate
        if (OPS < 1 || OPS > (THRESHOLD | MAC | ADDER | SHIFT)) begin : g_wrong_ops
            limen_wrong_parameter ops_is_a_set_of_ops ();
        end
        if (STAGES < 1 || STAGES > 2) begin : g_wrong_stages
            limen_wrong_parameter stages_are_1_or_2 ();
        end
        if (ZERO_GATING != 0 && (STAGES != 2 || (OPS & (THRESHOLD | ADDER)) != 0)) begin : g_wrong_gating
            limen_wrong_parameter zero_gating_takes_two_stages_of_mac_or_shift ();
        end

        if (STAGES == 2) begin : g_two_stages
            wire [X_BITS-1:0] op_x;
            wire [SYNAPSE_BITS-1:0] op_synapse;
            wire [OP_BITS-1:0] op_addend;
            wire op_carry;
            wire unused_live;
            limen_op #(
                .OPS(OPS), .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
                .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
            ) op (
                .clk(clk), .op_select(op_select), .x(op_x), .synapse(op_synapse),
                .addend(op_addend), .carry(op_carry), .live(unused_live)
            );

            if (ZERO_GATING != 0) begin : g_gated
                reg [X_BITS-1:0] x_reg;  // nothing reads it where x stays
                reg live_reg;
                wire live_next = x != {X_BITS{1'b0}};
                always @(posedge clk) begin
                    if (live_next) x_reg <= x;
                    live_reg <= live_next;
                end
                if (SYNAPSE_STAYS != 0) begin : g_stays
                    assign op_synapse = synapse;
                end else begin : g_held
                    reg [SYNAPSE_BITS-1:0] synapse_reg;
                    always @(posedge clk) if (live_next) synapse_reg <= synapse;
                    assign op_synapse = synapse_reg;
                end
                assign op_x = X_STAYS != 0 ? x : x_reg;
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
        end else if (SEVERAL != 0) begin : g_several
            for (i = 0; i < COUNT; i = i + 1) begin : g_op
                localparam [31:0] NUMBER = i;
                wire [OP_BITS:0] chosen;  // {carry, addend} of this op or of one behind it
                if (!THERE[i]) begin : g_none
                    assign chosen = g_op[i+1].chosen;
                end else begin : g_there
                    wire [OP_BITS:0] result;
                    wire unused_live;
                    limen_op #(
                        .OPS(1 << i), .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
                        .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
                    ) op (
                        .clk(clk), .op_select(op_select), .x(x), .synapse(synapse),
                        .addend(result[OP_BITS-1:0]), .carry(result[OP_BITS]), .live(unused_live)
                    );
                    // The last op needs no comparison: nothing else is left.
                    if (i == COUNT - 1) begin : g_last
                        assign chosen = result;
                    end else begin : g_choice
                        assign chosen = op_select == NUMBER[1:0] ? result : g_op[i+1].chosen;
                    end
                end
            end
            assign {carry, addend} = g_op[0].chosen;
            assign live = 1'b1;
        end else begin : g_one
            case (OPS)
                THRESHOLD: begin : g_threshold
                    limen_op_threshold #(
                        .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
                        .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
                    ) op (.x(x), .synapse(synapse), .addend(addend), .carry(carry));
                end
                MAC: begin : g_mac
                    limen_op_mac #(
                        .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
                        .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
                    ) op (.x(x), .synapse(synapse), .addend(addend), .carry(carry));
                end
                ADDER: begin : g_adder
                    limen_op_adder #(
                        .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
                        .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
                    ) op (.x(x), .synapse(synapse), .addend(addend), .carry(carry));
                end
                SHIFT: begin : g_shift
                    limen_op_shift #(
                        .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
                        .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
                    ) op (.x(x), .synapse(synapse), .addend(addend), .carry(carry));
                end
            endcase
            assign live = 1'b1;
        end
    endgenerate

    wire [2:0] unused = {clk, op_select};
endmodule

`default_nettype wire
