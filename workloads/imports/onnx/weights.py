"""Stored weights as real numbers, and in the order in which ours are."""

from __future__ import annotations

import numpy as np

from workloads.imports.onnx.entries import Entry
from workloads.imports.onnx.views import CHANNELS, COLUMNS, ROWS, View


def scaled(integers: np.ndarray, scale: np.ndarray, zero: np.ndarray | None, axis: int) -> np.ndarray:
    """Return (integers − zero) · scale, of which both are one number, or one an output channel along an axis."""
    shape = [1] * integers.ndim
    shape[axis] = -1
    offset = np.zeros(1) if zero is None else zero
    return (integers - offset.reshape(shape)) * np.asarray(scale).reshape(shape)


def in_our_order(weights: np.ndarray, view: View, entry: Entry) -> np.ndarray:
    """Return weights [N, K] of a product as [N, 1, 1, K], K in the order rows, columns, channels."""
    if entry.kind != "linear":
        return weights.reshape(len(weights), 1, 1, -1)
    axes = view.labels[-1]
    apart = weights.reshape(len(weights), *(axis.size for axis in axes))
    order = sorted(range(len(axes)), key=lambda place: (ROWS, COLUMNS, CHANNELS).index(axes[place].role or CHANNELS))
    return apart.transpose(0, *(1 + place for place in order)).reshape(len(weights), 1, 1, -1)
