"""UCI-HAR: six activities from a phone at the waist, 50 Hz, windows of 128 samples of 9 signals.

A row of text is a window. Accelerations are in g, angular velocities in rad/s, by the set's README.txt; bytes are
128 + 64 · acceleration (±2 g: gravity and as much again) and 128 + 32 · velocity (±4 rad/s), and saturate beyond.
Source: https://archive.ics.uci.edu/dataset/240.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from workloads.datasets.signals import quantise
from workloads.datasets.splits import Samples, Splits, check_counts, check_labels, missing_files, shuffled
from workloads.errors import LimenError
from workloads.host.opening import open_file

FULL_SCALES = {"body_acc": 2.0, "body_gyro": 4.0, "total_acc": 2.0}
"""Signals in the order of the channels, each along x, y, z, and what 128 steps of a byte stand for: g, rad/s, g."""

SIGNALS = {f"{signal}_{axis}": scale for signal, scale in FULL_SCALES.items() for axis in "xyz"}
LENGTH = 128
CLASSES = 6

VALIDATION_SUBJECTS = (27, 28, 29, 30)
"""The last four of the 21 people of the training part: nobody is in two splits."""


def signal_files(part: str) -> tuple[str, ...]:
    """Return the signal files of "train" or "test", one per channel, relative to the set's folder."""
    return tuple(f"{part}/Inertial Signals/{signal}_{part}.txt" for signal in SIGNALS)


FILES = (
    *signal_files("train"),
    "train/y_train.txt",
    "train/subject_train.txt",
    *signal_files("test"),
    "test/y_test.txt",
)


def missing(folder: Path) -> list[str]:
    """Return those of `FILES` that the folder hasn't."""
    return missing_files(folder, FILES)


def read(folder: Path) -> Splits:
    """Return the splits, uint8 [windows, 128, 1, 9], shuffled. Raises LimenError naming the damaged file."""
    pixels, labels = _read_part(folder, "train")
    path = folder / "train" / "subject_train.txt"
    subjects = _read_table(path, np.int64, 1)[:, 0]
    check_counts(path, len(subjects), len(labels), folder / signal_files("train")[0])
    held = np.isin(subjects, VALIDATION_SUBJECTS)
    return {
        "train": shuffled(pixels[~held], labels[~held]),
        "validation": shuffled(pixels[held], labels[held]),
        "test": shuffled(*_read_part(folder, "test")),
    }


def _read_part(folder: Path, part: str) -> Samples:
    paths = [folder / name for name in signal_files(part)]
    channels: list[np.ndarray] = []
    for path, full_scale in zip(paths, SIGNALS.values(), strict=True):
        channels.append(quantise(path, _read_table(path, np.float64, LENGTH), full_scale))
        check_counts(path, len(channels[-1]), len(channels[0]), paths[0])
    path = folder / part / f"y_{part}.txt"
    labels = _read_table(path, np.int64, 1)[:, 0]
    check_counts(path, len(labels), len(channels[0]), paths[0])
    check_labels(path, labels, 1, CLASSES)
    return np.stack(channels, axis=-1)[:, :, None, :], labels - 1


def _read_table(path: Path, kind: Any, columns: int) -> np.ndarray:
    """Return the numbers [rows, columns] of a text file. Raises LimenError."""
    try:
        with warnings.catch_warnings(), open_file(path) as file:
            warnings.simplefilter("ignore")  # of an empty file, which is refused below
            table = np.loadtxt(file, dtype=kind, ndmin=2)
    except (OSError, ValueError) as error:
        raise LimenError(f"{path}: not a table of {columns} numbers a row: {error}") from None
    if table.shape[1] != columns:
        raise LimenError(f"{path}: {table.shape[1]} numbers a row; expected {columns}")
    return table
