"""The float master: what training makes and every integer member is derived from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workloads.exact.kernel_arrays import batch_innermost, layer_rows, layer_sums
from workloads.layers.graph import walk
from workloads.layers.layer import Layer

MASTER_BATCH = 128
"""Images computed together."""


@dataclass(frozen=True)
class FloatLayer:
    """One layer of the master, norms folded in: y = 2^-output_shift · Σ op + bias + residual, then ReLU if `rectified`.

    layer: the shape (its widths are not used).
    weights: [N, kh, kw, C] float32, thresholds or weights in real units; those of op shift as trained, unrounded.
    polarity: [N, kh, kw, C] int8 of ±1 for op threshold, None otherwise.
    output_shift: [N] int64; one number for all channels of op threshold and of a layer that adds a residual, 0 for op
    mac.
    bias: [N] float32, in the units of y.
    rectified: whether its readers take unsigned activations.
    """

    layer: Layer
    weights: np.ndarray
    polarity: np.ndarray | None
    output_shift: np.ndarray
    bias: np.ndarray
    rectified: bool


def whole(pieces: list[np.ndarray]) -> np.ndarray:
    """Return a tensor of its pieces: in training one layer writes all of it."""
    (piece,) = pieces
    return piece


def real_inputs(pixels: np.ndarray, levels: int, signed: bool) -> np.ndarray:
    """Return what a network sees of integer pixels: (pixel − mid) / mid, −1…1, or pixel / levels, 0…1 (float32, exact).

    levels: of the data set, a power of two; mid is half of it. signed: whether the first layer's activations are.
    """
    real = pixels.astype(np.float32)
    return (real - np.float32(levels // 2)) / np.float32(levels // 2) if signed else real / np.float32(levels)


def run_batches(
    master: Sequence[FloatLayer], x: np.ndarray, precision: type[np.floating] = np.float64
) -> Iterator[list[np.ndarray]]:
    """Yield every layer's y [OH, OW, N, B] before any ReLU, batch by batch, for real inputs [images, H, W, C].

    In float64 and one fixed order of additions, so that machines which fuse products and sums alike calibrate alike;
    float32 where speed matters more. Weights of op shift are rounded to the widest codes, for they have no finer form.
    """
    layers = [float_layer.layer for float_layer in master]
    weights = [part.layer.operation.finest(part.weights).astype(precision) for part in master]
    outputs: list[np.ndarray] = []

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        layer, part = layers[index], master[index]
        sums = layer_sums(layer, weights[index], part.polarity, layer_rows(layer, seen))
        y = np.ldexp(sums, -part.output_shift[:, None]) + part.bias.astype(precision)[:, None]
        outputs.append(y if residual is None else y + residual)
        return np.maximum(outputs[-1], 0) if part.rectified else outputs[-1]

    for start in range(0, len(x), MASTER_BATCH):
        outputs = []
        walk(layers, batch_innermost(x[start : start + MASTER_BATCH].astype(precision)), whole, step)
        yield outputs


def run_master(master: Sequence[FloatLayer], x: np.ndarray) -> list[np.ndarray]:
    """Return every layer's y [OH, OW, N, images] before any ReLU, float64, for real inputs [images, H, W, C]."""
    return [np.concatenate(parts, axis=-1) for parts in zip(*run_batches(master, x), strict=True)]


def outputs_of(master: Sequence[FloatLayer], x: np.ndarray) -> np.ndarray:
    """Return the last layer's outputs [images, values], float32, for real inputs [images, H, W, C]."""
    lanes = [outputs[-1].reshape(-1, outputs[-1].shape[-1]).T for outputs in run_batches(master, x, np.float32)]
    return np.concatenate(lanes)
