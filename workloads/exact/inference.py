"""Exact integer inference of a layer, images innermost: the fast twin of `workloads.exact.reference`.

A layer whose op has a `Sum` runs in the kernel of exact integers, see `IntegerLayer`. A room with sums of its own gets
them in floating point: every partial sum is below 2^24, where float32 holds every integer, or else below 2^53, where
float64 does. It imports nothing of the reference, against which it is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from workloads.exact import layer_kernels as kernels
from workloads.exact.integer_layer import ACTIVATIONS, IntegerLayer
from workloads.exact.kernel_arrays import layer_rows, layer_sums
from workloads.layers.layer import Layer, LayerParameters
from workloads.ops.integers import operand_range

EXACT_BELOW = 1 << 24
"""float32 holds every integer of a smaller magnitude."""

Forward = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
"""A layer that is ready: what `forward_lanes` does, in integers of any type that holds them."""


def forward_lanes(
    layer: Layer, parameters: LayerParameters, lanes: np.ndarray, residual: np.ndarray | None = None
) -> np.ndarray:
    """Return a layer's exact outputs [OH, OW, N, B], int64, of activations [H, W, C, B].

    residual: [OH, OW, N, B] where the layer has one; of a matmul its second operand [h, w, channels, B].
    """
    return prepared(layer, parameters)(lanes, residual).astype(np.int64, copy=False)


def prepared(layer: Layer, parameters: LayerParameters) -> Forward:
    """Return a layer that is ready for any number of batches."""
    if layer.images > 1:
        alone = layer.model_copy(update={"images": 1, "height": layer.image_height})
        return partial(_forward_images, layer.images, prepared(alone, parameters))
    if not layer.has_parameters:
        return partial(_largest, layer)
    if layer.kind == "matmul":
        return partial(_matmul, layer, parameters)
    if layer.operation.summed is None:
        return partial(_in_floating_point, layer, parameters)
    return IntegerLayer.of(layer, parameters).outputs


def _forward_images(images: int, forward: Forward, lanes: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
    """Return what `forward` gives of images that lie above each other: each is a lane of a layer of one image."""

    def apart(values: np.ndarray) -> np.ndarray:
        rows = values.reshape(images, -1, *values.shape[1:])  # [images, rows, W, C, B]
        return np.ascontiguousarray(rows.transpose(1, 2, 3, 0, 4)).reshape(*rows.shape[1:4], -1)

    outputs = forward(apart(lanes), None if residual is None else apart(residual))
    rows = outputs.reshape(*outputs.shape[:3], images, -1).transpose(3, 0, 1, 2, 4)
    return np.ascontiguousarray(rows).reshape(-1, *rows.shape[2:])


def _largest(layer: Layer, lanes: np.ndarray, _residual: np.ndarray | None) -> np.ndarray:
    """Return the outputs of a maxpool."""
    lowest, _ = operand_range(layer.x_bits, layer.x_signed)
    place = [*layer.stride, layer.padding[0], layer.padding[2], *layer.kernel, lowest]
    outputs = np.empty((*layer.output_shape, lanes.shape[-1]), dtype=ACTIVATIONS)
    kernels.largest(np.require(lanes, ACTIVATIONS, ["C", "W"]), np.array(place, dtype=np.int64), outputs)
    return outputs


def _in_floating_point(
    layer: Layer, parameters: LayerParameters, lanes: np.ndarray, residual: np.ndarray | None
) -> np.ndarray:
    """Return the outputs of a layer whose op sums by itself."""
    x_shift, w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)
    weights = layer.operation.values(parameters.weights, layer.w_bits) << w_shift
    largest = max(abs(end) for end in operand_range(layer.x_bits, layer.x_signed)) << x_shift
    precision = np.float32 if _partial_bound(layer, weights, largest) < EXACT_BELOW else np.float64
    x = layer_rows(layer, (lanes.astype(np.int64) << x_shift).astype(precision))
    sums = layer_sums(layer, weights.astype(precision), parameters.polarity, x)
    return requantised(sums, parameters.bias, parameters.shift, layer.y_range, residual, layer.residual_shift)


def _matmul(layer: Layer, parameters: LayerParameters, lanes: np.ndarray, second: np.ndarray | None) -> np.ndarray:
    """Return the outputs of a matmul; second: [h, w, channels, B], see `workloads.layers.graph.walk`."""
    assert second is not None
    x_shift, w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)
    images = lanes.shape[-1]
    x = lanes.reshape(layer.pixels, layer.channels, images).astype(np.int64) << x_shift
    w = second.reshape(*layer.second_shape, images).astype(np.int64) << w_shift
    if not layer.transposed:
        w = w.transpose(1, 0, 2)
    sums = np.zeros((layer.pixels, layer.out_channels, images), dtype=np.int64)
    positive = np.ones((1, 1, 1), dtype=np.int64)
    for k in range(layer.channels):  # a column of x with a column of w, all outputs at once
        sums += layer.operation.terms(x[:, None, k], w[None, :, k], positive)
    return requantised(sums.reshape(*layer.output_shape, images), parameters.bias, parameters.shift, layer.y_range)


def requantised(
    sums: np.ndarray,
    bias: np.ndarray,
    shift: np.ndarray,
    limits: tuple[int, int] | None,
    residual: np.ndarray | None = None,
    residual_shift: int = 0,
) -> np.ndarray:
    """Return what the requantiser makes of exact sums [OH, OW, N, B], int64; raw where limits are None.

    bias, shift: [N] int64. residual: [OH, OW, N, B] int64, added after a left shift.
    """
    height, width, channels, images = sums.shape
    flat = (height * width, channels, images)
    low, high = limits or (0, 0)
    added = np.empty((0, 0, 0), dtype=np.int64)
    if residual is not None:
        added = np.require(residual, np.int64, ["C", "W"]).reshape(flat)
    y = np.empty(flat, dtype=np.int64)
    kernels.requantise(
        np.require(sums, requirements=["C", "W"]).reshape(flat),
        np.array(bias, dtype=np.int64),  # copies: the kernel's signature takes no read-only arrays, and a user's may be
        np.array(shift, dtype=np.int64),
        np.array([limits is None, low, high, residual_shift], dtype=np.int64),
        added,
        y,
    )
    return y.reshape(sums.shape)


def _partial_bound(layer: Layer, weights: np.ndarray, largest: int) -> int:
    """Return what no partial sum of the kernels exceeds in magnitude, in whatever order they add."""
    terms = layer.operation.partial_sizes(np.abs(weights), largest)
    return int(terms.reshape(len(weights), -1).sum(axis=1).max())
