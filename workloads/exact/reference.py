"""The bit-true reference: what every implementation computes, in plain numpy int64.

Written for reading, not for speed; it imports no kernel and no simulator. Accumulators here are
int64 and never wrap, so a wrapping machine is equal exactly when its final sums fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from workloads.layers.graph import walk
from workloads.layers.layer import Layer, LayerParameters
from workloads.ops.integers import operand_range


def patches(layer: Layer, x: np.ndarray, absent: int) -> np.ndarray:
    """Return [images, M, taps, C] of activations [images, H, W, C]: what each output pixel sees, taps (kh, kw).

    absent: the value of padding.
    """
    top, bottom, left, right = layer.padding
    images = x.reshape(len(x) * layer.images, layer.image_height, *x.shape[2:])
    padded = np.pad(images, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=absent)
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, axis=(1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]  # [images, oh, ow, C, kh, kw]
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(len(x), layer.pixels, -1, layer.channels)


def accumulate_tensors(layer: Layer, parameters: LayerParameters, x: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return bias + Σ_k op(x_k, w_k, +1) as int64 [images, oh, ow, N] of a matmul, w of each image its second operand.

    second: [images, h, w, channels]; an output channel is one of its pixels where it is transposed, else a channel.
    """
    x_shift, w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)
    seen = x.reshape(len(x), layer.pixels, layer.channels) << x_shift
    weights = second.reshape(len(x), *layer.second_shape) << w_shift
    if not layer.transposed:
        weights = weights.transpose(0, 2, 1)
    total = np.empty((len(x), layer.pixels, layer.out_channels), dtype=np.int64)
    for n in range(layer.out_channels):
        synapses = np.broadcast_to(weights[:, None, n], seen.shape)
        total[:, :, n] = layer.operation.terms(seen, synapses, np.ones_like(seen)).sum(axis=2)
    return (total + parameters.bias).reshape(len(x), *layer.output_shape)


def accumulate(layer: Layer, parameters: LayerParameters, x: np.ndarray) -> np.ndarray:
    """Return bias + Σ_k op(x_k, w_k, p_k) as int64 [images, oh, ow, N]."""
    seen = patches(layer, x, absent=0)
    x_shift, w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)
    weights = layer.operation.values(parameters.weights, layer.w_bits).reshape(layer.out_channels, layer.fan_in)
    total = np.empty((len(x), layer.pixels, layer.out_channels), dtype=np.int64)
    for n in range(layer.out_channels):
        first = n // layer.group_outputs * layer.group_channels
        columns = seen[..., first : first + layer.group_channels].reshape(len(x), layer.pixels, layer.fan_in)
        polarity = None if parameters.polarity is None else parameters.polarity[n].reshape(-1)
        terms = layer.operation.terms(columns << x_shift, weights[n] << w_shift, polarity)
        total[:, :, n] = terms.sum(axis=2)
    return (total + parameters.bias).reshape(len(x), *layer.output_shape)


def requantise(layer: Layer, parameters: LayerParameters, accumulators: np.ndarray) -> np.ndarray:
    """Return sat((acc + 2^(t-1)) >> t) per output channel (the last axis); raw layers pass through."""
    limits = layer.y_range
    if limits is None:
        return accumulators
    shift = parameters.shift
    rounding = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return np.clip((accumulators + rounding) >> shift, *limits)


def forward(layer: Layer, parameters: LayerParameters, x: np.ndarray, residual: np.ndarray | None = None) -> np.ndarray:
    """Return the layer's output activations, or raw scores, as int64 [images, oh, ow, N].

    x: int64 [images, H, W, C]; residual: int64 [images, oh, ow, N] where the layer has one, of a matmul its second
    operand [images, h, w, channels].
    Raises ValueError where they don't fit the layer.
    """
    if x.dtype != np.int64 or x.shape[1:] != layer.input_shape:
        raise ValueError(f"layer {layer.name}: x: {x.dtype} {x.shape[1:]}; expected int64 {layer.input_shape}")
    if layer.kind == "matmul":
        if residual is None or (residual.shape[1] * residual.shape[2], residual.shape[3]) != layer.second_shape:
            raise ValueError(f"layer {layer.name}: second operand: does not fit; expected {layer.second_shape}")
        return requantise(layer, parameters, accumulate_tensors(layer, parameters, x, residual))
    if (None if residual is None else residual.shape[1:]) != (None if layer.residual is None else layer.output_shape):
        raise ValueError(f"layer {layer.name}: residual: does not fit; expected {layer.residual}, {layer.output_shape}")
    if layer.kind == "maxpool":
        lowest, _ = operand_range(layer.x_bits, layer.x_signed)
        return patches(layer, x, absent=lowest).max(axis=2).reshape(len(x), *layer.output_shape)
    total = accumulate(layer, parameters, x)
    if residual is not None:
        total = total + (residual << layer.residual_shift)
    return requantise(layer, parameters, total)


def run(layers: Sequence[Layer], parameters: Sequence[LayerParameters], x: np.ndarray) -> list[np.ndarray]:
    """Return every layer's own output [images, oh, ow, N] for int64 inputs [images, H, W, C].

    Layers read and write tensors by name; a linear layer flattens what it reads, NHWC.
    """

    outputs: list[np.ndarray] = []

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        layer = layers[index]
        outputs.append(forward(layer, parameters[index], seen.reshape(len(x), *layer.input_shape), residual))
        return outputs[-1]

    walk(layers, x, partial(np.concatenate, axis=-1), step)
    return outputs
