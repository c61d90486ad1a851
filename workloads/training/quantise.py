"""From the float master to the integers of a width: grids, shifts, folded biases, bias correction.

Everything is chosen on training images and evaluated with the exact integer kernels. The real arithmetic that remains
is float64, summed in one fixed order or (the losses) compared after rounding, so that the same master gives the same
integers on every machine that fuses products and sums alike (all with FMA do; only ops mac and shift notice).

A layer's activations have a power-of-two range: x = integer · 2^(x_range − x_bits + 1) when signed and
integer · 2^(x_range − x_bits) when not. Ops threshold and adder share it with w; mac and shift have a grid per output
channel of their own, moved as a whole by `finer`. A tensor that several layers read, or add, has one range. What a
layer adds is shifted left into the unit of its sums, so those have one for all channels there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workloads.errors import LimenError
from workloads.layers.graph import INPUT, connect
from workloads.layers.layer import Layer
from workloads.networks.network import InputMap
from workloads.ops.integers import MAX_SHIFT
from workloads.training.float_master import FloatLayer, real_inputs, run_master
from workloads.training.grids import Grid
from workloads.training.trial import Calibration, Choice, LayerIntegers, Loss, Trial, first_uses, sums_in_order

CALIBRATION_IMAGES = 512
"""Training images on which everything is chosen."""

LEAST_GAIN = 0.01
"""Share of the loss that a move must save to be kept: smaller gains on so few images mean nothing."""

START_SHARE = 0.999
"""The descent starts from ranges that hold this share of the activations."""


@dataclass(frozen=True)
class Member:
    """The integers of a network at one pair of widths, what was chosen, and its loss on the calibration images.

    residual_shifts: of each layer, 0 where it adds nothing. units: [N] exponents: one of a score is worth 2^exponent.
    """

    layers: tuple[LayerIntegers, ...]
    residual_shifts: tuple[int, ...]
    input_map: InputMap
    choices: tuple[Choice, ...]
    grids: tuple[Grid, ...]
    loss: float
    units: np.ndarray


def calibrate(master: Sequence[FloatLayer], pixels: np.ndarray, levels: int, loss: Loss) -> Calibration:
    """Return the calibration of a master on pixels [images, H, W, C], which must be shuffled."""
    x = real_inputs(pixels, levels, master[0].layer.x_signed)
    outputs = run_master(master, x)
    layers = [float_layer.layer for float_layer in master]
    tensors = {INPUT: x}
    for float_layer, link, y in zip(master, connect(layers), outputs, strict=True):
        tensors[link.writes] = np.maximum(y, 0) if float_layer.rectified else y

    def holding(tensor: str) -> int:
        return int(np.ceil(np.log2(np.quantile(np.abs(tensors[tensor]), START_SHARE))))

    ranges = tuple(tuple(holding(tensor) for tensor in used) for used in first_uses(layers))
    means = tuple(channel_means(y) for y in outputs)
    return Calibration(tuple(master), pixels, levels, loss, means, ranges)


def quantise_member(
    calibration: Calibration, x_bits: int, w_bits: int, start: Sequence[Choice] | None = None
) -> Member:
    """Return the integers at these widths: coordinate descent over the layers' choices until none helps.

    Each step moves one layer's range, or (mac, shift) its weight grid, by one power of two and keeps what lowers the
    loss of the integer network on the calibration images by more than LEAST_GAIN.
    start: choices to begin from, by default the ranges of the calibration.
    Raises LimenError where no choice gives shifts that a requantiser, or a residual, has.
    """
    trial = Trial(calibration, x_bits, w_bits)
    layers = trial.layers
    best = trial.without_left_shifts(tuple(start or (Choice(ranges) for ranges in calibration.ranges)))
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
                trial.forget_all_but(best)
    if not np.isfinite(lowest):
        trial.refuse_residuals(best)
        raise LimenError(
            f"quantising: x_bits {x_bits}, w_bits {w_bits}: no shift of 0 to {MAX_SHIFT} and no 32-bit bias fit"
        )
    integers = tuple(trial.integers(index, best) for index in range(len(layers)))
    grids = tuple(trial.grid(index, best) for index in range(len(layers)))
    residual_shifts = tuple(trial.residual_shift(index, best) for index in range(len(layers)))
    units = trial.units(len(layers) - 1, best)
    return Member(integers, residual_shifts, trial.input_map(best), best, grids, lowest, units)


def channel_means(y: np.ndarray) -> np.ndarray:
    """Return the mean of each channel, [N], of activations [OH, OW, N, B]."""
    rows = y.transpose(2, 0, 1, 3).reshape(y.shape[2], -1)
    return sums_in_order(rows) / rows.shape[1]


def _neighbours(choice: Choice, layer: Layer) -> list[Choice]:
    near = [
        choice._replace(ranges=(*choice.ranges[:place], choice.ranges[place] + step, *choice.ranges[place + 1 :]))
        for place in range(len(choice.ranges))
        for step in (-1, 1)
    ]
    if layer.operation.one_range:
        return near
    return near + [choice._replace(finer=choice.finer + step) for step in (-1, 1)]
