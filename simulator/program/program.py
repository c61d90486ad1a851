"""A network becomes a memory image: descriptors, filters and tensors, as the chip finds them behind its port.

Both the cycle model and the Verilog run this image; the timing model needs only the schedules. All addresses are in
beats. Planes of activations (one word of `feeder_width` channels of every pixel) begin on a beat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.cuts.layout import Layout, Place, filter_key, lay_out
from simulator.cuts.schedule import schedule_network
from simulator.encoding import (
    EXCITATORY,
    FIRST_K,
    LAST,
    LAST_K,
    LAYER,
    LOAD_FILTER,
    LOAD_IFMAP,
    LOAD_RESIDUAL,
    MATMUL,
    OP_PLACE,
    POOL,
    RAW,
    RESIDUAL,
    STORE,
    TILE,
    TRANSPOSED,
    TRANSPOSED_MATMUL,
    op_code,
)
from simulator.encoding import WORD_BITS as WORD
from simulator.plan.geometry import Geometry, plane_beats
from simulator.plan.steps import Schedule, Step
from simulator.plan.transfers import second_stride, tile_transfers
from simulator.program.filters import filter_planes
from simulator.timing.timing import Cut
from workloads.errors import LimenError
from workloads.layers.graph import INPUT
from workloads.ops.generated_polarity import WORD_MASK, beginning

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from workloads.layers.layer import Layer
    from workloads.networks.network import Network

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
    weights, patterns = np.int64(1) << np.arange(width), np.empty(count, dtype=np.int64)
    for start in range(0, count, CHUNK):
        end = min(start + CHUNK, count)
        bits = np.unpackbits(packed[start * width // 8 :], count=(end - start) * width, bitorder="little")
        patterns[start:end] = bits.reshape(end - start, width) @ weights
    return patterns


@dataclass(frozen=True)
class Program:
    """A network compiled for a fitted design.

    image: [beats, port_bits / 32] int64, all of the memory but for the input and what the chip writes.
    places: of every tensor; first_beat: where they begin, behind descriptors and filters. schedules: one a layer.
    """

    network: Network
    design: FittedDesign
    schedules: tuple[Schedule, ...]
    image: np.ndarray
    places: dict[str, Place]
    first_beat: int

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
        """Return a tensor [H, W, C] from a memory image that still has it; int64, sign-extended."""
        shape, place = self.network.tensors[name], self.places[name]
        if shape.bits is None:
            return self._raw(image, name)
        design, feeder = self.design, self.design.feeder_width
        pixels, planes = shape.height * shape.width, -(-shape.channels // feeder)
        values_by_plane = np.empty((pixels, planes, feeder), dtype=np.int64)
        for plane in range(planes):
            at = place.address + plane * place.stride
            words = unpack_bits(image[at : at + place.stride], design.x_bits, pixels * feeder)
            values_by_plane[:, plane] = words.reshape(pixels, feeder)
        values = values_by_plane.reshape(pixels, -1)[:, : shape.channels].reshape(shape.height, shape.width, -1)
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


def pack_tensor(values: np.ndarray, design: FittedDesign) -> np.ndarray:
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


def compile_network(network: Network, design: FittedDesign, cuts: Sequence[Cut] | None = None) -> Program:
    """Return the program of `network` on a fitted design, by these cuts or as `schedule_network` has them.

    Raises:
        LimenError: a layer doesn't fit.
    """
    schedules = schedule_network(network, design, cuts)
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
        fields = _layer_fields(network.layers[index], schedule, design, index == len(schedules) - 1)
        descriptors.append(_descriptor(LAYER, fields, design))
        placed = _place_layer(network, index, schedule.geometry, layout)
        raw_at = placed.target.address
        for step in schedule.steps:
            begin = _beginning(network.layers[index], schedule.geometry, step, design)
            fields = _tile_fields(placed, step, design, raw_at) | begin
            descriptors.append(_descriptor(TILE, fields, design))
            if schedule.geometry.raw and step.last_k:
                raw_at += step.shape.pixels * step.shape.outputs
    image = np.zeros((layout.beats, design.port_bits // WORD), dtype=np.int64)
    content = np.concatenate([*descriptors, *blobs])
    assert len(content) == layout.first_beat
    image[: len(content)] = content
    return Program(network, design, tuple(schedules), image, layout.places, layout.first_beat)


def _descriptor(kind: np.dtype, fields: Mapping[str, int], design: FittedDesign) -> np.ndarray:
    """Return the beats of a LAYER or a TILE; every field is named, and numpy refuses what doesn't fit."""
    assert kind.names is not None and fields.keys() == set(kind.names)
    record = np.array([tuple(fields[name] for name in kind.names)], dtype=kind)
    return pack_bits(record.view("<u4").astype(np.int64), WORD, design.port_bits)


def _layer_fields(layer: Layer, schedule: Schedule, design: FittedDesign, last: bool) -> dict[str, int]:
    geometry = schedule.geometry
    op = op_code(layer.op if layer.has_parameters else design.op)
    flags = LAST * last | RAW * geometry.raw | POOL * geometry.pool
    flags |= EXCITATORY * (design.generates_polarity and not layer.generates_polarity)
    flags |= MATMUL * (geometry.matmul > 0)
    y_low, y_high = layer.y_range or (0, 0)
    return {
        "flag_bits": flags | RESIDUAL * (geometry.residual_shift is not None) | op << OP_PLACE,
        "residual_shift": TRANSPOSED * (geometry.matmul == TRANSPOSED_MATMUL) + (geometry.residual_shift or 0),
        "tiles": len(schedule.steps),
        "y_low": y_low,
        "y_high": y_high,
        "in_width": geometry.width,
        "out_width": geometry.out_width,
        "stride_w": geometry.stride[1],
        "row_step": geometry.stride[0] * geometry.width & 0xFFFF,
        "stride_h": geometry.stride[0],
        "tap_positions": geometry.group_channels & WORD_MASK if design.generates_polarity else 0,
        "pad_left": geometry.pad_left,
        "group_lanes": schedule.steps[0].shape.group_lanes,
        "kernel_h": geometry.kernel[0],
        "kernel_w": geometry.kernel[1],
    }


