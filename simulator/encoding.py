"""The one encoding: what descriptors hold and what codes mean, under the names that the Verilog has for them.

Nothing else in Python knows a field's place, and nothing in Verilog but limen_descriptor; limen_top has the sizes. A
test compares the two.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from workloads.ops.registry import operation


class Op(IntEnum):
    """Parameter OP of limen_top, and the op of a layer."""

    THRESHOLD = 0
    MAC = 1
    ADDER = 2
    SHIFT = 3


def op_code(op: str) -> Op:
    """Return the code under which the machine takes an op: that of its form."""
    return Op[operation(op).form.upper()]


SEVERAL_OPS = 16
"""Begins the parameter OP of several ops; a bit each, 1 << Op, is added."""


class Dataflow(IntEnum):
    """Parameter DATAFLOW."""

    OS = 0
    WS = 1
    IS = 2


class Polarity(IntEnum):
    """Parameter POLARITY: what the polarity of a synapse depends on."""

    SYNAPSE = 0
    INPUT = 1
    NEURON = 2
    GENERATED = 3


class Kind(IntEnum):
    """What the DMA moves, in the order in which it serves a tile; `mem_kind`."""

    STORE = 0
    LAYER = 1
    TILE = 2
    FILTER = 3
    IFMAP = 4
    RESIDUAL = 5


class Phase(IntEnum):
    """What a cycle is spent on; `phase` of limen_top."""

    IDLE = 0
    PRELOAD = 1
    STREAM = 2
    DRAIN = 3
    PIPELINE = 4
    POOL = 5
    STALL_FEEDER = 6
    STALL_IFMAP = 7
    STALL_FILTER = 8
    STALL_OFMAP = 9
    STALL_CONTROL = 10


SHIFT_BITS = 5
"""Bits of a requantiser shift beside each bias."""

MOST_IN_FIELD = 65535
"""The largest number that 16 bits of a descriptor hold."""

MOST_SIGNED = 32767
"""Input rows of a tile, and columns of an ifmap, at most: the im2col unit compares them with sign."""

LAYER = np.dtype(
    [
        ("flag_bits", "<u1"),
        ("residual_shift", "<u1"),
        ("tiles", "<u2"),
        ("y_low", "<i4"),
        ("y_high", "<i4"),
        ("in_width", "<u2"),
        ("out_width", "<u2"),
        ("stride_w", "<u2"),
        ("row_step", "<u2"),
        ("stride_h", "<u2"),
        ("tap_positions", "<u2"),
        ("pad_left", "<u2"),
        ("group_lanes", "<u2"),
        ("kernel_h", "<u2"),
        ("kernel_w", "<u2"),
    ]
)
"""A layer's descriptor.

flag_bits: see LAST. y_low, y_high: lowest and highest activation of the next layer. row_step: stride_h · in_width,
modulo 2^16. group_lanes: channels from group to group. tap_positions: where polarity is generated, positions from tap
to tap: all channels of a group. The others are the layer's own numbers.
"""

LAST, RAW, POOL, RESIDUAL, EXCITATORY, MATMUL = 1, 2, 4, 8, 64, 128
"""Flags of a layer: the network's last; raw scores; max pooling; a tensor is added; where polarity is generated, all of
its signs are +1 instead; a tensor is the synapses."""

TRANSPOSED = 16
"""Stands in residual_shift, which a matmul doesn't have: an output channel is a pixel of its synapses' tensor."""

NO_MATMUL, TRANSPOSED_MATMUL, STRAIGHT_MATMUL = range(3)
"""Whether synapses are another tensor, and whether an output channel is a pixel of that or a channel."""

OP_PLACE, OP_MASK = 4, 3
"""Where a layer's op stands in its flags, as an `Op`; PEs of several ops read it."""

TILE = np.dtype(
    [
        ("flag_bits", "<u1"),
        ("first_element", "<u1"),
        ("groups", "<u2"),
        ("filter_addr", "<u4"),
        ("weight_beats", "<u2"),
        ("weight_rows", "<u2"),
        ("polarity_beats", "<u2"),
        ("polarity_rows", "<u2"),
        ("channel_beats", "<u2"),
        ("channel_rows", "<u2"),
        ("ifmap_addr", "<u4"),
        ("ifmap_runs", "<u2"),
        ("ifmap_beats", "<u2"),
        ("ifmap_plane_beats", "<u2"),
        ("residual_plane_beats", "<u2"),
        ("skip", "<u2"),
        ("plane_words", "<u2"),
        ("ifmap_stride", "<u4"),
        ("residual_addr", "<u4"),
        ("residual_runs", "<u2"),
        ("residual_beats", "<u2"),
        ("plane_stride", "<u4"),
        ("store_addr", "<u4"),
        ("store_runs", "<u2"),
        ("store_beats", "<u2"),
        ("tile_rows", "<u2"),
        ("first_row", "<i2"),
        ("pixels", "<u2"),
        ("k_size", "<u2"),
        ("group_outputs", "<u2"),
        ("tile_outputs", "<u2"),
        ("first_lane", "<u2"),
        ("channels", "<u2"),
        ("first_addr", "<u2"),
        ("group_step", "<u2"),
    ]
)
"""A tile's descriptor.

flag_bits: see LOAD_FILTER. *_addr: first beat in memory, but for first_addr. *_runs, *_beats, *_stride: runs of
consecutive beats, beats of each, beats from run to run; plane_stride serves residual and store. *_plane_beats: beats of
a plane, of which a run has one or all. *_rows: of a plane of the filter; where polarity is generated, polarity_beats is
instead the position at which its signs begin, first_element that position's channel within its tap, and polarity_rows
the output channel at which they begin. skip: bits before the first word in the first beat of an ifmap's plane.
plane_words: of a plane of the ifmap in the scratchpad. tile_rows, first_row: input rows held, and the row among them of
the first window's top. k_size: fan-in; pooling: 0. first_lane, channels: lane of the first channel in its word, and
channels of a group. first_addr, group_step: scratchpad word of the first window, and words from group to group, both
modulo 2^16.
"""

LOAD_FILTER, LOAD_IFMAP, LOAD_RESIDUAL, STORE, FIRST_K, LAST_K = 1, 2, 4, 8, 16, 32
"""Flags of a tile: what the DMA loads before it; what it stores after it; whether it begins and ends its sums."""

WORD_BITS = 32
"""Descriptors are words of these: as many beats as hold them, whatever the port."""


def descriptor_words(descriptor: np.dtype) -> int:
    """Return the words of a LAYER or a TILE."""
    return descriptor.itemsize * 8 // WORD_BITS


def descriptor_beats(descriptor: np.dtype, port_bits: Any) -> Any:
    """Return the beats of a LAYER or a TILE, of one port or, as an array, of many."""
    return -(-descriptor_words(descriptor) * WORD_BITS // port_bits)


def field_places(descriptor: np.dtype) -> np.ndarray:
    """Return where each field stands: [fields, 4] of word, lowest bit in it, bits, and whether it has a sign."""
    assert descriptor.fields is not None and descriptor.names is not None
    places = []
    for name in descriptor.names:
        kind, offset = descriptor.fields[name][:2]
        places.append((*divmod(offset * 8, WORD_BITS), kind.itemsize * 8, kind.kind == "i"))
    return np.array(places, dtype=np.int64)
