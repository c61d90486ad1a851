"""A network's integers at one pair of widths under choices of its grids, and their loss: what quantisation tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from workloads.errors import LimenError
from workloads.exact.inference import forward_lanes, requantised
from workloads.exact.kernel_arrays import batch_innermost
from workloads.layers.graph import INPUT, Connection, connect
from workloads.layers.layer import MOST_RESIDUAL_SHIFT, Layer, LayerParameters
from workloads.networks.network import InputMap
from workloads.ops.integers import MAX_SHIFT, operand_range
from workloads.training.float_master import MASTER_BATCH, FloatLayer
from workloads.training.grids import Grid

LOSS_DECIMALS = 9
"""Losses are compared rounded to this, far above the last bit of an exponential."""

BIAS_BITS = 30
"""Bits of a bias that grids leave room for; its correction may take a little more."""

LARGEST_BIAS = 2**31 - 1
"""What a checkpoint holds."""

Loss = Callable[[np.ndarray], float]
"""Of outputs [values, images] in real units, float64."""


class Choice(NamedTuple):
    """What the descent chooses at a layer: activation ranges, and (mac, shift) a finer or coarser weight grid.

    ranges: of the tensors that no layer before reads or adds, see `first_uses`; in a chain, of its input alone.
    """

    ranges: tuple[int, ...]
    finer: int = 0


class LayerIntegers(NamedTuple):
    """A layer's integers at one pair of widths, each [N] int64, as `Family` reads them."""

    w_exponent: np.ndarray
    bias: np.ndarray
    shift: np.ndarray


Choices = tuple[Choice, ...]
"""One a layer, or those of the first layers: all that their sums depend on."""


@dataclass(frozen=True)
class Calibration:
    """What is known of a float master on training images, all batch innermost.

    pixels: [images, H, W, C] integers of a data set of `levels`. loss: of the outputs on just these images.
    means: per layer, [N] float64 means of y before any ReLU, the aim of the bias correction.
    ranges: per layer, as in `Choice`: the powers of two that hold START_SHARE of the real activations.
    """

    master: tuple[FloatLayer, ...]
    pixels: np.ndarray
    levels: int
    loss: Loss
    means: tuple[np.ndarray, ...]
    ranges: tuple[tuple[int, ...], ...]


def first_uses(layers: Sequence[Layer]) -> list[list[str]]:
    """Return, per layer, the tensors that it is the first to read or to add."""
    seen: set[str] = set()
    uses = []
    for link in connect(layers):
        uses.append([name for name in dict.fromkeys((link.reads, link.residual)) if name and name not in seen])
        seen.update(uses[-1])
    return uses


def folded_constants(float_layer: FloatLayer, w_exponent: np.ndarray, w_bits: int) -> np.ndarray:
    """Return what weights that saturate take from each neuron's sum, [N] in real units before the output shift.

    The room of the op says what that is: a constant, and the bias takes it exactly.
    """
    low, high = (np.ldexp(float(end), w_exponent)[:, None, None, None] for end in operand_range(w_bits))
    weights = float_layer.weights.astype(np.float64)
    lost = float_layer.layer.operation.lost(weights, float_layer.polarity, low, high)
    return sums_in_order(lost.reshape(len(lost), -1))


def sums_in_order(rows: np.ndarray) -> np.ndarray:
    """Return the sum of each row, from its first value to its last (numpy's own order depends on the machine)."""
    return np.cumsum(rows, axis=1)[:, -1]


