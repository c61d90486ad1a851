"""Training of threshold networks and of their MAC twins, in numpy and Numba.

Threshold layers: y = 2^-s · Σ p·max(x − w, 0), minus its mean over the batch, plus a bias (mean-only
batch norm; no activation follows). MAC layers: batch norm and ReLU; the last one a bias only.
Both norms fold into the master afterwards, so inference has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from workloads import training_kernels as kernels
from workloads.digits import load_split
from workloads.errors import LimenError
from workloads.float_network import FloatLayer, batch_innermost, classify, geometry, real_inputs, synapse_sums
from workloads.layer import Layer
from workloads.numbers import Op
from workloads.recipe import OpRecipe, Recipe

CALIBRATION_IMAGES = 512
"""Images of the data-dependent initialisation."""

NORM_MOMENTUM = 0.9
"""Share of the running mean and variance kept at each step."""

VARIANCE_FLOOR = 1e-5
"""Added to a variance before its root is taken."""

LARGEST_LOSS = 1e6
"""Training whose loss exceeds this, or is no number, has diverged; an untrained network's is near 2.3."""

ADAM_DECAYS = (0.9, 0.99)
ADAM_FLOOR = 1e-8

Progress = Callable[[str, int, int], object]
"""Called as progress(what, done, total) after each step of a long job."""


class EpochRow(NamedTuple):
    """A line of the training curve: mean loss, and accuracies as shares (training images as augmented)."""

    epoch: int
    loss: float
    train_accuracy: float
    validation_accuracy: float


@dataclass
class TrainedLayer:
    """One layer while it is trained (float32).

    weights: [N, kh, kw, C]; bias: [N]; gain: [N] of a MAC layer with batch norm, else None.
    polarity: [N, kh, kw, C] of ±1 for op threshold, else None. output_shift: s, 0 for op mac.
    mean, variance: [N], running statistics of the norm.
    """

    layer: Layer
    weights: np.ndarray
    polarity: np.ndarray | None
    output_shift: int
    bias: np.ndarray
    gain: np.ndarray | None
    mean: np.ndarray
    variance: np.ndarray

    def trainable(self) -> list[np.ndarray]:
        """Return the arrays that the optimiser moves, in place."""
        return [self.weights, self.bias] + ([] if self.gain is None else [self.gain])


class Tape(NamedTuple):
    """What the backward pass of a layer needs of its forward pass."""

    x: np.ndarray
    normal: np.ndarray
    deviation: np.ndarray
    y: np.ndarray


def initialise(layers: Sequence[Layer], x: np.ndarray, random: np.random.Generator) -> list[TrainedLayer]:
    """Return untrained layers fitted to real inputs [images, H, W, C], which must be shuffled.

    Threshold layers draw w around the input channels' means and choose the one power of two that brings
    the output back to a deviation near 1; without it the activations grow by a factor of 3 to 15 a layer.
    """
    chain = []
    lane = batch_innermost(x[:CALIBRATION_IMAGES].astype(np.float32))
    for index, layer in enumerate(layers):
        lane = np.ascontiguousarray(lane).reshape(*layer.input_shape, -1)
        shape = (layer.out_channels, *layer.kernel, layer.channels)
        noise = random.standard_normal(shape)
        polarity, output_shift, gain = None, 0, None
        if layer.op == "threshold":
            weights = lane.mean(axis=(0, 1, 3)) + lane.std(axis=(0, 1, 3)) * noise
            polarity = np.where(random.random(shape) < 0.5, 1, -1).astype(np.float32)
        else:
            weights = noise * np.sqrt(2 / layer.fan_in)
            if index + 1 < len(layers):
                gain = np.ones(layer.out_channels, dtype=np.float32)
        weights = weights.astype(np.float32)
        y = synapse_sums(layer, weights, polarity, lane)
        deviation = y.std(axis=(0, 1, 3))
        if layer.op == "threshold":
            output_shift = int(np.round(np.log2(deviation.mean())))
            y = y * np.float32(2.0**-output_shift)
        mean, variance = y.mean(axis=(0, 1, 3)), y.var(axis=(0, 1, 3))
        zeros = np.zeros(layer.out_channels, dtype=np.float32)
        chain.append(TrainedLayer(layer, weights, polarity, output_shift, zeros, gain, mean, variance))
        if layer.op == "threshold":
            lane = y - mean[:, None]
        else:
            lane = np.maximum((y - mean[:, None]) / np.sqrt(variance + VARIANCE_FLOOR)[:, None], 0)
    return chain


