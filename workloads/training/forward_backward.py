"""A network while it is trained: forward, backward, and folding into the float master.

A layer is y = factor · (Σ op − mean) + bias + residual, mean over the batch and its pixels, then ReLU where its readers
take unsigned activations. Layers read, and add, tensors by name (`workloads.layers.graph`). `factor` is
- norm "mean" (threshold), and the last layer of every op: 2^-output_shift, one fixed power of two a layer (mean-only);
- norm "batch", hidden layers of op mac: gain / deviation of the batch, batch norm;
- norm "power", hidden layers of op adder and shift: gain / running deviation rounded to a power of two, the
  requantiser's shift. (The batch's own deviation would let a factor near the middle between two powers jump from batch
  to batch.) Where a residual is added, all channels share one: the machine adds it in one unit;
- norm "none", of studies: one fixed power of two a layer and no mean taken off, at the scores neither; "centred": the
  same with gradients at a neuron's weights that are freed of what moves its sum like a bias.
All of it folds into weights, biases and shifts, so inference has no norm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from workloads.exact.kernel_arrays import Rows, batch_innermost, layer_gradients, layer_rows, layer_sums
from workloads.layers.graph import INPUT, connect, walk
from workloads.layers.layer import Layer
from workloads.ops.operation import Norm
from workloads.training import norm_kernels as kernels
from workloads.training.float_master import FloatLayer, whole
from workloads.training.grids import Grid

CALIBRATION_IMAGES = 512
"""Images of the data-dependent initialisation."""

RESIDUAL_SPREAD = 0.5
"""The deviation at which the sums of a layer that adds a residual start; other layers' start at 1.

At 1, 19 layers of op adder on digits ended at 84 % of the validation images, at 1/2 at 96; threshold at 98.7 and 99.1.
"""

NORM_MOMENTUM = 0.9
"""Share of the running variance of op adder and shift kept at each step."""

VARIANCE_FLOOR = 1e-5
"""Added to a variance before its root is taken."""

TrainingNorm = Norm | Literal["none", "centred"]
NORMLESS = ("none", "centred")

PIXELS_AND_IMAGES = (0, 1, 3)
"""The axes of [OH, OW, N, B] over which a channel is normed."""


@dataclass
class TrainedLayer:
    """One layer while it is trained (float32; float64 in gradient checks).

    weights: [N, kh, kw, C]. polarity: [N, kh, kw, C] of ±1 for op threshold, else None.
    latent: what a learned polarity is the sign of, of a shape that broadcasts to it, else None.
    bias: [N]; gain: [N] of a batch norm, [1] where channels share it, else None. output_shift: [N] int64.
    rectified: ReLU follows. norm: of the last layer "mean", where there is any.
    mean, variance: [N], statistics of the sums, see `settle_means`; of op adder and shift the variance runs along.
    grid: what fine-tuning rounds to, else None.
    """

    layer: Layer
    weights: np.ndarray
    polarity: np.ndarray | None
    output_shift: np.ndarray
    bias: np.ndarray
    gain: np.ndarray | None
    mean: np.ndarray
    variance: np.ndarray
    rectified: bool
    norm: TrainingNorm
    latent: np.ndarray | None = None
    grid: Grid | None = None

    def trainable(self) -> list[np.ndarray]:
        """Return the arrays that the optimiser moves, in place."""
        return [array for array in (self.weights, self.bias, self.gain, self.latent) if array is not None]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything that training changes or draws, by name."""
        named = {
            "weights": self.weights, "polarity": self.polarity, "output_shift": self.output_shift, "bias": self.bias,
            "gain": self.gain, "mean": self.mean, "variance": self.variance, "latent": self.latent,
        }  # fmt: skip
        return {name: array for name, array in named.items() if array is not None}

    def used_weights(self) -> np.ndarray:
        """Return the weights as the forward pass takes them."""
        if self.grid is not None:
            return self.grid.round_weights(self.layer.op, self.weights)
        return self.layer.operation.finest(self.weights).astype(self.weights.dtype, copy=False)

    def settle_polarity(self) -> None:
        """Make a learned polarity the sign of its latent values."""
        if self.latent is not None:
            assert self.polarity is not None
            self.polarity[:] = np.where(self.latent >= 0, 1, -1)


class Tape(NamedTuple):
    """What the backward pass of a layer needs of its forward pass."""

    x: Rows
    inside: np.ndarray | None
    residual_inside: np.ndarray | None
    weights: np.ndarray
    normal: np.ndarray
    variance: np.ndarray
    factor: np.ndarray
    y: np.ndarray


