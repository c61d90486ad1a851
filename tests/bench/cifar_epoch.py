"""How long an epoch of ResNet-18 on CIFAR-10 takes on one core, with our kernels and with limen.torch: `python -m
tests.bench.cifar_epoch`.

Whole steps of the recipe on random images of CIFAR-10's shape, times the steps of an epoch: nothing of it depends on
what is in the images. With limen.torch in small batches, compiled or not: its time goes with the number of images.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from workloads.datasets import dataset
from workloads.host.specfile import read_spec
from workloads.networks.family import find_recipe
from workloads.training.classifier import Classifier, Data
from workloads.training.forward_backward import backward, forward, initialise
from workloads.training.make_family import op_layers
from workloads.training.optimiser import Adam
from workloads.training.recipe import Recipe

try:
    import torch
except ModuleNotFoundError:
    torch = None

IMAGES_OF_AN_EPOCH = 45_000
"""Of the 50,000 training images, 5,000 are held out for validation."""

TORCH_BATCH = 8
STEPS = 2


def main() -> None:
    path = find_recipe("cifar-10")
    recipe = read_spec(Recipe, path)
    data = random_data(2 * recipe.batch)
    for op in recipe.ops:
        layers = op_layers(recipe, op, path, data)
        operations = sum(layer.pairs for layer in layers)
        seconds = seconds_an_image(our_step(layers, data, recipe), recipe.batch)
        report(f"our kernels, {op}", seconds, operations)
    if torch is None:
        print("limen.torch: skipped: extra torch is not installed")
        return
    torch.set_num_threads(1)
    for compiled in (False, True):
        seconds = seconds_an_image(torch_step(data, compiled), TORCH_BATCH)
        report(f"limen.torch, threshold{', compiled' if compiled else ''}", seconds, operations)


def report(name: str, seconds: float, operations: int) -> None:
    epoch = seconds * IMAGES_OF_AN_EPOCH
    print(
        f"{name:32} {seconds:6.3f} s an image, {epoch / 60:7.0f} minutes an epoch, "
        f"{3 * operations / seconds / 1e9:5.1f} G operations/s (forward and both gradients)",
        flush=True,
    )


def random_data(images: int) -> Data:
    random = np.random.default_rng(0)
    shape = dataset("cifar-10").shape
    pixels = random.integers(0, 256, (images, *shape), dtype=np.uint8)
    labels = random.integers(0, 10, images)
    labels[:10] = np.arange(10)
    return Data("cifar-10", 256, pixels, labels, pixels[:10], labels[:10])


def seconds_an_image(step: Callable[[], object], images: int) -> float:
    """Return processor seconds an image, the median of some steps after one that warms up."""
    step()
    seconds = []
    for _ in range(STEPS):
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return median(seconds) / images


def our_step(layers: Any, data: Data, recipe: Recipe) -> Callable[[], object]:
    """Return a step of the training loop: images moved and mirrored, forward, backward, Adam."""
    task = Classifier(data, recipe, layers[0].x_signed)
    random = np.random.default_rng(0)
    chain = initialise(layers, task.sample[:64], random)
    adam = Adam([array for trained in chain for array in trained.trainable()])

    def step() -> None:
        x, target = next(task.batches(random))
        outputs, tape = forward(chain, x)
        _, slope, _ = task.loss(outputs, target)
        adam.step([part for parts in backward(chain, tape, slope) for part in parts], 1e-3)

    return step


def torch_step(data: Data, compiled: bool) -> Callable[[], object]:
    """Return a step of a ResNet-18 of limen.torch's threshold layers."""
    from limen.torch import ThresholdConv2d, ThresholdLinear, initialise, network_inputs

    class Block(torch.nn.Module):
        def __init__(self, before: int, channels: int, stride: int) -> None:
            super().__init__()
            self.one = ThresholdConv2d(before, channels, 3, stride=stride, padding=1)
            self.two = ThresholdConv2d(channels, channels, 3, padding=1)
            self.skip = ThresholdConv2d(before, channels, 1, stride=stride) if stride > 1 else torch.nn.Identity()

        def forward(self, x: Any) -> Any:
            return self.two(self.one(x)) + self.skip(x)

    widths = (64, 64, 128, 256, 512)
    stages = [
        block
        for stage, (before, channels) in enumerate(pairwise(widths))
        for block in (Block(before, channels, 1 + (stage > 0)), Block(channels, channels, 1))
    ]
    model = torch.nn.Sequential(
        ThresholdConv2d(3, 64, 3, padding=1), *stages, torch.nn.Flatten(), ThresholdLinear(512 * 16, 10)
    )
    x, labels = network_inputs(data.pixels[:TORCH_BATCH], data.levels), torch.from_numpy(data.labels[:TORCH_BATCH])
    initialise(model, x)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99))
    network = torch.compile(model) if compiled else model

    def step() -> None:
        loss = torch.nn.functional.cross_entropy(network(x), labels)
        adam.zero_grad()
        loss.backward()
        adam.step()

    return step


if __name__ == "__main__":
    main()
