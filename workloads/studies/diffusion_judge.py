"""Whether generated images are digits: by the shipped classifier, and by their distance to real ones.

A classifier alone is no judge: it was taught nothing of images that are no digits. So the same measures are taken of
real digits and of images made without any network, see `baselines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from workloads.datasets import load_split
from workloads.networks.family import find_network
from workloads.networks.network import Network
from workloads.studies.diffusion import DRAWS, MID, PIXELS, SIDE, ink, real_digits

REFUSED = 0.05
"""Share of real digits that a threshold of acceptance or of distance refuses by construction."""

CLASSES = 10


class Verdict(NamedTuple):
    """What the judge says of a set of images; shares are 0 … 1.

    accepted: the classifier's margin is that of a digit. near: no farther from the training digits than 95 % of the
    test digits are. both: accepted and near. copies: nearer to a training digit than 95 % of the test digits are.
    distance: median distance to the nearest training digit, root mean square over pixels, image range 0 … 1.
    classes: accepted images of each class, [10].
    """

    images: int
    accepted: float
    near: float
    both: float
    copies: float
    distance: float
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Judge:
    """The classifier and the three thresholds: the least margin (integers), the distances of near and of copies."""

    classifier: Network
    margin: float
    near: float
    copy: float

    def verdict(self, images: np.ndarray) -> Verdict:
        """Return the verdict on images [images, 64], ink of 0 … 16."""
        margins, classes = _margins(self.classifier, images)
        distances = nearest_distances(images)
        accepted, near = margins >= self.margin, distances <= self.near
        return Verdict(
            len(images), float(np.mean(accepted)), float(np.mean(near)), float(np.mean(accepted & near)),
            float(np.mean(distances < self.copy)), float(np.median(distances)),
            tuple(int(count) for count in np.bincount(classes[accepted], minlength=CLASSES)),
        )  # fmt: skip


def make_judge() -> Judge:
    """Return the judge: the 8-bit MAC classifier of the family digits, thresholds from held-out digits.

    Margin is the highest score less the second; the least one accepted is the 5 % quantile over the validation digits
    that are classified right. Distances are quantiles over the test digits.
    Raises LimenError where the family or the data can't be read.
    """
    classifier = find_network("digits", "mac", 8, 8)
    pixels, labels = load_split("digits", "validation")
    margins, classes = _margins(classifier, pixels.reshape(-1, PIXELS))
    distances = nearest_distances(ink(real_digits("test")))
    near, copy = (float(np.quantile(distances, share)) for share in (1 - REFUSED, REFUSED))
    return Judge(classifier, float(np.quantile(margins[classes == labels], REFUSED)), near, copy)


def _margins(classifier: Network, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (highest score less the second, its class), [images] each, of ink [images, 64]."""
    first = classifier.layers[0]
    x = classifier.input_map.apply(images.reshape(-1, SIDE, SIDE, 1), first.x_bits, first.x_signed)
    scores = classifier.predict(x)
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1] - ordered[:, -2], scores.argmax(axis=1)


def nearest_distances(images: np.ndarray) -> np.ndarray:
    """Return the distance of each image [images, 64] of ink to the nearest training digit, [images].

    Root of the mean square over the pixels, where blank to full ink is 1.
    """
    return np.sqrt(_squares_to_training(images).min(axis=1) / PIXELS) / (2 * MID)


def nearest_training(images: np.ndarray) -> np.ndarray:
    """Return the nearest training digit of each image, [images, 64] of ink."""
    return ink(real_digits("train"))[_squares_to_training(images).argmin(axis=1)]


def _squares_to_training(images: np.ndarray) -> np.ndarray:
    """Return squared distances [images, training digits], exact integers."""
    digits = ink(real_digits("train"))
    return (images**2).sum(axis=1)[:, None] - 2 * images @ digits.T + (digits**2).sum(axis=1)


def baselines(count: int) -> dict[str, np.ndarray]:
    """Return sets of images, ink [images, 64], by name: real digits, and images made without a network.

    noise: what sampling starts from, rounded and kept within the ink. shuffled: test digits, the pixels of each in an
    order of its own. marginals: each pixel of another random training digit. gaussian: of the training digits' mean and
    covariance. All test digits; `count` of the others.
    """
    random = np.random.default_rng([DRAWS, 2])
    train, test = real_digits("train"), real_digits("test")
    drawn = np.resize(ink(test), (count, PIXELS))
    mixed = np.take_along_axis(ink(train), random.integers(0, len(train), (count, PIXELS)), axis=0)
    normal = random.standard_normal((count, PIXELS))
    # A root of the covariance by its eigenvectors: blank corners give it no Cholesky factor.
    values, vectors = np.linalg.eigh(np.cov(train.T.astype(np.float64)))
    gaussian = train.mean(axis=0) + normal @ (vectors * np.sqrt(np.maximum(values, 0))).T
    return {
        "test digits": ink(test),
        "noise": ink(random.standard_normal((count, PIXELS))),
        "shuffled pixels": random.permuted(drawn, axis=1),
        "independent pixels": mixed,
        "gaussian": ink(gaussian),
    }
