"""`Network`: layers in a row with fixed ops and widths, their integers, and where their inputs come from."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from workloads.errors import LimenError
from workloads.layer import Bits, Layer, LayerParameters, Pad, Size
from workloads.numbers import MAX_SHIFT, Op, alignment, operand_range
from workloads.specfile import Spec, describe_mistake, read_spec

BATCH = 64
"""Images evaluated together by the integer kernels: a few cache lines per activation."""


class InputMap(Spec):
    """How a pixel becomes an integer activation: sat((pixel − offset) · 2^shift), rounded half up."""

    offset: int = 0
    shift: Annotated[int, Field(ge=-MAX_SHIFT, le=MAX_SHIFT)] = 0

    def apply(self, pixels: np.ndarray, x_bits: int, x_signed: bool) -> np.ndarray:
        """Return int64 activations of the same shape, within the operand range."""
        centred = pixels.astype(np.int64) - self.offset
        rounding = 1 << (-self.shift - 1) if self.shift < 0 else 0
        scaled = (centred + rounding) >> -self.shift if self.shift < 0 else centred << self.shift
        return np.clip(scaled, *operand_range(x_bits, x_signed))


@dataclass(frozen=True)
class Network:
    """An integer network: exact, self-contained, ready for any level of the simulator.

    layers: in order; each output feeds the next layer's input, flattened NHWC for a linear layer.
    parameters: one per layer, or None where only the shapes are known (level "timing" needs no more).
    dataset: name of the shipped data the network was trained on, or None.
    """

    name: str
    layers: tuple[Layer, ...]
    parameters: tuple[LayerParameters, ...] | None = None
    dataset: str | None = None
    input_map: InputMap = field(default_factory=InputMap)

    def __post_init__(self) -> None:
        for first, second in zip(self.layers, self.layers[1:], strict=False):
            if int(np.prod(first.output_shape)) != int(np.prod(second.input_shape)):
                raise LimenError(
                    f"network {self.name}: layer {second.name}: input {list(second.input_shape)} is not allowed: "
                    f"layer {first.name} gives {list(first.output_shape)}"
                )
            if (first.y_bits, first.y_signed) != (second.x_bits, second.x_signed):
                raise LimenError(
                    f"network {self.name}: layer {first.name}: y_bits: {first.y_bits} is not allowed: "
                    f"layer {second.name} reads {second.x_bits} bits, signed {second.x_signed}"
                )
        if not self.layers or self.layers[-1].y_bits is not None:
            raise LimenError(f"network {self.name}: layers: the last one must exist and write raw accumulators")
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise LimenError(f"network {self.name}: layers: name {twice!r} is not allowed twice")
        if self.parameters is not None:
            for layer, own in zip(self.layers, self.parameters, strict=True):
                try:
                    own.check(layer)
                except ValueError as error:
                    raise LimenError(f"network {self.name}: {error}") from None

    def trained(self) -> tuple[LayerParameters, ...]:
        """Return the parameters; raises LimenError where the network has shapes only."""
        if self.parameters is None:
            raise LimenError(
                f"network {self.name}: checkpoint: missing; only level timing runs without one: "
                "name an .npz file of weights, polarity, bias and shift"
            )
        return self.parameters

    def predict(self, x: np.ndarray, progress: Callable[[int], object] | None = None) -> np.ndarray:
        """Return raw scores [images, N] (int64, exact) of activations [images, H, W, C].

        progress: called with the number of images of each batch done.
        """
        parameters = self.trained()
        scores = np.empty((len(x), int(np.prod(self.layers[-1].output_shape))), dtype=np.int64)
        for start in range(0, len(x), BATCH):
            lanes = np.ascontiguousarray(x[start : start + BATCH].astype(np.int64).transpose(1, 2, 3, 0))
            for layer, own in zip(self.layers, parameters, strict=True):
                lanes = forward_lanes(layer, own, lanes.reshape(*layer.input_shape, -1))
            scores[start : start + BATCH] = lanes.reshape(-1, lanes.shape[-1]).T
            if progress is not None:
                progress(lanes.shape[-1])
        return scores

    def inputs(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (activations [images, H, W, C] int64, labels [images]) of a split of the network's data."""
        if self.dataset is None:
            raise LimenError(f"network {self.name}: dataset: missing; accuracy needs one of digits")
        from workloads.digits import load_split

        pixels, labels = load_split(split)
        first = self.layers[0]
        return self.input_map.apply(pixels, first.x_bits, first.x_signed), labels

    def accuracy(self, split: str = "test") -> float:
        """Return the share of images of `split` classified right, by exact integers; argmax takes the lowest index.

        split: "train", "validation" or "test".
        """
        x, labels = self.inputs(split)
        return float(np.mean(self.predict(x).argmax(axis=1) == labels))