DrawPolarity = Callable[[Layer, np.random.Generator], tuple[np.ndarray, np.ndarray | None]]
"""Draws a layer's (polarity [N, kh, kw, C] float32 of ±1, latent or None), see `TrainedLayer`."""


def initialise(
    layers: Sequence[Layer],
    x: np.ndarray,
    random: np.random.Generator,
    draw_polarity: DrawPolarity | None = None,
    norm: TrainingNorm | None = None,
) -> list[TrainedLayer]:
    """Return untrained layers fitted to real inputs [images, H, W, C], which must be shuffled.

    Layers that compare x with w draw w around the input channels' means, others around 0; output_shift is the one
    power of two that brings the output back to a deviation near 1. Without it the activations of threshold layers
    grow by a factor of 3 to 15 a layer.

    draw_polarity: of layers of op threshold but those that generate it; by default every sign that the layer leaves
    free is +1 or −1 with probability 1/2, and stays so. norm: of hidden layers, in the place of their ops' own.
    """
    chain: list[TrainedLayer] = []

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        seen = seen.reshape(*layers[index].input_shape, -1)
        trained = _untrained(layers[index], seen, random, draw_polarity, norm)
        sums = _sums(trained, seen)
        trained.mean[:], trained.variance[:] = sums.mean(axis=PIXELS_AND_IMAGES), sums.var(axis=PIXELS_AND_IMAGES)
        if trained.gain is None and (trained.layer.y_bits or trained.layer.operation.norm != "batch"):
            spread = RESIDUAL_SPREAD if trained.layer.residual else 1
            spread = spread if trained.layer.y_bits else trained.layer.operation.score_spread
            trained.output_shift[:] = int(np.round(np.log2(np.sqrt(trained.variance).mean() / spread)))
        if trained.norm in NORMLESS:
            trained.bias[:] = -trained.mean * _factor(trained, trained.variance)
            trained.mean[:] = 0
        chain.append(trained)
        return _hand_on(trained, sums, residual)

    walk(layers, batch_innermost(x[:CALIBRATION_IMAGES].astype(np.float32)), whole, step)
    return chain


def _untrained(
    layer: Layer,
    seen: np.ndarray,
    random: np.random.Generator,
    draw_polarity: DrawPolarity | None,
    norm: TrainingNorm | None,
) -> TrainedLayer:
    """Return a layer with drawn weights and polarity that reads `seen`, [H, W, C, B]; statistics are yet to be set."""
    noise = random.standard_normal(layer.weights_shape)
    polarity = latent = None
    if layer.operation.one_range:
        weights = seen.mean(axis=PIXELS_AND_IMAGES) + seen.std(axis=PIXELS_AND_IMAGES) * noise
    else:
        weights = noise * np.sqrt(2 / layer.fan_in)
    if layer.generates_polarity:
        polarity = layer.generated_polarity().astype(np.float32)
    elif layer.operation.polar and draw_polarity is not None:
        polarity, latent = draw_polarity(layer, random)
    elif layer.operation.polar:
        signs = np.where(random.random(layer.free_signs_shape) < 0.5, 1, -1).astype(np.float32)
        polarity = np.broadcast_to(signs, layer.weights_shape).copy()
    channels, norm = layer.out_channels, norm or layer.operation.norm
    norm = norm if layer.y_bits or norm in NORMLESS else "mean"
    gains = {"batch": channels, "power": 1 if layer.residual else channels}.get(norm)
    return TrainedLayer(
        layer=layer,
        weights=weights.astype(np.float32),
        polarity=polarity,
        output_shift=np.zeros(channels, dtype=np.int64),
        bias=np.zeros(channels, dtype=np.float32),
        gain=np.full(gains, RESIDUAL_SPREAD if layer.residual else 1, dtype=np.float32) if gains else None,
        mean=np.zeros(channels, dtype=np.float32),
        variance=np.ones(channels, dtype=np.float32),
        rectified=layer.y_bits is not None and not layer.y_signed,
        norm=norm,
        latent=latent,
    )


def settle_means(chain: Sequence[TrainedLayer], x: np.ndarray) -> None:
    """Set every layer's mean, and of op mac its variance, to those over real inputs [images, H, W, C].

    Means that run along with training lag behind it: those of op adder, whose sums share a large part, by too much.
    Where fine-tuning rounds, they are those of real numbers all the same: so is the master that they are folded into,
    and what a grid cuts off a threshold is a constant of each sum, which would stand in the master's biases.
    """

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        trained = chain[index]
        sums = _sums(trained, seen)
        if trained.norm not in NORMLESS:
            trained.mean[:] = sums.mean(axis=PIXELS_AND_IMAGES)
        if trained.norm == "batch":
            trained.variance[:] = sums.var(axis=PIXELS_AND_IMAGES)
        return _hand_on(trained, sums, residual)

    walk(_layers(chain), batch_innermost(x.astype(np.float32)), whole, step)


