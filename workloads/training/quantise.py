"""From the float master to the integers of a width: grids, shifts, folded biases, bias correction.

Everything is chosen on training images and evaluated with the exact integer kernels. The real arithmetic that remains
is float64, summed in one fixed order or (the losses) compared after rounding, so that the same master gives the same
integers on every machine that fuses products and sums alike (all with FMA do; only ops mac and shift notice).

A layer's activations have a power-of-two range: x = integer · 2^(x_range − x_bits + 1) when signed and
integer · 2^(x_range − x_bits) when not. Ops threshold and adder share it with w; mac and shift have a grid per output
channel of their own, moved as a whole by `finer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from workloads.errors import LimenError
from workloads.exact.inference import forward_lanes, requantised
from workloads.exact.kernel_arrays import batch_innermost
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import InputMap
from workloads.ops.integers import MAX_SHIFT, operand_range
from workloads.training.float_master import MASTER_BATCH, FloatLayer, real_inputs, run_master
from workloads.training.grids import Grid

CALIBRATION_IMAGES = 512
"""Training images on which everything is chosen."""

LEAST_GAIN = 0.01
"""Share of the loss that a move must save to be kept: smaller gains on so few images mean nothing."""

LOSS_DECIMALS = 9
"""Losses are compared rounded to this, far above the last bit of an exponential."""

START_SHARE = 0.999
"""The descent starts from ranges that hold this share of the activations."""

BIAS_BITS = 30
"""Bits of a bias that grids leave room for; its correction may take a little more."""

LARGEST_BIAS = 2**31 - 1
"""What a checkpoint holds."""

Loss = Callable[[np.ndarray], float]
"""Of outputs [values, images] in real units, float64."""


class Choice(NamedTuple):
    """What the descent chooses for a layer: its activation range, and (mac, shift) a finer or coarser weight grid."""

    x_range: int
    finer: int = 0


class LayerIntegers(NamedTuple):
    """A layer's integers at one pair of widths, each [N] int64, as `Family` reads them."""

    w_exponent: np.ndarray
    bias: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True)
class Member:
    """The integers of a network at one pair of widths, what was chosen, and its loss on the calibration images."""

    layers: tuple[LayerIntegers, ...]
    input_map: InputMap
    choices: tuple[Choice, ...]
    grids: tuple[Grid, ...]
    loss: float


@dataclass(frozen=True)
class Calibration:
    """What is known of a float master on training images, all batch innermost.

    pixels: [images, H, W, C] integers of a data set of `levels`. loss: of the outputs on just these images.
    means: per layer, [N] float64 means of y before any ReLU, the aim of the bias correction.
    ranges: per layer, the power of two that holds START_SHARE of the real activations it reads.
    """

    master: tuple[FloatLayer, ...]
    pixels: np.ndarray
    levels: int
    loss: Loss
    means: tuple[np.ndarray, ...]
    ranges: tuple[int, ...]


def calibrate(master: Sequence[FloatLayer], pixels: np.ndarray, levels: int, loss: Loss) -> Calibration:
    """Return the calibration of a master on pixels [images, H, W, C], which must be shuffled."""
    x = real_inputs(pixels, levels, master[0].layer.x_signed)
    outputs = run_master(master, x)
    inputs = [x] + [
        np.maximum(y, 0) if float_layer.rectified else y for float_layer, y in zip(master, outputs[:-1], strict=False)
    ]
    ranges = [int(np.ceil(np.log2(np.quantile(np.abs(read), START_SHARE)))) for read in inputs]
    means = tuple(channel_means(y) for y in outputs)
    return Calibration(tuple(master), pixels, levels, loss, means, tuple(ranges))


def quantise_member(
    calibration: Calibration, x_bits: int, w_bits: int, start: Sequence[Choice] | None = None
) -> Member:
    """Return the integers at these widths: coordinate descent over the layers' choices until none helps.

    Each step moves one layer's range, or (mac, shift) its weight grid, by one power of two and keeps what lowers the
    loss of the integer network on the calibration images by more than LEAST_GAIN.
    start: choices to begin from, by default the ranges of the calibration.
    Raises LimenError where no choice gives shifts that a requantiser has.
    """
    trial = _Trial(calibration, x_bits, w_bits)
    layers = [float_layer.layer for float_layer in calibration.master]
    best = trial.without_left_shifts(tuple(start or (Choice(x_range) for x_range in calibration.ranges)))
    lowest = trial.loss(best)
    improved = True
    while improved:
        improved = False
        for index in reversed(range(len(layers))):
            for candidate in _neighbours(best[index], layers[index]):
                choices = (*best[:index], candidate, *best[index + 1 :])
                loss = trial.loss(choices)
                if loss < (1 - LEAST_GAIN) * lowest:
                    best, lowest, improved = choices, loss, True
    if not np.isfinite(lowest):
        raise LimenError(
            f"quantising: x_bits {x_bits}, w_bits {w_bits}: no shift of 0 to {MAX_SHIFT} and no 32-bit bias fit"
        )
    integers = tuple(trial.integers(index, best) for index in range(len(layers)))
    grids = tuple(trial.grid(index, best[index]) for index in range(len(layers)))
    return Member(integers, trial.input_map(best[0]), best, grids, lowest)


