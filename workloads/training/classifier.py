"""Classification of a data set as a training task: batches of moved and mirrored images, cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.datasets import dataset, load_split
from workloads.exact.kernel_arrays import batch_innermost
from workloads.training.float_master import FloatLayer, outputs_of, real_inputs
from workloads.training.optimiser import cross_entropy
from workloads.training.recipe import Recipe

SAMPLE_IMAGES = 1024
"""Training images, as they are, over which norms are settled."""


@dataclass(frozen=True)
class Data:
    """The splits that may shape a network: pixels [images, H, W, C] and labels [images] of training and validation."""

    name: str
    levels: int
    pixels: np.ndarray
    labels: np.ndarray
    validation_pixels: np.ndarray
    validation_labels: np.ndarray


def load_data(name: str, folder: Path | None = None, images: int | None = None) -> Data:
    """Return training and validation data; `images`: only that many of the shuffled training images."""
    pixels, labels = load_split(name, "train", folder)
    return Data(name, dataset(name).levels, pixels[:images], labels[:images], *load_split(name, "validation", folder))


class Classifier:
    """A `Task`: the classes of a data set, for a network whose first layer is signed or not."""

    def __init__(self, data: Data, recipe: Recipe, signed: bool) -> None:
        self._data, self._recipe, self._signed = data, recipe, signed
        self.steps = len(data.labels) // recipe.batch
        self.sample = real_inputs(data.pixels[:SAMPLE_IMAGES], data.levels, signed)
        reach = recipe.shift_pixels
        self._reach = (reach, reach if data.pixels.shape[2] > 1 else 0)
        margins = ((0, 0), *((r, r) for r in self._reach), (0, 0))
        # Background 0 fills in: no ink, silence; the middle level, for signals, is what a resting sensor reads.
        background = 0 if data.pixels.shape[2] > 1 or data.name == "spoken-digits" else data.levels // 2
        self._padded = np.pad(data.pixels, margins, constant_values=background)

    def batches(self, random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (inputs [H, W, C, B] float32, labels [B]); the images left over wait for another epoch."""
        order = random.permutation(len(self._data.labels))
        down, across = (random.integers(0, 2 * reach + 1, len(order)) for reach in self._reach)
        mirrored = random.random(len(order)) < 0.5 if self._recipe.mirror else np.zeros(len(order), dtype=bool)
        height, width = self._data.pixels.shape[1:3]
        rows, columns = np.arange(height), np.arange(width)
        for start in range(0, self.steps * self._recipe.batch, self._recipe.batch):
            chosen = order[start : start + self._recipe.batch]
            turned = np.where(mirrored[chosen, None], columns[::-1], columns)
            moved = self._padded[
                chosen[:, None, None],
                (down[chosen, None] + rows)[:, :, None],
                (across[chosen, None] + turned)[:, None, :],
            ]
            yield batch_innermost(real_inputs(moved, self._data.levels, self._signed)), self._data.labels[chosen]

    def loss(self, outputs: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, float]:
        """Return (mean cross-entropy, its gradient, accuracy)."""
        loss, slope = cross_entropy(outputs, target, self._recipe.label_smoothing)
        return loss, slope, float(np.mean(outputs.argmax(axis=0) == target))

    def validate(self, master: Sequence[FloatLayer]) -> float:
        """Return the accuracy on validation images, a share; argmax takes the lowest index."""
        x = real_inputs(self._data.validation_pixels, self._data.levels, self._signed)
        return float(np.mean(outputs_of(master, x).argmax(axis=1) == self._data.validation_labels))
