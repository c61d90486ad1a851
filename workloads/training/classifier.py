"""Classification of a data set as a training task: batches of moved and mirrored images, cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workloads.datasets import dataset, load_split
from workloads.exact.kernel_arrays import batch_innermost
from workloads.training.float_master import FloatLayer, outputs_of, real_inputs
from workloads.training.optimiser import cross_entropy, distilled
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


class Target(NamedTuple):
    """What a batch's outputs should be: labels [B], and a teacher's scores [classes, B] if there is one."""

    labels: np.ndarray
    taught: np.ndarray | None


class Classifier:
    """A `Task`: the classes of a data set, for a network whose first layer is signed or not.

    teacher: a master whose answers count by the recipe's share of distillation.
    """

    def __init__(self, data: Data, recipe: Recipe, signed: bool, teacher: Sequence[FloatLayer] | None = None) -> None:
        self._data, self._recipe, self._signed, self._teacher = data, recipe, signed, teacher
        self.steps = len(data.labels) // recipe.batch
        self.sample = real_inputs(data.pixels[:SAMPLE_IMAGES], data.levels, signed)
        reach = recipe.shift_pixels
        self._reach = (reach, reach if data.pixels.shape[2] > 1 else 0)
        margins = ((0, 0), *((r, r) for r in self._reach), (0, 0))
        # Background 0 fills in: no ink, silence; the middle level, for signals, is what a resting sensor reads.
        self._background = 0 if data.pixels.shape[2] > 1 or data.name == "spoken-digits" else data.levels // 2
        self._padded = np.pad(data.pixels, margins, constant_values=self._background)

    def batches(self, random: np.random.Generator) -> Iterator[tuple[np.ndarray, Target]]:
        """Yield (inputs [H, W, C, B] float32, target); the images left over wait for another epoch."""
        order = random.permutation(len(self._data.labels))
        down, across = (random.integers(0, 2 * reach + 1, len(order)) for reach in self._reach)
        mirrored = random.random(len(order)) < 0.5 if self._recipe.mirror else np.zeros(len(order), dtype=bool)
        height, width = self._data.pixels.shape[1:3]
        rows, columns = np.arange(height), np.arange(width)
        covered = self._covered(random, len(order)) if self._recipe.cutout_pixels else None
        for start in range(0, self.steps * self._recipe.batch, self._recipe.batch):
            chosen = order[start : start + self._recipe.batch]
            turned = np.where(mirrored[chosen, None], columns[::-1], columns)
            moved = self._padded[
                chosen[:, None, None],
                (down[chosen, None] + rows)[:, :, None],
                (across[chosen, None] + turned)[:, None, :],
            ]
            if covered is not None:
                moved[covered[chosen]] = self._background
            target = Target(self._data.labels[chosen], self._taught(moved))
            yield batch_innermost(real_inputs(moved, self._data.levels, self._signed)), target

    def _covered(self, random: np.random.Generator, images: int) -> np.ndarray:
        """Return [images, H, W], true in a square around a random pixel of each."""
        side = self._recipe.cutout_pixels
        inside = []
        for length in self._data.pixels.shape[1:3]:
            first = random.integers(0, length, (images, 1)) - side // 2
            inside.append((np.arange(length) >= first) & (np.arange(length) < first + side))
        return inside[0][:, :, None] & inside[1][:, None, :]

    def _taught(self, pixels: np.ndarray) -> np.ndarray | None:
        """Return the teacher's scores [classes, B] of pixels [B, H, W, C]."""
        if self._teacher is None:
            return None
        return outputs_of(self._teacher, real_inputs(pixels, self._data.levels, self._teacher[0].layer.x_signed)).T

    def loss(self, outputs: np.ndarray, target: Target) -> tuple[float, np.ndarray, float]:
        """Return (mean cross-entropy, its gradient, accuracy); with a teacher, the mix that the recipe says."""
        loss, slope = cross_entropy(outputs, target.labels, self._recipe.label_smoothing)
        if target.taught is not None:
            share = self._recipe.distillation
            taught_loss, taught_slope = distilled(outputs, target.taught, self._recipe.temperature)
            loss, slope = (1 - share) * loss + share * taught_loss, (1 - share) * slope + share * taught_slope
        return loss, slope, float(np.mean(outputs.argmax(axis=0) == target.labels))

    def validate(self, master: Sequence[FloatLayer]) -> float:
        """Return the accuracy on validation images, a share; argmax takes the lowest index."""
        x = real_inputs(self._data.validation_pixels, self._data.levels, self._signed)
        return float(np.mean(outputs_of(master, x).argmax(axis=1) == self._data.validation_labels))
