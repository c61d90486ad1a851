"""Signed physical signals as bytes about mid 128, by a scale fixed beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workloads.errors import LimenError

MID = 128
"""The byte that stands for a signal of zero."""


def quantise(path: Path, signals: np.ndarray, full_scale: float) -> np.ndarray:
    """Return sat(128 + 128 · signals / full_scale), rounded half up to 0…255, uint8 of the same shape.

    full_scale: the signal, in its own unit, that 128 steps stand for. It is fixed, not the data's own maximum, so that
        test data don't touch how training data look.

    Raises LimenError naming the file and row of a signal that is not finite.
    """
    wrong = np.argwhere(~np.isfinite(signals))
    if wrong.size:
        value = signals[tuple(wrong[0])]
        raise LimenError(f"{path}: row {wrong[0][0]}: {value} is not a signal; expected finite numbers")
    return np.clip(np.floor(signals * (MID / full_scale) + (MID + 0.5)), 0, 255).astype(np.uint8)
