"""`Layer`: the shape and number formats of one layer, and `LayerParameters`: its integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from workloads.host.specfile import Spec
from workloads.layers.input_size import InputEntry, Size
from workloads.ops.generated_polarity import generated_polarity
from workloads.ops.integers import MAX_SHIFT, operand_range
from workloads.ops.op_field import Op
from workloads.ops.operation import OPERAND_BITS, Operation
from workloads.ops.registry import operation

MOST_BITS = OPERAND_BITS[1]
Bits = Annotated[int, Field(ge=OPERAND_BITS[0], le=MOST_BITS)]
Pad = Annotated[int, Field(ge=0, le=255)]
MOST_RESIDUAL_SHIFT = 15


Kind = Literal["conv2d", "conv1d", "linear", "maxpool", "avgpool", "matmul"]
POOLS = ("maxpool", "avgpool")
"""Kinds whose channels stay apart and whose integers no checkpoint has."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Format = tuple[int, bool]
"""Width and sign of a tensor's integers: (bits, signed)."""


class LayerForm(Spec):
    """What a layer says of itself both in a network file and on the machine.

    input: the tensor it reads; None is the one written by the layer before, and "input" the network's own.
    own_input: the size of a tensor that it reads and no layer writes, where layers are a list and not a network.
    tensor, offset: the tensor its output channels go to, and the channel there; None is a tensor of its own name.
    residual: the tensor added, shifted left by residual_shift, to the bias its sums start from.
    groups: output channel n reads the input channels of group n // group_outputs only.
    synapses, transposed: of a matmul the tensor that its synapses are, and whether an output channel is a pixel of that
    tensor (as in Q·Kᵀ) or a channel of it (as in A·V).
    polarity: what the polarity of op threshold depends on: every synapse, the fan-in position alone ("input"),
    the output channel alone ("neuron"), or polarity_seed alone ("generated", see `generated_polarity`).
    """

    name: Name
    kind: Kind
    groups: Size = 1
    input: Name | None = None
    own_input: InputEntry | None = None
    tensor: Name | None = None
    offset: Annotated[int, Field(ge=0, le=65535)] = 0
    residual: Name | None = None
    residual_shift: Annotated[int, Field(ge=0, le=MOST_RESIDUAL_SHIFT)] = 0
    synapses: Name | None = None
    transposed: bool = False
    polarity: Literal["synapse", "input", "neuron", "generated"] = "synapse"
    polarity_seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0


