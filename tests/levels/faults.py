"""The seeded faults of test_mutants in Verilog, and the small designs whose cases must notice them."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.designs.design import Design


@dataclass(frozen=True)
class Fault:
    """Replace `old` by `new`, once, in `file`; `where` names the design whose cases must notice.

    case: end of the name of the case that must notice a model's fault; without one, of those that notice most.
    """

    file: str
    old: str
    new: str
    where: str = "os threshold"
    case: str = ""


TINY = {"ifmap_kib": 0.2, "filter_kib": 0.5, "ofmap_kib": 0.3, "operand_depth": 100}
PRODUCTS = {"ifmap_kib": 1.5, "ofmap_kib": 2, "filter_kib": 1, "operand_depth": 300}
DESIGNS = {
    "os threshold": Design(
        **{"rows": 2, "cols": 3, "dataflow": "os", "op": "threshold", "x_bits": 6, "w_bits": 4, "polarity": "input"},
        **{**TINY, "ifmap_kib": 0.1875, "port_bits": 64, "feeder_width": 4, "memory_latency": 5},
    ),
    "os mac": Design(
        **{"rows": 3, "cols": 2, "dataflow": "os", "op": "mac", "x_bits": 5, "w_bits": 6, "x_signed": True},
        **{
            **TINY,
            "ifmap_kib": 0.5,
            "ofmap_kib": 0.4,
            "port_bits": 128,
            "feeder_width": 8,
            "memory_latency": 9,
            "port_interval": 3,
        },
    ),
    "ws mac": Design(
        **{"rows": 2, "cols": 3, "dataflow": "ws", "op": "mac", "x_bits": 5, "w_bits": 7, "x_signed": False},
        **{
            **TINY,
            "ifmap_kib": 0.3,
            "ofmap_kib": 0.6,
            "port_bits": 32,
            "feeder_width": 4,
            "memory_latency": 3,
            "port_interval": 2,
        },
        memory={"kind": "sram", "kib": 64},
    ),
    "is threshold": Design(
        **{"rows": 3, "cols": 3, "dataflow": "is", "op": "threshold", "x_bits": 4, "w_bits": 6, "polarity": "neuron"},
        **{**TINY, "port_bits": 64, "feeder_width": 2, "memory_latency": 5},
    ),
    "os matmul": Design(
        **{"rows": 2, "cols": 3, "dataflow": "os", "op": "threshold", "x_bits": 5, "w_bits": 6, "matmul": True},
        **{**TINY, **PRODUCTS, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
    ),
    **{
        f"{dataflow} matmul": Design(
            **{"rows": 3, "cols": 2, "dataflow": dataflow, "op": op, "x_bits": 5, "w_bits": 6, "matmul": True},
            **{**TINY, **PRODUCTS, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
        )
        for dataflow, op in (("ws", "threshold"), ("is", "adder"))  # the adder alone notices lanes beyond K
    },
    "ws adder": Design(
        **{"rows": 3, "cols": 2, "dataflow": "ws", "op": "adder", "x_bits": 4, "w_bits": 6},
        **{**TINY, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
    ),
    "os shift": Design(
        **{"rows": 2, "cols": 2, "dataflow": "os", "op": "shift", "x_bits": 5, "w_bits": 4, "x_signed": False},
        **{**TINY, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
    ),
    "is shift": Design(
        **{"rows": 2, "cols": 3, "dataflow": "is", "op": "shift", "x_bits": 5, "w_bits": 4, "x_signed": True},
        **{**TINY, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
    ),
    "ws fused": Design(
        **{"rows": 3, "cols": 2, "dataflow": "ws", "op": "threshold", "extra_ops": ("mac", "adder", "shift")},
        **{"x_bits": 6, "w_bits": 6, **TINY, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
    ),
    "os fused": Design(
        **{"rows": 2, "cols": 3, "dataflow": "os", "op": "threshold", "extra_ops": ("mac",), "polarity": "input"},
        **{"x_bits": 4, "w_bits": 6, **TINY, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
    ),
    "os staged": Design(
        **{"rows": 3, "cols": 2, "dataflow": "os", "op": "threshold", "x_bits": 4, "w_bits": 5, "pe_stages": 2},
        **{**TINY, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
    ),
    "ws gated": Design(
        **{"rows": 2, "cols": 3, "dataflow": "ws", "op": "mac", "x_bits": 4, "w_bits": 5, "x_signed": False},
        **{**TINY, "port_bits": 64, "feeder_width": 4, "memory_latency": 4, "pe_stages": 2, "zero_gating": True},
    ),
    **{
        f"{dataflow} generated": Design(
            **{"rows": rows, "cols": 2, "dataflow": dataflow, "op": "threshold", "x_bits": 5, "w_bits": 4},
            **{**TINY, "polarity": "generated", "port_bits": 64, "feeder_width": 2, "memory_latency": 4},
        )
        for dataflow, rows in (("os", 2), ("ws", 4), ("is", 3))
    },
    "os overlap": Design(
        **{"rows": 4, "cols": 3, "dataflow": "os", "op": "threshold", "x_bits": 4, "w_bits": 5, "overlap": True},
        **{**TINY, "port_bits": 64, "feeder_width": 8, "memory_latency": 4},
    ),
    "ws overlap": Design(
        **{"rows": 2, "cols": 3, "dataflow": "ws", "op": "mac", "x_bits": 4, "w_bits": 5, "overlap": True},
        **{**TINY, "port_bits": 64, "feeder_width": 8, "memory_latency": 4, "pe_stages": 2, "zero_gating": True},
    ),
    "is overlap": Design(
        **{"rows": 3, "cols": 5, "dataflow": "is", "op": "threshold", "x_bits": 4, "w_bits": 5, "overlap": True},
        **{**TINY, "port_bits": 64, "feeder_width": 8, "memory_latency": 4, "polarity": "neuron"},
    ),
}
"""Small buffers: tiles along rows, outputs and input channels."""

LEAPING = {
    "os leaps": Design(
        **{"rows": 4, "cols": 3, "dataflow": "os", "op": "threshold", "x_bits": 5, "w_bits": 4, "pe_stages": 2},
        **{**TINY, "port_bits": 64, "feeder_width": 2, "memory_latency": 4, "polarity": "input"},
    ),
    "ws leaps": Design(
        **{"rows": 4, "cols": 5, "dataflow": "ws", "op": "mac", "x_bits": 4, "w_bits": 5, "x_signed": False},
        **{**TINY, "port_bits": 64, "feeder_width": 2, "memory_latency": 4},
    ),
    "is leaps": Design(
        **{"rows": 4, "cols": 3, "dataflow": "is", "op": "adder", "x_bits": 4, "w_bits": 5, "pe_stages": 2},
        **{**TINY, "port_bits": 64, "feeder_width": 4, "memory_latency": 4},
    ),
}
"""Designs whose folds the cycle model leaps over, for faults of its own: their Verilog is that of others."""

RTL_FAULTS = [
    Fault("limen_synapses.v", ".pixels(outputs), .channels(fan_in)", ".pixels(fan_in), .channels(outputs)",
          "os matmul"),
    Fault("limen_synapses.v", "transposed ? turned_row : straight_row", "turned_row", "os matmul"),
    Fault("limen_synapses.v", "outputs : fold_rows", "outputs : outputs", "ws matmul"),
    Fault("limen_synapse_walker.v", "last_range ? n_rest_reg : n_row_reg", "n_row_reg", "ws matmul"),
    Fault("limen_synapse_walker.v", "plane_ends ? k_begin : word_ends", "word_ends", "ws matmul"),
    Fault("limen_synapse_walker.v", "transposed == (DATAFLOW == IS)", "~transposed", "is matmul"),
    Fault("limen_synapse_walker.v", "goes_back ? word_left_reg : left_next", "left_next", "is matmul"),
    Fault("limen_synapse_words.v", "beyond ? NEUTRAL : value", "value", "is matmul"),
    Fault("limen_synapse_words.v", "beyond ? row_begins : distance < count", "distance < count", "is matmul"),
    Fault("limen_scratchpad.v", "(lane_row & LAST_BANK[15:0]) == b && fill_half", "fill_half", "os matmul"),
    Fault("limen_top.v", "of_synapses ? synapses_ready : refill_ready", "refill_ready", "os matmul"),
    Fault("limen_top.v", "refill_busy | synapses_busy", "refill_busy", "os matmul"),
    Fault("limen_filters.v", "row & {POLARITY_LANES{~(MATMUL != 0 & positive)}}", "row", "os matmul"),
    Fault("limen_descriptor.v", "localparam TRANSPOSED = 4", "localparam TRANSPOSED = 5", "os matmul"),
    Fault("limen_op_threshold.v", "x_aligned - w_aligned", "w_aligned - x_aligned"),
    Fault("limen_op_threshold.v", "{ALIGNED_BITS{~below}}", "{ALIGNED_BITS{1'b1}}", "is threshold"),
    Fault("limen_op_threshold.v", "carry = polarity", "carry = 1'b0", "is threshold"),
    Fault("limen_op_threshold.v", "W_SHIFT = ALIGNED_BITS - W_BITS", "W_SHIFT = 0"),
    Fault("limen_op_mac.v", "(X_SIGNED != 0) & x[X_BITS-1]", "x[X_BITS-1]", "ws mac"),
    Fault("limen_op_mac.v", "W_BITS){synapse[W_BITS-1]}", "W_BITS){1'b0}", "os mac"),
    Fault("limen_op_adder.v", "x_aligned - w_aligned", "x_aligned + w_aligned", "ws adder"),
    Fault("limen_op_adder.v", "X_SHIFT = ALIGNED_BITS - X_BITS", "X_SHIFT = 0", "ws adder"),
    Fault("limen_op_adder.v", "difference ^ {(ALIGNED_BITS + 1){~below}}", "difference", "ws adder"),
    Fault("limen_op_adder.v", "{(ALIGNED_BITS + 1 - X_BITS){x[X_BITS-1]}}", "{1'b0}", "ws adder"),
    Fault("limen_op_adder.v", "carry = ~below", "carry = 1'b1", "ws adder"),
    Fault("limen_op_shift.v", "x & {X_BITS{~&exponent}}", "x", "is shift"),
    Fault("limen_op_shift.v", "(X_SIGNED != 0) & kept[X_BITS-1]", "kept[X_BITS-1]", "os shift"),
    Fault("limen_op_shift.v", "{(SHIFTED_BITS - X_BITS){x_sign}}", "{(SHIFTED_BITS - X_BITS){1'b0}}", "is shift"),
    Fault("limen_op_shift.v", "kept} << exponent", "kept} << exponent[W_BITS-3:0]", "os shift"),
    Fault("limen_op_shift.v", "shifted ^ {SHIFTED_BITS{sign}}", "shifted", "is shift"),
    Fault("limen_op_shift.v", "carry = sign", "carry = 1'b0", "os shift"),
    Fault("limen_op.v", "op_select == NUMBER[1:0] ? result", "NUMBER[1:0] == 2'd0 ? result", "ws fused"),
    Fault("limen_op.v", "op_select == NUMBER[1:0] ? result", "op_select == NUMBER[1:0] + 2'd1 ? result", "ws fused"),
    Fault("limen_op.v", "i == COUNT - 1", "i >= 2", "ws fused"),
    Fault("limen_op_shift.v", "W_BITS < 5 ? W_BITS : 5", "W_BITS < 5 ? W_BITS : 4", "ws fused"),
    Fault("limen_op.v", ".carry(result[OP_BITS])", ".carry()", "ws fused"),
    Fault("limen_op_threshold.v", "- 1){polarity}}", "- 1){1'b0}}", "ws fused"),
    Fault("limen_op_adder.v", "{1'b1}", "{1'b0}", "ws fused"),
    Fault("limen_op_mac.v", "{(OP_BITS - X_BITS){x_sign}}", "{(OP_BITS - X_BITS){1'b0}}", "ws fused"),
    Fault("limen_op.v", "OPS(1 << i)", "OPS(1)", "ws fused"),
    Fault("limen_pe_os.v", ".op_select(op_select)", ".op_select(2'd1)", "os fused"),
    Fault("limen_pe_os.v", "drain ? acc_in :", "drain ? acc_reg :", "os fused"),
    Fault("limen_pe_stationary.v", "if (preload) still_reg", "still_reg", "ws fused"),
    Fault("limen_resize.v", "(TO_BITS - FROM_BITS){in[FROM_BITS-1]}", "(TO_BITS - FROM_BITS){1'b0}"),
    Fault("limen_pe_os.v", "drain ? acc_in :", "drain ? acc_reg :"),
    Fault("limen_pe_stationary.v", "if (preload) still_reg", "still_reg", "ws mac"),
    Fault("limen_pe_stationary.v", "psum_in + addend_extended", "addend_extended", "is threshold"),
    Fault("limen_skew.v", "line_reg[i] <= line_reg[i-1]", "line_reg[i] <= in", "os mac"),
    Fault("limen_bank.v", "if (read_enable) read_data", "read_data"),
    Fault("limen_requantiser.v", "{(WIDE_BITS - 1){1'b0}}, shifted[0]", "WIDE_BITS{1'b0}"),
    Fault("limen_requantiser.v", "raw ? acc :", "", "os mac"),
    Fault("limen_requantiser.v", "rounded < low ? low : ", "", "is threshold"),
    Fault("limen_requantiser.v", "$signed(doubled) >>> shift", "$signed(doubled) >> shift", "ws mac"),
    Fault("limen_edge.v", "b_first_reg & ~residual", "b_first_reg"),
    Fault("limen_edge.v", "(b_first_reg ? b_bias : {ACC_BITS{1'b0}})", "b_bias", "ws mac"),
    Fault("limen_edge.v", "c_valid_reg | (b_valid_reg & ~b_last_reg)", "c_valid_reg", "is threshold"),
    Fault("limen_edge.v", "pack_word = half ?", "pack_word = ~half ?"),
    Fault("limen_edge.v", "c_addr_reg <= b_addr_reg", "c_addr_reg <= a_addr"),
    Fault("limen_edge.v", "a_valid & (residual | ~a_first)", "a_valid & ~a_first", "is threshold"),
    Fault("limen_folds.v", "ROWS + COLS + STAGES - 4", "ROWS + COLS + STAGES - 3", "ws mac"),
    Fault("limen_folds.v", "ROWS + COLS + STAGES - 4", "ROWS + COLS - 3", "os staged"),
    Fault("limen_folds.v", ".DEPTH(ROWS + STAGES - 2)", ".DEPTH(ROWS - 1)", "ws gated"),
    Fault("limen_op.v", "live_reg <= live_next", "live_reg <= 1'b1", "ws gated"),
    Fault("limen_overlap.v", "ROWS > COLS - 1 ? ROWS : COLS - 1", "ROWS - 1", "is overlap"),
    Fault("limen_overlap.v", "time_size > SHORTEST_LAST[15:0]", "1'b1", "ws overlap"),
    Fault("limen_overlap.v", "preload_count_reg != 17'd0 || ready_reg[half_reg]", "1'b1", "is overlap"),
    Fault("limen_overlap.v", "if (goes) preload_reg <= more_reg;", "if (goes) preload_reg <= 1'b1;", "ws overlap"),
    Fault("limen_overlap.v", "        if (edge_starts) begin\n", "        begin\n", "is overlap"),
    Fault("limen_overlap.v", ".DEPTH(STAGES + 1)) load", ".DEPTH(STAGES)) load", "os overlap"),
    Fault("limen_overlap.v", ".DEPTH(ROWS + STAGES - 1)) drain", ".DEPTH(ROWS + STAGES - 2)) drain", "os overlap"),
    Fault("limen_fold_loop.v", "outer_last ? 16'd0 : outer_offset_reg + OUTER[15:0]", "outer_offset_reg + OUTER[15:0]",
          "os overlap"),
    Fault("limen_ahead.v", "next_loaded & compute_busy", "compute_busy", "ws overlap"),
    Fault("limen_im2col.v", "(first_reg | ~ahead)", "1'b1", "os overlap"),
    Fault("limen_im2col.v", "if (start && ~ahead) begin", "if (start) begin", "is overlap"),
    Fault("limen_overlap.v", "if (start & ~ahead) begin", "if (start) begin", "os overlap"),
    Fault("limen_top.v", "ifmap_half ^ (ahead & next_load_ifmap)", "ifmap_half", "ws overlap"),
    Fault("limen_descriptor.v", "compute_start | ahead ? next_tile", "compute_start ? next_tile", "is overlap"),
    Fault("limen_shadow.v", "load_reg <= load_in & ~rst", "load_reg <= 1'b0", "ws overlap"),
    Fault("limen_shadow.v", "shift_in ? above : value_reg", "above", "ws overlap"),
    Fault("limen_waves.v", "{ROWS{shift}} & ~reached", "{ROWS{shift}}", "os overlap"),
    Fault("limen_waves.v", "assign reached[r] = reached_reg & shift;", "assign reached[r] = shift;", "is overlap"),
    Fault("limen_turn.v", "begun_reg ? channel_shared : channel_reg", "channel_shared", "ws overlap"),
    Fault("limen_turn.v", "begins_reg ? {first_shared", "1'b1 ? {first_shared", "is overlap"),
    Fault("limen_feed.v", "DATAFLOW == OS || OVERLAP != 0 ? c : 0", "DATAFLOW == OS ? c : 0", "ws overlap"),
    Fault("limen_op.v", "carry_reg <= op_carry", "carry_reg <= 1'b0", "os staged"),
    Fault("limen_top.v", ".OPS(OPS), .STAGES(STAGES), .ZERO_GATING(ZERO_GATING),", ".OPS(OPS),", "ws gated"),
    Fault("limen_folds.v", "PIPELINE_LAST = DATAFLOW == OS ? 1 : 2", "PIPELINE_LAST = 2"),
    Fault("limen_folds.v", "count_reg < {1'b0, time_size}", "count_reg <= {1'b0, time_size}", "os mac"),
    Fault("limen_folds.v", "if (~ready_reg[~half_reg]) state_reg <= PHASE_STALL_FEEDER;", ""),
    Fault("limen_folds.v", "outer_offset_reg + OUTER_STEP[15:0]", "outer_offset_reg"),
    Fault("limen_folds.v", "shift_row < {1'b0, rows_left}", "shift_row <= {1'b0, rows_left}", "os mac"),
    Fault("limen_folds.v", "edge_first_reg <= first_k &", "edge_first_reg <=", "ws mac"),
    Fault("limen_folds.v", "edge_last_reg <= last_k &", "edge_last_reg <=", "is threshold"),
    Fault("limen_folds.v", "edge_last = last_k", "edge_last = 1'b1"),
    Fault("limen_folds.v", "group_row_reg <= group_row_reg + group_outputs;", "", "is threshold"),
    Fault("limen_words.v", "piece_reg == 16'd0 ? lane : 16'd0", "16'd0"),
    Fault("limen_rows.v", "(block_ends && BACK_BLOCK != 0)", "1'b0"),
    Fault("limen_rows.v", "else if (fold_ends", "if (fold_ends"),
    Fault("limen_dma.v", "wanted[KIND_FILTER] ?", "wanted[KIND_FILTER] & ~wanted[KIND_IFMAP] ?"),
    Fault("limen_dma.v", "polarity_beats != 16'd0 ? PLANE_POLARITY", "1'b1 ? PLANE_POLARITY", "ws mac"),
    Fault("limen_dma.v", "addr_reg + stride_reg", "addr_reg + {16'd0, run_beats_reg}"),
    Fault("limen_dma.v", "base_reg + plane_words", "base_reg", "os mac"),
    Fault("limen_dma.v", "kind_reg == KIND_IFMAP ? ifmap_plane_beats : ", ""),
    Fault("limen_dma.v", "kind_reg == KIND_RESIDUAL ? residual_plane_beats : ", "", "os matmul"),
    Fault("limen_dma.v", "{16'd0, kind_next == KIND_LAYER ? layer_beats : tile_beats}", "{16'd0, tile_beats}"),
    Fault("limen_dma.v", " && (kind_reg != KIND_RESIDUAL || residual_ready)", "", "is threshold"),
    Fault("limen_dma.v", "DATA && kind_reg == KIND_STORE && store_valid", "DATA && kind_reg == KIND_STORE"),
    Fault("limen_scratchpad.v", "beat_first ? {COUNT_BITS{1'b0}} : carry_count_reg", "carry_count_reg"),
    Fault("limen_scratchpad.v", "carried = beat_first ? {STREAM_BITS{1'b0}} :", "carried ="),
    Fault("limen_scratchpad.v", "(b[15:0] - row)", "(b[15:0] - base)"),
    Fault("limen_scratchpad.v", "fresh >> skipped", "fresh"),
    Fault("limen_scratchpad.v", " && place < rows_left", ""),
    Fault("limen_scratchpad.v", "select, {PLACE_BITS{1'b0}}", "bank_reg, {PLACE_BITS{1'b0}}"),
    Fault("limen_im2col.v", "row < tile_rows && ", ""),
    Fault("limen_im2col.v", " && col < in_width", "", "ws mac"),
    Fault("limen_im2col.v", "write_inside_reg <= on_map", "write_inside_reg <= 1'b1", "is threshold"),
    Fault("limen_im2col.v", "{place_reg[95:16], offset - LANE_COUNT[15:0]}", "{place_next[95:16], 16'd0}", "ws mac"),
    Fault("limen_im2col.v", "(filling_reg | (~claimed_reg[half_reg] & (first_reg | ~ahead)))", "1'b1"),
    Fault("limen_im2col.v", "claimed_reg[release_half_reg] <= 1'b0;", "", "is threshold"),
    Fault("limen_im2col.v", "line_ends ? line_below : line_reg", "line_reg"),
    Fault("limen_im2col.v", "addr_reg + stride_w", "addr_reg + 16'd1", "is threshold"),
    Fault("limen_im2col.v", "line_ends ? 16'd0 - pad_left", "line_ends ? 16'd0", "os mac"),
    Fault("limen_group.v", "group_step + (wraps ? plane_words : 16'd0)", "group_step", "is threshold"),
    Fault("limen_group.v", "wraps ? sum - LANE_COUNT[15:0] : sum", "sum", "ws mac"),
    Fault("limen_operands.v", "valid_reg[l] ? operand : NEUTRAL", "operand"),
    Fault("limen_operands.v", "element_reg <= element", "element_reg <= 16'd0"),
    Fault("limen_operands.v", "place = l - write_lane", "place = l", "ws mac"),
    Fault("limen_operands.v", "place + write_from", "place", "ws mac"),
    Fault("limen_packer.v", "full ? rest[PORT_BITS-1:0]", "full ? {PORT_BITS{1'b0}}", "ws mac"),
    Fault("limen_packer.v", "plane_done & over", "plane_done & full"),
    Fault("limen_packer.v", "full | plane_done", "full"),
    Fault("limen_packer.v", "is_moved = e >= lane_reg && e < lane_reg + count_reg", "is_moved = e >= lane_reg"),
    Fault("limen_packer.v", "if (place_reg == 16'd0) block_reg", "if (1'b0) block_reg", "is threshold"),
    Fault("limen_packer.v", "base_reg + channels;", "base_reg + 16'd1;", "is threshold"),
    Fault("limen_walker.v", "fold_ends ? base_reg + pixels : base_reg", "base_reg"),
    Fault("limen_walker.v", "step == room || left_next == 16'd0", "step == room", "ws mac"),
    Fault("limen_walker.v", "group_ends ? group_outputs : fold_ends", "fold_ends"),
    Fault("limen_select.v", "index[INDEX_BITS-1:0]}", "{INDEX_BITS{1'b0}}}", "ws mac"),
    Fault("limen_select.v", "index[INDEX_BITS-1:0]}", "{INDEX_BITS{1'b0}}}", "is threshold"),
    Fault("limen_edges.v", ".in(g_col[c-1].channel)", ".in(channels)", "is threshold"),
    Fault("limen_scatter.v", "from = lane + c - col", "from = c - col"),
    Fault("limen_scatter.v", "if (last_bank) base_reg <= base_reg + channels;", "", "is threshold"),
    Fault("limen_scatter.v", "= value << shift", "= value", "ws mac"),
    Fault("limen_scatter.v", "plane_ends ? {COUNT_BITS{1'b0}} : count_reg", "count_reg"),
    Fault("limen_pool.v", "word_first ? lowest", "1'b0 ? lowest"),
    Fault("limen_pool.v", "word_inside ? word[e*X_BITS +: X_BITS] : lowest", "word[e*X_BITS +: X_BITS]", "ws mac"),
    Fault("limen_pool.v", "(X_SIGNED != 0) & fresh[X_BITS-1]", "1'b0", "is threshold"),
    Fault("limen_sequencer.v", "if (next_load_filter) filter_half_reg", "filter_half_reg", "is threshold"),
    Fault("limen_sequencer.v", "if (next_load_ifmap) ifmap_half_reg", "ifmap_half_reg"),
    Fault("limen_sequencer.v", "next_valid_reg ? next_first_k : store", "next_valid_reg | store"),
    Fault("limen_sequencer.v", "tile_valid_reg & tile_store", "tile_valid_reg"),
    Fault("limen_sequencer.v", "layer_ends & last) begin", "layer_ends) begin"),
    Fault("limen_sequencer.v", "steps & next_valid_reg & ~load", "steps & next_valid_reg & ~load & ~store", "ws mac"),
    Fault("limen_sequencer.v", "layer_reg <= next_layer;", "if (fetched) layer_reg <= next_layer;", "os mac"),
    Fault("limen_sequencer.v", "if (layer_beat) next_layer_reg", "if (layer_beat & ~compute_busy) next_layer_reg"),
    Fault("limen_edges.v", ".addr_in(g_col[c-1].tag_addr)", ".addr_in(edge_addr)", "ws mac"),
    Fault("limen_refill.v", "scatter_half = half ^ ~pool", "scatter_half = half"),
    Fault("limen_activations.v", "word_inside ? word : {WORD_BITS{1'b0}}", "word"),
    Fault("limen_top.v", "OP == OP_THRESHOLD ? 1 << (X_BITS - 1) : 0", "(1 << (X_BITS - 1)) - 1"),
    Fault("limen_top.v", "OP == OP_THRESHOLD ? 1 <<", "POLAR != 0 ? 1 <<", "ws fused"),
    Fault("limen_top.v", "OP == OP_THRESHOLD || OP == OP_SHIFT", "1'b1", "ws fused"),
    Fault("limen_descriptor.v", "OP_PLACE = 4", "OP_PLACE = 5", "ws fused"),
    Fault("limen_descriptor.v", "compute_start ? next_tile : tile", "tile"),
    Fault("limen_descriptor.v", "TILE_SKIP = 256", "TILE_SKIP = 272"),
    Fault("limen_top.v", ".start(compute_start), .op(op)", ".start(dma_layer), .op(op)", "ws fused"),
    Fault("limen_phase.v", "kind == KIND_IFMAP || kind == KIND_RESIDUAL ?", "kind == KIND_IFMAP ?", "is threshold"),
    Fault("limen_beats.v", "plane == PLANE_POLARITY", "plane == PLANE_WEIGHTS", "is threshold"),
    Fault("limen_filters.v", "POLARITY_LANES == 1 ? 0 : l", "0", "ws fused"),
    Fault("limen_feed.v", "DATAFLOW == OS || OVERLAP != 0 ? c : 0", "0"),
    Fault("limen_refill.v", "| (pool_wait_reg & ~pool_taken)", ""),
    Fault("limen_generator.v", "position_reg - (tap_begins ? gap_reg : 16'd0)", "position_reg", "ws generated"),
    Fault("limen_generator.v", "(head_ends ? gap_reg : 16'd0) + 16'd1", "16'd1", "ws generated"),
    Fault("limen_generator.v", "excitatory ? 16'd0 : mixed", "mixed", "is generated"),
    Fault("limen_generator.v", "if (start || group_ends) begin", "if (start) begin", "ws generated"),
    Fault("limen_generator.v", "if (group_ends) {channel_reg", "if (1'b0) {channel_reg", "os generated"),
    Fault("limen_generator.v", "DATAFLOW == IS ? block_ends : fold_ends", "fold_ends", "is generated"),
    Fault("limen_generator.v", "16'h79B9), 1, 5, 8", "16'h79B9), 1, 5, 9", "os generated"),
    Fault("limen_folds.v", "!last_outer && count_reg[15:0] < rows_beyond", "!last_outer", "ws generated"),
    Fault("limen_top.v", "GENERATED != 0 ? 16'd0 : next_polarity_beats", "next_polarity_beats", "os generated"),
]  # fmt: skip

REFUSED = Fault("limen_top.v", "PRODUCT_BITS > SHIFTED_BITS ? PRODUCT_BITS : SHIFTED_BITS", "PRODUCT_BITS", "ws fused")
"""Caught before anything runs: the hardware isn't built, for no result of op shift fits."""
