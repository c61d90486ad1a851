"""SVHN, cropped digits (format 2): train_32x32.mat and test_32x32.mat; the set "extra" isn't used.

X is [32, 32, 3, images] uint8, y [images, 1] of 1…10, where 10 is the digit 0.
Source: http://ufldl.stanford.edu/housenumbers/.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workloads.datasets.matlab import read_mat
from workloads.datasets.splits import Samples, Splits, check_labels, image_splits, missing_files, whole_numbers
from workloads.errors import LimenError

FILES = ("train_32x32.mat", "test_32x32.mat")
CLASSES = 10


def missing(folder: Path) -> list[str]:
    """Return those of `FILES` that the folder hasn't."""
    return missing_files(folder, FILES)


def read(folder: Path) -> Splits:
    """Return the splits, uint8 [images, 32, 32, 3]: red, green, blue. Raises LimenError naming the damaged file."""
    training, test = (_read_part(folder / name) for name in FILES)
    return image_splits(training, test)


def _read_part(path: Path) -> Samples:
    pixels, digits = read_mat(path, "X", "y")
    labels = whole_numbers(path, "y", digits).ravel()
    if pixels.shape[:3] != (32, 32, 3) or pixels.ndim != 4 or pixels.dtype != np.uint8:
        raise LimenError(f"{path}: X: {pixels.dtype} {pixels.shape}; expected uint8 (32, 32, 3, images)")
    if len(labels) != pixels.shape[3]:
        raise LimenError(f"{path}: y: {len(labels)} labels; expected the {pixels.shape[3]} of X")
    check_labels(path, labels, 1, CLASSES)
    return np.ascontiguousarray(pixels.transpose(3, 0, 1, 2)), labels % CLASSES
