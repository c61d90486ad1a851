"""A layer, a machine, a cut and counts as records of integers: what the counting kernels see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.designs.sizes import either
from simulator.encoding import LAYER, SHIFT_BITS, TILE, Dataflow, Polarity, descriptor_beats
from simulator.plan.counts import Counts

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.designs.design_block import DesignBlock
    from simulator.plan.geometry import Geometry


def records(*names: str) -> np.dtype:
    """Return a record of integers by these names, reached as attributes by kernels and by Python alike."""
    return np.dtype((np.record, [(name, np.int64) for name in names]))


LAYER_INTEGERS = records(
    *("height", "width", "channels", "out_height", "out_width", "outputs", "kernel_h", "kernel_w"),
    *("stride_h", "stride_w", "pad_top", "pad_left", "groups", "pool", "polar", "raw", "residual", "first", "last"),
    *("images", "matmul"),
)
"""The fields of `Geometry`; those from pool to last: 0 or 1; matmul: see NO_MATMUL."""

MACHINE_INTEGERS = records(
    *("rows", "cols", "dataflow", "pe_stages", "overlap", "polarity"),
    *("feeder", "word_bits", "port_bits", "interval", "latency"),
    *("synapse_lanes", "weight_row_bits", "polarity_row_bits", "channel_row_bits"),
    *("ifmap_depth", "filter_depth", "ofmap_depth", "operand_depth", "channel_depth", "polarity_depth"),
    *("layer_beats", "tile_beats"),
)
"""What counting needs of a `FittedDesign`; *_row_bits: of a row of each filter scratchpad; *_beats: a descriptor's."""

CUT_INTEGERS = records("rows", "outputs", "channels", "order")
"""Lengths of a layer's tiles along output rows, output channels and input channels; order: its place in `ORDERS`."""

NEED_INTEGERS = records(
    *("ifmap", "filter", "ofmap", "operand", "channel", "polarity"),
    *("pixels", "in_rows", "filter_beats", "raw_beats"),
)
"""What a tile asks of each memory, in its rows or words, and of descriptors' fields: see `simulator.cuts.demands`."""

UNCUT = ("", "rows", "channels")
"""Axes of which a smallest tile may have to hold all."""

COUNT_NAMES = tuple(field.name for field in fields(Counts) if field.name != "port_bytes")

COUNT_INTEGERS = records(*COUNT_NAMES)
"""The fields of `Counts` but the bytes of a beat, which the design knows."""


def layer_integers(geometry: Geometry) -> np.ndarray:
    """Return a layer as one record, [1] of LAYER_INTEGERS."""
    values = {
        **{name: getattr(geometry, name) for name in LAYER_INTEGERS.names or () if hasattr(geometry, name)},
        **dict(zip(("kernel_h", "kernel_w"), geometry.kernel, strict=True)),
        **dict(zip(("stride_h", "stride_w"), geometry.stride, strict=True)),
        "residual": geometry.residual_shift is not None,
    }
    return _filled(LAYER_INTEGERS, values)


def count_integers(layers: Sequence[Counts]) -> np.ndarray:
    """Return the counts of a design's layers as records, [1, layers] of COUNT_INTEGERS."""
    return np.array([[tuple(getattr(counts, name) for name in COUNT_NAMES) for counts in layers]], COUNT_INTEGERS)


def machine_integers(design: FittedDesign | DesignBlock) -> np.ndarray:
    """Return a fitted design as one record, [1] of MACHINE_INTEGERS, or many as [designs]."""
    operands = design.operand_depth
    words = operands // design.feeder_width * design.feeder_width
    return _filled(
        MACHINE_INTEGERS,
        {
            "rows": design.rows,
            "cols": design.cols,
            "dataflow": _codes(design.dataflow, Dataflow),
            "pe_stages": design.pe_stages,
            "overlap": design.overlap,
            "polarity": _codes(design.polarity, Polarity),
            "feeder": design.feeder_width,
            "word_bits": design.word_bits,
            "port_bits": design.port_bits,
            "interval": design.port_interval,
            "latency": design.memory_latency,
            "synapse_lanes": design.synapse_lanes,
            "weight_row_bits": design.synapse_lanes * design.w_bits,
            "polarity_row_bits": design.polarity_lanes,
            "channel_row_bits": design.channel_lanes * (design.acc_bits + SHIFT_BITS),
            "ifmap_depth": design.ifmap_depth,
            "filter_depth": design.filter_depth,
            "ofmap_depth": design.ofmap_depth,
            "operand_depth": either(design.dataflow == "ws", operands, words),  # others' lanes hold whole words
            "channel_depth": design.channel_depth,
            "polarity_depth": design.polarity_depth,
            "layer_beats": descriptor_beats(LAYER, design.port_bits),
            "tile_beats": descriptor_beats(TILE, design.port_bits),
        },
    )


def _codes(names: Any, codes: type[IntEnum]) -> Any:
    """Return the codes of names."""
    found: Any = codes(0)
    for code in codes:
        found = either(names == code.name.lower(), code, found)
    return found


def _filled(kind: np.dtype, values: dict[str, Any]) -> np.ndarray:
    names = kind.names or ()
    records = np.zeros(np.size(values[names[0]]), dtype=kind)
    for name in names:
        records[name] = values[name]
    return records
