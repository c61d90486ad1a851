"""`Process`: a Gaussian process over designs, axes of a few values each, without noise or nearly so.

The covariance of two designs is a product over axes, exp(−θ · distance) of each, θ fitted by maximum likelihood. An
axis that says nothing of a figure has a θ near 0, so figures may depend on all axes or on two of ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

THETA = (1e-4, 20.0)
"""Least and most of an axis's θ, for a distance of 1."""

NOISE = (1e-5, 0.3)
"""Least and most of what each design's value has for itself, as a share of the variance."""

FIRST_THETA, FIRST_NOISE = 0.3, 1e-3
"""Where the ascent begins."""

IGNORED = 2e-4
"""An axis of a smaller θ is left out."""

STEPS = 25
FIRST_STEP, LEAST_STEP, MOST_STEP = 0.5, 0.01, 1.5
LONGER, SHORTER = 1.3, 0.5
"""Of the ascent, resilient backpropagation (Rprop) over logarithms: its number of steps, their sizes, and factors."""

BLOCK = 512
"""Designs whose values are predicted together: what they take stays in the processor's cache."""


class Shape(NamedTuple):
    """θ of each axis, and the share of noise."""

    theta: np.ndarray
    noise: float


class Prediction(NamedTuple):
    """Of designs: the value expected, and its standard deviation; 0 where it wasn't asked for."""

    mean: np.ndarray
    deviation: np.ndarray


def codes(places: np.ndarray) -> np.ndarray:
    """Return a number for each design [designs, axes], the same for the same places; others share it once in 10¹⁸."""
    factors = np.random.RandomState(0).randint(1, 2**63, places.shape[1], np.uint64) | np.uint64(1)
    numbers: np.ndarray = (places.astype(np.uint64) * factors).sum(axis=1)
    return numbers


def distances(coordinates: Sequence[np.ndarray | None], sizes: Sequence[int]) -> list[np.ndarray]:
    """Return of each axis [value, value], at most 1; coordinates: of an axis that has an order, rising."""
    between = []
    for at, size in zip(coordinates, sizes, strict=True):
        between.append(1 - np.eye(size) if at is None else abs(at[:, None] - at) / (at[-1] - at[0]))
    return between


def fitted_shape(between: Sequence[np.ndarray], places: np.ndarray, values: np.ndarray) -> Shape:
    """Return the shape under which values [designs] at places [designs, axes] are likeliest, after some steps."""
    if len(values) == 0 or np.ptp(values) == 0:  # nothing to learn from
        return Shape(np.full(len(between), FIRST_THETA), FIRST_NOISE)
    centred = (values - values.mean()) / values.std()
    apart = np.stack([axis[np.ix_(column, column)] for axis, column in zip(between, places.T, strict=True)])
    point = np.log(np.append(np.full(len(apart), FIRST_THETA), FIRST_NOISE))
    low, high = (
        np.log(np.append(np.full(len(apart), theta), noise)) for theta, noise in zip(THETA, NOISE, strict=True)
    )
    step, before = np.full(len(point), FIRST_STEP), np.zeros(len(point))
    best, found = np.inf, point
    for _ in range(STEPS):
        loss, slope = _loss(apart, centred, np.exp(point))
        if loss < best:
            best, found = loss, point
        same = np.sign(slope * before)
        step = np.clip(step * np.choose(same.astype(int) + 1, (SHORTER, 1.0, LONGER)), LEAST_STEP, MOST_STEP)
        point, before = np.clip(point - np.sign(slope) * step, low, high), slope
    return Shape(np.exp(found[:-1]), float(np.exp(found[-1])))


def _loss(apart: np.ndarray, values: np.ndarray, shape: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the negative logarithm of the likelihood, and its slope along the logarithms of θ and noise."""
    theta, noise, count = shape[:-1], shape[-1], len(values)
    covariance = np.exp(-np.tensordot(theta, apart, 1))
    inverse = np.linalg.inv(covariance + noise * np.eye(count))
    weights = inverse @ values
    variance = max(values @ weights / count, np.finfo(float).tiny)
    loss = 0.5 * (count * np.log(variance) - np.linalg.slogdet(inverse)[1])
    slope = 0.5 * (inverse - np.outer(weights, weights) / variance)
    along = -(apart.reshape(len(apart), -1) @ (slope * covariance).ravel())
    return loss, np.append(along * theta, slope.trace() * noise)


class Process:
    """What is expected of any design, given values [designs] at places [designs, axes].

    between: distances of each axis's values. most: designs it learns from, of those that differ in an axis that counts
    the first ones.
    """

    def __init__(
        self, between: Sequence[np.ndarray], shape: Shape, places: np.ndarray, values: np.ndarray, most: int
    ) -> None:
        # Where all values are the same no axis counts.
        self._axes = np.flatnonzero(shape.theta > IGNORED) if len(values) and np.ptp(values) else np.zeros(0, np.int64)
        first, of = self._told_apart(places)
        means = np.bincount(of, values) / np.bincount(of)
        used = first.argsort()[:most]
        known, means = places[first[used]], means[used]
        self._known, self._mean = len(known), float(means.mean()) if len(means) else 0.0
        self._covariances = [
            np.exp(-shape.theta[axis] * between[axis])[:, known[:, axis]].astype(np.float32)
            for axis in self._axes.tolist()
        ]
        # A root of the inverse, not the inverse: in 32 bits its entries, as large as 1 / noise, would say nothing.
        noise = shape.noise * np.eye(len(known))
        root = np.linalg.inv(np.linalg.cholesky(self._covariance(known).astype(np.float64) + noise))
        self._weights = root.T @ (root @ (means - self._mean))
        # Left out one by one, designs miss their expected values by weights / diagonal: that sets the scale.
        diagonal = np.square(root).sum(axis=0)
        self._variance = float(np.mean(self._weights**2 / diagonal)) if len(known) else 0.0
        self._root = root.T.astype(np.float32)

    def _told_apart(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first of designs that are equal in all axes that count, and which of these each design is."""
        _, first, of = np.unique(codes(places[:, self._axes]), return_index=True, return_inverse=True)
        return first, of

    def _covariance(self, places: np.ndarray) -> np.ndarray:
        """Return [designs, known designs]."""
        product = np.ones((len(places), self._known), np.float32)
        for axis, covariances in zip(self._axes, self._covariances, strict=True):
            product *= covariances[places[:, axis]]
        return product

    def predict(self, places: np.ndarray, spread: bool) -> Prediction:
        """Return what is expected of designs [designs, axes]; spread: whether with a standard deviation."""
        first, of = self._told_apart(places)
        mean, deviation = np.empty(len(first)), np.zeros(len(first))
        for start in range(0, len(first), BLOCK):
            block = slice(start, start + BLOCK)
            covariance = self._covariance(places[first[block]])
            mean[block] = self._mean + covariance @ self._weights
            if spread:
                known = np.square(covariance @ self._root).sum(axis=1)
                deviation[block] = np.sqrt(self._variance * np.maximum(1 - known, 0))
        return Prediction(mean[of], deviation[of])
