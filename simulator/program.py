"""A network becomes a memory image: descriptors, filters and tensors, as the chip finds them behind its port.

Both the cycle model and the Verilog run this image; the timing model needs only the schedules. All addresses are in
beats. Planes of activations (one word of `feeder_width` channels of every pixel) begin on a beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.filters import filter_planes
from simulator.geometry import plane_beats
from simulator.layout import Layout, Place, filter_key, lay_out
from simulator.schedule import Schedule, Step, schedule_network
from simulator.tile_timing import DESCRIPTOR_WORDS, tile_transfers
from workloads.errors import LimenError
from workloads.graph import INPUT

if TYPE_CHECKING:
    from simulator.design import Design
    from workloads.layer import Layer
    from workloads.network import Network

WORD = 32
RAW, POOL, RESIDUAL = 2, 4, 8
"""Flags of a layer descriptor; 1 marks the last layer."""

OP_CODES = {"threshold": 0, "mac": 1, "adder": 2, "shift": 3}
OP_PLACE = 4
"""Bit of a layer's flags at which its op stands; PEs of several ops read it."""

LOAD_FILTER, LOAD_IFMAP, LOAD_RESIDUAL, STORE, FIRST_K, LAST_K = 1, 2, 4, 8, 16, 32
"""Flags of a tile descriptor."""


MOST_WORDS = 1 << 27
"""Words of a memory that levels with data hold at most: half a gibibyte of the machine's, two of Python's."""

CHUNK = 1 << 18
"""Patterns packed or unpacked at a time: a bit is a byte meanwhile."""


