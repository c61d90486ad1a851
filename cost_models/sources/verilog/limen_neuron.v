// A neuron: its ops side by side, a balanced tree of adders, and a register for their sum.
//
// No handshake: a sum a cycle, one clock edge after its operands. limen_op_alone is limen_op of one op and one stage.
// No part of the machine: what an op costs where every synapse has hardware of its own.
`default_nettype none

module limen_neuron #(
    parameter OPS = 1,            // its one op: 1 threshold, 2 mac, 4 adder, 8 shift
    parameter X_BITS = 8,         // activation width
    parameter W_BITS = 8,         // threshold or weight width
    parameter X_SIGNED = 1,       // 0: unsigned activations (mac and shift only)
    parameter SYNAPSE_BITS = 9,   // W_BITS, plus one polarity bit for threshold
    parameter OP_BITS = 9,        // width of the op's result
    parameter SYNAPSES = 9,       // ops of the neuron, 2 or more
    parameter SUM_BITS = 13       // OP_BITS + ceil(log2(SYNAPSES)), which holds every sum
) (
    input  wire                              clk,
    input  wire [SYNAPSES*X_BITS-1:0]        x,
    input  wire [SYNAPSES*SYNAPSE_BITS-1:0]  synapse,
    output reg  [SUM_BITS-1:0]               sum
);
    generate
        if (SYNAPSES < 2 || SUM_BITS < OP_BITS || SYNAPSES > 1 << (SUM_BITS - OP_BITS)) begin : g_wrong
            limen_wrong_parameter synapses_are_2_at_least_and_sum_bits_hold_every_sum ();
        end
    endgenerate

    // A heap from node 1 on: node i is the sum of nodes 2i and 2i + 1, the last SYNAPSES nodes are the ops.
    wire [2*SYNAPSES*SUM_BITS-1:SUM_BITS] node;
    wire [SYNAPSES-1:0] carry;

    genvar i;
    generate
        for (i = 0; i < SYNAPSES; i = i + 1) begin : g_op
            wire [OP_BITS-1:0] addend;
            limen_op_alone #(
                .OPS(OPS), .X_BITS(X_BITS), .W_BITS(W_BITS), .X_SIGNED(X_SIGNED),
                .SYNAPSE_BITS(SYNAPSE_BITS), .OP_BITS(OP_BITS)
            ) op (
                .x(x[i*X_BITS +: X_BITS]), .synapse(synapse[i*SYNAPSE_BITS +: SYNAPSE_BITS]),
                .addend(addend), .carry(carry[i])
            );
            limen_resize #(.FROM_BITS(OP_BITS), .TO_BITS(SUM_BITS)) resize (
                .in(addend), .out(node[(SYNAPSES+i)*SUM_BITS +: SUM_BITS])
            );
        end
        // Each adder takes the carry of one op; the register takes the one that is left.
        for (i = 1; i < SYNAPSES; i = i + 1) begin : g_adder
            assign node[i*SUM_BITS +: SUM_BITS] =
                node[2*i*SUM_BITS +: SUM_BITS] + node[(2*i+1)*SUM_BITS +: SUM_BITS]
                + {{(SUM_BITS-1){1'b0}}, carry[i]};
        end
    endgenerate

    always @(posedge clk) sum <= node[SUM_BITS +: SUM_BITS] + {{(SUM_BITS-1){1'b0}}, carry[0]};
endmodule

`default_nettype wire
