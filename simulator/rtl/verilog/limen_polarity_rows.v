// Row of the scratchpad of polarity beside each row of weights: as often another one as polarity depends on.
//
// No handshake: as limen_rows.
`default_nettype none

module limen_polarity_rows #(
    parameter DATAFLOW = 0,   // 0: os, 1: ws, 2: is
    parameter POLARITY = 0    // what a polarity bit depends on: 0: synapse, 1: input, 2: neuron; 3: it is generated
) (
    input  wire         clk,
    input  wire         start,
    input  wire         read,         // of weights
    input  wire         fold_ends,
    input  wire         block_ends,
    input  wire         group_ends,
    input  wire [15:0]  filter_row,   // the row of weights
    output wire [15:0]  row
);
    localparam WS = 1;
    localparam IS = 2;
    localparam POLARITY_INPUT = 1;
    localparam POLARITY_NEURON = 2;
    localparam POLARITY_GENERATED = 3;

    generate
        if (DATAFLOW < 0 || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_0_1_or_2 ();
        end
        if (POLARITY < 0 || POLARITY > POLARITY_GENERATED) begin : g_wrong_polarity
            limen_wrong_parameter polarity_is_0_to_3 ();
        end
        if (POLARITY == POLARITY_INPUT) begin : g_input
            limen_rows #(
                .PER_READ(DATAFLOW == IS ? 0 : 1), .BACK_FOLD(DATAFLOW == IS ? 0 : 1),
                .BACK_BLOCK(DATAFLOW == WS ? 0 : 1)
            ) rows (
                .clk(clk), .start(start), .read(read), .fold_ends(fold_ends), .block_ends(block_ends),
                .group_ends(group_ends), .step(16'd1), .row(row)
            );
            wire unused = &{1'b0, filter_row};
        end else if (POLARITY == POLARITY_NEURON) begin : g_neuron
            limen_rows #(
                .PER_READ(DATAFLOW == IS ? 1 : 0), .BACK_FOLD(DATAFLOW == IS ? 1 : 0), .BACK_BLOCK(1)
            ) rows (
                .clk(clk), .start(start), .read(read), .fold_ends(fold_ends), .block_ends(block_ends),
                .group_ends(group_ends), .step(16'd1), .row(row)
            );
            wire unused = &{1'b0, filter_row};
        end else begin : g_synapse
            assign row = filter_row;
            wire unused = &{1'b0, clk, start, read, fold_ends, block_ends, group_ends};
        end
    endgenerate
endmodule

`default_nettype wire
