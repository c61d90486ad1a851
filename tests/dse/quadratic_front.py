"""The front by its definition, each row against all others: what `dse.front.front` is compared with."""

from __future__ import annotations

import numpy as np


def quadratic_front(better: np.ndarray) -> np.ndarray:
    """Return a boolean a row of [rows, objectives]: no other one is at least as great everywhere and greater once."""
    keep = np.ones(len(better), dtype=bool)
    for index, gain in enumerate(better):
        keep[index] = not ((better >= gain).all(axis=1) & (better > gain).any(axis=1)).any()
    return keep
