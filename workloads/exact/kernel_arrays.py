"""Layers as the kernels of `sum_kernels` take them: images innermost, padding laid out, filters filled up."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from workloads.layers.layer import Layer
from workloads.ops import kernel_kinds as kernels
from workloads.ops.operation import Operands


class Rows(NamedTuple):
    """A layer's input as rows of images: [(H + padding)·(W + padding)·C, B filled up to whole blocks], and B."""

    rows: np.ndarray
    images: int


class Gradients(NamedTuple):
    """Gradients at a layer's inputs [H, W, C, B] (None if not asked for), weights and polarity, [N, kh, kw, C]."""

    inputs: np.ndarray | None
    weights: np.ndarray
    polarity: np.ndarray | None


def batch_innermost(x: np.ndarray) -> np.ndarray:
    """Return [images, H, W, C] as contiguous [H, W, C, images]."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def layer_rows(layer: Layer, x: np.ndarray) -> Rows:
    """Return the rows of activations [H, W, C, B] (float32 or float64); padding is an activation of value 0."""
    images = x.shape[-1]
    return Rows(padded_rows(layer, x, x.dtype, -(-images // kernels.LANES) * kernels.LANES), images)


def padded_rows(layer: Layer, x: np.ndarray, dtype: np.dtype | type, lanes: int) -> np.ndarray:
    """Return activations [H, W, C, B] as rows [(H + padding)·(W + padding)·C, lanes] of a type; lanes ≥ B."""
    top, bottom, left, right = layer.padding
    height, width, channels = layer.input_shape
    images = x.shape[-1]
    if lanes == images and not any(layer.padding):
        return np.require(x, dtype, ["C", "W"]).reshape(-1, images)
    padded = np.zeros((height + top + bottom, width + left + right, channels, lanes), dtype=dtype)
    padded[top : top + height, left : left + width, :, :images] = x.reshape(height, width, channels, images)
    return padded.reshape(-1, lanes)


def layer_sums(layer: Layer, weights: np.ndarray, polarity: np.ndarray | None, x: Rows) -> np.ndarray:
    """Return Σ_k op(x_k, w_k, p_k) as [OH, OW, N, B] in the precision of the rows.

    weights, polarity: [N, kh, kw, C of a group] real numbers; those of op shift are what its codes stand for.
    """
    y = np.empty((layer.pixels, layer.out_channels, x.rows.shape[1]), dtype=x.rows.dtype)
    for group in range(layer.groups):
        outputs = slice(group * layer.group_outputs, (group + 1) * layer.group_outputs)
        w, p = _filters(layer, weights[outputs], None if polarity is None else polarity[outputs], x.rows.dtype)
        seen = Operands(x.rows, *layer_places(layer, group), w, p)
        group_sums = (
            y if layer.groups == 1 else np.empty((layer.pixels, layer.group_outputs, y.shape[2]), dtype=y.dtype)
        )
        layer.operation.sums(seen, group_sums)
        if layer.groups > 1:
            y[:, outputs] = group_sums
    return np.ascontiguousarray(y[:, :, : x.images]).reshape(*layer.output_shape, x.images)


def layer_gradients(
    layer: Layer,
    weights: np.ndarray,
    polarity: np.ndarray | None,
    x: Rows,
    slope: np.ndarray,
    inputs: bool = True,
    learned: bool = False,
) -> Gradients:
    """Return the gradients of a loss with gradient `slope` [OH, OW, N, B] at the layer's sums; groups must be 1.

    inputs: whether those at the inputs are wanted. learned: whether those at the polarity are.
    """
    assert layer.groups == 1, "training takes layers of one group"
    blocks = x.rows.shape[1]
    dy = slope.reshape(layer.pixels, layer.out_channels, x.images).astype(x.rows.dtype, order="C", copy=False)
    if blocks > x.images:
        dy = np.pad(dy, ((0, 0), (0, 0), (0, blocks - x.images)))
    seen = Operands(x.rows, *layer_places(layer, 0), *_filters(layer, weights, polarity, x.rows.dtype))
    dx = None
    if inputs:
        rows = np.zeros_like(x.rows)
        layer.operation.input_gradients(seen, dy, rows)
        top, bottom, left, right = layer.padding
        height, width, channels = layer.input_shape
        padded = rows.reshape(height + top + bottom, width + left + right, channels, blocks)
        dx = np.ascontiguousarray(padded[top : top + height, left : left + width, :, : x.images])

    def unfilled(gradient: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(gradient[: layer.out_channels, : layer.fan_in]).reshape(layer.weights_shape)

    at_weights, at_polarity = layer.operation.weight_gradients(seen, dy, learned)
    return Gradients(dx, unfilled(at_weights), None if at_polarity is None else unfilled(at_polarity))


def layer_places(layer: Layer, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (base [M], taps [K filled up]) of a group: where an output pixel starts, and what it sees."""
    return _places(layer.input_shape, layer.kernel, layer.stride, layer.padding, layer.groups, group)


@lru_cache(maxsize=256)
def _places(
    shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    groups: int,
    group: int,
) -> tuple[np.ndarray, np.ndarray]:
    height, width, channels = shape
    high, wide = height + padding[0] + padding[1], width + padding[2] + padding[3]
    down = np.arange(0, high - kernel[0] + 1, stride[0])
    across = np.arange(0, wide - kernel[1] + 1, stride[1])
    base = ((down[:, None] * wide + across) * channels).reshape(-1)
    seen = np.arange(group * (channels // groups), (group + 1) * (channels // groups))
    window = np.arange(kernel[0])[:, None] * wide + np.arange(kernel[1])
    taps = (window[:, :, None] * channels + seen).reshape(-1)
    filled = np.full(-(-taps.size // kernels.TAPS) * kernels.TAPS, taps[0])
    filled[: taps.size] = taps
    return base.astype(np.int64), filled.astype(np.int64)


def _filters(
    layer: Layer, weights: np.ndarray, polarity: np.ndarray | None, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Return filters and their factors p [N, K], filled up with synapses that add nothing.

    p is the polarity, or the op's own factor.
    """
    outputs = -(-len(weights) // kernels.OUTPUTS) * kernels.OUTPUTS
    synapses = -(-layer.fan_in // kernels.TAPS) * kernels.TAPS
    w, p = np.zeros((outputs, synapses), dtype=dtype), np.zeros((outputs, synapses), dtype=dtype)
    w[: len(weights), : layer.fan_in] = weights.reshape(len(weights), -1)
    p[: len(weights), : layer.fan_in] = (
        layer.operation.factor if polarity is None else polarity.reshape(len(weights), -1)
    )
    return w, p