def _beginning(layer: Layer, geometry: Geometry, step: Step, design: FittedDesign) -> dict[str, int]:
    """Return where the generated signs of a tile begin, as the fields of the plane of polarity that it doesn't load.

    Under ws the array's rows are preloaded from the last to the first, so they begin at the last one in use.
    """
    if not (design.generates_polarity and layer.generates_polarity):
        return {}
    begin, shape = beginning(layer.polarity_seed), step.shape
    row = min(design.rows, geometry.taps * shape.channels) - 1 if design.dataflow == "ws" else 0
    tap, element = divmod(row, shape.channels)
    position = begin.position + tap * geometry.group_channels + step.tile.chan + element
    return {
        "polarity_beats": position & WORD_MASK,
        "first_element": element,
        "polarity_rows": begin.channel + step.tile.out & WORD_MASK,
    }


class _PlacedLayer(NamedTuple):
    """A layer's geometry, and where its filters (by `filter_key`) and tensors lie; second: a residual, or synapses."""

    geometry: Geometry
    filters: Mapping[tuple[int, ...], int]
    source: Place
    target: Place
    second: Place | None


def _place_layer(network: Network, index: int, geometry: Geometry, layout: Layout) -> _PlacedLayer:
    source, target = layout.places[network.reads(index)], layout.places[network.writes(index)[0]]
    second = network.connections[index].second
    added = None if second is None else layout.places[second]
    return _PlacedLayer(geometry, layout.filters[index], source, target, added)


def _tile_fields(layer: _PlacedLayer, step: Step, design: FittedDesign, raw_at: int) -> dict[str, int]:
    geometry, shape, tile = layer.geometry, step.shape, step.tile
    moved = tile_transfers(geometry, shape, design)
    wanted = step.load_filter if geometry.matmul else step.first_k
    second, added = layer.second if wanted else None, moved.second if geometry.matmul else moved.results
    flags = LOAD_FILTER * step.load_filter | LOAD_IFMAP * step.load_ifmap | LOAD_RESIDUAL * (second is not None)
    first_bit = shape.in_start * geometry.width * design.word_bits
    row_beats = tile.row * geometry.out_width * design.word_bits // design.port_bits
    second_at, second_plane = 0, added.plane_beats
    if second is not None and geometry.matmul:
        pixel, channel = geometry.as_second(tile.out, tile.chan)
        second_at = second.address + channel // design.feeder_width * second.stride
        second_at += pixel * design.word_bits // design.port_bits
        second_plane = second_stride(geometry, design)  # of a part, a run each: its first beat begins one all the same
    elif second is not None:
        second_at = second.address + tile.out // design.feeder_width * second.stride + row_beats
    if geometry.raw:
        store, runs, beats = raw_at, 1, moved.raw_beats
    else:
        plane = (geometry.offset + tile.out) // design.feeder_width
        store = layer.target.address + plane * layer.target.stride + row_beats
        runs, beats = moved.results.runs, moved.results.run_beats
    plane_words = shape.in_rows * geometry.width
    filter_fields = {
        f"{plane}_{unit}": count
        for unit, counts in (("beats", moved.filter), ("rows", moved.filter_rows))
        for plane, count in zip(("weight", "polarity", "channel"), counts, strict=True)
    }
    if geometry.matmul:  # in the place of polarity, of which there is none: under ws positions of the last range of K
        filter_fields["polarity_rows"] = (shape.channels - 1) % design.rows + 1
    return filter_fields | {
        "first_element": 0,
        "flag_bits": flags | (STORE | LAST_K) * step.last_k | FIRST_K * step.first_k,
        "groups": shape.groups,
        "filter_addr": layer.filters.get(filter_key(step), 0),
        "ifmap_addr": layer.source.address + shape.first_chunk * layer.source.stride + first_bit // design.port_bits,
        "ifmap_runs": moved.ifmap.runs,
        "ifmap_beats": moved.ifmap.run_beats,
        "ifmap_plane_beats": moved.ifmap.plane_beats,
        "residual_plane_beats": second_plane,
        "skip": first_bit % design.port_bits,
        "plane_words": plane_words,
        "ifmap_stride": layer.source.stride,
        "residual_addr": second_at,
        "residual_runs": added.runs,
        "residual_beats": added.run_beats,
        "plane_stride": plane_beats(geometry.pixels, design),
        "store_addr": store,
        "store_runs": runs,
        "store_beats": beats,
        "tile_rows": shape.in_rows,
        "first_row": shape.first_row,
        "pixels": shape.pixels,
        "k_size": 0 if geometry.pool else geometry.taps * shape.channels,
        "group_outputs": shape.group_outputs,
        "tile_outputs": shape.outputs,
        "first_lane": shape.first_lane,
        "channels": shape.channels,
        # Addresses in the ifmap scratchpad are sums modulo 2^16: what is read lies within.
        "first_addr": shape.first_row * geometry.width - geometry.pad_left & 0xFFFF,
        "group_step": shape.group_words * plane_words & 0xFFFF,
    }
