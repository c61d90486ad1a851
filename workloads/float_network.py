"""The float master: what training makes and every integer member is derived from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workloads import training_kernels as kernels
from workloads.digits import PIXEL_LEVELS
from workloads.layer import Layer
from workloads.numbers import Op

BATCH = 64
"""Images computed together: a few cache lines per activation."""


@dataclass(frozen=True)
class FloatLayer:
    """One layer of the master, batch-norm folded in.

    layer: the shape (its widths are not used).
    weights: [N, kh, kw, C] float32, thresholds or weights in real units.
    polarity: [N, kh, kw, C] int8 of ±1 for op threshold, None otherwise.
    output_shift: s of y = 2^-s · Σ + bias, 0 for op mac.
    bias: [N] float32, in the units of y.
    """

    layer: Layer
    weights: np.ndarray
    polarity: np.ndarray | None
    output_shift: int
    bias: np.ndarray


def real_inputs(op: Op, pixels: np.ndarray) -> np.ndarray:
    """Return what `op` sees of integer pixels 0…16: -1…1 for threshold, 0…1 for mac (float64, exact)."""
    if op == "threshold":
        return (pixels - PIXEL_LEVELS // 2) / (PIXEL_LEVELS // 2)
    return pixels / PIXEL_LEVELS


def batch_innermost(x: np.ndarray) -> np.ndarray:
    """Return [images, H, W, C] as contiguous [H, W, C, images]."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def geometry(layer: Layer) -> np.ndarray:
    """Return what the kernels read of a layer: stride and leading padding, rows then columns."""
    return np.array([*layer.stride, layer.padding[0], layer.padding[2]], dtype=np.int64)


def synapse_sums(layer: Layer, weights: np.ndarray, polarity: np.ndarray | None, x: np.ndarray) -> np.ndarray:
    """Return Σ_k op(x_k, w_k, p_k) as [OH, OW, N, B] of activations [H, W, C, B], in the precision of x."""
    y = np.empty((*layer.output_shape, x.shape[-1]), dtype=x.dtype)
    if layer.op == "threshold":
        assert polarity is not None
        kernels.threshold_forward(x, weights, polarity, geometry(layer), y)
    else:
        kernels.mac_forward(x, weights, geometry(layer), y)
    return y


def run_master(master: Sequence[FloatLayer], x: np.ndarray) -> list[np.ndarray]:
    """Return every layer's y [OH, OW, N, images] before any ReLU, for real inputs [images, H, W, C].

    In float64 and one fixed order of additions, so that every machine calibrates alike.
    """
    parts: list[list[np.ndarray]] = [[] for _ in master]
    for start in range(0, len(x), BATCH):
        lane = batch_innermost(x[start : start + BATCH].astype(np.float64))
        for index, own in enumerate(master):
            lane = np.ascontiguousarray(lane).reshape(*own.layer.input_shape, -1)
            polarity = None if own.polarity is None else own.polarity.astype(np.float64)
            sums = synapse_sums(own.layer, own.weights.astype(np.float64), polarity, lane)
            y = np.ldexp(sums, -own.output_shift) + own.bias.astype(np.float64)[:, None]
            parts[index].append(y)
            lane = y if own.layer.op == "threshold" else np.maximum(y, 0)
    return [np.concatenate(part, axis=-1) for part in parts]


def classify(master: Sequence[FloatLayer], x: np.ndarray) -> np.ndarray:
    """Return the master's class of each real input [images, H, W, C]; argmax takes the lowest index."""
    return run_master(master, x)[-1].reshape(-1, len(x)).argmax(axis=0)
