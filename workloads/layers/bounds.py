"""The largest magnitudes of a layer's accumulators: for any weights of its format, and for these very ones."""

from __future__ import annotations

import numpy as np

from workloads.layers.layer import Format, Layer, LayerParameters, averaging_parameters
from workloads.ops.integers import operand_range


def format_bound(layer: Layer, parameters: LayerParameters | None, residual: Format | None = None) -> int:
    """Largest magnitude of the accumulator for any weights of the format: K·D + max|bias| + the residual's.

    residual: the format of the residual tensor, where the layer has one. A maxpool accumulates nothing: 0; an
    avgpool has no weights but those of its kind.
    """
    if not layer.has_parameters:
        return 0
    if not layer.has_arrays:
        return weights_bound(layer, averaging_parameters(layer))
    bias = int(np.abs(parameters.bias).max()) if parameters is not None else 0
    added = max(abs(end) for end in residual_range(layer, residual))
    return layer.fan_in * layer.operation.largest_term(layer.x_bits, layer.w_bits, layer.x_signed) + bias + added


def residual_range(layer: Layer, residual: Format | None) -> tuple[int, int]:
    """Return (lowest, highest) of what the residual adds to a sum, (0, 0) without one."""
    assert (layer.residual is None) == (residual is None), f"layer {layer.name}: residual and its format go together"
    low, high = (0, 0) if residual is None else operand_range(*residual)
    return low << layer.residual_shift, high << layer.residual_shift


def weights_bound(layer: Layer, parameters: LayerParameters, residual: Format | None = None) -> int:
    """Largest magnitude of the accumulator over all activations for these very weights; `residual` as above.

    Each synapse is taken at the end of the activation range that is worst for its sign, so every
    final sum, whatever the input, is within the bound. (Intermediate sums may wrap: that is exact.)
    """
    if not layer.has_parameters:
        return 0
    if layer.kind == "matmul":
        return format_bound(layer, parameters)  # its weights are what the network makes of an input
    low, high = operand_range(layer.x_bits, layer.x_signed)
    x_shift, w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)
    weights = layer.operation.values(parameters.weights, layer.w_bits) << w_shift
    lower, upper = layer.operation.term_ends(low << x_shift, high << x_shift, weights, parameters.polarity)
    axes = (1, 2, 3)
    least, most = residual_range(layer, residual)
    highest = upper.sum(axis=axes) + parameters.bias + most
    lowest = lower.sum(axis=axes) + parameters.bias + least
    return int(max(np.abs(highest).max(), np.abs(lowest).max()))
