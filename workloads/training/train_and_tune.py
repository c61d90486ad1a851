"""The stages of a network's training: from scratch, then fine-tuned for narrow integers. Each can be resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workloads.host.journal import key_of
from workloads.host.progress import Progress
from workloads.layers.layer import Layer
from workloads.networks.accuracy import described_layer
from workloads.networks.family import FamilyOp
from workloads.training.classifier import Classifier, Data
from workloads.training.float_master import FloatLayer
from workloads.training.forward_backward import initialise, unfold
from workloads.training.grids import Grid
from workloads.training.loop import EpochRow, Schedule, array_hash, train
from workloads.training.recipe import Recipe

TUNED_BITS = (4, 3, 2)
"""Widths of x and w at which a network is fine-tuned, each from the one before."""


LATER = ("cutout_pixels", "distillation", "temperature", "averaging")
"""Keys that recipes got after families had been made: at their defaults nothing has changed."""


class Course(NamedTuple):
    """Of a training, all but its network: an op of a recipe, the seed and the data, and the master that teaches it.

    floors: see `Schedule`; of training from scratch alone.
    """

    recipe: Recipe
    op: FamilyOp
    seed: int
    data: Data
    teacher: Sequence[FloatLayer] | None = None
    floors: tuple[tuple[int, float], ...] = ()

    def task(self, layers: Sequence[Layer]) -> Classifier:
        """Return what its network is trained for."""
        return Classifier(self.data, self.recipe, layers[0].x_signed, self.teacher)

    def schedule(self, name: str, epochs: int, rate: float) -> Schedule:
        recipe = self.recipe
        return Schedule(name, epochs, rate, recipe.warm_up, recipe.final_rate, recipe.averaging)


def train_master(
    layers: Sequence[Layer],
    course: Course,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[FloatLayer], list[EpochRow]]:
    """Return (the master, the curve) of a network trained from scratch. Raises LimenError as `train` does."""
    recipe, op, seed = course.recipe, course.op, course.seed
    task = course.task(layers)
    random = np.random.default_rng(seed)
    chain = initialise(layers, task.sample, random)
    rate = recipe.ops[op].learning_rate
    schedule = replace(course.schedule(f"{op}, seed {seed}", recipe.epochs, rate), floors=course.floors)
    identity = _identity(layers, course) | {"epochs": recipe.epochs, "learning_rate": rate}
    return train(chain, task, schedule, random, identity, checkpoint, progress)


def fine_tune(
    master: Sequence[FloatLayer],
    grids: Sequence[Grid],
    course: Course,
    rate: float,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> list[FloatLayer]:
    """Return a master trained on while weights and activations are rounded to these grids, one a layer.

    rate: the first learning rate, as a share of the op's highest.
    Raises LimenError as `train` does.
    """
    recipe, op, seed = course.recipe, course.op, course.seed
    layers = [float_layer.layer for float_layer in master]
    task = course.task(layers)
    chain = unfold(master, task.sample)
    for trained, grid in zip(chain, grids, strict=True):
        trained.grid = grid
    learning_rate = recipe.ops[op].learning_rate * rate
    bits = grids[0].x_bits
    schedule = course.schedule(f"{op} at {bits} bits, seed {seed}", recipe.tuning_epochs, learning_rate)
    before = array_hash(
        {f"{float_layer.layer.name}.{index}": float_layer.weights for index, float_layer in enumerate(master)}
    )
    identity = _identity(layers, course) | {
        "epochs": recipe.tuning_epochs, "learning_rate": learning_rate, "bits": bits, "master": before,
        "grids": [
            [grid.x_exponent, grid.x_bits, grid.w_exponent.tolist(), grid.w_bits, *(grid.residual or ())]
            for grid in grids
        ],
    }  # fmt: skip
    tuned, _ = train(chain, task, schedule, np.random.default_rng([seed, bits]), identity, checkpoint, progress)
    return tuned


def whole_identity(layers: Sequence[Layer], course: Course) -> dict[str, Any]:
    """Return what must be equal for an op of a family to be the one that a recipe makes: all stages together."""
    recipe = course.recipe
    training = {"epochs": recipe.epochs, "learning_rate": recipe.ops[course.op].learning_rate}
    rates = recipe.tuning_rate
    tuning = {"tuning_epochs": recipe.tuning_epochs, "tuning_rate": rates if len(rates) > 1 else rates[0]}
    return _identity(layers, course) | training | tuning


def _identity(layers: Sequence[Layer], course: Course) -> dict[str, Any]:
    """Return what must be equal for a training to go on from a checkpoint: network, recipe, seed, data."""
    recipe, op, seed, data, teacher, _ = course
    shared = ["batch", "shift_pixels", "mirror", "label_smoothing", "warm_up", "final_rate"]
    shared += [name for name in LATER if getattr(recipe, name) != Recipe.model_fields[name].default]
    taught = {} if teacher is None else {"teacher": master_hash(teacher)}
    return {
        "op": op,
        "seed": seed,
        "network": key_of([described_layer(layer) for layer in layers]),
        "data": array_hash({"pixels": data.pixels, "labels": data.labels}),
        **{name: getattr(recipe, name) for name in shared},
        **taught,
    }


def master_hash(master: Sequence[FloatLayer]) -> str:
    """Return a SHA-256 of what a master computes."""
    parts: dict[str, np.ndarray] = {}
    for index, part in enumerate(master):
        arrays = {"weights": part.weights, "polarity": part.polarity, "shift": part.output_shift, "bias": part.bias}
        parts |= {f"{index}.{name}": array for name, array in arrays.items() if array is not None}
    return array_hash(parts)
