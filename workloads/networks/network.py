"""`Network`: layers and the tensors between them, with fixed ops and widths, and their integers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from workloads.datasets import DATASETS
from workloads.errors import LimenError, check_kind, shown
from workloads.host.specfile import WHOLE, Spec, describe_mistake, read_spec
from workloads.layers.given_cut import GivenCut, GivenCuts, check_cuts
from workloads.layers.graph import (
    INPUT,
    Connection,
    Ledger,
    TensorShape,
    check_names,
    connect,
    given_tensors,
    read_shape,
    reader_formats,
    trace_tensors,
    walk,
)
from workloads.layers.input_size import InputEntry, Size
from workloads.layers.layer import (
    POOLS,
    Bits,
    Format,
    Layer,
    LayerForm,
    LayerParameters,
    Pad,
)
from workloads.networks.checkpoint import load_checkpoint
from workloads.networks.input_map import InputMap
from workloads.networks.published import Published
from workloads.networks.unmapped import UnmappedOp
from workloads.ops.integers import operand_range
from workloads.ops.op_field import Op

COMMENTED = Path(__file__).with_name("commented.yaml")
"""A network page with comments, to begin with."""

EVALUATION_BATCH = 128
"""Images evaluated together by the integer kernels."""


@dataclass(frozen=True)
class Network:
    """An integer network: exact, self-contained, ready for any level of the simulator.

    layers: in order; each reads and writes tensors by name (`LayerForm`), by default those of a chain.
    parameters: one per layer, or None where only the shapes are known (level "timing" needs no more).
    dataset: name of the shipped data the network was trained on, or None.
    schedule: cuts of single layers; every other layer has the design's, or the best of all.
    unmapped_ops: operators of the network that the machine doesn't have, and no layer is.
    """

    name: str
    layers: tuple[Layer, ...]
    parameters: tuple[LayerParameters, ...] | None = None
    dataset: str | None = None
    input_map: InputMap = field(default_factory=InputMap)
    schedule: tuple[GivenCut, ...] = ()
    unmapped_ops: tuple[UnmappedOp, ...] = ()

    def __repr__(self) -> str:
        state = "shapes only" if self.parameters is None else "trained"
        return f"Network({self.name}: {len(self.layers)} layers, {state})"

    def __post_init__(self) -> None:
        self._check_kinds()
        if not self.layers or self.layers[-1].y_bits is not None:
            raise LimenError(f"network {self.name}: layers: the last one must exist and write raw accumulators")
        _ = self.tensors  # tracing them checks that the layers fit together
        try:
            check_cuts(self.schedule, self.layers)
        except LimenError as error:
            raise LimenError(f"network {self.name}: {error}") from None
        if self.parameters is not None:
            for layer, parameters in zip(self.layers, self.parameters, strict=True):
                if layer.own_input is not None:
                    raise LimenError(
                        f"network {self.name}: layer {layer.name}: own_input: not allowed with a checkpoint"
                    )
                try:
                    parameters.check(layer)
                except ValueError as error:
                    raise LimenError(f"network {self.name}: {error}") from None

    def _check_kinds(self) -> None:
        """Raise LimenError unless the fields are what they are declared to be."""
        check_kind("Network: name", self.name, str, "a text")
        check_kind("Network: input_map", self.input_map, InputMap, "an InputMap")
        _check_all("layers", self.layers, Layer)
        _check_all("schedule", self.schedule, GivenCut)
        _check_all("unmapped_ops", self.unmapped_ops, UnmappedOp)
        if self.parameters is not None:
            _check_all("parameters", self.parameters, LayerParameters)
        if self.dataset is not None and self.dataset not in DATASETS:
            raise LimenError(
                f"network {self.name}: dataset: {shown(self.dataset)} is not allowed: {', '.join(DATASETS)}"
            )
        if self.parameters is not None and len(self.parameters) != len(self.layers):
            raise LimenError(f"network {self.name}: parameters: {len(self.parameters)} are not allowed: one a layer")

    @cached_property
    def tensors(self) -> dict[str, TensorShape]:
        """Every tensor by name, "input" first; raises LimenError where the layers don't fit together."""
        try:
            return trace_tensors(self.layers)
        except LimenError as error:
            raise LimenError(f"network {self.name}: {error}") from None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input, as its first layers read it: flat for linear ones alone."""
        tensor = self.tensors[INPUT]
        return tensor.height, tensor.width, tensor.channels

    def as_input(self, x: np.ndarray) -> np.ndarray:
        """Return activations [images, ...] as [images, H, W, C] of `input_shape`: an image, or its values in order.

        Raises:
            LimenError: an image has another number of values than the input, or values that aren't its integers.
        """
        check_kind(f"network {self.name}: input", x, np.ndarray, "an array of activations [images, ...]")
        if x.ndim < 2 or int(np.prod(x.shape[1:])) != int(np.prod(self.input_shape)):
            raise LimenError(
                f"network {self.name}: input: images of shape {list(x.shape[1:])} are not allowed: "
                f"the network reads {list(self.input_shape)}"
            )
        low, high = operand_range(self.layers[0].x_bits, self.layers[0].x_signed)
        if x.dtype.kind not in "iu" or (x.size and not low <= x.min() <= x.max() <= high):
            values = f"{x.min()} to {x.max()}" if x.size and x.dtype.kind in "iu" else str(x.dtype)
            raise LimenError(f"network {self.name}: input: {values} is not allowed: integers of {low} to {high}")
        return x.reshape(len(x), *self.input_shape)

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """The tensors each layer reads, writes and adds, by name."""
        return connect(self.layers)

    @property
    def generates_polarity(self) -> bool:
        """Whether it has polarity of its own, and all of it follows from seeds."""
        polar = [layer for layer in self.layers if layer.has_weights and layer.operation.polar]
        return bool(polar) and all(layer.generates_polarity for layer in polar)

    def reads(self, index: int) -> str:
        """Return the tensor that layer `index` reads."""
        return self.connections[index].reads

    def writes(self, index: int) -> tuple[str, int]:
        """Return the tensor that layer `index` writes, and the channel there where its output begins."""
        return self.connections[index].writes, self.layers[index].offset

    def residual_of(self, index: int) -> str | None:
        """Return the tensor that layer `index` adds, or None."""
        return self.connections[index].residual

    def residual_format(self, index: int) -> Format | None:
        """Return (bits, signed) of the tensor that layer `index` adds, or None."""
        name = self.residual_of(index)
        if name is None:
            return None
        tensor = self.tensors[name]
        assert tensor.bits is not None  # raw accumulators are not added: see trace_tensors
        return tensor.bits, tensor.signed

    def trained(self) -> tuple[LayerParameters, ...]:
        """Return the parameters; raises LimenError where the network has shapes only."""
        if self.parameters is None:
            raise LimenError(
                f"network {self.name}: checkpoint: missing; only level timing runs without one: "
                "name an .npz file of weights, polarity, bias and shift"
            )
        return self.parameters

    def predict(self, x: np.ndarray, progress: Callable[[int], object] | None = None) -> np.ndarray:
        """Return raw scores [images, N] (int64, exact) of activations [images, H, W, C], see `as_input`.

        progress: called with the number of images of each batch done.
        """
        forward, x = self._prepared(), self.as_input(x)
        scores = np.empty((len(x), int(np.prod(self.layers[-1].output_shape))), dtype=np.int64)
        for start in range(0, len(x), EVALUATION_BATCH):
            lanes = forward(x[start : start + EVALUATION_BATCH].transpose(1, 2, 3, 0))
            scores[start : start + EVALUATION_BATCH] = lanes.reshape(-1, lanes.shape[-1]).T
            if progress is not None:
                progress(lanes.shape[-1])
        return scores

    def _prepared(self) -> Callable[[np.ndarray], np.ndarray]:
        """Return what gives the last layer's outputs [OH, OW, N, B] of activations [H, W, C, B]."""
        from workloads.exact.inference import prepared

        forwards = [prepared(*layer) for layer in zip(self.layers, self.trained(), strict=True)]

        def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
            return forwards[index](seen.reshape(*self.layers[index].input_shape, -1), residual)

        return lambda batch: walk(self.layers, batch, partial(np.concatenate, axis=2), step)

    def inputs(self, split: str, folder: Path | str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return (activations [images, H, W, C] int64 of `input_shape`, labels [images]) of a split of its data.

        folder: where its files lie, see `workloads.datasets.load_split`.
        """
        if self.dataset is None:
            raise LimenError(f"network {self.name}: dataset: missing; accuracy needs one of {', '.join(DATASETS)}")
        from workloads.datasets import load_split

        pixels, labels = load_split(self.dataset, split, folder)
        first = self.layers[0]
        return self.as_input(self.input_map.apply(pixels, first.x_bits, first.x_signed)), labels

    def accuracy(self, split: str = "test", folder: Path | str | None = None) -> float:
        """Return the share of images of `split` classified right, by exact integers; argmax takes the lowest index.

        split: "train", "validation" or "test". folder: where the data's files lie.
        """
        x, labels = self.inputs(split, folder)
        return float(np.mean(self.predict(x).argmax(axis=1) == labels))


def _check_all(field_name: str, values: object, kind: type) -> None:
    """Raise LimenError unless the values of a Network's field are a tuple of one kind."""
    check_kind(f"Network: {field_name}", values, tuple, f"a tuple of {kind.__name__}")
    for value in cast(tuple[object, ...], values):
        check_kind(f"Network: {field_name}", value, kind, f"a tuple of {kind.__name__}")


Sizes = Annotated[list[Size], Field(min_length=1, max_length=2)]


class LayerEntry(LayerForm):
    """A layer as a network file writes it; input sizes and y formats follow from its place in the graph.

    kernel and stride are [down, across], padding [top, bottom, left, right]; a conv1d, and pooling in a 1-D
    network, gives only what lies along its length. Pooling has no out_channels; its kernel may be "global", all that
    it reads.
    """

    out_channels: Size | None = Field(default=None, validate_default=True)
    kernel: Sizes | Literal["global"] | None = None
    stride: Sizes | None = None
    padding: Annotated[list[Pad], Field(min_length=2, max_length=4)] | None = None
    op: Op | None = None
    x_bits: Bits | None = None
    w_bits: Bits | None = None
    x_signed: bool | None = None
    y_bits: Bits | None = None
    y_signed: bool = True

    @field_validator("out_channels")
    @classmethod
    def _out_channels_or_pooling(cls, value: int | None, info: ValidationInfo) -> int | None:
        kind = info.data.get("kind")
        if value is None and kind not in (*POOLS, "matmul"):
            raise PydanticKnownError("missing")
        if value is not None and kind in POOLS:
            article = "an" if kind == "avgpool" else "a"
            raise ValueError(f"{value} is not allowed: {article} {kind} has the channels it reads")
        if value is not None and kind == "matmul":
            raise ValueError(f"{value} is not allowed: a matmul has as many as its second operand says")
        return value

    @field_validator("kernel", "stride", "padding")
    @classmethod
    def _dimensions(cls, value: list[int] | str | None, info: ValidationInfo) -> list[int] | str | None:
        kind = info.data.get("kind", "")
        dimensions = {"conv1d": (1,), "maxpool": (1, 2), "avgpool": (1, 2)}.get(kind, (2,))
        allowed = [2 * count if info.field_name == "padding" else count for count in dimensions]
        if value == "global" and kind in POOLS:
            return value
        if info.data.get("kernel") == "global" and value is not None:
            raise ValueError(f"{value} is not allowed: a global kernel has one place, without padding")
        if value is not None and (value == "global" or len(value) not in allowed):
            lengths = " or ".join(str(length) for length in allowed)
            raise ValueError(f"{value} is not allowed: kind {kind} takes a list of {lengths}")
        return value

    def geometry(self, height: int, width: int) -> dict[str, tuple[int, ...]]:
        """Return kernel, stride and padding as `Layer` has them, in two dimensions, of a layer that reads this size."""
        if self.kernel == "global":  # windows of images above each other keep to theirs
            return {"kernel": (height, width), "stride": (height, width), "padding": (0, 0, 0, 0)}
        kernel, stride, padding = self.kernel or [1], self.stride or [1], self.padding or [0, 0]
        return {"kernel": (*kernel, 1)[:2], "stride": (*stride, 1)[:2], "padding": (*padding, 0, 0)[:4]}


class NetworkFile(Spec):
    """The form of a network file. `padding` is top, bottom, left, right; a layer's own op and widths win."""

    version: Annotated[Literal[1], WHOLE]
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    op: Op
    x_bits: Bits
    w_bits: Bits
    x_signed: bool = True
    input: InputEntry
    layers: list[LayerEntry] = Field(min_length=1)
    checkpoint: str | None = None
    dataset: Literal[tuple(DATASETS)] | None = None  # type: ignore[valid-type]
    input_map: InputMap = InputMap()
    schedule: GivenCuts = ()
    unmapped_ops: list[UnmappedOp] = Field(default_factory=list)
    published: Published | None = None

    def build_layers(self) -> tuple[Layer, ...]:
        """Return the layers with input sizes and formats filled in; raises LimenError naming the layer."""
        if self.layers[-1].kind == "maxpool":
            raise LimenError(
                f"layer {self.layers[-1].name}: kind: 'maxpool' is not allowed last: raw accumulators end a network"
            )
        check_names(self.layers)
        connections = connect(self.layers)
        formats = [self._x_format(entry) for entry in self.layers]
        added = {link.residual: form for link, form in zip(connections, formats, strict=True) if link.residual}
        # A tensor that layers only add has the format of the last of them; one that layers read has theirs. One that is
        # synapses alone has their width, a bit less where activations have no sign, and is no wider than those.
        second = {
            link.synapses: (min(form[0], (entry.w_bits or self.w_bits) - (not form[1])), form[1])
            for entry, link, form in zip(self.layers, connections, formats, strict=True)
            if link.synapses
        }
        # One that nobody reads, before layers with an input of their own, has the format that its layer reads.
        last = connections[-1].writes
        unread = {link.writes: form for link, form in zip(connections, formats, strict=True) if link.writes != last}
        said = {link.writes: (entry.y_bits, entry.y_signed)
                for entry, link in zip(self.layers, connections, strict=True) if entry.y_bits}  # fmt: skip
        tensor_formats = {**unread, **second, **added, **said, **reader_formats(self.layers, formats)}
        for entry, link in zip(self.layers, connections, strict=True):
            if entry.y_bits and (entry.y_bits, entry.y_signed) != (form := tensor_formats[link.writes]):
                said_so = f"layer {entry.name}: y_bits: {entry.y_bits}, signed {entry.y_signed}, is not allowed"
                raise LimenError(f"{said_so}: its reader has {form[0]}, signed {form[1]}")
        ledger = Ledger(given_tensors(self.input.shape, self.layers))
        layers: list[Layer] = []
        for entry, link, (x_bits, x_signed) in zip(self.layers, connections, formats, strict=True):
            shape = read_shape(entry, ledger.read(link.reads, entry.name, "input"))
            y_bits, y_signed = tensor_formats.get(link.writes, (None, True))
            content = {
                **{key: getattr(entry, key) for key in LayerForm.model_fields},
                **dict(zip(("height", "width", "channels"), shape, strict=True)),
                **entry.geometry(*shape[:2]),
                "groups": shape[2] if entry.kind == "avgpool" and entry.groups == 1 else entry.groups,
                "out_channels": entry.out_channels or self._derived_outputs(entry, link, shape, ledger),
                "op": entry.op or self.op,
                "x_bits": x_bits,
                "w_bits": entry.w_bits or self.w_bits,
                "x_signed": x_signed,
                "y_bits": y_bits,
                "y_signed": y_signed,
            }
            try:
                layers.append(Layer.model_validate(content))
            except ValidationError as error:
                mistake = describe_mistake(error, Layer, content)
                prefix = "" if mistake.startswith("layer ") else f"layer {entry.name}: "
                raise LimenError(f"{prefix}{mistake}") from None
            ledger.write(link.writes, layers[-1])
        return tuple(layers)

    def _derived_outputs(self, entry: LayerEntry, link: Connection, shape: tuple[int, int, int], ledger: Ledger) -> int:
        """Return the output channels of a layer that doesn't say them: of pooling, or of a matmul."""
        if entry.kind != "matmul" or link.synapses is None:
            return shape[2]
        height, width, channels = ledger.read(link.synapses, entry.name, "synapses")
        return height * width if entry.transposed else channels

    def _x_format(self, entry: LayerEntry) -> Format:
        return entry.x_bits or self.x_bits, self.x_signed if entry.x_signed is None else entry.x_signed


def load_network(path: str | os.PathLike[str]) -> Network:
    """Return the network of a YAML file; its checkpoint is looked up beside the file. Raises LimenError."""
    return network_of(read_spec(NetworkFile, path), path)


def network_of(file: NetworkFile, path: str | os.PathLike[str]) -> Network:
    """Return the network of a file that has been read from a path. Raises LimenError."""
    try:
        shapes = Network(
            file.name, file.build_layers(), None, file.dataset, file.input_map, file.schedule, tuple(file.unmapped_ops)
        )
    except LimenError as error:
        raise LimenError(f"{path}: {error}") from None
    if file.checkpoint is None:
        return shapes
    return replace(shapes, parameters=load_checkpoint(Path(path).parent / file.checkpoint, shapes.layers))
