"""How a layer lies on the machine: sizes, words of channels, and which part of it a tile holds.

Shared by the schedule, the timing model and the program that the cycle model and the Verilog run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from simulator.encoding import NO_MATMUL, STRAIGHT_MATMUL, TRANSPOSED_MATMUL
from workloads.errors import LimenError

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from workloads.layers.layer import Layer
    from workloads.networks.network import Network


@dataclass(frozen=True)
class Geometry:
    """A layer as the machine runs it. A linear layer is a convolution whose kernel is the whole tensor it reads.

    channels: of the tensor read. groups, group_channels, group_outputs: as the array sees them. polar: whether its
    synapses have polarity. offset: channel of the tensor written. residual_shift: None without a residual. matmul: see
    NO_MATMUL. first, last: of the network: nothing hides the fetch of the first layer's descriptor, and the last
    fetches none. images: that lie above each other in both heights; no tile crosses from one to the next.
    """

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    outputs: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad_top: int
    pad_left: int
    groups: int
    pool: bool
    polar: bool
    raw: bool
    offset: int
    residual_shift: int | None
    matmul: int = NO_MATMUL
    first: bool = True
    last: bool = True
    images: int = 1

    @property
    def second_shape(self) -> tuple[int, int]:
        """(pixels, channels) of the tensor that the synapses of a matmul are."""
        return self.as_second(self.outputs, self.channels)

    def as_second(self, output: int, channel: int) -> tuple[int, int]:
        """Return (pixel, channel) of that tensor at an output and an input channel of the layer, or as many."""
        return (output, channel) if self.matmul == TRANSPOSED_MATMUL else (channel, output)

    @property
    def group_channels(self) -> int:
        return self.channels // self.groups

    @property
    def group_outputs(self) -> int:
        return self.outputs // self.groups

    @property
    def image_height(self) -> int:
        return self.height // self.images

    @property
    def image_out_height(self) -> int:
        return self.out_height // self.images

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def pixels(self) -> int:
        return self.out_height * self.out_width


def layer_geometry(network: Network, index: int) -> Geometry:
    """Return the geometry of layer `index` of a network.

    Raises:
        LimenError: a linear layer of several groups that reads an image: they are ranges of pixels, not of channels.
    """
    layer: Layer = network.layers[index]
    shape = network.tensors[network.reads(index)]
    height, width, channels, kernel = layer.height, layer.width, layer.channels, layer.kernel
    if layer.kind == "linear":
        height, width, kernel = shape.height, shape.width, (shape.height, shape.width)
        if layer.groups > 1 and height * width > 1:
            raise LimenError(
                f"groups: {layer.groups} is not allowed: a linear layer that reads an image, [{height}, {width}], has 1"
            )
        channels = layer.channels // (height * width)
    return Geometry(
        height=height,
        width=width,
        channels=channels,
        out_height=layer.out_height,
        out_width=layer.out_width,
        outputs=layer.out_channels,
        kernel=kernel,
        stride=layer.stride,
        pad_top=layer.padding[0],
        pad_left=layer.padding[2],
        groups=1 if layer.kind == "maxpool" else layer.groups,
        pool=layer.kind == "maxpool",
        polar=layer.has_parameters and layer.operation.polar and layer.kind != "matmul",
        raw=layer.y_bits is None,
        offset=layer.offset,
        residual_shift=None if layer.residual is None else layer.residual_shift,
        matmul=_matmul_of(layer),
        first=index == 0,
        last=index == len(network.layers) - 1,
        images=layer.images,
    )


def _matmul_of(layer: Layer) -> int:
    if layer.kind != "matmul":
        return NO_MATMUL
    return TRANSPOSED_MATMUL if layer.transposed else STRAIGHT_MATMUL


@dataclass(frozen=True)
class Tile:
    """A part of a layer: output rows [row, row_end), output channels [out, out_end), input channels [chan, chan_end).

    The input channels are those of each group where there are several groups, then always all of them.
    """

    row: int
    row_end: int
    out: int
    out_end: int
    chan: int
    chan_end: int

    def output_rows(self) -> int:
        return self.row_end - self.row

    def outputs(self) -> int:
        return self.out_end - self.out


@dataclass(frozen=True)
class TileShape:
    """What a tile asks of the machine, in units of the machine; equal shapes take equal time.

    groups, group_outputs: in the tile. pixels: M. channels: of each group. first_lane, group_lanes: lane of the
    first group's first channel in its word, and how it moves from group to group. in_rows, first_row: input rows
    held, and the row of the first window's top (negative: padding above). in_chunks: words of channels held.
    """

    groups: int
    group_outputs: int
    outputs: int
    pixels: int
    out_rows: int
    channels: int
    first_lane: int
    group_lanes: int
    group_words: int
    in_start: int
    in_rows: int
    first_row: int
    first_chunk: int
    in_chunks: int

    @property
    def work(self) -> tuple[int, ...]:
        """What decides how long the tile computes; where its input rows and channels lie does not."""
        outputs_of_groups = (self.groups, self.group_outputs, self.outputs, self.pixels, self.out_rows)
        return (*outputs_of_groups, self.channels, self.first_lane, self.group_lanes)

    def pieces(self, feeder: int) -> list[tuple[int, int]]:
        """Return, for each group, (lane of its first channel, words it touches)."""
        lane, pieces = self.first_lane, []
        for _ in range(self.groups):
            pieces.append((lane, -(-(lane + self.channels) // feeder)))
            lane = (lane + self.group_lanes) % feeder
        return pieces


def window_top(geometry: Geometry, row: int) -> tuple[int, int]:
    """Return (first input row of the image, row of it at which the window of an output row begins)."""
    image, own = divmod(row, geometry.image_out_height)
    return image * geometry.image_height, own * geometry.stride[0] - geometry.pad_top


def input_rows(geometry: Geometry, row: int, row_end: int) -> tuple[int, int]:
    """Return [first, end) of the input rows that output rows [row, row_end) hold."""
    height = geometry.image_height
    first, top = window_top(geometry, row)
    start = first + max(0, min(top, height - 1))
    first, top = window_top(geometry, row_end - 1)
    end = first + min(height, max(top + geometry.kernel[0], 1))
    return start, max(end, start + 1)  # windows wholly in the padding still load one row


def tile_shape(geometry: Geometry, tile: Tile, design: FittedDesign) -> TileShape:
    """Return the shape of a tile."""
    feeder: int = design.feeder_width
    if geometry.pool:
        first, last = tile.out, tile.out_end
        groups = -(-(last - first) // feeder)
        group_outputs, channels, group_words, group_lanes = tile.outputs(), feeder, 1, 0
    elif geometry.groups > 1:
        groups = tile.outputs() // geometry.group_outputs
        first = tile.out // geometry.group_outputs * geometry.group_channels
        last = first + groups * geometry.group_channels
        group_outputs, channels = geometry.group_outputs, geometry.group_channels
        group_words, group_lanes = divmod(geometry.group_channels, feeder)
    else:
        groups, first, last = 1, tile.chan, tile.chan_end
        group_outputs, channels, group_words, group_lanes = tile.outputs(), last - first, 0, 0
    in_start, in_end = input_rows(geometry, tile.row, tile.row_end)
    return TileShape(
        groups=groups,
        group_outputs=group_outputs,
        outputs=tile.outputs(),
        pixels=tile.output_rows() * geometry.out_width,
        out_rows=tile.output_rows(),
        channels=channels,
        first_lane=first % feeder,
        group_lanes=group_lanes,
        group_words=group_words,
        in_start=in_start,
        in_rows=in_end - in_start,
        first_row=sum(window_top(geometry, tile.row)) - in_start,
        first_chunk=first // feeder,
        in_chunks=-(-last // feeder) - first // feeder,
    )


@dataclass(frozen=True)
class Needs:
    """Rows or words of each memory that a tile occupies."""

    ifmap: int
    filter: int
    polarity: int
    channel: int
    ofmap: int
    operand: int


def tile_needs(geometry: Geometry, shape: TileShape, design: FittedDesign) -> Needs:
    """Return what a tile occupies of half of each double buffer."""
    ifmap = shape.in_chunks * shape.in_rows * geometry.width
    column_folds = -(-shape.group_outputs // design.cols)
    if design.dataflow == "is":
        ofmap = -(-shape.pixels // design.cols) * shape.outputs
    else:
        ofmap = shape.pixels * column_folds * (1 if geometry.pool else shape.groups)
    if geometry.pool:
        return Needs(ifmap, 0, 0, 0, ofmap, 0)
    k = geometry.taps * shape.channels
    if design.dataflow == "is":
        k_folds = -(-k // design.rows)
        rows, channel = shape.groups * k_folds * shape.group_outputs, shape.outputs
        by_input, by_neuron = shape.groups * k_folds, shape.outputs
    else:
        rows, channel = shape.groups * column_folds * k, shape.groups * column_folds
        by_input, by_neuron = shape.groups * k, channel
    polarity = {"synapse": rows, "input": by_input, "neuron": by_neuron, "generated": 0}[design.polarity]
    words = max(pieces for _, pieces in shape.pieces(design.feeder_width)) * geometry.taps
    operand = shape.pixels if design.dataflow == "ws" else words * design.feeder_width
    return Needs(ifmap, rows, polarity if geometry.polar else 0, channel, ofmap, operand)


class Packing(NamedTuple):
    """How activations lie in the memory behind the port, as fields of a design: its words and beats, where it is."""

    feeder_width: int
    word_bits: int
    port_bits: int
    on_chip: bool


def plane_beats(words: int, design: FittedDesign | Packing) -> int:
    """Return the beats of `words` densely packed words of activations."""
    return -(-words * design.word_bits // design.port_bits)
