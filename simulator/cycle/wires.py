"""What stands between the modules: the parameters of limen_top, and its wires in the present cycle."""

from __future__ import annotations

from numba import from_dtype

from simulator.cycle.records import record_type

PARAMETERS = record_type(
    *("rows", "cols", "dataflow", "op", "x_bits", "w_bits", "x_signed", "acc_bits", "psum_bits", "polarity", "feeder"),
    *("stages", "zero_gating", "overlap", "polar_ops", "neutral_x", "neutral_synapse"),
    *("memory_latency", "port_interval"),
)
"""Parameters of limen_top, which ops have a polarity, the pair that contributes nothing, and the memory."""

WIRES = record_type(
    # Sequencer and DMA.
    *("dma_busy", "compute_busy", "scatter_busy", "steps", "layer_ends", "fetch", "store", "load", "compute_start"),
    *("next_loaded", "begin_tile", "ahead", "pool", "pool_busy", "residual_start", "pack_start", "pack_taken"),
    # Memory port.
    *("mem_request", "mem_write", "kind", "accepted", "offered", "moved", "beat_valid", "beat_first"),
    "mem_write_valid",
    # Folds.
    *("phase", "fold_state", "fold_count", "array_shift", "array_load", "streaming"),
    *("x_read", "x_half", "x_addr", "x_element", "x_lanes_left", "x_held"),
    *("filter_read", "filter_row", "polarity_row", "channel_read", "channel_row"),
    *("edge_begins", "edge_valid", "edge_addr", "edge_first", "edge_last", "edge_cols_left"),
    *("block_filled", "release_block", "fold_ends", "used_rows", "used_cols"),
    # Of the folds, for the generator.
    *("preloads", "begins", "next_row", "cols_left", "sign_fold_ends", "sign_block_ends", "sign_group_ends"),
    # im2col unit, pooling and scatter unit.
    *("hold", "issue", "pixel_ends", "ifmap_read", "pool_taken"),
    # Accesses of this cycle.
    *("edge_reads", "edge_writes", "scattered"),
)
"""Wires of limen_top. Each is set before the modules that read it are stepped."""

PARAMETERS_RECORD, WIRES_RECORD = from_dtype(PARAMETERS), from_dtype(WIRES)
