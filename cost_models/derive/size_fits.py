"""Fits: units of any size by least squares of relative errors over synthesised ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cost_models.units.sizes import Terms

MILLIONTH = 1e-6


def fit(sizes: Sequence[Terms], values: Sequence[float]) -> tuple[Terms, float]:
    """Return the coefficient of each term, and the largest relative error.

    A coefficient ends with the digit worth a millionth of the largest value: what is left is noise of the solver.
    """
    names = list(sizes[0])
    matrix = np.array([[unit_terms[name] for name in names] for unit_terms in sizes], dtype=float)
    target = np.array(values)
    scale = np.where(target > 0, target, 1.0)
    solution = np.linalg.lstsq(matrix / scale[:, None], target / scale, rcond=None)[0]
    worth = MILLIONTH * max(target.max(), 1e-30) / np.maximum(np.abs(matrix).max(axis=0), 1e-30)
    digits = -np.floor(np.log10(worth)).astype(int)
    rounded = [round(float(coefficient), int(place)) for coefficient, place in zip(solution, digits, strict=True)]
    coefficients = np.array(rounded) + 0.0  # no -0: its sign is noise too
    worst = float(np.abs((matrix @ coefficients - target) / scale).max())
    return {name: float(coefficient) for name, coefficient in zip(names, coefficients, strict=True)}, worst
