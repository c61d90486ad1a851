"""Losses, Adam and its learning rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DECAYS = (0.9, 0.99)
FLOOR = 1e-8


class Adam:
    """Adam (arXiv 1412.6980), moving its arrays in place."""

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self.arrays = list(arrays)
        self.steps = 0
        self.means = [np.zeros_like(array) for array in self.arrays]
        self.squares = [np.zeros_like(array) for array in self.arrays]

    def step(self, gradients: Sequence[np.ndarray], rate: float) -> None:
        """Move every array by one step at learning rate `rate`."""
        self.steps += 1
        first, second = DECAYS
        scale = rate * np.sqrt(1 - second**self.steps) / (1 - first**self.steps)
        for array, gradient, mean, square in zip(self.arrays, gradients, self.means, self.squares, strict=True):
            mean += (1 - first) * (gradient - mean)
            square += (1 - second) * (gradient * gradient - square)
            array -= (scale * mean / (np.sqrt(square) + FLOOR)).astype(array.dtype)


def learning_rates(highest: float, steps: int, warm_up: float, final_rate: float) -> np.ndarray:
    """Return the rate of each step: a linear warm-up over that share of them, then a cosine down to final_rate."""
    warm = int(np.ceil(warm_up * steps))
    rising = (np.arange(warm) + 1) / max(warm, 1)
    along = np.arange(steps - warm) / max(steps - warm - 1, 1)
    falling = final_rate + (1 - final_rate) * (1 + np.cos(np.pi * along)) / 2
    return highest * np.concatenate([rising, falling])


def cross_entropy(scores: np.ndarray, labels: np.ndarray, smoothing: float) -> tuple[float, np.ndarray]:
    """Return (mean loss, its gradient) of scores [classes, B]; `smoothing` of the target is spread evenly."""
    shifted = scores - scores.max(axis=0)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=0)
    target = np.full_like(scores, smoothing / len(scores))
    target[labels, np.arange(len(labels))] += 1 - smoothing
    loss = (np.log(totals) - (target * shifted).sum(axis=0)).mean()
    return float(loss), (exponentials / totals - target) / scores.dtype.type(len(labels))


def mean_square(outputs: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Return (mean squared error, its gradient) of outputs [values, B] against a target of the same shape."""
    error = outputs - target
    return float(np.mean(np.square(error))), 2 * error / outputs.dtype.type(error.size)
