"""What every loader shares: the order of samples, what is held out, and what is checked of them."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import numpy as np

from workloads.errors import LimenError
from workloads.host.opening import read_file

Samples = tuple[np.ndarray, np.ndarray]
"""Pixels [samples, H, W, C] and labels [samples], int64, counted from 0."""

Splits = dict[str, Samples]
"""The samples of each of `SPLITS`."""

MOST_BYTES = 1 << 30
"""Of an unpacked file: ten times the largest of any set. A damaged or foreign one may unpack to anything."""

SPLITS = ("train", "validation", "test")

SPLIT_SEED = 2412
"""Seed of every permutation that makes a split. Changing it would put test images of digits into training."""

VALIDATION_SAMPLES = 5000
"""Images held out from a distributed training set, or a tenth of it where that is less."""


def check_split(name: str, split: str) -> None:
    """Raise LimenError unless `split` is one of `SPLITS`; `name` is the data set in the error line."""
    if split not in SPLITS:
        raise LimenError(f"{name}: split: {split!r} is not allowed: one of {', '.join(sorted(SPLITS))}")


def permutation(count: int) -> np.ndarray:
    """Return the one order [count] in which `count` samples are split and trained on."""
    # RandomState and not default_rng: numpy promises that its stream never changes.
    return np.random.RandomState(SPLIT_SEED).permutation(count)


def shuffled(pixels: np.ndarray, labels: np.ndarray) -> Samples:
    """Return the samples in their fixed order: by class, as many sets come, they'd ruin any batch or calibration."""
    order = permutation(len(labels))
    return pixels[order], labels[order]


def image_splits(training: Samples, test: Samples) -> Splits:
    """Return the splits of a set distributed as training and test images; test keeps its images and their order."""
    pixels, labels = shuffled(*training)
    held = min(VALIDATION_SAMPLES, len(labels) // 10)
    return {"train": (pixels[held:], labels[held:]), "validation": (pixels[:held], labels[:held]), "test": test}


def check_labels(path: Path, labels: np.ndarray, lowest: int, classes: int) -> None:
    """Raise LimenError naming the file where a label is not one of lowest … lowest + classes − 1."""
    highest = lowest + classes - 1
    wrong = np.flatnonzero((labels < lowest) | (labels > highest))
    if wrong.size:
        first_wrong = f"{labels[wrong[0]]} of sample {wrong[0]}"
        raise LimenError(f"{path}: labels: {first_wrong} is out of range; expected {lowest}…{highest}")


def check_counts(path: Path, samples: int, expected: int, whose: Path) -> None:
    """Raise LimenError where the file `path` holds another number of samples than `whose`."""
    if samples != expected:
        raise LimenError(f"{path}: {samples} samples; expected the {expected} of {whose.name}")


def read_bytes(path: Path) -> bytes:
    """Return what a file holds. Raises LimenError where it can't be read."""
    try:
        return read_file(path)
    except OSError as error:
        raise LimenError(f"{path}: cannot be read: {error.strerror}") from None


def unpacked(path: Path, content: bytes) -> bytes:
    """Return what a gzip file holds. Raises LimenError where it is damaged, or holds more than any data set."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            whole = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise LimenError(f"{path}: not a whole gzip file: {error}; fetch it again") from None
    if len(whole) > MOST_BYTES:
        raise LimenError(f"{path}: holds more than {MOST_BYTES} bytes; expected a file of a data set")
    return whole


def whole_numbers(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """Return numbers as int64. Raises LimenError naming the array where one isn't whole."""
    if array.dtype.kind == "f" and not np.all(np.isfinite(array) & (array == np.rint(array)) & (np.abs(array) < 2**53)):
        raise LimenError(f"{path}: {name}: holds numbers that aren't whole; expected whole ones")
    return array.astype(np.int64)


def missing_files(folder: Path, files: tuple[str, ...]) -> list[str]:
    """Return those of `files`, named relative to `folder`, that aren't there."""
    return [name for name in files if not (folder / name).exists()]
