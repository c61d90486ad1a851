// Parameters of limen_top that no machine can have: each is refused when the hardware is built, by a module that isn't
// there and is named after what would be right. Nothing is built of this module; it has no ports.
`default_nettype none

module limen_parameters #(
    parameter ROWS = 4,               // 1..256
    parameter COLS = 4,               // 1..256
    parameter DATAFLOW = 0,           // 0: os, 1: ws, 2: is
    parameter OP = 0,                 // 0: threshold, 1: mac, 2: adder, 3: shift; several: 16 + a bit each
    parameter OPS = 1,                // which ops there are, bit by bit: 1 threshold, 2 mac, 4 adder, 8 shift
    parameter STAGES = 1,             // 1 or 2
    parameter ZERO_GATING = 0,        // 0 or 1 (1: two stages of mac or shift)
    parameter OVERLAP = 0,            // 0 or 1
    parameter X_BITS = 8,             // 2..16
    parameter W_BITS = 8,             // 2..16 (shift alone: 2..5)
    parameter X_SIGNED = 1,           // 0 or 1 (threshold and adder: 1)
    parameter ACC_BITS = 20,          // X_BITS+1..48
    parameter POLARITY = 0,           // 0: synapse, 1: input, 2: neuron, 3: generated (without threshold: 0)
    parameter MATMUL = 0,             // 0 or 1
    parameter FEEDER = 4,             // 1, 2, 4, 8, 16 or 32
    parameter PORT_BITS = 64,         // 32, 64, 128, 256 or 512, at least FEEDER * X_BITS
    parameter IFMAP_DEPTH = 256,      // 1..65536
    parameter FILTER_DEPTH = 256,     // 1..65536
    parameter POLARITY_DEPTH = 256,   // 1..65536
    parameter CHANNEL_DEPTH = 16,     // 1..65536
    parameter OFMAP_DEPTH = 256,      // 1..65536
    parameter OPERAND_DEPTH = 256     // FEEDER..65536
) ();
    localparam THRESHOLD = 1;
    localparam ADDER = 4;
    localparam SHIFT = 8;
    localparam ALL_OPS = 15;
    localparam SEVERAL_OPS = 16;
    localparam MOST_W_BITS = OPS == SHIFT ? 5 : 16;  // beside another op, shift leaves bits of a weight alone
    localparam MOST_ROWS = 65536;                    // of a scratchpad half, as its addresses have 16 bits

    generate
        if (ROWS < 1 || ROWS > 256) begin : g_rows
            limen_wrong_parameter ROWS_is_1_to_256 ();
        end
        if (COLS < 1 || COLS > 256) begin : g_cols
            limen_wrong_parameter COLS_is_1_to_256 ();
        end
        if (DATAFLOW < 0 || DATAFLOW > 2) begin : g_dataflow
            limen_wrong_parameter DATAFLOW_is_0_to_2 ();
        end
        if (OP < 0 || OP > SEVERAL_OPS + ALL_OPS || (OP > 3 && OP <= SEVERAL_OPS)) begin : g_op
            limen_wrong_parameter OP_is_0_to_3_or_17_to_31 ();
        end
        if (STAGES < 1 || STAGES > 2) begin : g_stages
            limen_wrong_parameter STAGES_is_1_or_2 ();
        end
        if (ZERO_GATING < 0 || ZERO_GATING > 1
            || (ZERO_GATING != 0 && (STAGES != 2 || (OPS & (THRESHOLD | ADDER)) != 0))) begin : g_zero_gating
            limen_wrong_parameter ZERO_GATING_is_0_or_with_two_stages_of_mac_or_shift_1 ();
        end
        if (OVERLAP < 0 || OVERLAP > 1) begin : g_overlap
            limen_wrong_parameter OVERLAP_is_0_or_1 ();
        end
        if (X_BITS < 2 || X_BITS > 16) begin : g_x_bits
            limen_wrong_parameter X_BITS_is_2_to_16 ();
        end
        if (W_BITS < 2 || W_BITS > MOST_W_BITS) begin : g_w_bits
            limen_wrong_parameter W_BITS_is_2_to_16_and_of_shift_alone_at_most_5 ();
        end
        if (X_SIGNED < 0 || X_SIGNED > 1 || (X_SIGNED == 0 && (OPS & (THRESHOLD | ADDER)) != 0)) begin : g_x_signed
            limen_wrong_parameter X_SIGNED_is_0_or_1_and_of_threshold_and_adder_1 ();
        end
        if (ACC_BITS <= X_BITS || ACC_BITS > 48) begin : g_acc_bits
            limen_wrong_parameter ACC_BITS_is_more_than_X_BITS_and_at_most_48 ();
        end
        if (POLARITY < 0 || POLARITY > 3 || (POLARITY != 0 && (OPS & THRESHOLD) == 0)) begin : g_polarity
            limen_wrong_parameter POLARITY_is_0_to_3_and_without_threshold_0 ();
        end
        if (MATMUL < 0 || MATMUL > 1) begin : g_matmul
            limen_wrong_parameter MATMUL_is_0_or_1 ();
        end
        if (FEEDER < 1 || FEEDER > 32 || (FEEDER & (FEEDER - 1)) != 0) begin : g_feeder
            limen_wrong_parameter FEEDER_is_a_power_of_two_up_to_32 ();
        end
        if (PORT_BITS < 32 || PORT_BITS > 512 || (PORT_BITS & (PORT_BITS - 1)) != 0) begin : g_port_bits
            limen_wrong_parameter PORT_BITS_is_32_64_128_256_or_512 ();
        end
        if (PORT_BITS < FEEDER * X_BITS) begin : g_word
            limen_wrong_parameter PORT_BITS_is_at_least_FEEDER_times_X_BITS ();
        end
        if (IFMAP_DEPTH < 1 || IFMAP_DEPTH > MOST_ROWS) begin : g_ifmap_depth
            limen_wrong_parameter IFMAP_DEPTH_is_1_to_65536 ();
        end
        if (FILTER_DEPTH < 1 || FILTER_DEPTH > MOST_ROWS) begin : g_filter_depth
            limen_wrong_parameter FILTER_DEPTH_is_1_to_65536 ();
        end
        if (POLARITY_DEPTH < 1 || POLARITY_DEPTH > MOST_ROWS) begin : g_polarity_depth
            limen_wrong_parameter POLARITY_DEPTH_is_1_to_65536 ();
        end
        if (CHANNEL_DEPTH < 1 || CHANNEL_DEPTH > MOST_ROWS) begin : g_channel_depth
            limen_wrong_parameter CHANNEL_DEPTH_is_1_to_65536 ();
        end
        if (OFMAP_DEPTH < 1 || OFMAP_DEPTH > MOST_ROWS) begin : g_ofmap_depth
            limen_wrong_parameter OFMAP_DEPTH_is_1_to_65536 ();
        end
        if (OPERAND_DEPTH < FEEDER || OPERAND_DEPTH > MOST_ROWS) begin : g_operand_depth
            limen_wrong_parameter OPERAND_DEPTH_is_FEEDER_to_65536 ();
        end
    endgenerate
endmodule

`default_nettype wire
