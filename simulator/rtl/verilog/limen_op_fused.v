// Several ops in one PE: a unit each, and the choice among their results.
`default_nettype none

module limen_op_fused #(
    parameter OPS = 3,            // which ops there are, bit by bit: 1 threshold, 2 mac, 4 adder, 8 shift
    parameter X_BITS = 8,         // activation width
    parameter W_BITS = 8,         // threshold or weight width; a shift weight has 5 bits of it at most
    parameter X_SIGNED = 1,       // 0: unsigned activations (mac and shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit where threshold is there
    parameter OP_BITS = 16        // width of the widest op's result
) (
    input  wire [1:0]               op_select,  // 0: threshold, 1: mac, 2: adder, 3: shift; one that is there
    input  wire [X_BITS-1:0]        x,
    input  wire [SYNAPSE_BITS-1:0]  synapse,
    output wire [OP_BITS-1:0]       addend,
    output wire                     carry
);
    localparam HAS_THRESHOLD = OPS % 2;
    localparam HAS_MAC = OPS / 2 % 2;
    localparam HAS_ADDER = OPS / 4 % 2;
    localparam HAS_SHIFT = OPS / 8;
    localparam DIFFERENCE_BITS = (X_BITS > W_BITS ? X_BITS : W_BITS) + 1;
    localparam SHIFT_W_BITS = W_BITS < 5 ? W_BITS : 5;
    localparam SHIFTED_BITS = X_BITS + (1 << (SHIFT_W_BITS - 1)) - 1;

    // Each {carry, addend}.
    wire [OP_BITS:0] of_threshold;
    wire [OP_BITS:0] of_mac;
    wire [OP_BITS:0] of_adder;
    wire [OP_BITS:0] of_shift;
    generate
        if (HAS_THRESHOLD != 0) begin : g_threshold
            wire [DIFFERENCE_BITS-1:0] own;
            limen_op_threshold #(.X_BITS(X_BITS), .W_BITS(W_BITS)) op (
                .x(x), .synapse(synapse), .addend(own), .carry(of_threshold[OP_BITS])
            );
            limen_resize #(.FROM_BITS(DIFFERENCE_BITS), .TO_BITS(OP_BITS)) resize (
                .in(own), .out(of_threshold[OP_BITS-1:0])
            );
        end else begin : g_no_threshold
            assign of_threshold = {(OP_BITS + 1){1'b0}};
        end
        if (HAS_MAC != 0) begin : g_mac
            wire [X_BITS+W_BITS-1:0] own;
            limen_op_mac #(.X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED)) op (
                .x(x), .synapse(synapse[W_BITS-1:0]), .addend(own), .carry(of_mac[OP_BITS])
            );
            limen_resize #(.FROM_BITS(X_BITS + W_BITS), .TO_BITS(OP_BITS)) resize (
                .in(own), .out(of_mac[OP_BITS-1:0])
            );
        end else begin : g_no_mac
            assign of_mac = {(OP_BITS + 1){1'b0}};
        end
        if (HAS_ADDER != 0) begin : g_adder
            wire [DIFFERENCE_BITS-1:0] own;
            limen_op_adder #(.X_BITS(X_BITS), .W_BITS(W_BITS)) op (
                .x(x), .synapse(synapse[W_BITS-1:0]), .addend(own), .carry(of_adder[OP_BITS])
            );
            limen_resize #(.FROM_BITS(DIFFERENCE_BITS), .TO_BITS(OP_BITS)) resize (
                .in(own), .out(of_adder[OP_BITS-1:0])
            );
        end else begin : g_no_adder
            assign of_adder = {(OP_BITS + 1){1'b0}};
        end
        if (HAS_SHIFT != 0) begin : g_shift
            wire [SHIFTED_BITS-1:0] own;
            limen_op_shift #(.X_BITS(X_BITS), .W_BITS(SHIFT_W_BITS), .X_SIGNED(X_SIGNED)) op (
                .x(x), .synapse(synapse[SHIFT_W_BITS-1:0]), .addend(own), .carry(of_shift[OP_BITS])
            );
            limen_resize #(.FROM_BITS(SHIFTED_BITS), .TO_BITS(OP_BITS)) resize (
                .in(own), .out(of_shift[OP_BITS-1:0])
            );
        end else begin : g_no_shift
            assign of_shift = {(OP_BITS + 1){1'b0}};
        end
    endgenerate

    // The last op that is there needs no comparison: nothing else is left.
    assign {carry, addend} =
        HAS_THRESHOLD != 0 && op_select == 2'd0 ? of_threshold :
        HAS_MAC != 0 && (op_select == 2'd1 || OPS < 4) ? of_mac :
        HAS_ADDER != 0 && (op_select == 2'd2 || OPS < 8) ? of_adder : of_shift;
endmodule

`default_nettype wire