def folded_constants(float_layer: FloatLayer, w_exponent: np.ndarray, w_bits: int) -> np.ndarray:
    """Return what weights that saturate take from each neuron's sum, [N] in real units before the output shift.

    The room of the op says what that is: a constant, and the bias takes it exactly.
    """
    low, high = (np.ldexp(float(end), w_exponent)[:, None, None, None] for end in operand_range(w_bits))
    weights = float_layer.weights.astype(np.float64)
    lost = float_layer.layer.operation.lost(weights, float_layer.polarity, low, high)
    return sums_in_order(lost.reshape(len(lost), -1))


def channel_means(y: np.ndarray) -> np.ndarray:
    """Return the mean of each channel, [N], of activations [OH, OW, N, B]."""
    rows = y.transpose(2, 0, 1, 3).reshape(y.shape[2], -1)
    return sums_in_order(rows) / rows.shape[1]


def sums_in_order(rows: np.ndarray) -> np.ndarray:
    """Return the sum of each row, from its first value to its last (numpy's own order depends on the machine)."""
    return np.cumsum(rows, axis=1)[:, -1]


def _neighbours(choice: Choice, layer: Layer) -> list[Choice]:
    near = [choice._replace(x_range=choice.x_range + step) for step in (-1, 1)]
    if layer.operation.one_range:
        return near
    return near + [choice._replace(finer=choice.finer + step) for step in (-1, 1)]


