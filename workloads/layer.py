"""`Layer`: the shape and number formats of one layer, and `LayerParameters`: its integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from workloads.numbers import MAX_SHIFT, Op, alignment, largest_term, operand_range
from workloads.specfile import Spec

Bits = Annotated[int, Field(ge=2, le=16)]
Size = Annotated[int, Field(ge=1, le=65535)]
Pad = Annotated[int, Field(ge=0, le=255)]


class Layer(Spec):
    """One linear or 2-D convolution layer, as the machine sees it.

    A linear layer is the case height = width = 1. Activations are NHWC; the fan-in runs (kh, kw, c).
    `y_bits` is the width of the next layer's activations; None marks the raw last layer.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    kind: Literal["conv2d", "linear"] = "conv2d"
    op: Op
    x_bits: Bits
    w_bits: Bits
    x_signed: bool = True
    height: Size = 1
    width: Size = 1
    channels: Size
    out_channels: Size
    kernel: tuple[Size, Size] = (1, 1)
    stride: tuple[Size, Size] = (1, 1)
    padding: tuple[Pad, Pad, Pad, Pad] = (0, 0, 0, 0)
    y_bits: Bits | None = None
    y_signed: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Layer:
        top, bottom, left, right = self.padding
        if self.kernel[0] > self.height + top + bottom or self.kernel[1] > self.width + left + right:
            raise ValueError(
                f"layer {self.name}: kernel: {list(self.kernel)} is not allowed: at most the padded input, "
                f"[{self.height + top + bottom}, {self.width + left + right}]"
            )
        if self.op == "threshold" and not self.x_signed:
            raise ValueError(
                f"layer {self.name}: x_signed: False is not allowed: op threshold takes signed activations (true)"
            )
        if self.kind == "linear" and (self.height, self.width) != (1, 1):
            raise ValueError(f"layer {self.name}: kind: 'linear' is not allowed: height and width are not 1")
        return self

    @property
    def out_height(self) -> int:
        return (self.height + self.padding[0] + self.padding[1] - self.kernel[0]) // self.stride[0] + 1

    @property
    def out_width(self) -> int:
        return (self.width + self.padding[2] + self.padding[3] - self.kernel[1]) // self.stride[1] + 1

    @property
    def pixels(self) -> int:
        """M, the number of output pixels."""
        return self.out_height * self.out_width

    @property
    def fan_in(self) -> int:
        """K, the number of synapses of one output channel."""
        return self.kernel[0] * self.kernel[1] * self.channels

    @property
    def pairs(self) -> int:
        """M·N·K, the number of operand pairs (busy PE-cycles), padding included."""
        return self.pixels * self.out_channels * self.fan_in

    @property
    def y_range(self) -> tuple[int, int] | None:
        """The range the requantiser saturates to; None for raw accumulators."""
        return None if self.y_bits is None else operand_range(self.y_bits, self.y_signed)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def output_shape(self) -> tuple[int, int, int]:
        return self.out_height, self.out_width, self.out_channels


@dataclass(frozen=True)
class LayerParameters:
    """The integers of one layer (int64 arrays).

    weights: [N, kh, kw, C], thresholds or weights within w_bits.
    polarity: [N, kh, kw, C] of ±1 for op threshold, None otherwise.
    bias: [N], in units of the accumulator.
    shift: [N], the requantiser's right shift t, 0…31 (unused by a raw layer).
    """

    weights: np.ndarray
    polarity: np.ndarray | None
    bias: np.ndarray
    shift: np.ndarray

    def check(self, layer: Layer) -> None:
        """Raise ValueError, naming the array, unless shapes and ranges fit `layer`."""
        shape = (layer.out_channels, *layer.kernel, layer.channels)
        expected = {"weights": shape, "bias": shape[:1], "shift": shape[:1]}
        if layer.op == "threshold":
            expected["polarity"] = shape
        elif self.polarity is not None:
            raise ValueError(f"{layer.name}.polarity: present; op {layer.op} has none")
        for name, form in expected.items():
            array = getattr(self, name)
            if array is None or array.shape != form or array.dtype != np.int64:
                found = "absent" if array is None else f"{array.dtype} {list(array.shape)}"
                raise ValueError(f"{layer.name}.{name}: {found}; expected int64 {list(form)}")
        low, high = operand_range(layer.w_bits)
        _within(f"{layer.name}.weights", self.weights, low, high)
        _within(f"{layer.name}.shift", self.shift, 0, MAX_SHIFT)
        _within(f"{layer.name}.bias", self.bias, -(1 << 46), 1 << 46)
        if self.polarity is not None and not np.all(np.abs(self.polarity) == 1):
            raise ValueError(f"{layer.name}.polarity: holds values other than the allowed +1 and -1")


def _within(name: str, array: np.ndarray, low: int, high: int) -> None:
    if array.size and (array.min() < low or array.max() > high):
        worst = array.min() if array.min() < low else array.max()
        raise ValueError(f"{name}: {worst} is not allowed: must be {low} to {high}")


def format_bound(layer: Layer, parameters: LayerParameters | None) -> int:
    """Largest magnitude of the accumulator for any weights of the format: K·D + max|bias|."""
    bias = int(np.abs(parameters.bias).max()) if parameters is not None else 0
    return layer.fan_in * largest_term(layer.op, layer.x_bits, layer.w_bits, layer.x_signed) + bias


def weights_bound(layer: Layer, parameters: LayerParameters) -> int:
    """Largest magnitude of the accumulator over all activations for these very weights.

    Each synapse is taken at the end of the activation range that is worst for its sign, so every
    final sum, whatever the input, is within the bound. (Intermediate sums may wrap: that is exact.)
    """
    low, high = operand_range(layer.x_bits, layer.x_signed)
    if layer.op == "threshold":
        assert parameters.polarity is not None
        x_shift, w_shift = alignment(layer.x_bits, layer.w_bits)
        largest = np.maximum((high << x_shift) - (parameters.weights << w_shift), 0)
        smallest = np.maximum((low << x_shift) - (parameters.weights << w_shift), 0)
        ends = np.stack([parameters.polarity * largest, parameters.polarity * smallest])
    else:
        ends = np.stack([parameters.weights * high, parameters.weights * low])
    axes = (1, 2, 3)
    highest = ends.max(axis=0).sum(axis=axes) + parameters.bias
    lowest = ends.min(axis=0).sum(axis=axes) + parameters.bias
    return int(max(np.abs(highest).max(), np.abs(lowest).max()))