def forward(chain: Sequence[TrainedLayer], x: np.ndarray) -> tuple[np.ndarray, list[Tape]]:
    """Return scores [classes, B] of real inputs [H, W, C, B] and the tape; updates the running statistics."""
    tape = []
    for own in chain:
        x = np.ascontiguousarray(x).reshape(*own.layer.input_shape, -1)
        sums = synapse_sums(own.layer, own.weights, own.polarity, x)
        deviation = np.ones_like(own.bias)
        normal = sums
        if own.polarity is not None:
            sums *= sums.dtype.type(2.0**-own.output_shift)
            mean = sums.mean(axis=(0, 1, 3))
            own.mean += (1 - NORM_MOMENTUM) * (mean - own.mean)
            normal = sums - mean[:, None]
            y = normal + own.bias[:, None]
            following = y
        elif own.gain is not None:
            mean, variance = sums.mean(axis=(0, 1, 3)), sums.var(axis=(0, 1, 3))
            own.mean += (1 - NORM_MOMENTUM) * (mean - own.mean)
            own.variance += (1 - NORM_MOMENTUM) * (variance - own.variance)
            deviation = np.sqrt(variance + VARIANCE_FLOOR).astype(sums.dtype)
            normal = (sums - mean[:, None]) / deviation[:, None]
            y = normal * own.gain[:, None] + own.bias[:, None]
            following = np.maximum(y, 0)
        else:
            following = y = sums + own.bias[:, None]
        tape.append(Tape(x, normal, deviation, y))
        x = following
    return x.reshape(-1, x.shape[-1]), tape


def backward(chain: Sequence[TrainedLayer], tape: Sequence[Tape], slope: np.ndarray) -> list[list[np.ndarray]]:
    """Return the gradients, in the order of `trainable`, of a loss with gradient `slope` [classes, B] at the scores."""
    gradients = []
    for own, seen in zip(reversed(chain), reversed(tape), strict=True):
        slope = slope.reshape(seen.y.shape)
        if own.gain is not None:
            slope = slope * (seen.y > 0)
        gained = [slope.sum(axis=(0, 1, 3))]
        if own.polarity is not None:
            slope = (slope - slope.mean(axis=(0, 1, 3))[:, None]) * slope.dtype.type(2.0**-own.output_shift)
        elif own.gain is not None:
            gained.append((slope * seen.normal).sum(axis=(0, 1, 3)))
            slope = slope * own.gain[:, None]
            along = (slope * seen.normal).mean(axis=(0, 1, 3))
            slope = slope - slope.mean(axis=(0, 1, 3))[:, None] - seen.normal * along[:, None]
            slope = slope / seen.deviation[:, None]
        dx, dw = np.empty_like(seen.x), np.empty_like(own.weights)
        slope = np.ascontiguousarray(slope)
        if own.polarity is not None:
            kernels.threshold_backward(seen.x, own.weights, own.polarity, slope, geometry(own.layer), dx, dw)
        else:
            kernels.mac_backward(seen.x, own.weights, slope, geometry(own.layer), dx, dw)
        gradients.append([dw, *gained])
        slope = dx
    return gradients[::-1]


def cross_entropy(scores: np.ndarray, labels: np.ndarray, smoothing: float) -> tuple[float, np.ndarray]:
    """Return (mean loss, its gradient) of scores [classes, B]; `smoothing` of the target is spread evenly."""
    shifted = scores - scores.max(axis=0)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=0)
    target = np.full_like(scores, smoothing / len(scores))
    target[labels, np.arange(len(labels))] += 1 - smoothing
    loss = (np.log(totals) - (target * shifted).sum(axis=0)).mean()
    return float(loss), (exponentials / totals - target) / scores.dtype.type(len(labels))


def fold(chain: Sequence[TrainedLayer]) -> list[FloatLayer]:
    """Return the master: norms folded into weights and biases, polarity as int8."""
    master = []
    for own in chain:
        weights, bias = own.weights.copy(), own.bias.copy()
        if own.polarity is not None:
            bias = own.bias - own.mean
        elif own.gain is not None:
            factor = own.gain / np.sqrt(own.variance + np.float32(VARIANCE_FLOOR))
            weights = own.weights * factor[:, None, None, None]
            bias = own.bias - own.mean * factor
        polarity = None if own.polarity is None else own.polarity.astype(np.int8)
        master.append(FloatLayer(own.layer, weights, polarity, own.output_shift, bias.astype(np.float32)))
    return master