class Layer(LayerForm):
    """One convolution, linear or pooling layer, as the machine sees it.

    A linear layer is the case height = width = 1, a conv1d the case width = 1. Activations are NHWC; the
    fan-in runs (kh, kw, c). `y_bits` is the width of the next layer's activations; None marks the raw last
    layer. maxpool passes values unchanged and pads with positions that never win. avgpool is a depthwise convolution
    whose integers follow from its op and window, see `averaging_parameters`. images: that lie above each other in its
    height, each padded on its own. matmul is a 1 x 1
    convolution whose synapses are another tensor, with polarity +1.
    """

    kind: Kind = "conv2d"
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
    images: Size = 1

    @model_validator(mode="after")
    def _fits(self) -> Layer:
        top, bottom, left, right = self.padding
        if self.height % self.images:
            raise ValueError(f"layer {self.name}: images: {self.images} is not allowed: must divide {self.height} rows")
        if self.kernel[0] > self.image_height + top + bottom or self.kernel[1] > self.width + left + right:
            raise ValueError(
                f"layer {self.name}: kernel: {list(self.kernel)} is not allowed: at most the padded input, "
                f"[{self.image_height + top + bottom}, {self.width + left + right}]"
            )
        if self.operation.one_range and not self.x_signed and self.has_parameters:
            raise ValueError(
                f"layer {self.name}: x_signed: False is not allowed: op {self.op} takes signed activations (true)"
            )
        narrowest, widest = self.operation.weight_bits
        if self.has_parameters and not narrowest <= self.w_bits <= widest:
            raise ValueError(
                f"layer {self.name}: w_bits: {self.w_bits} is not allowed: op {self.op} takes {narrowest} to {widest}"
            )
        if self.kind == "linear" and (self.height, self.width) != (1, 1):
            raise ValueError(f"layer {self.name}: kind: 'linear' is not allowed: height and width are not 1")
        if self.kind == "avgpool":
            self._check_average()
        if self.kind == "matmul" and self.operation.form == "shift":
            raise ValueError(f"layer {self.name}: kind: 'matmul' is not allowed: op {self.op} takes codes, not numbers")
        if (self.synapses is None) == (self.kind == "matmul"):
            raise ValueError(
                f"layer {self.name}: synapses: {self.synapses!r} is not allowed: a matmul names a tensor, no other "
                "kind does"
            )
        for field, value in self._fixed_by_kind().items():
            if getattr(self, field) != value:
                raise ValueError(
                    f"layer {self.name}: {field}: {getattr(self, field)!r} is not allowed: "
                    f"kind {self.kind} needs {value!r}"
                )
        if self.channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"layer {self.name}: groups: {self.groups} is not allowed: "
                f"must divide channels {self.channels} and out_channels {self.out_channels}"
            )
        if not self.operation.polar and self.polarity != "synapse":
            raise ValueError(
                f"layer {self.name}: polarity: {self.polarity!r} is not allowed: op {self.op} has none ('synapse')"
            )
        return self

    def _fixed_by_kind(self) -> dict[str, object]:
        """Return the values that the kind leaves no choice of."""
        if self.kind == "conv1d":
            top, bottom, _, _ = self.padding
            across: dict[str, object] = {"kernel": (self.kernel[0], 1), "stride": (self.stride[0], 1)}
            return {"width": 1, **across, "padding": (top, bottom, 0, 0)}
        if self.kind == "maxpool":
            unchanged: dict[str, object] = {"y_bits": self.x_bits, "y_signed": self.x_signed}
            return {"out_channels": self.channels, "groups": 1, **unchanged, "residual": None, "polarity": "synapse"}
        if self.kind == "avgpool":
            kept: dict[str, object] = {} if self.y_bits is None else {"y_bits": self.x_bits, "y_signed": self.x_signed}
            return {"out_channels": self.channels, "groups": self.channels, **kept, "residual": None,
                    "polarity": "synapse"}  # fmt: skip
        if self.kind == "matmul":
            window: dict[str, object] = {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0)}
            return {**window, "groups": 1, "residual": None, "polarity": "synapse"}
        return {"transposed": False}

    def _check_average(self) -> None:
        """Raise ValueError unless the op can add up the activations of this window, and the requantiser divide."""
        if self.operation.averaging_weight(self.x_bits, MOST_BITS) is None:
            raise ValueError(
                f"layer {self.name}: kind: 'avgpool' is not allowed: op {self.op} can't add activations up"
            )
        if self.operation.averaging_weight(self.x_bits, self.w_bits) is None:
            raise ValueError(
                f"layer {self.name}: w_bits: {self.w_bits} is not allowed: an avgpool of op {self.op} takes at least "
                f"x_bits, {self.x_bits}"
            )
        if self.averaging_shift > MAX_SHIFT:
            most = MAX_SHIFT - self.operation.alignment(self.x_bits, self.w_bits)[0]
            raise ValueError(
                f"layer {self.name}: kernel: {list(self.kernel)} is not allowed: an avgpool takes at most 2^{most} "
                "positions"
            )

    @property
    def generates_polarity(self) -> bool:
        """Whether its signs follow from polarity_seed, and are stored nowhere."""
        return self.polarity == "generated"

    def generated_polarity(self) -> np.ndarray:
        """Return the signs that follow from polarity_seed, int64 ±1 of `weights_shape`."""
        signs = generated_polarity(self.polarity_seed, np.arange(self.out_channels)[:, None], np.arange(self.fan_in))
        return signs.reshape(self.weights_shape).astype(np.int64)

    @property
    def free_signs_shape(self) -> tuple[int, ...]:
        """Of the signs that stored polarity leaves free: it broadcasts to `weights_shape`."""
        channels, *window = self.weights_shape
        return {"input": (1, *window), "neuron": (channels, 1, 1, 1)}.get(self.polarity, self.weights_shape)

    @property
    def operation(self) -> Operation:
        """The room of its op."""
        return operation(self.op)

    @property
    def has_parameters(self) -> bool:
        """Whether the array computes it, with weights."""
        return self.kind != "maxpool"

    @property
    def has_arrays(self) -> bool:
        """Whether a checkpoint has its bias and shift."""
        return self.kind not in POOLS

    @property
    def has_weights(self) -> bool:
        """Whether its weights are its own, and a checkpoint has them."""
        return self.kind not in (*POOLS, "matmul")

    @property
    def second_shape(self) -> tuple[int, int]:
        """(pixels, channels) of the tensor that the synapses of a matmul are."""
        return (self.out_channels, self.channels) if self.transposed else (self.channels, self.out_channels)

    @property
    def averaging_shift(self) -> int:
        """The right shift of an avgpool's sums: to the power of two that is no less than the positions of a window."""
        return (self.kernel[0] * self.kernel[1] - 1).bit_length() + self.operation.alignment(self.x_bits, self.w_bits)[
            0
        ]

    @property
    def group_channels(self) -> int:
        """Input channels of one group."""
        return self.channels // self.groups

    @property
    def group_outputs(self) -> int:
        """Output channels of one group."""
        return self.out_channels // self.groups

    @property
    def weights_shape(self) -> tuple[int, int, int, int]:
        """[N, kh, kw, C of a group], of weights and polarity."""
        return self.out_channels, *self.kernel, self.group_channels

    @property
    def image_height(self) -> int:
        """Rows of each of the images that lie above each other."""
        return self.height // self.images

    @property
    def out_height(self) -> int:
        top, bottom = self.padding[:2]
        return self.images * ((self.image_height + top + bottom - self.kernel[0]) // self.stride[0] + 1)

    @property
    def out_width(self) -> int:
        return (self.width + self.padding[2] + self.padding[3] - self.kernel[1]) // self.stride[1] + 1

    @property
    def pixels(self) -> int:
        """M, the number of output pixels."""
        return self.out_height * self.out_width

    @property
    def fan_in(self) -> int:
        """K, the number of synapses of one output channel; the taps of a maxpool."""
        return self.kernel[0] * self.kernel[1] * (self.group_channels if self.has_parameters else 1)

    @property
    def pairs(self) -> int:
        """M·N·K, the number of operand pairs (busy PE-cycles), padding included; 0 for a maxpool."""
        return self.pixels * self.out_channels * self.fan_in if self.has_parameters else 0

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

    weights: [N, kh, kw, C of a group], thresholds, weights or (op shift) codes within the signed range of w_bits.
    polarity: [N, kh, kw, C of a group] of ±1 for op threshold, None otherwise.
    bias: [N], in units of the accumulator.
    shift: [N], the requantiser's right shift t, 0…31 (unused by a raw layer).
    """

    weights: np.ndarray
    polarity: np.ndarray | None
    bias: np.ndarray
    shift: np.ndarray

    def __repr__(self) -> str:
        shapes = (f"{name} {list(np.shape(array))}" for name, array in vars(self).items() if array is not None)
        return f"LayerParameters({', '.join(shapes)})"

    def check(self, layer: Layer) -> None:
        """Raise ValueError, naming the array, unless shapes, ranges and the kind of polarity fit `layer`."""
        shape = layer.weights_shape if layer.has_parameters else (0, 0, 0, 0)
        weights = (0, 0, 0, 0) if layer.kind == "matmul" else shape
        expected = {"weights": weights, "bias": shape[:1], "shift": shape[:1]}
        if layer.operation.polar and layer.has_parameters and layer.kind != "matmul":
            expected["polarity"] = shape
        elif self.polarity is not None:
            own = layer.has_parameters and layer.kind != "matmul"
            owner = f"op {layer.op}" if own else f"kind {layer.kind}"
            raise ValueError(f"{layer.name}.polarity: present; {owner} has none")
        for name, form in expected.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.shape != form or array.dtype != np.int64:
                actual = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else "absent"
                raise ValueError(f"{layer.name}.{name}: {actual}; expected int64 {list(form)}")
        low, high = operand_range(layer.w_bits)
        _within(f"{layer.name}.weights", self.weights, low, high)
        _within(f"{layer.name}.shift", self.shift, 0, MAX_SHIFT)
        _within(f"{layer.name}.bias", self.bias, -(1 << 46), 1 << 46)
        if self.polarity is not None:
            _check_polarity(layer, self.polarity)
        if layer.kind == "avgpool":
            for name, array in vars(averaging_parameters(layer)).items():
                if array is not None and not np.array_equal(getattr(self, name), array):
                    raise ValueError(f"{layer.name}.{name}: other values than those of kind avgpool are not allowed")


def no_parameters() -> LayerParameters:
    """Return the parameters of a layer that has none: all arrays empty."""
    return LayerParameters(
        np.zeros((0, 0, 0, 0), dtype=np.int64), None, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    )


def averaging_parameters(layer: Layer) -> LayerParameters:
    """Return the integers of an avgpool: each term is an activation and a constant, which the bias takes back.

    A window of a power of two gives the mean, rounded. Of others the sum is exact all the same, and is divided by the
    next power of two: the scale of what reads it takes the rest.
    """
    room, shape = layer.operation, layer.weights_shape
    code = room.averaging_weight(layer.x_bits, layer.w_bits)
    assert code is not None, f"layer {layer.name}: see Layer._check_average"
    weights = np.full(shape, code, dtype=np.int64)
    polarity = np.ones(shape, dtype=np.int64) if room.polar else None
    values = room.values(weights, layer.w_bits) << room.alignment(layer.x_bits, layer.w_bits)[1]
    constants = room.terms(np.zeros_like(values), values, polarity).reshape(shape[0], -1).sum(axis=1)
    return LayerParameters(weights, polarity, -constants, np.full(shape[0], layer.averaging_shift, dtype=np.int64))


def kind_parameters(layer: Layer) -> LayerParameters:
    """Return the integers of a layer whose kind says them all: none of a maxpool, constants of an avgpool."""
    return averaging_parameters(layer) if layer.has_parameters else no_parameters()


def _check_polarity(layer: Layer, polarity: np.ndarray) -> None:
    if not np.all(np.abs(polarity) == 1):
        raise ValueError(f"{layer.name}.polarity: holds values other than the allowed +1 and -1")
    allowed = polarity
    if layer.polarity == "input":
        allowed = polarity[:1]
    elif layer.polarity == "neuron":
        allowed = polarity[:, :1, :1, :1]
    elif layer.generates_polarity:
        allowed = layer.generated_polarity()
    if not np.all(polarity == allowed):
        where = [int(index) for index in np.argwhere(polarity != allowed)[0]]
        raise ValueError(
            f"{layer.name}.polarity: {polarity[tuple(where)]} at {where} is not allowed: polarity is {layer.polarity!r}"
        )


def _within(name: str, array: np.ndarray, low: int, high: int) -> None:
    if array.size and (array.min() < low or array.max() > high):
        worst = array.min() if array.min() < low else array.max()
        raise ValueError(f"{name}: {worst} is not allowed: must be {low} to {high}")
