"""The shipped data: 1797 handwritten digits of 8 x 8 pixels (see workloads/data/README.md), split once for all."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from workloads.datasets.splits import check_split, permutation
from workloads.errors import LimenError

DATA = Path(__file__).parents[1] / "data" / "digits.npz"

SPLIT_IMAGES = {"test": 449, "validation": 225, "train": 1123}
"""Images of each split, taken in this order from the permutation: a quarter, an eighth, the rest."""

PIXEL_LEVELS = 16
"""Pixels are 0…16, 16 being full ink."""


def load_split(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (pixels [images, 8, 8, 1] int64 of 0…16, labels [images] int64 of 0…9), shuffled, always the same.

    split: "train", "validation" or "test". Raises LimenError for any other, and where the data can't be read.
    """
    check_split("digits", split)
    pixels, labels = _read()
    rows = split_rows(split)
    return pixels[rows], labels[rows]


def split_rows(split: str) -> np.ndarray:
    """Return the rows of the data file that form `split`, in order."""
    order = permutation(sum(SPLIT_IMAGES.values()))
    start = 0
    for name, images in SPLIT_IMAGES.items():
        if name == split:
            break
        start += images
    return order[start : start + SPLIT_IMAGES[split]]


@cache
def _read() -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(DATA, allow_pickle=False) as archive:
            pixels, labels = archive["pixels"], archive["labels"]
    except Exception as error:  # zipfile, zlib, numpy and OS each raise their own kinds on damaged files
        raise LimenError(f"{DATA}: dataset: not a readable .npz file of pixels and labels: {error}") from None
    return pixels.astype(np.int64)[..., None], labels.astype(np.int64)
