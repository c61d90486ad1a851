"""What is counted of a layer: cycles by phase, beats by kind, accesses by memory."""

from __future__ import annotations

from numba import from_dtype

from simulator.cycle.records import record_type
from simulator.encoding import Kind, Phase

COUNTERS = record_type(
    *("folds", "tiles", "streaming", "busy", "used_rows", "used_cols"),
    *("ifmap_reads", "ifmap_writes", "weight_reads", "weight_writes", "polarity_reads", "polarity_writes"),
    *("channel_reads", "channel_writes", "operand_reads", "operand_writes", "ofmap_reads", "ofmap_writes"),
    *("pack_reads", "scatter_writes"),
    phases=len(Phase),
    beats=len(Kind),
)
"""Of a layer, under the names of `Counts`. phases: by `Phase`; beats: by `Kind`."""

SIGNALS = record_type(
    *("phase", "mem_request", "mem_write", "mem_kind", "mem_read_valid", "mem_write_valid", "compute_busy", "dma_busy"),
    *(
        "folds__state_reg",
        "folds__count_reg",
        "activations__issue",
        "x_read",
        "filter_read",
        "filter_row",
        "edge_valid",
        "edge_addr",
    ),
)
"""Signals of a cycle before its clock edge, as VCD files show them; `__` stands for a step down to a module."""

COUNTERS_RECORD, SIGNALS_RECORD = from_dtype(COUNTERS), from_dtype(SIGNALS)
