"""UniMiB-SHAR, its task AF-17: nine activities and eight falls from a phone in a trouser pocket, 50 Hz, 151 samples.

acc_data is [windows, 453]: 151 samples along x, then y, then z, in m/s² with gravity, of a phone whose accelerometer
ends at ±2 g; bytes are 128 + 6.4 · acceleration (±20 m/s²), and saturate beyond. acc_labels is [windows, 3]: class
1…17, subject 1…30, trial. Source: Micucci, Mobilio, Napoletano, Appl. Sci. 7(10) 1101, 2017 (arXiv 1611.07688).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workloads.datasets.matlab import read_mat
from workloads.datasets.signals import quantise
from workloads.datasets.splits import Splits, check_counts, check_labels, missing_files, shuffled, whole_numbers
from workloads.errors import LimenError

FILES = ("acc_data.mat", "acc_labels.mat")
FULL_SCALE = 20.0
"""m/s² that 128 steps of a byte stand for."""

LENGTH = 151
CLASSES = 17

SUBJECTS = {"test": (2, 3, 13, 17, 18, 30), "validation": (1, 9, 16, 23, 25, 28)}
"""The set has no split of its own. These people, a fifth each, are a split others use too; all others train."""


def missing(folder: Path) -> list[str]:
    """Return those of `FILES` that the folder hasn't."""
    return missing_files(folder, FILES)


def read(folder: Path) -> Splits:
    """Return the splits, uint8 [windows, 151, 1, 3], shuffled. Raises LimenError naming the damaged file."""
    data_path, labels_path = (folder / name for name in FILES)
    (data,), (table,) = read_mat(data_path, "acc_data"), read_mat(labels_path, "acc_labels")
    if data.ndim != 2 or data.shape[1] != 3 * LENGTH:
        raise LimenError(f"{data_path}: acc_data: shape {data.shape}; expected (windows, {3 * LENGTH})")
    if table.ndim != 2 or table.shape[1] != 3:
        raise LimenError(f"{labels_path}: acc_labels: shape {table.shape}; expected (windows, 3)")
    check_counts(labels_path, len(table), len(data), data_path)
    labels, subjects, _ = whole_numbers(labels_path, "acc_labels", table).T
    check_labels(labels_path, labels, 1, CLASSES)
    axes = quantise(data_path, data, FULL_SCALE).reshape(-1, 3, LENGTH)
    pixels = np.ascontiguousarray(axes.transpose(0, 2, 1))[:, :, None, :]
    rows = {split: np.isin(subjects, people) for split, people in SUBJECTS.items()}
    rows["train"] = ~(rows["test"] | rows["validation"])
    return {split: shuffled(pixels[chosen], labels[chosen] - 1) for split, chosen in rows.items()}
