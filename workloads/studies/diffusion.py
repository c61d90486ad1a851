"""Denoising diffusion on the 8 x 8 digits: the noise that a small network predicts, and images made by taking it away.

DDPM of Ho, Jain and Abbeel (arXiv 2006.11239): step t = 1 … STEPS of a digit x_0 is
    x_t = √ā_t · x_0 + √(1 − ā_t) · ε,  ε standard normal                                   (their eq. 4)
with ā of Nichol and Dhariwal's cosine schedule (arXiv 2102.09672, eq. 17). The network reads x_t and t and predicts ε;
its loss is the mean squared error with t uniform (their eq. 14). An image is ink − 8 over 8, −1 … 1, as [64] float32;
noise has variance 1, so predicting 0 has an error of 1.

The networks of both ops have the same layers, 3 x 3 convolutions at full resolution, and see the same number of
examples; nothing but the op, its learning rate, and what op mac has beside it (ReLU, batch norm) differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from workloads.datasets import load_split
from workloads.host.files import Arrays, npz_bytes, write_whole
from workloads.host.journal import key_of
from workloads.host.progress import Progress
from workloads.layers.layer import Layer
from workloads.ops.registry import operation
from workloads.training.float_master import FloatLayer, outputs_of
from workloads.training.forward_backward import initialise
from workloads.training.loop import EpochRow, Schedule, array_hash, train
from workloads.training.make_family import described, is_made, master_of
from workloads.training.optimiser import mean_square

DiffusionOp = Literal["threshold", "mac"]
"""What a denoising network may be made of."""

DIFFUSION_OPS: tuple[DiffusionOp, ...] = get_args(DiffusionOp)

CODE_VERSION = 1
"""Raised whenever the code changes what a training gives, so that no network of before is taken for one of now."""

STEPS = 50
"""Steps from a digit to noise, and back."""

SIDE, PIXELS = 8, 64
MID = 8
"""Ink that reads 0; ink is 0 … 16."""

COSINE_OFFSET = 0.008
"""Keeps the first steps' noise from being too small (arXiv 2102.09672, section 3.2)."""

HIGHEST_BETA = 0.999
"""Share of the image's variance that one step may replace (same place)."""

TIME_CHANNELS = 8
"""Values that tell the network t: cosines and sines of a quarter, a half, one and two turns over all steps."""

HIDDEN = (32, 32, 32)
"""Channels of the hidden layers."""

KERNEL, PADDING = (3, 3), (1, 1, 1, 1)

TRAINING_BATCH = 128
COPIES = 8
"""Times an epoch goes through the training digits, each time with new t and noise."""

LEARNING_RATES: dict[DiffusionOp, float] = {"threshold": 0.1, "mac": 0.1}
"""Highest rates, by the same search for both ops on validation digits (docs/diffusion.md)."""

WARM_UP, FINAL_RATE = 0.05, 0.01
EPOCHS = 60

SAMPLE_INPUTS = 4096
"""Noisy training digits that norms are settled on."""

VALIDATION_COPIES = 20
"""Fixed (t, noise) drawn for each validation digit."""

DRAWS = 2006
"""Seed of whatever is drawn once and for all: the noise of validation and test, the same for every network."""

Predictor = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Returns the predicted noise [images, 64] of noisy images [images, 64] at steps t [images]."""


def kept_variance() -> np.ndarray:
    """Return ā_t of t = 1 … STEPS, [STEPS] float64, falling: the share of the digit's variance that x_t still has."""
    along = np.arange(STEPS + 1) / STEPS
    curve = np.cos((along + COSINE_OFFSET) / (1 + COSINE_OFFSET) * np.pi / 2) ** 2
    return np.cumprod(np.maximum(curve[1:] / curve[:-1], 1 - HIGHEST_BETA))


def real_digits(split: str) -> np.ndarray:
    """Return the digits of a split as [images, 64] float32, −1 … 1. Raises LimenError as `load_split` does."""
    pixels, _ = load_split("digits", split)
    return (pixels.reshape(-1, PIXELS).astype(np.float32) - MID) / MID


def ink(x: np.ndarray) -> np.ndarray:
    """Return images [images, 64] as ink, int64 of 0 … 16: what the classifier reads and a picture shows."""
    return np.clip(np.rint(x * MID) + MID, 0, 2 * MID).astype(np.int64)


