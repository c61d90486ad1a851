"""From the float master to the integers of every width: grids, shifts, folded biases, bias correction.

Everything is chosen on training images and evaluated with the exact integer kernels. The real
arithmetic that remains is float64, summed in one fixed order or (the losses) compared after rounding,
so that the same master gives the same integers on every machine.

A layer's activations have a power-of-two range: x = integer · 2^(x_range − x_bits + 1) when signed
(threshold) and integer · 2^(x_range − x_bits) when not (mac). Threshold layers share it with w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from workloads.digits import PIXEL_LEVELS, load_split
from workloads.errors import LimenError
from workloads.family import FAMILY_BITS
from workloads.float_network import BATCH, FloatLayer, batch_innermost, real_inputs, run_master
from workloads.layer import Layer, LayerParameters
from workloads.network import InputMap, forward_lanes
from workloads.numbers import MAX_SHIFT, Op, operand_range
from workloads.training import Progress, cross_entropy

PIXEL_EXPONENT = 4
"""Pixels are 0 to 2^4."""

LOSS_DECIMALS = 9
"""Losses are compared rounded to this, far above the last bit of an exponential."""

START_SHARE = 0.999
"""The descent starts from ranges that hold this share of the activations."""


class Choice(NamedTuple):
    """What the descent chooses for a layer: its activation range, and (mac) a finer or coarser weight grid."""

    x_range: int
    finer: int = 0


class LayerIntegers(NamedTuple):
    """A layer's integers at one pair of widths, each [N] int64, as `Family` reads them."""

    w_exponent: np.ndarray
    bias: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True)
class Member:
    """The integers of the whole network at one pair of widths, and its loss on the calibration images."""

    layers: tuple[LayerIntegers, ...]
    input_map: InputMap
    loss: float


@dataclass(frozen=True)
class Calibration:
    """What is known of the float master on training images, all batch innermost.

    pixels: [images, H, W, C] int64; labels: [images].
    means: per layer, [N] float64 means of y before any ReLU, the aim of the bias correction.
    ranges: per layer, the power of two that holds START_SHARE of the real activations it reads.
    """

    op: Op
    pixels: np.ndarray
    labels: np.ndarray
    means: tuple[np.ndarray, ...]
    ranges: tuple[int, ...]


def calibrate(master: Sequence[FloatLayer]) -> Calibration:
    """Return the calibration of a master on the training split, which is shuffled."""
    pixels, labels = load_split("train")
    op: Op = master[0].layer.op
    x = real_inputs(op, pixels)
    outputs = run_master(master, x)
    inputs = [x] + [y if op == "threshold" else np.maximum(y, 0) for y in outputs[:-1]]
    ranges = [int(np.ceil(np.log2(np.quantile(np.abs(read), START_SHARE)))) for read in inputs]
    means = tuple(channel_means(y) for y in outputs)
    return Calibration(op, pixels, labels, means, tuple(ranges))


def quantise_member(
    master: Sequence[FloatLayer],
    calibration: Calibration,
    x_bits: int,
    w_bits: int,
) -> Member:
    """Return the integers at these widths: coordinate descent over the layers' choices until none helps.

    Each step moves one layer's range, or (mac) its weight grid, by one power of two and keeps what lowers
    the cross-entropy of the integer network on the calibration images.
    """
    trial = _Trial(master, calibration, x_bits, w_bits)
    best = tuple(Choice(x_range) for x_range in calibration.ranges)
    lowest = trial.loss(best)
    improved = True
    while improved:
        improved = False
        for index in reversed(range(len(master))):
            for candidate in _neighbours(best[index], calibration.op):
                choices = (*best[:index], candidate, *best[index + 1 :])
                loss = trial.loss(choices)
                if loss < lowest:
                    best, lowest, improved = choices, loss, True
    if not np.isfinite(lowest):
        raise LimenError(
            f"quantising {calibration.op}: x_bits {x_bits}, w_bits {w_bits}: no shift of 0 to {MAX_SHIFT} fits"
        )
    layers = tuple(trial.integers(index, best) for index in range(len(master)))
    return Member(layers, trial.input_map(best[0]), lowest)