@dataclass
class Trial:
    """Evaluates choices at one pair of widths, remembering each layer's sums under the choices before it."""

    calibration: Calibration
    x_bits: int
    w_bits: int
    known: dict[Choices, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    losses: dict[Choices, float] = field(default_factory=dict)
    known_exponents: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def master(self) -> tuple[FloatLayer, ...]:
        return self.calibration.master

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(float_layer.layer for float_layer in self.master)

    @cached_property
    def links(self) -> tuple[Connection, ...]:
        return connect(self.layers)

    @cached_property
    def owners(self) -> dict[str, tuple[int, int]]:
        """Where the range of a tensor is chosen: (layer, place in its ranges)."""
        uses = enumerate(first_uses(self.layers))
        return {tensor: (index, place) for index, used in uses for place, tensor in enumerate(used)}

    @cached_property
    def writers(self) -> dict[str, int]:
        return {link.writes: index for index, link in enumerate(self.links)}

    def forget_all_but(self, best: Choices) -> None:
        """Keep the sums under the best choices alone: those of a deep network's every trial would fill the memory."""
        self.known = {choices: known for choices, known in self.known.items() if choices == best[: len(choices)]}

    def input_map(self, choices: Choices) -> InputMap:
        """Return the map that turns pixels into the first layer's integers."""
        levels, signed = self.calibration.levels, self.signed(INPUT)
        unit = (levels // 2 if signed else levels).bit_length() - 1  # the power of two that pixels are divided by
        offset = levels // 2 if signed else 0
        return InputMap(offset=offset, shift=-unit - self.exponent(INPUT, choices))

    def signed(self, tensor: str) -> bool:
        return self.layers[0].x_signed if tensor == INPUT else not self.master[self.writers[tensor]].rectified

    def range(self, tensor: str, choices: Choices) -> int:
        index, place = self.owners[tensor]
        return choices[index].ranges[place]

    def exponent(self, tensor: str, choices: Choices) -> int:
        """Return the exponent of a unit of a tensor's activations."""
        return self.range(tensor, choices) - (self.x_bits - 1 if self.signed(tensor) else self.x_bits)

    def one_unit(self, index: int) -> bool:
        """Return whether a layer's sums need one unit: scores are compared, and a residual is shifted as a whole."""
        return index + 1 == len(self.master) or self.links[index].residual is not None

    def w_exponents(self, index: int, choices: Choices) -> np.ndarray:
        """Return the [N] exponents of units of the layer's weights."""
        float_layer = self.master[index]
        w_bits = float_layer.layer.operation.fitted_bits(self.w_bits)
        if float_layer.layer.operation.one_range:
            unit = self.range(self.links[index].reads, choices) - (w_bits - 1)
            return np.full(float_layer.layer.out_channels, unit, dtype=np.int64)
        if index not in self.known_exponents:
            self.known_exponents[index] = float_layer.layer.operation.weight_exponents(
                float_layer.weights, w_bits, shared=self.one_unit(index)
            )
        return self.storable(index, choices, self.known_exponents[index] - choices[index].finer)

    def storable(self, index: int, choices: Choices, exponents: np.ndarray) -> np.ndarray:
        """Return [N] weight exponents, raised where a bias would fill more than BIAS_BITS.

        Under op shift a channel that hardly contributes has a large output shift: its units are tiny, its bias is not.
        """
        float_layer = self.master[index]
        bias_bits = np.ceil(np.log2(np.maximum(np.abs(float_layer.bias.astype(np.float64)), 2.0**-16))).astype(np.int64)
        x_exponent = self.exponent(self.links[index].reads, choices)
        lowest = bias_bits - BIAS_BITS - x_exponent + float_layer.output_shift
        return np.maximum(exponents, lowest.max() if self.one_unit(index) else lowest)

    def grid(self, index: int, choices: Choices) -> Grid:
        layer, link = self.layers[index], self.links[index]
        w_exponents, w_bits = self.w_exponents(index, choices), layer.operation.fitted_bits(self.w_bits)
        x_exponent, residual = self.exponent(link.reads, choices), None
        if link.residual is not None:
            residual = self.exponent(link.residual, choices), self.signed(link.residual)
        return Grid(x_exponent, self.x_bits, layer.x_signed, w_exponents, w_bits, residual)

    def units(self, index: int, choices: Choices) -> np.ndarray:
        """Return [N] exponents: a unit of the accumulator is worth 2^exponent of y."""
        float_layer, reads = self.master[index], self.links[index].reads
        if float_layer.layer.operation.one_range:
            return self.range(reads, choices) - (max(self.x_bits, self.w_bits) - 1) - float_layer.output_shift
        return self.w_exponents(index, choices) + self.exponent(reads, choices) - float_layer.output_shift

    def shifts(self, index: int, choices: Choices) -> np.ndarray:
        """Return the requantiser's [N] shifts; 0 for the raw last layer."""
        if index + 1 == len(self.master):
            return np.zeros(self.layers[index].out_channels, dtype=np.int64)
        return self.exponent(self.links[index].writes, choices) - self.units(index, choices)

    def residual_shift(self, index: int, choices: Choices) -> int:
        """Return the left shift of what a layer adds, negative where its unit is the smaller; 0 where there is none."""
        residual = self.links[index].residual
        if residual is None:
            return 0
        (unit,) = set(self.units(index, choices).tolist())
        return self.exponent(residual, choices) - unit

    def refuse_residuals(self, choices: Choices) -> None:
        """Raise LimenError where a residual can't be brought to the unit of the sums."""
        for index, (layer, link) in enumerate(zip(self.layers, self.links, strict=True)):
            shift = self.residual_shift(index, choices)
            if not 0 <= shift <= MOST_RESIDUAL_SHIFT:
                raise LimenError(
                    f"quantising: x_bits {self.x_bits}, w_bits {self.w_bits}: layer {layer.name}: residual: the grid "
                    f"of layer {link.residual} doesn't meet that of its sums: it takes a left shift of {shift}, "
                    f"allowed are 0 to {MOST_RESIDUAL_SHIFT}"
                )

    def without_left_shifts(self, choices: Choices) -> Choices:
        """Return choices whose ranges are widened until no requantiser shifts left, and no residual right or too far.

        First layer to last; a residual's range also moves layers before, so that it takes several rounds at most.
        """
        for _ in range(2 * len(choices)):
            before = choices
            for index, link in enumerate(self.links):
                if index + 1 < len(choices):
                    choices = self._widened(link.writes, -int(self.shifts(index, choices).min()), choices)
                if link.residual is not None:
                    choices = self._widened(link.residual, -self.residual_shift(index, choices), choices)
                    choices = self._coarsened(index, self.residual_shift(index, choices) - MOST_RESIDUAL_SHIFT, choices)
            if choices == before:
                break
        return choices

    def _coarsened(self, index: int, excess: int, choices: Choices) -> Choices:
        """Return choices with coarser weights of a layer whose residual is shifted too far: the finest matter least."""
        if excess <= 0 or self.layers[index].operation.one_range:
            return choices
        coarser = choices[index]._replace(finer=choices[index].finer - excess)
        return (*choices[:index], coarser, *choices[index + 1 :])

    def _widened(self, tensor: str, missing: int, choices: Choices) -> Choices:
        index, place = self.owners[tensor]
        ranges = list(choices[index].ranges)
        ranges[place] += max(0, missing)
        return (*choices[:index], choices[index]._replace(ranges=tuple(ranges)), *choices[index + 1 :])

    def integers(self, index: int, choices: Choices) -> LayerIntegers:
        bias, _ = self.sums(index, choices[: index + 1])
        return LayerIntegers(self.w_exponents(index, choices), bias, self.shifts(index, choices))

    def loss(self, choices: Choices) -> float:
        """Return the loss on the calibration images; infinite where a shift or a bias is out of range."""
        if choices not in self.losses:
            shifts = [self.shifts(index, choices) for index in range(len(choices))]
            if min(shift.min() for shift in shifts) < 0 or max(shift.max() for shift in shifts) > MAX_SHIFT:
                return np.inf
            residual_shifts = [self.residual_shift(index, choices) for index in range(len(choices))]
            if not 0 <= min(residual_shifts) <= max(residual_shifts) <= MOST_RESIDUAL_SHIFT:
                return np.inf
            last = len(choices) - 1
            _, scores = self.sums(last, choices)
            biases = [self.sums(index, choices[: index + 1])[0] for index in range(len(choices))]
            if max(np.abs(bias).max() for bias in biases) > LARGEST_BIAS:
                return np.inf
            real = np.ldexp(scores.astype(np.float64), self.units(last, choices)[:, None])
            self.losses[choices] = self.calibration.loss(real.reshape(-1, real.shape[-1]))
        return round(self.losses[choices], LOSS_DECIMALS)

    def sums(self, index: int, choices: Choices) -> tuple[np.ndarray, np.ndarray]:
        """Return (corrected bias [N], accumulators [OH, OW, N, images]) of a layer under the choices up to it."""
        if choices not in self.known:
            float_layer = self.master[index]
            exponents = self.w_exponents(index, choices)
            w_bits = float_layer.layer.operation.fitted_bits(self.w_bits)
            weights = float_layer.layer.operation.integers(float_layer.weights, exponents, w_bits)
            bias = float_layer.bias.astype(np.float64)
            if float_layer.layer.operation.one_range:
                bias = bias + np.ldexp(folded_constants(float_layer, exponents, w_bits), -float_layer.output_shift)
            units = self.units(index, choices)
            folded = np.rint(np.ldexp(bias, -units)).astype(np.int64)
            link = self.links[index]
            total = self.accumulate(float_layer, weights, self.tensor(link.reads, choices))
            if link.residual is not None:
                total += self.tensor(link.residual, choices) << self.residual_shift(index, choices)
            # Integer sums are exact, so their mean is the same number whatever the order.
            mean = total.sum(axis=(0, 1, 3)) / (total.size // len(folded)) + folded
            correction = np.rint(np.ldexp(self.calibration.means[index], -units) - mean).astype(np.int64)
            total += (folded + correction)[:, None]
            self.known[choices] = folded + correction, total
        return self.known[choices]

    def tensor(self, tensor: str, choices: Choices) -> np.ndarray:
        """Return a tensor's integers [H, W, C, images]."""
        signed = self.signed(tensor)
        if tensor == INPUT:
            return batch_innermost(self.input_map(choices).apply(self.calibration.pixels, self.x_bits, signed))
        writer = self.writers[tensor]
        _, sums = self.sums(writer, choices[: writer + 1])
        shift = self.shifts(writer, choices)
        return requantised(sums, np.zeros_like(shift), shift, operand_range(self.x_bits, signed))

    def accumulate(self, float_layer: FloatLayer, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the exact sums without bias, [OH, OW, N, images]."""
        w_bits = float_layer.layer.operation.fitted_bits(self.w_bits)
        layer = float_layer.layer.model_copy(update={"x_bits": self.x_bits, "w_bits": w_bits, "y_bits": None})
        polarity = None if float_layer.polarity is None else float_layer.polarity.astype(np.int64)
        none = np.zeros(layer.out_channels, dtype=np.int64)
        parameters = LayerParameters(layer.operation.codes(weights, w_bits), polarity, none, none)
        x = x.reshape(*layer.input_shape, -1)
        parts = [
            forward_lanes(layer, parameters, x[..., at : at + MASTER_BATCH])
            for at in range(0, x.shape[-1], MASTER_BATCH)
        ]
        return np.concatenate(parts, axis=-1)
