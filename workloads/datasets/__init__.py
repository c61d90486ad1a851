"""Data sets by name, read from the files in which they are distributed: `load_split("mnist", "train", "folder")`.

Digits ships with the project; all others are read from a folder the user names, and nothing is ever fetched. README.md
has each one's source, licence and split. Pixels are integers: training, calibration and the machine see the same.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from workloads.datasets import digits
from workloads.datasets.registry import DATASETS, LOADERS, VARIABLE, Dataset, dataset, locate
from workloads.datasets.splits import SPLITS, Samples, Splits, check_split
from workloads.errors import LimenError

__all__ = ["DATASETS", "SPLITS", "VARIABLE", "Dataset", "available", "content_hash", "dataset", "load_split"]


def load_split(name: str, split: str, folder: Path | str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return (pixels [samples, H, W, C], labels [samples] int64), always the same and in the same order.

    Digits are int64 copies; all others are uint8, kept in memory and read-only. Train is shuffled.
    split: "train", "validation" or "test"; test is the distributed test set where there is one.
    folder: where the files lie, in it, in its folder `name` or in one of the name the distribution gives it; None means
        the environment variable LIMEN_DATA. Digits need none.

    Raises:
        LimenError: an unknown name or split; files absent, damaged or of another form, in one line that names them.
    """
    dataset(name)
    check_split(name, split)
    if name not in LOADERS:
        return digits.load_split(split)
    return _read(name, locate(name, folder))[split]


def available(name: str, folder: Path | str | None = None) -> bool:
    """Return whether the set's files are there; they aren't read. Raises LimenError for an unknown name."""
    if dataset(name).name not in LOADERS:
        return True
    try:
        locate(name, folder)
    except LimenError:
        return False
    return True


def content_hash(name: str, folder: Path | str | None = None) -> str:
    """Return the sha256, in hex, of pixels then labels, as bytes, of train, validation and test.

    Raises LimenError as `load_split` does.
    """
    digest = hashlib.sha256()
    for split in SPLITS:
        for array in load_split(name, split, folder):
            digest.update(array.astype(np.uint8).tobytes())
    return digest.hexdigest()


@cache
def _read(name: str, place: Path) -> Splits:
    """Return the splits of a set's folder, read once, their arrays read-only: the next caller gets the same ones."""
    return {split: _seal(name, place, split, samples) for split, samples in LOADERS[name].read(place).items()}


def _seal(name: str, place: Path, split: str, samples: Samples) -> Samples:
    pixels, labels = (np.ascontiguousarray(array) for array in samples)
    if not len(labels):
        raise LimenError(f"{name}: {place}: split {split} is empty; expected the whole distributed set")
    assert pixels.shape[1:] == DATASETS[name].shape and pixels.dtype == np.uint8 and labels.dtype == np.int64
    pixels.flags.writeable = labels.flags.writeable = False
    return pixels, labels
