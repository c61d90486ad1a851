"""The bit-true reference: what every implementation computes, in plain numpy int64.

Written for reading, not for speed; it imports no kernel and no simulator. Accumulators here are
int64 and never wrap, so a wrapping machine is equal exactly when its final sums fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workloads.layer import Layer, LayerParameters
from workloads.numbers import alignment


def patches(layer: Layer, x: np.ndarray) -> np.ndarray:
    """Return the im2col matrix [images, M, K] of activations [images, H, W, C]; padding is 0, K runs (kh, kw, c)."""
    top, bottom, left, right = layer.padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, axis=(1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]  # [images, oh, ow, C, kh, kw]
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(len(x), layer.pixels, layer.fan_in)


def accumulate(layer: Layer, parameters: LayerParameters, x: np.ndarray) -> np.ndarray:
    """Return bias + Σ_k op(x_k, w_k, p_k) as int64 [images, oh, ow, N]."""
    if x.dtype != np.int64 or x.shape[1:] != layer.input_shape:
        raise ValueError(f"layer {layer.name}: x: {x.dtype} {x.shape[1:]}; expected int64 {layer.input_shape}")
    columns = patches(layer, x)
    weights = parameters.weights.reshape(layer.out_channels, layer.fan_in)
    total = np.empty((len(x), layer.pixels, layer.out_channels), dtype=np.int64)
    if layer.op == "threshold":
        assert parameters.polarity is not None
        x_shift, w_shift = alignment(layer.x_bits, layer.w_bits)
        polarity = parameters.polarity.reshape(weights.shape)
        for n in range(layer.out_channels):
            above = np.maximum((columns << x_shift) - (weights[n] << w_shift), 0)
            total[:, :, n] = (polarity[n] * above).sum(axis=2)
    else:
        for n in range(layer.out_channels):
            total[:, :, n] = (columns * weights[n]).sum(axis=2)
    return (total + parameters.bias).reshape(len(x), *layer.output_shape)


def requantise(layer: Layer, parameters: LayerParameters, accumulators: np.ndarray) -> np.ndarray:
    """Return sat((acc + 2^(t-1)) >> t) per output channel (the last axis); raw layers pass through."""
    limits = layer.y_range
    if limits is None:
        return accumulators
    shift = parameters.shift
    rounding = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return np.clip((accumulators + rounding) >> shift, *limits)


def forward(layer: Layer, parameters: LayerParameters, x: np.ndarray) -> np.ndarray:
    """Return the layer's output activations, or raw scores, as int64 [images, oh, ow, N]."""
    return requantise(layer, parameters, accumulate(layer, parameters, x))


def run(layers: Sequence[Layer], parameters: Sequence[LayerParameters], x: np.ndarray) -> list[np.ndarray]:
    """Return every layer's output for int64 inputs [images, H, W, C]; a linear layer flattens NHWC."""
    outputs = []
    for layer, own in zip(layers, parameters, strict=True):
        x = forward(layer, own, x.reshape(len(x), *layer.input_shape))
        outputs.append(x)
    return outputs
