"""Interval analysis: the lowest and highest value every channel of a tensor can take, whatever the input.

A bound, not always reached: channels are taken as independent of each other, pixels of a channel as alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workloads.exact.reference import requantise
from workloads.layers.bounds import format_bound
from workloads.layers.graph import INPUT, walk
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import Network
from workloads.ops.integers import operand_range


class Range(NamedTuple):
    """Inclusive bounds by channel (int64, of one shape)."""

    low: np.ndarray
    high: np.ndarray


def reachable_inputs(network: Network, inputs: tuple[int, int] | None = None) -> list[Range]:
    """Return, layer by layer, the range of the channels that it reads.

    inputs: (lowest, highest) of the network's input, those of its format by default.
    """
    tensor = network.tensors[INPUT]
    assert tensor.bits is not None
    low, high = operand_range(tensor.bits, tensor.signed) if inputs is None else inputs
    first = Range(np.full(tensor.channels, low, dtype=np.int64), np.full(tensor.channels, high, dtype=np.int64))
    parameters, inputs_seen = network.trained(), []

    def step(index: int, seen: Range, residual: Range | None) -> Range:
        layer = network.layers[index]
        if layer.kind == "linear":  # flattened NHWC: the channels of the first pixel, then those of the next
            seen = Range(*(np.tile(end, layer.channels // len(end)) for end in seen))
        inputs_seen.append(seen)
        return output_range(layer, parameters[index], seen, residual)

    walk(network.layers, first, _joined, step)
    return inputs_seen


def _joined(pieces: list[Range]) -> Range:
    return Range(*(np.concatenate(ends) for ends in zip(*pieces, strict=True)))


def output_range(layer: Layer, parameters: LayerParameters, seen: Range, residual: Range | None = None) -> Range:
    """Return the range [N] of a layer's outputs, or raw scores, for inputs within `seen` [C]."""
    if not layer.has_parameters:
        return seen  # padding never wins
    if layer.kind == "matmul":
        bound = format_bound(layer, parameters)
        low, high = (-bound, bound) if layer.y_range is None else layer.y_range
        return Range(
            np.full(layer.out_channels, low, dtype=np.int64), np.full(layer.out_channels, high, dtype=np.int64)
        )
    least, most = term_range(layer, parameters, operand_bounds(layer, seen))
    low, high = least.sum(axis=1) + parameters.bias, most.sum(axis=1) + parameters.bias
    if residual is not None:
        low, high = low + (residual.low << layer.residual_shift), high + (residual.high << layer.residual_shift)
    return Range(*(requantise(layer, parameters, end) for end in (low, high)))


def operand_bounds(layer: Layer, seen: Range) -> Range:
    """Return the range [N, K] of the operand x of every synapse, unaligned; where the layer pads, 0 is in it."""
    ends = []
    for end, nearer in ((seen.low, np.minimum), (seen.high, np.maximum)):
        channel_ends = nearer(end, 0) if any(layer.padding) else end
        groups = np.arange(layer.out_channels) // layer.group_outputs
        channels = groups[:, None] * layer.group_channels + np.arange(layer.group_channels)
        ends.append(np.tile(channel_ends[channels], (1, layer.kernel[0] * layer.kernel[1])))
    return Range(*ends)


def term_range(layer: Layer, parameters: LayerParameters, x: Range) -> Range:
    """Return the lowest and highest contribution [N, K] of every synapse for operands within `x` [N, K]; reached."""
    w, low, high = aligned(layer, parameters, x)
    polarity = None if parameters.polarity is None else parameters.polarity.reshape(w.shape)
    return Range(*layer.operation.term_ends(low, high, w, polarity))


def aligned(layer: Layer, parameters: LayerParameters, x: Range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (w, lowest x, highest x), each [N, K], in the units in which the op takes them."""
    x_shift, w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)
    w = layer.operation.values(parameters.weights, layer.w_bits).reshape(layer.out_channels, -1) << w_shift
    return w, x.low << x_shift, x.high << x_shift