def quantise_family(master: Sequence[FloatLayer], progress: Progress | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a family's checkpoint: every member's integers beside the master itself."""
    calibration = calibrate(master)
    members = {}
    widths = [(x_bits, w_bits) for x_bits in FAMILY_BITS for w_bits in FAMILY_BITS]
    for done, (x_bits, w_bits) in enumerate(widths, start=1):
        members[x_bits, w_bits] = quantise_member(master, calibration, x_bits, w_bits)
        if progress is not None:
            progress(f"quantising {calibration.op}", done, len(widths))
    return checkpoint_arrays(master, members)


def checkpoint_arrays(master: Sequence[FloatLayer], members: dict[tuple[int, int], Member]) -> dict[str, np.ndarray]:
    """Return the arrays documented in `Family`, plus float_bias and output_shift, which complete the master."""
    side = len(FAMILY_BITS)
    arrays: dict[str, np.ndarray] = {
        "input_offset": np.zeros((side, side), dtype=np.int8),
        "input_shift": np.zeros((side, side), dtype=np.int8),
    }
    for own in master:
        name = own.layer.name
        arrays[f"{name}.float_weights"] = own.weights
        arrays[f"{name}.float_bias"] = own.bias
        arrays[f"{name}.output_shift"] = np.array(own.output_shift, dtype=np.int8)
        if own.polarity is not None:
            arrays[f"{name}.polarity"] = own.polarity
        for part, kind in (("w_exponent", np.int8), ("bias", np.int32), ("shift", np.int8)):
            arrays[f"{name}.{part}"] = np.zeros((side, side, own.layer.out_channels), dtype=kind)
    for (x_bits, w_bits), member in members.items():
        at = (x_bits - FAMILY_BITS[0], w_bits - FAMILY_BITS[0])
        arrays["input_offset"][at] = member.input_map.offset
        arrays["input_shift"][at] = member.input_map.shift
        for own, integers in zip(master, member.layers, strict=True):
            for part, values in integers._asdict().items():
                target = arrays[f"{own.layer.name}.{part}"]
                limits = np.iinfo(target.dtype)
                if values.min() < limits.min or values.max() > limits.max:
                    raise LimenError(f"quantising {own.layer.name}.{part}: a value beyond {target.dtype}: not storable")
                target[at] = values
    return arrays


def master_of(arrays: dict[str, np.ndarray], layers: Sequence[Layer]) -> list[FloatLayer]:
    """Return the float master that a checkpoint's arrays hold."""
    return [
        FloatLayer(
            layer,
            arrays[f"{layer.name}.float_weights"],
            arrays.get(f"{layer.name}.polarity"),
            int(arrays[f"{layer.name}.output_shift"]),
            arrays[f"{layer.name}.float_bias"],
        )
        for layer in layers
    ]


def integer_weights(own: FloatLayer, w_exponent: np.ndarray, w_bits: int) -> np.ndarray:
    """Return the integers [N, kh, kw, C] int64 of a layer on grids of 2^w_exponent [N], as `Family` derives them."""
    scaled = np.ldexp(own.weights.astype(np.float64), -w_exponent[:, None, None, None])
    return np.clip(np.rint(scaled), *operand_range(w_bits)).astype(np.int64)


def folded_constants(own: FloatLayer, w_exponent: np.ndarray, w_bits: int) -> np.ndarray:
    """Return what saturated thresholds take from each neuron's sum, [N] in real units before the output shift.

    No activation lies below the grid, so for a threshold w that does,
    p·max(x − w, 0) = p·(x − low) + p·(low − w): the second part is a constant, and the bias takes it exactly.
    A threshold above the grid is exceeded by no activation (of as many bits): it saturates without loss.
    """
    assert own.polarity is not None
    low = np.ldexp(float(operand_range(w_bits)[0]), w_exponent)[:, None, None, None]
    lost = own.polarity * np.maximum(low - own.weights.astype(np.float64), 0)
    return sums_in_order(lost.reshape(len(lost), -1))


def channel_means(y: np.ndarray) -> np.ndarray:
    """Return the mean of each channel, [N], of activations [OH, OW, N, B]."""
    rows = y.transpose(2, 0, 1, 3).reshape(y.shape[2], -1)
    return sums_in_order(rows) / rows.shape[1]


def sums_in_order(rows: np.ndarray) -> np.ndarray:
    """Return the sum of each row, from its first value to its last (numpy's own order depends on the machine)."""
    return np.cumsum(rows, axis=1)[:, -1]


def weight_exponents(own: FloatLayer, w_bits: int, shared: bool) -> np.ndarray:
    """Return the MAC grid exponents [N] with the least squared error; one for all channels if `shared`.

    The raw scores of the last layer are compared with each other, so they must share one unit.
    """
    rows = own.weights.reshape(1 if shared else len(own.weights), -1).astype(np.float64)
    low, high = operand_range(w_bits)
    found = []
    for row in rows:
        top = int(np.ceil(np.log2(max(np.abs(row).max(), 2.0**-16)))) - (w_bits - 1)
        errors = []
        for exponent in range(top - 3, top + 2):
            grid = np.ldexp(np.clip(np.rint(np.ldexp(row, -exponent)), low, high), exponent)
            errors.append((float(sums_in_order((grid - row)[None] ** 2)[0]), exponent))
        found.append(min(errors)[1])
    return np.repeat(np.array(found, dtype=np.int64), len(own.weights) // len(rows))


def _neighbours(choice: Choice, op: Op) -> list[Choice]:
    near = [choice._replace(x_range=choice.x_range + step) for step in (-1, 1)]
    return near if op == "threshold" else near + [choice._replace(finer=choice.finer + step) for step in (-1, 1)]


@dataclass
class _Trial:
    """Evaluates choices at one pair of widths, remembering each layer's sums under the choices before it."""

    master: Sequence[FloatLayer]
    calibration: Calibration
    x_bits: int
    w_bits: int
    known: dict[tuple[Choice, ...], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    losses: dict[tuple[Choice, ...], float] = field(default_factory=dict)

    def input_map(self, first: Choice) -> InputMap:
        """Return the map that turns pixels into the first layer's integers."""
        if self.calibration.op == "threshold":
            shift = (self.x_bits - 1) - (PIXEL_EXPONENT - 1) - first.x_range
            return InputMap(offset=PIXEL_LEVELS // 2, shift=shift)
        return InputMap(offset=0, shift=self.x_bits - PIXEL_EXPONENT - first.x_range)

    def w_exponents(self, index: int, choice: Choice) -> np.ndarray:
        own = self.master[index]
        if own.layer.op == "threshold":
            return np.full(own.layer.out_channels, choice.x_range - (self.w_bits - 1), dtype=np.int64)
        return weight_exponents(own, self.w_bits, index + 1 == len(self.master)) - choice.finer

    def units(self, index: int, choice: Choice) -> np.ndarray:
        """Return [N] exponents: a unit of the accumulator is worth 2^exponent of y."""
        if self.calibration.op == "threshold":
            unit = choice.x_range - (max(self.x_bits, self.w_bits) - 1) - self.master[index].output_shift
            return np.full(self.master[index].layer.out_channels, unit, dtype=np.int64)
        return self.w_exponents(index, choice) + choice.x_range - self.x_bits

    def shifts(self, index: int, choices: tuple[Choice, ...]) -> np.ndarray:
        """Return the requantiser's [N] shifts; 0 for the raw last layer."""
        if index + 1 == len(self.master):
            return np.zeros(self.master[index].layer.out_channels, dtype=np.int64)
        signed = self.calibration.op == "threshold"
        target = choices[index + 1].x_range - (self.x_bits - 1 if signed else self.x_bits)
        return target - self.units(index, choices[index])

    def integers(self, index: int, choices: tuple[Choice, ...]) -> LayerIntegers:
        bias, _ = self.sums(index, choices[: index + 1])
        return LayerIntegers(self.w_exponents(index, choices[index]), bias, self.shifts(index, choices))

    def loss(self, choices: tuple[Choice, ...]) -> float:
        """Return the cross-entropy on the calibration images; infinite where a shift is out of range."""
        if choices not in self.losses:
            shifts = [self.shifts(index, choices) for index in range(len(choices))]
            if min(shift.min() for shift in shifts) < 0 or max(shift.max() for shift in shifts) > MAX_SHIFT:
                return np.inf
            last = len(choices) - 1
            _, scores = self.sums(last, choices)
            real = np.ldexp(scores.astype(np.float64), self.units(last, choices[last])[:, None])
            self.losses[choices], _ = cross_entropy(real.reshape(-1, real.shape[-1]), self.calibration.labels, 0.0)
        return round(self.losses[choices], LOSS_DECIMALS)

    def sums(self, index: int, choices: tuple[Choice, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return (corrected bias [N], accumulators [OH, OW, N, images]) of a layer under the choices up to it."""
        if choices not in self.known:
            own = self.master[index]
            exponents = self.w_exponents(index, choices[index])
            weights = integer_weights(own, exponents, self.w_bits)
            bias = own.bias.astype(np.float64)
            if own.layer.op == "threshold":
                bias = bias + np.ldexp(folded_constants(own, exponents, self.w_bits), -own.output_shift)
            units = self.units(index, choices[index])
            folded = np.rint(np.ldexp(bias, -units)).astype(np.int64)
            total = self.accumulate(own, weights, self.inputs(index, choices)) + folded[:, None]
            # Integer sums are exact, so their mean is the same number whatever the order.
            mean = total.sum(axis=(0, 1, 3)) / (total.size // len(folded))
            correction = np.rint(np.ldexp(self.calibration.means[index], -units) - mean).astype(np.int64)
            self.known[choices] = folded + correction, total + correction[:, None]
        return self.known[choices]

    def inputs(self, index: int, choices: tuple[Choice, ...]) -> np.ndarray:
        """Return a layer's integer activations [H, W, C, images]."""
        signed = self.calibration.op == "threshold"
        if index == 0:
            pixels = self.input_map(choices[0]).apply(self.calibration.pixels, self.x_bits, signed)
            return batch_innermost(pixels)
        _, sums = self.sums(index - 1, choices[:index])
        shift = self.shifts(index - 1, choices)[:, None]
        rounding = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
        return np.clip((sums + rounding) >> shift, *operand_range(self.x_bits, signed))

    def accumulate(self, own: FloatLayer, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the exact sums without bias, [OH, OW, N, images]."""
        formats = {"x_bits": self.x_bits, "w_bits": self.w_bits, "y_bits": None}
        layer = own.layer.model_copy(update=formats)
        polarity = None if own.polarity is None else own.polarity.astype(np.int64)
        none = np.zeros(layer.out_channels, dtype=np.int64)
        parameters = LayerParameters(weights, polarity, none, none)
        x = x.reshape(*layer.input_shape, -1)
        parts = [
            forward_lanes(layer, parameters, np.ascontiguousarray(x[..., start : start + BATCH]))
            for start in range(0, x.shape[-1], BATCH)
        ]
        return np.concatenate(parts, axis=-1)