@dataclass
class Adam:
    """Adam, moving its arrays in place."""

    arrays: list[np.ndarray]
    steps: int = 0
    means: list[np.ndarray] = field(default_factory=list)
    squares: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.means = [np.zeros_like(array) for array in self.arrays]
        self.squares = [np.zeros_like(array) for array in self.arrays]

    def step(self, gradients: Sequence[np.ndarray], rate: float) -> None:
        """Move every array by one step at learning rate `rate`."""
        self.steps += 1
        first, second = ADAM_DECAYS
        scale = rate * np.sqrt(1 - second**self.steps) / (1 - first**self.steps)
        for array, gradient, mean, square in zip(self.arrays, gradients, self.means, self.squares, strict=True):
            mean += (1 - first) * (gradient - mean)
            square += (1 - second) * (gradient * gradient - square)
            array -= (scale * mean / (np.sqrt(square) + ADAM_FLOOR)).astype(array.dtype)


def learning_rates(recipe: Recipe, own: OpRecipe, steps: int) -> np.ndarray:
    """Return the rate of each step: a linear warm-up, then a cosine down to final_rate."""
    warm = int(np.ceil(recipe.warm_up * steps))
    rising = (np.arange(warm) + 1) / max(warm, 1)
    along = np.arange(steps - warm) / max(steps - warm - 1, 1)
    falling = recipe.final_rate + (1 - recipe.final_rate) * (1 + np.cos(np.pi * along)) / 2
    return own.learning_rate * np.concatenate([rising, falling])


def shifted_copies(pixels: np.ndarray, shift_pixels: int) -> np.ndarray:
    """Return [copies, images, H, W, C]: every move of up to shift_pixels each way, background 0 filling in."""
    reach = shift_pixels
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    height, width = pixels.shape[1:3]
    offsets = range(2 * reach + 1)
    return np.stack([padded[:, i : i + height, j : j + width] for i in offsets for j in offsets])


def batches(recipe: Recipe, images: int, random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (copy, image) indices of an epoch's whole batches; the images left over wait for another epoch."""
    order = random.permutation(images)
    copies = random.integers(0, (2 * recipe.shift_pixels + 1) ** 2, images)
    for start in range(0, images - recipe.batch + 1, recipe.batch):
        yield copies[start : start + recipe.batch], order[start : start + recipe.batch]


def train(
    layers: Sequence[Layer], recipe: Recipe, own: OpRecipe, seed: int, progress: Progress | None = None
) -> tuple[list[FloatLayer], list[EpochRow]]:
    """Return (the master, the curve) of a network trained on the training split; the same bits for the same seed.

    Raises LimenError where training diverges.
    """
    op: Op = layers[0].op
    random = np.random.default_rng(seed)
    pixels, labels = load_split("train")
    validation_pixels, validation_labels = load_split("validation")
    chain = initialise(layers, real_inputs(op, pixels), random)
    copies = real_inputs(op, shifted_copies(pixels, recipe.shift_pixels)).astype(np.float32)
    adam = Adam([array for part in chain for array in part.trainable()])
    rates = learning_rates(recipe, own, recipe.epochs * max(len(labels) // recipe.batch, 1))
    curve: list[EpochRow] = []
    for epoch in range(1, recipe.epochs + 1):
        losses, right = [], []
        for copy, image in batches(recipe, len(labels), random):
            with np.errstate(all="ignore"):  # a diverging loss is reported below, in one line
                scores, tape = forward(chain, batch_innermost(copies[copy, image]))
                loss, slope = cross_entropy(scores, labels[image], recipe.label_smoothing)
                if not loss <= LARGEST_LOSS:
                    raise LimenError(
                        f"training {op}: loss became {loss} in epoch {epoch}: "
                        f"learning_rate: {own.learning_rate} is not allowed here: try a lower one"
                    )
                gradients = [part for gained in backward(chain, tape, slope) for part in gained]
                adam.step(gradients, rates[adam.steps])
            losses.append(loss)
            right.append(np.mean(scores.argmax(axis=0) == labels[image]))
        found = classify(fold(chain), real_inputs(op, validation_pixels)) == validation_labels
        curve.append(EpochRow(epoch, float(np.mean(losses)), float(np.mean(right)), float(np.mean(found))))
        if progress is not None:
            progress(f"training {op}, seed {seed}", epoch, recipe.epochs)
    return fold(chain), curve