def forward_lanes(layer: Layer, parameters: LayerParameters, lanes: np.ndarray) -> np.ndarray:
    """Return a layer's exact outputs [OH, OW, N, B] of activations [H, W, C, B], int64, by the integer kernels."""
    from workloads import integer_kernels as kernels

    x_shift, w_shift = alignment(layer.x_bits, layer.w_bits) if layer.op == "threshold" else (0, 0)
    low, high = layer.y_range or (0, 0)
    geometry = np.array(
        [*layer.stride, layer.padding[0], layer.padding[2], x_shift, layer.y_range is None, low, high], dtype=np.int64
    )
    # Copies: the kernel's signature takes neither read-only nor strided arrays, and a user's may be either.
    weights = np.array(parameters.weights << w_shift, order="C")
    polarity = weights if parameters.polarity is None else np.array(parameters.polarity, order="C")
    bias, shift = np.array(parameters.bias), np.array(parameters.shift)
    outputs = np.empty((*layer.output_shape, lanes.shape[-1]), dtype=np.int64)
    op = kernels.THRESHOLD if layer.op == "threshold" else kernels.MAC
    kernels.layer_forward(
        np.require(lanes, requirements=["C", "W"]), weights, polarity, bias, shift, geometry, op, outputs
    )
    return outputs


class LayerEntry(Spec):
    """A layer as a network file writes it; input sizes follow from the layer before."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    kind: Literal["conv2d", "linear"]
    out_channels: Size
    kernel: list[Size] = Field(default=[1, 1], min_length=2, max_length=2)
    stride: list[Size] = Field(default=[1, 1], min_length=2, max_length=2)
    padding: list[Pad] = Field(default=[0, 0, 0, 0], min_length=4, max_length=4)
    op: Op | None = None
    x_bits: Bits | None = None
    w_bits: Bits | None = None
    x_signed: bool | None = None


class InputEntry(Spec):
    height: Size = 1
    width: Size = 1
    channels: Size


class NetworkFile(Spec):
    """The form of a network file. `padding` is top, bottom, left, right; a layer's own op and widths win."""

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    op: Op
    x_bits: Bits
    w_bits: Bits
    x_signed: bool = True
    input: InputEntry
    layers: list[LayerEntry] = Field(min_length=1)
    checkpoint: str | None = None
    dataset: Literal["digits"] | None = None
    input_map: InputMap = InputMap()

    def build_layers(self) -> tuple[Layer, ...]:
        """Return the layers with input sizes and formats filled in; raises LimenError naming the layer."""
        shape = (self.input.height, self.input.width, self.input.channels)
        chain: list[Layer] = []
        for index, entry in enumerate(self.layers):
            following = self.layers[index + 1] if index + 1 < len(self.layers) else None
            if entry.kind == "linear":
                shape = (1, 1, shape[0] * shape[1] * shape[2])
            content = {
                "name": entry.name,
                "kind": entry.kind,
                "op": entry.op or self.op,
                "x_bits": entry.x_bits or self.x_bits,
                "w_bits": entry.w_bits or self.w_bits,
                "x_signed": self.x_signed if entry.x_signed is None else entry.x_signed,
                "height": shape[0],
                "width": shape[1],
                "channels": shape[2],
                "out_channels": entry.out_channels,
                "kernel": tuple(entry.kernel),
                "stride": tuple(entry.stride),
                "padding": tuple(entry.padding),
            }
            if following is not None:
                content["y_bits"] = following.x_bits or self.x_bits
                content["y_signed"] = self.x_signed if following.x_signed is None else following.x_signed
            try:
                chain.append(Layer.model_validate(content))
            except ValidationError as error:
                mistake = describe_mistake(error, Layer)
                prefix = "" if mistake.startswith("layer ") else f"layer {entry.name}: "
                raise LimenError(f"{prefix}{mistake}") from None
            shape = chain[-1].output_shape
        return tuple(chain)


def load_checkpoint(path: Path, layers: tuple[Layer, ...]) -> tuple[LayerParameters, ...]:
    """Read `LAYER.weights|polarity|bias|shift` of every layer from an .npz file (never pickled).

    Raises:
        LimenError: absent, damaged, an array missing, unknown, of another shape or out of range.
    """
    arrays = read_arrays(path)
    parameters = []
    for layer in layers:
        own: dict[str, Any] = {}
        for name in ("weights", "polarity", "bias", "shift"):
            array = arrays.pop(f"{layer.name}.{name}", None)
            own[name] = array.astype(np.int64) if array is not None and array.dtype.kind in "iu" else array
        parameters.append(LayerParameters(**own))
        try:
            parameters[-1].check(layer)
        except ValueError as error:
            raise LimenError(f"{path}: {error}") from None
    if arrays:
        raise LimenError(f"{path}: {min(arrays)}: unknown array; allowed: weights, polarity, bias, shift of each layer")
    return tuple(parameters)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file without pickle; raises LimenError where it can't be read whole."""
    if not path.is_file():
        raise LimenError(f"{path}: checkpoint: missing; expected an .npz file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # zipfile, zlib, numpy and OS each raise their own kinds on damaged files
        raise LimenError(f"{path}: checkpoint: not a readable .npz file: {error}") from None


def load_network(path: str | os.PathLike[str]) -> Network:
    """Return the network of a YAML file; its checkpoint is looked up beside the file. Raises LimenError."""
    own = read_spec(NetworkFile, path)
    try:
        shapes = Network(own.name, own.build_layers(), None, own.dataset, own.input_map)
        if own.checkpoint is None:
            return shapes
        return replace(shapes, parameters=load_checkpoint(Path(path).parent / own.checkpoint, shapes.layers))
    except LimenError as error:
        prefix = "" if str(error).startswith(str(Path(path).parent / (own.checkpoint or "\0"))) else f"{path}: "
        raise LimenError(f"{prefix}{error}") from None