def noised(x: np.ndarray, t: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return x_t [images, 64] float32 of digits x [images, 64], steps t [images] from 1 on, and noise like x."""
    kept = kept_variance()[t - 1][:, None]
    return (np.sqrt(kept) * x + np.sqrt(1 - kept) * noise).astype(np.float32)


def draw_noisy(x: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (x_t [images, 64], t [images], noise [images, 64]) of digits, t uniform over 1 … STEPS."""
    t = random.integers(1, STEPS + 1, len(x))
    noise = random.standard_normal(x.shape, dtype=np.float32)
    return noised(x, t, noise), t, noise


def time_channels(t: np.ndarray) -> np.ndarray:
    """Return [images, TIME_CHANNELS] float32, −1 … 1, of steps t [images]."""
    angles = np.pi / 2 * (t[:, None] / STEPS) * 2.0 ** np.arange(TIME_CHANNELS // 2)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def network_inputs(noisy: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return what the network reads, [images, 8, 8, 1 + TIME_CHANNELS] float32: t is the same at every pixel."""
    image = noisy.reshape(-1, SIDE, SIDE, 1)
    time = np.broadcast_to(time_channels(t)[:, None, None, :], (len(t), SIDE, SIDE, TIME_CHANNELS))
    return np.concatenate([image, time], axis=3)


def network_layers(op: DiffusionOp) -> tuple[Layer, ...]:
    """Return the convolutions of a denoising network. Between those of op mac activations are unsigned: ReLU."""
    signed = operation(op).one_range
    channels = (1 + TIME_CHANNELS, *HIDDEN, 1)
    last = len(HIDDEN)
    return tuple(
        Layer(
            name=f"conv{index + 1}", op=op, x_bits=8, w_bits=8, x_signed=signed or index == 0, height=SIDE, width=SIDE,
            channels=channels[index], out_channels=channels[index + 1], kernel=KERNEL, padding=PADDING,
            y_bits=None if index == last else 8, y_signed=signed or index == last,
        )
        for index in range(last + 1)
    )  # fmt: skip


class Denoiser:
    """A `Task`: the noise in noisy digits. Scores are mean squared errors of the noise: lower is better.

    digits, validation: [images, 64], see `real_digits`.
    """

    def __init__(self, digits: np.ndarray, validation: np.ndarray) -> None:
        self._digits = digits
        self.steps = len(digits) * COPIES // TRAINING_BATCH
        random = np.random.default_rng(DRAWS)
        noisy, t, _ = draw_noisy(digits[random.integers(0, len(digits), SAMPLE_INPUTS)], random)
        self.sample = network_inputs(noisy, t)
        self._held_out = draw_noisy(np.repeat(validation, VALIDATION_COPIES, axis=0), random)

    def batches(self, random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (inputs [8, 8, C, B], noise [64, B]), float32; the digits left over wait for another epoch."""
        order = np.concatenate([random.permutation(len(self._digits)) for _ in range(COPIES)])
        for start in range(0, self.steps * TRAINING_BATCH, TRAINING_BATCH):
            noisy, t, noise = draw_noisy(self._digits[order[start : start + TRAINING_BATCH]], random)
            x = network_inputs(noisy, t).transpose(1, 2, 3, 0)
            yield np.ascontiguousarray(x), np.ascontiguousarray(noise.T)

    def loss(self, outputs: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, float]:
        """Return (mean squared error, its gradient, the error again) of predicted noise [64, B]."""
        loss, slope = mean_square(outputs, target)
        return loss, slope, loss

    def validate(self, master: Sequence[FloatLayer]) -> float:
        """Return the mean squared error of the noise in validation digits."""
        noisy, t, noise = self._held_out
        return float(np.mean(np.square(master_predictor(master)(noisy, t) - noise)))


def master_predictor(master: Sequence[FloatLayer]) -> Predictor:
    """Return a float master as a predictor."""
    return lambda noisy, t: outputs_of(master, network_inputs(noisy, t))


def linear_predictor(digits: np.ndarray) -> Predictor:
    """Return the best affine predictor of each step for digits of this mean m and covariance C (a Wiener filter).

    E[ε | x_t] = √(1 − ā) · (ā·C + (1 − ā)·I)⁻¹ · (x_t − √ā·m), exact were digits a Gaussian.
    """
    mean, covariance = digits.mean(axis=0, dtype=np.float64), np.cov(digits.T.astype(np.float64))
    filters = [
        np.sqrt(1 - kept) * np.linalg.inv(kept * covariance + (1 - kept) * np.eye(PIXELS)) for kept in kept_variance()
    ]

    def predict(noisy: np.ndarray, t: np.ndarray) -> np.ndarray:
        noise = np.empty(noisy.shape)
        for step in np.unique(t):
            at_step = t == step
            noise[at_step] = (noisy[at_step] - np.sqrt(kept_variance()[step - 1]) * mean) @ filters[step - 1]
        return noise

    return predict


def errors_by_step(predict: Predictor, digits: np.ndarray) -> np.ndarray:
    """Return the mean squared error of the noise at every step, [STEPS], on each digit once a step.

    The noise is the same for every predictor. All steps count alike in the mean, as in training.
    """
    random = np.random.default_rng([DRAWS, 1])
    errors = []
    for step in range(1, STEPS + 1):
        noise = random.standard_normal(digits.shape, dtype=np.float32)
        t = np.full(len(digits), step)
        errors.append(float(np.mean(np.square(predict(noised(digits, t, noise), t) - noise))))
    return np.array(errors)


def sample_images(predict: Predictor, count: int, seed: int) -> np.ndarray:
    """Return `count` images [count, 64] float32 made from noise, by all STEPS steps of DDPM's sampling (algorithm 2).

    Each step takes the digit that the predicted noise leaves, kept within −1 … 1, and draws x_{t−1} given both (eqs. 6
    and 7). The noise depends on the seed alone, so predictors can be compared image by image.
    """
    kept = np.concatenate([[1.0], kept_variance()])
    random = np.random.default_rng([seed, 2])
    x = random.standard_normal((count, PIXELS), dtype=np.float32)
    for step in range(STEPS, 0, -1):
        now, before = kept[step], kept[step - 1]
        noise = predict(x, np.full(count, step))
        digit = np.clip((x - np.sqrt(1 - now) * noise) / np.sqrt(now), -1, 1)
        beta = 1 - now / before
        mean = (np.sqrt(before) * beta * digit + np.sqrt(now / before) * (1 - before) * x) / (1 - now)
        spread = np.sqrt(beta * (1 - before) / (1 - now))  # 0 at the last step
        x = (mean + spread * random.standard_normal(x.shape, dtype=np.float32)).astype(np.float32)
    return x


def train_denoiser(
    op: DiffusionOp,
    epochs: int,
    seed: int,
    rate: float,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[FloatLayer], list[EpochRow]]:
    """Return (the master, the curve) of a denoising network; stopped, it goes on from the checkpoint.

    rate: the highest learning rate. The curve's scores are errors of the noise, see `Denoiser`.
    Raises LimenError as `train` does.
    """
    task = Denoiser(real_digits("train"), real_digits("validation"))
    random = np.random.default_rng(seed)
    chain = initialise(network_layers(op), task.sample, random)
    schedule = Schedule(f"diffusion, {op}, seed {seed}", epochs, rate, WARM_UP, FINAL_RATE)
    return train(chain, task, schedule, random, identity(op, epochs, seed, rate), checkpoint, progress)


def identity(op: DiffusionOp, epochs: int, seed: int, rate: float) -> dict[str, Any]:
    """Return what must be equal for two trainings to give the same network: network, data and how it is trained."""
    return {
        "task": "diffusion", "code": CODE_VERSION, "op": op, "seed": seed, "epochs": epochs, "learning_rate": rate,
        "batch": TRAINING_BATCH, "copies": COPIES, "steps_of_noise": STEPS,
        "warm_up": WARM_UP, "final_rate": FINAL_RATE,
        "network": key_of([layer.model_dump() for layer in network_layers(op)]),
        "data": array_hash({split: real_digits(split) for split in ("train", "validation")}),
    }  # fmt: skip


def store_master(path: Path, master: Sequence[FloatLayer], curve: Sequence[EpochRow], made: dict[str, Any]) -> None:
    """Write a float master as in a family's checkpoint (see `Family`), its curve and its identity.

    Raises LimenError where the file can't be written.
    """
    arrays = {"curve": np.array(curve), "described": described(made)}
    for float_layer in master:
        parts = {
            "float_weights": float_layer.weights,
            "float_bias": float_layer.bias,
            "output_shift": float_layer.output_shift,
        }
        if float_layer.polarity is not None:
            parts["polarity"] = float_layer.polarity
        arrays |= {f"{float_layer.layer.name}.{part}": array for part, array in parts.items()}
    write_whole(path, npz_bytes(arrays))


def stored_master(path: Path, op: DiffusionOp, made: dict[str, Any]) -> tuple[list[FloatLayer], list[EpochRow]] | None:
    """Return the (master, curve) that `store_master` wrote, None where the file is absent or says another identity.

    Raises LimenError where it can't be read.
    """
    if not is_made(path, described(made)):
        return None
    stored, layers = Arrays(path), network_layers(op)
    arrays: dict[str, np.ndarray] = {}
    for layer in layers:
        weights, channels = layer.weights_shape, (layer.out_channels,)
        arrays[f"{layer.name}.float_weights"] = stored.reals(f"{layer.name}.float_weights", weights)
        arrays[f"{layer.name}.float_bias"] = stored.reals(f"{layer.name}.float_bias", channels)
        arrays[f"{layer.name}.output_shift"] = stored.integers(f"{layer.name}.output_shift", channels)
        if layer.operation.polar:
            arrays[f"{layer.name}.polarity"] = stored.integers(f"{layer.name}.polarity", weights)
    rows = stored.reals("curve", (made["epochs"], len(EpochRow._fields)), np.float64)
    return master_of(arrays, layers), [EpochRow(int(row[0]), *map(float, row[1:])) for row in rows]
