"""How the layers of a network hang together: named tensors, the layers that write and those that read them.

All tensors are NHWC. Layers run in order; concatenation is several layers that write one tensor at
different channel offsets, and a read gives all channels written so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from workloads.errors import LimenError, shown
from workloads.layers.layer import Format, Layer, LayerForm

Value = TypeVar("Value")
INPUT = "input"
"""The tensor that holds the network's input."""


@dataclass(frozen=True)
class TensorShape:
    """The size and number format of a whole tensor; bits is None for raw scores."""

    height: int
    width: int
    channels: int
    bits: int | None
    signed: bool


class Connection(NamedTuple):
    """The tensors of one layer by name: what it reads, what it writes, what it adds, what its synapses are."""

    reads: str
    writes: str
    residual: str | None
    synapses: str | None = None

    @property
    def second(self) -> str | None:
        """What it reads beside its input: a residual, or the second operand of a matmul."""
        return self.residual or self.synapses


def connect(layers: Sequence[LayerForm]) -> tuple[Connection, ...]:
    """Return every layer's tensors, defaults resolved; whether they exist is not asked here."""
    connections: list[Connection] = []
    previous = INPUT
    for layer in layers:
        reads = layer.input or previous if layer.own_input is None else f"{layer.name}.{INPUT}"  # no layer's tensor
        connections.append(Connection(reads, layer.tensor or layer.name, layer.residual, layer.synapses))
        previous = connections[-1].writes
    return tuple(connections)


def given_tensors(input_shape: tuple[int, int, int], layers: Sequence[LayerForm]) -> dict[str, tuple[int, int, int]]:
    """Return the shapes of the tensors that no layer writes: the network's input, and those that layers have."""
    own = {
        link.reads: layer.own_input.shape
        for layer, link in zip(layers, connect(layers), strict=True)
        if layer.own_input is not None
    }
    return {INPUT: input_shape, **own}


def walk(
    layers: Sequence[LayerForm],
    first: Value,
    join: Callable[[list[Value]], Value],
    step: Callable[[int, Value, Value | None], Value],
) -> Value:
    """Go through the layers in order and return what the last one writes; what stands for a tensor may be anything.

    first: of the network's input. join: of the pieces of a tensor that several layers wrote, lowest channels first.
    step: called with a layer's place, what it reads and, if anything, what it adds or (matmul) what its synapses are;
    returns what it writes.
    A tensor is held until its last reader is done. There is a layer at least.
    """
    connections = connect(layers)
    last_use = {tensor: index for index, link in enumerate(connections) for tensor in (link.reads, link.second)}
    written = {INPUT: {0: first}}  # the pieces of each tensor, by channel offset

    def read(tensor: str) -> Value:
        pieces = [piece for _, piece in sorted(written[tensor].items(), key=lambda piece: piece[0])]
        return pieces[0] if len(pieces) == 1 else join(pieces)

    for index, (layer, link) in enumerate(zip(layers, connections, strict=True)):
        second = None if link.second is None else read(link.second)
        output = step(index, read(link.reads), second)
        written.setdefault(link.writes, {})[layer.offset] = output
        written = {tensor: pieces for tensor, pieces in written.items() if last_use.get(tensor, 0) > index}
    return output


def layer_index(layers: Sequence[LayerForm], name: str) -> int:
    """Return the place of the layer of this name. Raises LimenError for another name."""
    names = [layer.name for layer in layers]
    if name not in names:
        raise LimenError(f"layer: {shown(name)} is not allowed: one of {', '.join(names)}")
    return names.index(name)