def _layers(chain: Sequence[TrainedLayer]) -> list[Layer]:
    return [trained.layer for trained in chain]


def _sums(trained: TrainedLayer, x: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(x).reshape(*trained.layer.input_shape, -1)
    weights = trained.layer.operation.finest(trained.weights).astype(trained.weights.dtype, copy=False)
    return layer_sums(trained.layer, weights, trained.polarity, layer_rows(trained.layer, x))


def _hand_on(trained: TrainedLayer, sums: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
    """Return what a layer hands on, normed by its stored statistics, of real numbers."""
    y = (sums - trained.mean[:, None]) * _factor(trained, trained.variance)[:, None] + trained.bias[:, None]
    y = y if residual is None else y + residual
    return np.maximum(y, 0) if trained.rectified else y


def forward(chain: Sequence[TrainedLayer], x: np.ndarray) -> tuple[np.ndarray, list[Tape]]:
    """Return the last layer's outputs [values, B] of real inputs [H, W, C, B], and the tape.

    Norms use the batch's own means and, op mac, deviations. Sums that are no numbers make all outputs NaN: a
    comparison would hide them from the loss.
    """
    tape: list[Tape] = []
    sound = True

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        nonlocal sound
        trained = chain[index]
        inside = residual_inside = None
        if trained.grid is not None:
            seen, inside = trained.grid.round_inputs(seen)
            if residual is not None:
                residual, residual_inside = trained.grid.round_residual(residual)
        rows = layer_rows(trained.layer, seen)
        weights = trained.used_weights()
        sums = layer_sums(trained.layer, weights, trained.polarity, rows)
        mean, variance = np.zeros((2, trained.layer.out_channels))
        if trained.norm in NORMLESS:
            mean[:] = _flat(sums).mean(axis=(0, 2))  # it stays where it is: only whether it is a number matters
        else:
            kernels.centre(_flat(sums), mean, variance)
        sound = sound and bool(np.all(np.isfinite(mean)))
        variance = variance.astype(sums.dtype)
        if trained.norm == "power":
            trained.variance += (1 - NORM_MOMENTUM) * (variance - trained.variance)
        factor = _factor(trained, variance if trained.norm == "batch" else trained.variance)
        y = np.empty_like(sums)
        added = np.empty((0, 0, 0), dtype=sums.dtype) if residual is None else _flat(residual)
        kernels.scale(_flat(sums), factor, trained.bias, added, trained.rectified, _flat(y))
        tape.append(Tape(rows, inside, residual_inside, weights, sums, variance, factor, y))
        return y

    x = walk(_layers(chain), x, whole, step)
    outputs = x.reshape(-1, x.shape[-1])
    return outputs if sound else np.full_like(outputs, np.nan), tape


def backward(chain: Sequence[TrainedLayer], tape: Sequence[Tape], slope: np.ndarray) -> list[list[np.ndarray]]:
    """Return the gradients, in the order of `trainable`, of a loss with gradient `slope` [values, B] at the outputs.

    Rounding counts as the identity (straight through): of weights, of factors, and of inputs within their grid.
    """
    gradients = []
    links = connect(_layers(chain))
    slopes = {links[-1].writes: slope}  # at what each tensor's readers, which come later, have made of it

    def add(tensor: str, part: np.ndarray, inside: np.ndarray | None) -> None:
        part = part if inside is None else part * inside.reshape(part.shape)
        slopes[tensor] = slopes[tensor] + part.reshape(slopes[tensor].shape) if tensor in slopes else part

    for trained, link, seen in zip(reversed(chain), reversed(links), reversed(tape), strict=True):
        # No one else's any more: `gate` writes into it.
        slope = np.require(slopes.pop(link.writes).reshape(seen.y.shape), requirements=["C", "W"])
        total, along = np.empty((2, trained.layer.out_channels))
        flat, normal = _flat(slope), _flat(seen.normal)
        kernels.gate(flat, _flat(seen.y), normal, trained.rectified, total, along)
        if link.residual is not None:
            add(link.residual, slope, seen.residual_inside)
        by_name = {"bias": total.astype(slope.dtype)}
        count, pull = slope.size // len(total), np.zeros_like(along)
        if trained.gain is not None:
            by_gain = (along * seen.factor / trained.gain).astype(slope.dtype)
            by_name["gain"] = by_gain if by_gain.shape == trained.gain.shape else by_gain.sum(keepdims=True)
            if trained.norm == "batch":
                pull = along / ((seen.variance + VARIANCE_FLOOR) * count)
        below = np.empty_like(slope)
        mean = (np.zeros_like(total) if trained.norm in NORMLESS else total / count).astype(slope.dtype)
        pull = pull.astype(slope.dtype)
        kernels.scale_back(flat, normal, mean, pull, seen.factor, _flat(below))
        gradient = layer_gradients(
            trained.layer,
            seen.weights,
            trained.polarity,
            seen.x,
            below,
            inputs=link.reads != INPUT,
            learned=trained.latent is not None,
        )
        centred = trained.norm == "centred"
        by_weights = _centred(gradient.weights, trained.polarity) if centred else gradient.weights
        ordered = [by_weights, by_name["bias"]]
        if trained.gain is not None:
            ordered.append(by_name["gain"])
        if trained.latent is not None:
            assert gradient.polarity is not None
            ordered.append(_broadcast_gradient(gradient.polarity, trained.latent.shape))
        gradients.append(ordered)
        if gradient.inputs is not None:
            add(link.reads, gradient.inputs, seen.inside)
    return gradients[::-1]


def fold(chain: Sequence[TrainedLayer]) -> list[FloatLayer]:
    """Return the master: norms folded into weights, shifts and biases; polarity as int8."""
    master = []
    for trained in chain:
        factor = _factor(trained, trained.variance)
        weights, output_shift = trained.weights.copy(), trained.output_shift.copy()
        if trained.norm == "batch":
            weights = trained.weights * factor[:, None, None, None]
        elif trained.gain is not None:
            output_shift = -np.rint(np.log2(factor)).astype(np.int64)
        polarity = None if trained.polarity is None else trained.polarity.astype(np.int8)
        bias = (trained.bias - trained.mean * factor).astype(np.float32)
        master.append(FloatLayer(trained.layer, weights, polarity, output_shift, bias, trained.rectified))
    return master


def unfold(master: Sequence[FloatLayer], x: np.ndarray) -> list[TrainedLayer]:
    """Return a chain to train further, every norm mean-only, from a master and real inputs [images, H, W, C]."""
    chain: list[TrainedLayer] = []

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        float_layer = master[index]
        trained = TrainedLayer(
            layer=float_layer.layer,
            weights=float_layer.weights.copy(),
            polarity=None if float_layer.polarity is None else float_layer.polarity.astype(np.float32),
            output_shift=float_layer.output_shift.copy(),
            bias=float_layer.bias.copy(),
            gain=None,
            mean=np.zeros_like(float_layer.bias),
            variance=np.ones_like(float_layer.bias),
            rectified=float_layer.rectified,
            norm="mean",
        )
        sums = _sums(trained, seen)
        trained.mean[:] = sums.mean(axis=PIXELS_AND_IMAGES)
        trained.bias += trained.mean * _factor(trained, trained.variance)
        chain.append(trained)
        return _hand_on(trained, sums, residual)

    walk([float_layer.layer for float_layer in master], batch_innermost(x.astype(np.float32)), whole, step)
    return chain


def _flat(values: np.ndarray) -> np.ndarray:
    """Return [OH, OW, N, B] as [pixels, N, B], of the same memory."""
    return np.require(values, requirements=["C", "W"]).reshape(-1, *values.shape[2:])


def _factor(trained: TrainedLayer, variance: np.ndarray) -> np.ndarray:
    """Return [N]: what a layer's centred sums are multiplied by."""
    kind = trained.bias.dtype
    if trained.gain is None:
        return np.ldexp(np.ones_like(trained.bias), -trained.output_shift).astype(kind)
    if trained.gain.size < variance.size:
        variance = np.full_like(variance, variance.mean())
    factor = trained.gain / np.sqrt(variance + VARIANCE_FLOOR)
    if trained.norm == "power":
        return np.exp2(np.rint(np.log2(np.maximum(np.abs(factor), 2.0**-30)))).astype(kind)
    return factor.astype(kind)


def _broadcast_gradient(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the gradient at an array that was broadcast from `shape`: the sum over what it was repeated along."""
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return gradient.sum(axis=repeated, keepdims=True)


def _centred(gradient: np.ndarray, polarity: np.ndarray | None) -> np.ndarray:
    """Return the gradient at weights [N, kh, kw, C] without its part along which a neuron's sum moves as by a bias."""
    signs = np.ones_like(gradient) if polarity is None else polarity
    return gradient - signs * (signs * gradient).mean(axis=(1, 2, 3), keepdims=True)
