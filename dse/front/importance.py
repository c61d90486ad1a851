"""How much of a figure's spread each axis of a space explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas

METHOD = (
    "Share of the variance of a figure, of costs of its logarithm, among the feasible designs drawn, that lies between "
    "those that differ in an axis: epsilon², the between-group share of a one-way analysis of variance, less what as "
    "many groups would explain by chance, at least 0. Each axis alone: what axes do together is in none of the shares."
)
"""In words, for whoever reads the shares."""


def variance_shares(
    designs: pandas.DataFrame, axes: Sequence[str], figures: Mapping[str, bool]
) -> dict[tuple[str, str], float]:
    """Return the share of each (axis, figure), 0 to 1, as `METHOD` says; figures: whether by its logarithm."""
    shares = {}
    for figure, is_logarithmic in figures.items():
        values = designs[figure].to_numpy(dtype=np.float64)
        values = np.log(values) if is_logarithmic else values
        for axis in axes:
            shares[axis, figure] = epsilon_squared(values, designs[axis].astype(str).to_numpy())
    return shares


def epsilon_squared(values: np.ndarray, groups: np.ndarray) -> float:
    """Return the share of the variance of values, [n], that their groups, [n], explain beyond chance: 0 to 1."""
    whole = np.square(values - values.mean()).sum()
    names, members = np.unique(groups, return_inverse=True)
    free = len(values) - len(names)
    if whole == 0 or free <= 0 or len(names) < 2:
        return 0.0
    means = np.bincount(members, weights=values) / np.bincount(members)
    within = np.square(values - means[members]).sum()
    return float(max(1 - within / whole - (len(names) - 1) * within / free / whole, 0.0))