def check_names(layers: Sequence[LayerForm]) -> None:
    """Raise LimenError unless layers have names of their own and tensors are written before and read after."""
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LimenError(f"layers: name {twice!r} is not allowed twice")
    connections = connect(layers)
    if layers[0].own_input is not None:
        raise LimenError(f"layer {layers[0].name}: own_input: not allowed: the first layer reads the network's input")
    for index, (layer, link) in enumerate(zip(layers, connections, strict=True)):
        if layer.own_input is not None and layer.input is not None:
            raise LimenError(f"layer {layer.name}: own_input: not allowed beside input {layer.input!r}")
        before = list(dict.fromkeys([INPUT, *(other.writes for other in connections[:index])]))
        read = link.reads if layer.own_input is None else None
        for field, tensor in (("input", read), ("residual", link.residual), ("synapses", link.synapses)):
            if tensor is not None and tensor not in before:
                refusal = f"layer {layer.name}: {field}: {tensor!r} is not allowed: "
                later = next((j for j, other in enumerate(connections) if other.writes == tensor), None)
                if later is not None:
                    raise LimenError(f"{refusal}layer {layers[later].name} writes it, and comes no earlier")
                raise LimenError(f"{refusal}no layer writes it; written before are {', '.join(before)}")
        if link.writes == INPUT:
            raise LimenError(f"layer {layer.name}: tensor: {INPUT!r} is not allowed: it is the network's own input")
    for index, (layer, link) in enumerate(zip(layers[:-1], connections, strict=False)):
        if layers[index + 1].own_input is not None:
            continue  # what came before is done
        if not any(link.writes in (other.reads, other.second) for other in connections[index + 1 :]):
            raise LimenError(f"layer {layer.name}: tensor: {link.writes!r} is not allowed: no later layer reads it")


def reader_formats(layers: Sequence[LayerForm], formats: Sequence[Format]) -> dict[str, Format]:
    """Return the format of each tensor that layers read as their input; formats are those of the layers' x.

    Raises LimenError where two readers disagree.
    """
    first_reader: dict[str, int] = {}
    for index, link in enumerate(connect(layers)):
        first = first_reader.setdefault(link.reads, index)
        if formats[first] != formats[index]:
            raise LimenError(
                f"layer {layers[index].name}: x_bits: {formats[index][0]}, signed {formats[index][1]}, is not "
                f"allowed: layer {layers[first].name} reads tensor {link.reads!r} with {formats[first][0]}, "
                f"signed {formats[first][1]}"
            )
    return {tensor: formats[index] for tensor, index in first_reader.items()}


class Ledger:
    """What is written of each tensor so far, going through the layers in order; their names are checked before."""

    def __init__(self, given: Mapping[str, tuple[int, int, int]]) -> None:
        self._given = given
        self.writers: dict[str, list[Layer]] = {tensor: [] for tensor in given}

    def read(self, tensor: str, name: str, field: str) -> tuple[int, int, int]:
        """Return (height, width, channels written so far); LimenError blames `field` of the layer `name`."""
        if tensor in self._given:
            return self._given[tensor]
        channels = 0
        for writer in sorted(self.writers[tensor], key=lambda writer: writer.offset):
            if writer.offset > channels:
                raise LimenError(
                    f"layer {name}: {field}: {tensor!r} is not allowed: "
                    f"its channels {channels} to {writer.offset - 1} are not written before"
                )
            channels += writer.out_channels
        return writer.out_height, writer.out_width, channels

    def write(self, tensor: str, layer: Layer) -> None:
        """Enter a layer's output. Raises LimenError unless size and format fit and its channels are free."""
        for other in self.writers.setdefault(tensor, []):
            also = f"layer {other.name} writes tensor {tensor!r} with"
            if layer.output_shape[:2] != other.output_shape[:2]:
                raise LimenError(
                    f"layer {layer.name}: output {list(layer.output_shape[:2])} is not allowed: "
                    f"{also} {list(other.output_shape[:2])}"
                )
            if (layer.y_bits, layer.y_signed) != (other.y_bits, other.y_signed):
                raise LimenError(
                    f"layer {layer.name}: y_bits: {layer.y_bits}, signed {layer.y_signed}, is not allowed: "
                    f"{also} {other.y_bits}, signed {other.y_signed}"
                )
            if layer.offset < other.offset + other.out_channels and other.offset < layer.offset + layer.out_channels:
                raise LimenError(
                    f"layer {layer.name}: offset: {layer.offset} is not allowed: layer {other.name} writes channels "
                    f"{other.offset} to {other.offset + other.out_channels - 1} of tensor {tensor!r}"
                )
        self.writers[tensor].append(layer)