@dataclass
class _Trial:
    """Evaluates choices at one pair of widths, remembering each layer's sums under the choices before it."""

    calibration: Calibration
    x_bits: int
    w_bits: int
    known: dict[tuple[Choice, ...], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    losses: dict[tuple[Choice, ...], float] = field(default_factory=dict)
    known_exponents: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def master(self) -> tuple[FloatLayer, ...]:
        return self.calibration.master

    def input_map(self, first: Choice) -> InputMap:
        """Return the map that turns pixels into the first layer's integers."""
        levels, signed = self.calibration.levels, self.master[0].layer.x_signed
        unit = (levels // 2 if signed else levels).bit_length() - 1  # the power of two that pixels are divided by
        offset = levels // 2 if signed else 0
        return InputMap(offset=offset, shift=-unit - self.x_exponent(0, first))

    def x_exponent(self, index: int, choice: Choice) -> int:
        """Return the exponent of a unit of the layer's activations."""
        return choice.x_range - (self.x_bits - 1 if self.master[index].layer.x_signed else self.x_bits)

    def w_exponents(self, index: int, choice: Choice) -> np.ndarray:
        """Return the [N] exponents of units of the layer's weights."""
        float_layer = self.master[index]
        w_bits = float_layer.layer.operation.fitted_bits(self.w_bits)
        if float_layer.layer.operation.one_range:
            return np.full(float_layer.layer.out_channels, choice.x_range - (w_bits - 1), dtype=np.int64)
        if index not in self.known_exponents:
            last = index + 1 == len(self.master)
            # The raw scores of the last layer are compared with each other, so they must share one unit.
            self.known_exponents[index] = float_layer.layer.operation.weight_exponents(
                float_layer.weights, w_bits, shared=last
            )
        return self.storable(index, choice, self.known_exponents[index] - choice.finer)

    def storable(self, index: int, choice: Choice, exponents: np.ndarray) -> np.ndarray:
        """Return [N] weight exponents, raised where a bias would fill more than BIAS_BITS.

        Under op shift a channel that hardly contributes has a large output shift: its units are tiny, its bias is not.
        """
        float_layer = self.master[index]
        bias_bits = np.ceil(np.log2(np.maximum(np.abs(float_layer.bias.astype(np.float64)), 2.0**-16))).astype(np.int64)
        lowest = bias_bits - BIAS_BITS - self.x_exponent(index, choice) + float_layer.output_shift
        shared = index + 1 == len(self.master)
        return np.maximum(exponents, lowest.max() if shared else lowest)

    def grid(self, index: int, choice: Choice) -> Grid:
        layer = self.master[index].layer
        w_exponents, w_bits = self.w_exponents(index, choice), layer.operation.fitted_bits(self.w_bits)
        return Grid(self.x_exponent(index, choice), self.x_bits, layer.x_signed, w_exponents, w_bits)

    def units(self, index: int, choice: Choice) -> np.ndarray:
        """Return [N] exponents: a unit of the accumulator is worth 2^exponent of y."""
        float_layer = self.master[index]
        if float_layer.layer.operation.one_range:
            return choice.x_range - (max(self.x_bits, self.w_bits) - 1) - float_layer.output_shift
        return self.w_exponents(index, choice) + self.x_exponent(index, choice) - float_layer.output_shift

    def shifts(self, index: int, choices: tuple[Choice, ...]) -> np.ndarray:
        """Return the requantiser's [N] shifts; 0 for the raw last layer."""
        if index + 1 == len(self.master):
            return np.zeros(self.master[index].layer.out_channels, dtype=np.int64)
        return self.x_exponent(index + 1, choices[index + 1]) - self.units(index, choices[index])

    def without_left_shifts(self, choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
        """Return choices whose ranges are widened, first layer to last, until no requantiser would shift left."""
        for index in range(len(choices) - 1):
            missing = max(0, -int(self.shifts(index, choices).min()))
            wider = choices[index + 1]._replace(x_range=choices[index + 1].x_range + missing)
            choices = (*choices[: index + 1], wider, *choices[index + 2 :])
        return choices

    def integers(self, index: int, choices: tuple[Choice, ...]) -> LayerIntegers:
        bias, _ = self.sums(index, choices[: index + 1])
        return LayerIntegers(self.w_exponents(index, choices[index]), bias, self.shifts(index, choices))

    def loss(self, choices: tuple[Choice, ...]) -> float:
        """Return the loss on the calibration images; infinite where a shift or a bias is out of range."""
        if choices not in self.losses:
            shifts = [self.shifts(index, choices) for index in range(len(choices))]
            if min(shift.min() for shift in shifts) < 0 or max(shift.max() for shift in shifts) > MAX_SHIFT:
                return np.inf
            last = len(choices) - 1
            _, scores = self.sums(last, choices)
            biases = [self.sums(index, choices[: index + 1])[0] for index in range(len(choices))]
            if max(np.abs(bias).max() for bias in biases) > LARGEST_BIAS:
                return np.inf
            real = np.ldexp(scores.astype(np.float64), self.units(last, choices[last])[:, None])
            self.losses[choices] = self.calibration.loss(real.reshape(-1, real.shape[-1]))
        return round(self.losses[choices], LOSS_DECIMALS)

    def sums(self, index: int, choices: tuple[Choice, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return (corrected bias [N], accumulators [OH, OW, N, images]) of a layer under the choices up to it."""
        if choices not in self.known:
            float_layer = self.master[index]
            exponents = self.w_exponents(index, choices[index])
            w_bits = float_layer.layer.operation.fitted_bits(self.w_bits)
            weights = float_layer.layer.operation.integers(float_layer.weights, exponents, w_bits)
            bias = float_layer.bias.astype(np.float64)
            if float_layer.layer.operation.one_range:
                bias = bias + np.ldexp(folded_constants(float_layer, exponents, w_bits), -float_layer.output_shift)
            units = self.units(index, choices[index])
            folded = np.rint(np.ldexp(bias, -units)).astype(np.int64)
            total = self.accumulate(float_layer, weights, self.inputs(index, choices))
            # Integer sums are exact, so their mean is the same number whatever the order.
            mean = total.sum(axis=(0, 1, 3)) / (total.size // len(folded)) + folded
            correction = np.rint(np.ldexp(self.calibration.means[index], -units) - mean).astype(np.int64)
            total += (folded + correction)[:, None]
            self.known[choices] = folded + correction, total
        return self.known[choices]

    def inputs(self, index: int, choices: tuple[Choice, ...]) -> np.ndarray:
        """Return a layer's integer activations [H, W, C, images]."""
        signed = self.master[index].layer.x_signed
        if index == 0:
            pixels = self.input_map(choices[0]).apply(self.calibration.pixels, self.x_bits, signed)
            return batch_innermost(pixels)
        _, sums = self.sums(index - 1, choices[:index])
        shift = self.shifts(index - 1, choices)
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
