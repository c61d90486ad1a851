"""Our own quantiser for a graph of real numbers: ranges of its tensors from data, powers of two all.

The ranges, the share of values they hold and the grids of weights are those of `workloads.training.quantise`, which
takes chains alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from workloads.exact.kernel_arrays import batch_innermost, layer_rows, layer_sums
from workloads.exact.reference import patches
from workloads.imports.imported import NumberFormats
from workloads.imports.onnx.entries import Entry
from workloads.imports.onnx.integers import Fixed, Weights
from workloads.imports.onnx.reals import INPUT_LAYER, NoValues, Piece, Real
from workloads.layers.graph import walk
from workloads.layers.layer import Layer
from workloads.ops.mac import MAC
from workloads.training.quantise import CALIBRATION_IMAGES, START_SHARE

LEAST_RANGE = 2.0**-30
"""Of a tensor that is 0 all over."""


def real_outputs(layers: Sequence[Layer], reals: Mapping[int, Real], x: np.ndarray) -> list[np.ndarray]:
    """Return every layer's results [OH, OW, N, images] in real numbers, of inputs [images, H, W, C]."""
    outputs: list[np.ndarray] = []

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        layer, real = layers[index], reals[index]
        lanes = seen.reshape(*layer.input_shape, -1)
        if real.weights is None:
            images = np.ascontiguousarray(lanes.transpose(3, 0, 1, 2))
            highest = patches(layer, images, absent=-np.inf).max(axis=2)  # type: ignore[arg-type]
            y = highest.reshape(-1, *layer.output_shape).transpose(1, 2, 3, 0)
        else:
            sums = layer_sums(layer, real.weights, None, layer_rows(layer, lanes))
            low, high = clamps(real)
            y = np.clip(sums + real.bias[:, None] + (0 if residual is None else residual), low, high)
        outputs.append(np.ascontiguousarray(y))
        return outputs[-1]

    walk(layers, batch_innermost(x), partial(np.concatenate, axis=2), step)
    return outputs


def clamps(real: Real) -> tuple[float, float]:
    """Return the real numbers between which a layer's results are, those of a grid of the model's own with them."""
    if real.grid is None:
        return real.low, real.high
    unit = real.grid.unit
    return max(real.low, real.grid.low * unit), min(real.high, real.grid.high * unit)


def calibrated(
    entries: Sequence[Entry], layers: Sequence[Layer], reals: Mapping[int, Real], x: np.ndarray, formats: NumberFormats
) -> tuple[dict[int, Fixed], dict[int, Weights]]:
    """Return the format of every tensor and the integers of all weights; x: inputs [images, H, W, C], real."""
    x = x[:CALIBRATION_IMAGES]
    tensors = {INPUT_LAYER: x, **dict(enumerate(real_outputs(layers, reals, x)))}
    last = len(entries) - 1
    ranges, signed = {}, {}
    for layer, values in tensors.items():
        if not np.isfinite(values).all():
            raise NoValues(f"values of tensor {reals[layer].tensor!r} that are no numbers")
        held = max(float(np.quantile(np.abs(values), START_SHARE)), LEAST_RANGE)
        ranges[layer] = math.ceil(math.log2(held))
        signed[layer] = bool(values.min() < 0) if layer == INPUT_LAYER else clamps(reals[layer])[0] < 0
    for real in reals.values():  # what is read side by side has one format
        together = _layers(real.reads, reals)
        ranges.update(dict.fromkeys(together, max((ranges[layer] for layer in together), default=0)))
        signed.update(dict.fromkeys(together, any(signed[layer] for layer in together)))
    found = {
        layer: Fixed(ranges[layer] - formats.x_bits + signed[layer], formats.x_bits, signed[layer])
        for layer in tensors
        if layer != last
    }
    weights = {}
    for layer, real in reals.items():
        if real.weights is not None:
            exponents = MAC.weight_exponents(real.weights, formats.w_bits, layer == last or bool(real.residual))
            weights[layer] = Weights(MAC.integers(real.weights, exponents, formats.w_bits), exponents)
    return found, weights


def _layers(pieces: Sequence[Piece], reals: Mapping[int, Real]) -> list[int]:
    """Return the layers whose results pieces are, through maxpools."""
    found: list[int] = []
    for piece in pieces:
        real = reals[piece.layer]
        pooled = real.weights is None and piece.layer != INPUT_LAYER
        found += _layers(real.reads, reals) if pooled else [piece.layer]
    return found