def read_shape(layer: LayerForm, tensor: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the input shape of a layer that reads a tensor of this shape: a linear layer flattens it."""
    height, width, channels = tensor
    return (1, 1, height * width * channels) if layer.kind == "linear" else tensor


def check_synapses(layer: Layer, tensor: str, shape: tuple[int, int, int], form: tuple[int | None, bool]) -> None:
    """Raise LimenError unless a tensor of this shape and (bits, signed) can be the synapses of a matmul."""
    refusal = f"layer {layer.name}: synapses: {tensor!r} is not allowed: it"
    pixels, channels = layer.second_shape
    if (shape[0] * shape[1], shape[2]) != (pixels, channels):
        raise LimenError(f"{refusal} is {list(shape)}, the layer needs {pixels} pixels of {channels} channels")
    bits, signed = form
    if bits is None:
        raise LimenError(f"{refusal} holds raw accumulators")
    if bits + (not signed) > layer.w_bits:
        raise LimenError(
            f"layer {layer.name}: w_bits: {layer.w_bits} is not allowed: tensor {tensor!r} has {bits} bits, signed "
            f"{signed}: at least {bits + (not signed)}"
        )


def trace_tensors(layers: Sequence[Layer]) -> dict[str, TensorShape]:
    """Return every tensor of a network, checked: "input" first, then in the order of first writes.

    Raises LimenError, naming the layer, where the layers don't fit together.
    """
    check_names(layers)
    connections = connect(layers)
    formats = reader_formats(layers, [(layer.x_bits, layer.x_signed) for layer in layers])
    readers = [layer for layer, link in zip(layers, connections, strict=True) if link.reads == INPUT]
    # A linear layer doesn't tell the shape of what it flattens.
    shaped = next((layer for layer in readers if layer.kind != "linear"), layers[0])
    ledger = Ledger(given_tensors(shaped.input_shape, layers))
    for layer, link in zip(layers, connections, strict=True):
        shape = ledger.read(link.reads, layer.name, "input")
        if layer.input_shape != read_shape(layer, shape):
            raise LimenError(
                f"layer {layer.name}: input {list(layer.input_shape)} is not allowed: "
                f"tensor {link.reads!r} is {list(shape)}"
            )
        for writer in ledger.writers[link.reads]:
            if (writer.y_bits, writer.y_signed) != (layer.x_bits, layer.x_signed):
                raise LimenError(
                    f"layer {writer.name}: y_bits: {writer.y_bits} is not allowed: "
                    f"layer {layer.name} reads {layer.x_bits} bits, signed {layer.x_signed}"
                )
        if link.residual is not None:
            added = ledger.read(link.residual, layer.name, "residual")
            refusal = f"layer {layer.name}: residual: {link.residual!r} is not allowed: it"
            if added != layer.output_shape:
                raise LimenError(f"{refusal} is {list(added)}, the layer's output {list(layer.output_shape)}")
            if any(writer.y_bits is None for writer in ledger.writers[link.residual]):
                raise LimenError(f"{refusal} holds raw accumulators")
        if link.synapses is not None:
            second = ledger.read(link.synapses, layer.name, "synapses")
            writers = ledger.writers[link.synapses]
            form = (writers[0].y_bits, writers[0].y_signed) if writers else formats[INPUT]
            check_synapses(layer, link.synapses, second, form)
        ledger.write(link.writes, layer)
    tensors = {INPUT: TensorShape(*shaped.input_shape, *formats[INPUT])}
    for layer, link in zip(layers, connections, strict=True):
        if layer.own_input is not None:
            tensors[link.reads] = TensorShape(*layer.own_input.shape, layer.x_bits, layer.x_signed)
        tensors[link.writes] = TensorShape(
            *ledger.read(link.writes, layer.name, "tensor"), layer.y_bits, layer.y_signed
        )
    return tensors