def pack_bits(values: np.ndarray, width: int, port_bits: int) -> np.ndarray:
    """Pack patterns of `width` bits densely into beats [beats, port_bits / 32] of 32-bit words, first one lowest."""
    patterns, places = values.reshape(-1, 1), np.arange(width)
    chunks = [
        np.packbits(((patterns[start : start + CHUNK] >> places) & 1).astype(np.uint8), bitorder="little")
        for start in range(0, len(patterns), CHUNK)
    ]
    beats = -(-len(patterns) * width // port_bits)
    padded = np.zeros(beats * port_bits // 8, dtype=np.uint8)
    packed = np.concatenate([*chunks, np.zeros(0, dtype=np.uint8)])
    padded[: packed.size] = packed
    return padded.view("<u4").astype(np.int64).reshape(beats, port_bits // WORD)


def unpack_bits(beats: np.ndarray, width: int, count: int) -> np.ndarray:
    """Return the first `count` patterns of `width` bits of densely packed beats."""
    packed = np.ascontiguousarray(beats).astype("<u4").view(np.uint8).reshape(-1)
    weights, found = np.int64(1) << np.arange(width), np.empty(count, dtype=np.int64)
    for start in range(0, count, CHUNK):
        end = min(start + CHUNK, count)
        bits = np.unpackbits(packed[start * width // 8 :], count=(end - start) * width, bitorder="little")
        found[start:end] = bits.reshape(end - start, width) @ weights
    return found


@dataclass(frozen=True)
class Program:
    """A network compiled for a fitted design.

    image: [beats, port_bits / 32] int64, all of the memory but for the input and what the chip writes.
    places: of every tensor. schedules: one a layer.
    """

    network: Network
    design: Design
    schedules: tuple[Schedule, ...]
    image: np.ndarray
    places: dict[str, Place]

    def load(self, x: np.ndarray) -> np.ndarray:
        """Return the image with input x [H, W, C] in its place, H, W and C those of the network's input."""
        if x.shape != self.network.input_shape:
            raise ValueError(f"x: {list(x.shape)}; expected {list(self.network.input_shape)}")
        image = self.image.copy()
        planes = pack_tensor(x, self.design)
        at = self.places[INPUT].address
        image[at : at + len(planes)] = planes
        return image

    def tensor(self, image: np.ndarray, name: str) -> np.ndarray:
        """Return a tensor [H, W, C] from a memory image; int64, sign-extended."""
        shape, place = self.network.tensors[name], self.places[name]
        if shape.bits is None:
            return self._raw(image, name)
        design, feeder = self.design, self.design.feeder_width
        pixels, planes = shape.height * shape.width, -(-shape.channels // feeder)
        found = np.empty((pixels, planes, feeder), dtype=np.int64)
        for plane in range(planes):
            at = place.address + plane * place.stride
            words = unpack_bits(image[at : at + place.stride], design.x_bits, pixels * feeder)
            found[:, plane] = words.reshape(pixels, feeder)
        values = found.reshape(pixels, -1)[:, : shape.channels].reshape(shape.height, shape.width, -1)
        return _signed(values, design.x_bits) if design.x_signed else values

    def _raw(self, image: np.ndarray, name: str) -> np.ndarray:
        """Raw tiles lie one after another: channel by channel of os and ws, turned alike under is."""
        index = next(i for i in range(len(self.schedules)) if self.network.writes(i)[0] == name)
        geometry = self.schedules[index].geometry
        values = np.empty((geometry.out_height, geometry.out_width, geometry.outputs), dtype=np.int64)
        at = self.places[name].address
        for step in self.schedules[index].steps:
            if step.last_k:
                tile, count = step.tile, step.shape.pixels * step.shape.outputs
                planes = image[at : at + count, 0].reshape(step.shape.outputs, -1, geometry.out_width)
                values[tile.row : tile.row_end, :, tile.out : tile.out_end] = planes.transpose(1, 2, 0)
                at += count
        return _signed(values, WORD)


def _signed(patterns: np.ndarray, bits: int) -> np.ndarray:
    return patterns - ((patterns >> (bits - 1)) << bits)


def pack_tensor(values: np.ndarray, design: Design) -> np.ndarray:
    """Return the beats of a tensor [H, W, C], plane by plane."""
    height, width, channels = values.shape
    feeder = design.feeder_width
    planes = -(-channels // feeder)
    padded = np.zeros((height * width, planes * feeder), dtype=np.int64)
    padded[:, :channels] = values.reshape(height * width, channels) & ((1 << design.x_bits) - 1)
    beats = [
        pack_bits(padded[:, plane * feeder : (plane + 1) * feeder], design.x_bits, design.port_bits)
        for plane in range(planes)
    ]
    return np.concatenate(beats)


def compile_network(network: Network, design: Design) -> Program:
    """Return the program of `network` on a fitted design. Raises LimenError where a layer doesn't fit."""
    schedules = schedule_network(network, design)
    layout = lay_out(network, schedules, design)
    words = layout.beats * (design.port_bits // WORD)
    if words > MOST_WORDS:
        raise LimenError(
            f"network {network.name}: a memory of {words >> 18} MiB is not allowed at levels with data: at most "
            f"{MOST_WORDS >> 18}; level timing needs none"
        )
    blobs: list[np.ndarray] = []
    for schedule, layer, parameters, filters in zip(
        schedules, network.layers, network.trained(), layout.filters, strict=True
    ):
        missing = set(filters)
        for step in schedule.steps:
            if step.load_filter and filter_key(step) in missing:
                missing.remove(filter_key(step))
                planes = filter_planes(layer, parameters, schedule, step, design)
                blobs += [pack_bits(values, width, design.port_bits) for values, width in planes]
    descriptors = []
    for index, schedule in enumerate(schedules):
        own = _layer_words(network.layers[index], schedule, design, index == len(schedules) - 1)
        descriptors.append(_descriptor(own, "layer", design))
        raw_at = layout.places[network.writes(index)[0]].address
        for step in schedule.steps:
            own = _tile_words(network, index, schedule, step, design, layout, raw_at)
            descriptors.append(_descriptor(own, "tile", design))
            if schedule.geometry.raw and step.last_k:
                raw_at += step.shape.pixels * step.shape.outputs
    image = np.zeros((layout.beats, design.port_bits // WORD), dtype=np.int64)
    content = np.concatenate([*descriptors, *blobs])
    assert len(content) == layout.places[INPUT].address
    image[: len(content)] = content
    return Program(network, design, tuple(schedules), image, layout.places)


def _descriptor(words: Sequence[int], kind: str, design: Design) -> np.ndarray:
    assert len(words) == DESCRIPTOR_WORDS[kind]
    return pack_bits(np.array(words, dtype=np.int64), WORD, design.port_bits)


def _pair(low: int, high: int) -> int:
    """Two 16-bit numbers, possibly negative, in one word."""
    assert -(1 << 15) <= low < 1 << 16 and -(1 << 15) <= high < 1 << 16
    return (low & 0xFFFF) | (high & 0xFFFF) << 16


def _layer_words(layer: Layer, schedule: Schedule, design: Design, last: bool) -> list[int]:
    geometry = schedule.geometry
    flags = int(last) | RAW * geometry.raw | POOL * geometry.pool
    if geometry.residual_shift is not None:
        flags |= RESIDUAL | geometry.residual_shift << 8
    flags |= OP_CODES[layer.op if layer.has_parameters else design.op] << OP_PLACE
    low, high = layer.y_range or (0, 0)
    mask = (1 << WORD) - 1
    return [
        flags | len(schedule.steps) << 16,
        low & mask,
        high & mask,
        _pair(geometry.width, geometry.out_width),
        _pair(geometry.stride[1], geometry.stride[0] * geometry.width & 0xFFFF),
        geometry.stride[0],
        _pair(geometry.pad_left, schedule.steps[0].shape.group_lanes),
        _pair(*geometry.kernel),
    ]


def _tile_words(
    network: Network,
    index: int,
    schedule: Schedule,
    step: Step,
    design: Design,
    layout: Layout,
    raw_at: int,
) -> list[int]:
    geometry, shape, tile, places = schedule.geometry, step.shape, step.tile, layout.places
    moved = tile_transfers(geometry, shape, design)
    residual = network.residual_of(index) if step.first_k else None
    flags = LOAD_FILTER * step.load_filter | LOAD_IFMAP * step.load_ifmap | LOAD_RESIDUAL * (residual is not None)
    flags |= (STORE | LAST_K) * step.last_k | FIRST_K * step.first_k
    source, target = places[network.reads(index)], places[network.writes(index)[0]]
    first_bit = shape.in_start * geometry.width * design.word_bits
    row_beats = tile.row * geometry.out_width * design.word_bits // design.port_bits
    added = 0
    if residual is not None:
        added = places[residual].address + tile.out // design.feeder_width * places[residual].stride + row_beats
    if geometry.raw:
        store, runs, beats = raw_at, 1, moved.raw_beats
    else:
        plane = (geometry.offset + tile.out) // design.feeder_width
        store, runs, beats = target.address + plane * target.stride + row_beats, moved.plane_runs, moved.plane_beats
    stride = plane_beats(geometry.pixels, design)
    plane_words = shape.in_rows * geometry.width
    return [
        flags | shape.groups << 16,
        layout.filters[index].get(filter_key(step), 0),
        *(_pair(beats, rows) for beats, rows in zip(moved.filter, moved.filter_rows, strict=True)),
        source.address + shape.first_chunk * source.stride + first_bit // design.port_bits,
        _pair(moved.ifmap_runs, moved.ifmap_beats),
        _pair(first_bit % design.port_bits, plane_words),
        source.stride,
        added,
        _pair(moved.plane_runs, moved.plane_beats),
        stride,
        store,
        _pair(runs, beats),
        _pair(shape.in_rows, shape.first_row),
        _pair(shape.pixels, 0 if geometry.pool else geometry.taps * shape.channels),
        _pair(shape.group_outputs, shape.outputs),
        _pair(shape.first_lane, shape.channels),
        # Addresses in the ifmap scratchpad are sums modulo 2^16: what is read lies within.
        _pair(shape.first_row * geometry.width - geometry.pad_left & 0xFFFF, shape.group_words * plane_words & 0xFFFF),
    ]
