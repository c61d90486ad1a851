"""Digits, from PyTorch to Verilog: trained, quantised to 8 bits, and proved on test images, every bit and every cycle.

python docs/torch/digits.py [FOLDER]; needs extras torch and rtl.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from torch import nn

import limen
from limen.torch import (
    Data,
    ThresholdConv2d,
    ThresholdLinear,
    initialise,
    load_data,
    network_inputs,
    settle_means,
    to_family,
)

BATCH, RATE = 64, 0.12


def network() -> nn.Sequential:
    """Threshold neurons alone: no activation, no pooling."""
    return nn.Sequential(
        ThresholdConv2d(1, 16, 3, padding=1),
        ThresholdConv2d(16, 32, 3, stride=2, padding=1),
        ThresholdConv2d(32, 32, 3, stride=2, padding=1),
        nn.Flatten(),
        ThresholdLinear(128, 10),
    )


def train(model: nn.Sequential, data: Data, epochs: int) -> None:
    """As the recipe of the shipped digits: Adam, one cycle of its rate, images moved by up to a pixel each way."""
    images, labels = network_inputs(data.pixels, data.levels), torch.from_numpy(data.labels)
    initialise(model, images[:512])
    steps = len(images) // BATCH
    adam = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99))
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, epochs * steps, pct_start=0.05, cycle_momentum=False)
    for _ in range(epochs):
        for chosen in torch.randperm(len(images))[: steps * BATCH].split(BATCH):
            down, across = torch.randint(-1, 2, (2,)).tolist()
            moved = nn.functional.pad(images[chosen], (1, 1, 1, 1), value=-1.0)[
                :, :, 1 + down : 9 + down, 1 + across : 9 + across
            ]
            loss = nn.functional.cross_entropy(model(moved), labels[chosen])
            adam.zero_grad()
            loss.backward()
            adam.step()
            rate.step()
    settle_means(model, images)


def main(folder: Path, epochs: int = 100, images: int = 100) -> None:
    torch.manual_seed(0)
    data, began = load_data("digits"), time.perf_counter()
    model = network()
    train(model, data, epochs)
    print(f"{epochs} epochs in {time.perf_counter() - began:.0f} s")
    family = to_family(model, data, folder / "torch-digits")
    network_8_bits = family.network("threshold", x_bits=8, w_bits=8)
    print(f"test accuracy of its integers of 8 bits: {network_8_bits.accuracy('test'):.2%}")
    chip = limen.export(network_8_bits, limen.load_design("threshold-16x16"), folder / "chip", images=images)
    print(chip.verify())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/torch"))
