"""Losses, Adam and its learning rates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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


AVERAGE_START = 10
"""Steps of the order of which an average soon forgets: its share starts at 1 in so many and rises to the one asked."""


class Average:
    """The exponential running average of arrays that an optimiser moves. share: what each step keeps; 0: no average."""

    def __init__(self, arrays: Sequence[np.ndarray], share: float) -> None:
        self.arrays = list(arrays)
        self.share = share
        self.averages = [array.copy() for array in self.arrays] if share else []

    def follow(self, steps: int) -> None:
        """Take in the arrays after so many steps."""
        kept = min(self.share, (1 + steps) / (AVERAGE_START + steps))
        for array, average in zip(self.arrays, self.averages, strict=False):
            average += (1 - kept) * (array - average)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the arrays hold their averages meanwhile."""
        moved = [array.copy() for array in self.arrays] if self.share else []
        for array, average in zip(self.arrays, self.averages, strict=False):
            array[...] = average
        try:
            yield
        finally:
            for array, before in zip(self.arrays, moved, strict=False):
                array[...] = before


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


def distilled(scores: np.ndarray, taught: np.ndarray, temperature: float) -> tuple[float, np.ndarray]:
    """Return (mean loss, its gradient) of scores [classes, B] against a teacher's: T² times the cross-entropy at T.

    T² keeps the gradient's size whatever the temperature (arXiv 1503.02531).
    """
    soft, taught_soft = (np.exp((each - each.max(axis=0)) / temperature) for each in (scores, taught))
    taught_soft /= taught_soft.sum(axis=0)
    totals = soft.sum(axis=0)
    shifted = (scores - scores.max(axis=0)) / temperature
    loss = temperature**2 * (np.log(totals) - (taught_soft * shifted).sum(axis=0)).mean()
    slope = (soft / totals - taught_soft) * temperature / scores.shape[1]
    return float(loss), slope.astype(scores.dtype)


def mean_square(outputs: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Return (mean squared error, its gradient) of outputs [values, B] against a target of the same shape."""
    error = outputs - target
    return float(np.mean(np.square(error))), 2 * error / outputs.dtype.type(error.size)
