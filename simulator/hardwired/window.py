"""`Window`: the neurons of a layer over one window, as sums of features of its inputs.

A feature is an input x, or max(x − w, 0): what of it exceeds a threshold. A threshold that no input of the range
exceeds has none: it is dropped. One that every input exceeds is x less a constant: it is folded into x and the neuron's
constant. Ranges are sound: of the data set's pixels on the network's grid, and behind that of all that the requantisers
of the layers before can give, see `workloads.insight.ranges`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from workloads.datasets.registry import dataset
from workloads.errors import LimenError
from workloads.insight.ranges import Range, aligned, operand_bounds, reachable_inputs, term_range
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import Network

KINDS = ("conv2d", "conv1d", "linear", "avgpool")
MOST_SYNAPSES = 1 << 15
"""Of a layer: more would be logic that no tool here maps within hours."""


class Feature(NamedTuple):
    """Input `place` of the window, or, aligned to the threshold's grid, how far it exceeds `threshold`; its range."""

    place: int
    threshold: int | None
    low: int
    high: int


@dataclass(frozen=True)
class Window:
    """A layer's N neurons over a window of inputs, in the order (kh, kw, channel).

    x: range [inputs] of each input. x_shift: that aligns an input with thresholds. features, coefficients [N, F] and
    constants [N]: neuron n sums coefficients[n] · features + constants[n], its rounding included, within `sums`.
    synapses: N·K. dropped, folded: thresholds that nothing in the range exceeds, and that everything does.
    """

    layer: Layer
    x: Range
    x_shift: int
    features: tuple[Feature, ...]
    coefficients: np.ndarray
    constants: np.ndarray
    sums: Range
    shift: np.ndarray
    synapses: int
    dropped: int
    folded: int

    @property
    def inputs(self) -> int:
        return len(self.x.low)


def input_range(network: Network) -> tuple[int, int] | None:
    """Return what the data set's pixels can be on the network's grid; None without one: all integers of the format."""
    if network.dataset is None:
        return None
    first, data = network.layers[0], dataset(network.dataset)
    pixels = np.arange(data.levels + 1)  # digits has 0…levels, the others one less: no narrower than any
    x = network.input_map.apply(pixels, first.x_bits, first.x_signed)
    return int(x.min()), int(x.max())


def layer_index(network: Network, name: str) -> int:
    """Return a layer's place. Raises LimenError naming those that have one as hard-wired neurons."""
    names = [layer.name for layer in network.layers]
    if name not in names:
        raise LimenError(f"network {network.name}: layer: {name!r} is not allowed: one of {', '.join(names)}")
    return names.index(name)


def windows_of(network: Network, names: tuple[str, ...] = (), any_input: bool = False) -> list[Window]:
    """Return the windows of these layers, of all without names, in the network's order.

    any_input: the network's input may be any integer of its format, and not the data set's alone.

    Raises:
        LimenError: shapes only, a layer that isn't there, or one without a hard-wired form.
    """
    chosen = sorted({layer_index(network, name) for name in names}) or range(len(network.layers))
    parameters = network.trained()
    for index in chosen:
        _check(network, network.layers[index])
    seen = reachable_inputs(network, None if any_input else input_range(network))
    return [window_of(network.layers[index], parameters[index], seen[index]) for index in chosen]


def _check(network: Network, layer: Layer) -> None:
    where = f"network {network.name}: layer {layer.name}"
    if layer.kind not in KINDS:
        raise LimenError(f"{where}: kind: {layer.kind!r} has no hard-wired form: {', '.join(KINDS)}")
    if layer.residual is not None:
        raise LimenError(f"{where}: residual: {layer.residual!r} has no hard-wired form: a layer without one")
    empty = np.zeros(0, dtype=np.int64)
    if layer.operation.pieces(empty, empty) is None:
        raise LimenError(f"{where}: op: {layer.op!r} has no hard-wired form: its room knows no pieces of its terms")
    synapses = layer.out_channels * layer.fan_in
    if synapses > MOST_SYNAPSES:
        raise LimenError(f"{where}: {synapses} synapses are not allowed: at most {MOST_SYNAPSES} of a hard-wired layer")


def window_of(layer: Layer, parameters: LayerParameters, seen: Range) -> Window:
    """Return the window of a layer whose input channels lie within `seen` [C]."""
    operands = operand_bounds(layer, seen)
    w, low, high = aligned(layer, parameters, operands)
    polarity = None if parameters.polarity is None else parameters.polarity.reshape(w.shape)
    pieces = layer.operation.pieces(w, polarity)
    assert pieces is not None
    dropped = (pieces.exceeding != 0) & (w >= high)
    folded = (pieces.exceeding != 0) & (w <= low) & ~dropped
    constant = pieces.constant - np.where(folded, pieces.exceeding * w, 0)
    linear = pieces.linear + np.where(folded, pieces.exceeding, 0)
    exceeding = np.where(dropped | folded, 0, pieces.exceeding)
    x_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)[0]
    columns = _columns(_places(layer), linear << x_shift, exceeding, w)
    x = _window_range(layer, seen)
    features = tuple(_feature(place, threshold, x, x_shift) for place, threshold in columns)
    coefficients = np.array(list(columns.values()), dtype=np.int64).reshape(-1, layer.out_channels).T
    shift = np.zeros_like(parameters.shift) if layer.y_range is None else parameters.shift
    rounding = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    start = parameters.bias + rounding
    ends = term_range(layer, parameters, operands)
    sums = Range(ends.low.sum(axis=1) + start, ends.high.sum(axis=1) + start)
    constants = start + constant.sum(axis=1)
    counts = (w.size, int(dropped.sum()), int(folded.sum()))
    return Window(layer, x, x_shift, features, coefficients, constants, sums, shift, *counts)


def _places(layer: Layer) -> np.ndarray:
    """Return [N, K]: the input of the window that each synapse reads."""
    groups = np.arange(layer.out_channels) // layer.group_outputs
    channels = groups[:, None] * layer.group_channels + np.arange(layer.group_channels)
    taps = np.arange(layer.kernel[0] * layer.kernel[1]) * layer.channels
    return (taps[None, :, None] + channels[:, None, :]).reshape(layer.out_channels, -1)


def _window_range(layer: Layer, seen: Range) -> Range:
    """Return the range [inputs] of the window's inputs; where the layer pads, 0 is in it."""
    taps = layer.kernel[0] * layer.kernel[1]
    padded = any(layer.padding)
    low = np.minimum(seen.low, 0) if padded else seen.low
    high = np.maximum(seen.high, 0) if padded else seen.high
    return Range(np.tile(low, taps), np.tile(high, taps))


def _columns(
    places: np.ndarray, linear: np.ndarray, exceeding: np.ndarray, w: np.ndarray
) -> dict[tuple[int, int | None], np.ndarray]:
    """Return the coefficients [N] of each feature that a neuron needs, by input and threshold; arguments: [N, K]."""
    columns: dict[tuple[int, int | None], np.ndarray] = {}
    for n, k in zip(*np.nonzero((linear != 0) | (exceeding != 0)), strict=True):
        for threshold, factor in ((None, linear[n, k]), (int(w[n, k]), exceeding[n, k])):
            if factor:
                column = columns.setdefault((int(places[n, k]), threshold), np.zeros(len(places), dtype=np.int64))
                column[n] += factor
    by_place = sorted(columns, key=lambda key: (key[0], key[1] is not None, key[1] or 0))
    return {key: columns[key] for key in by_place}


def _feature(place: int, threshold: int | None, x: Range, x_shift: int) -> Feature:
    low, high = int(x.low[place]), int(x.high[place])
    if threshold is None:
        return Feature(place, None, low, high)
    return Feature(place, threshold, max((low << x_shift) - threshold, 0), max((high << x_shift) - threshold, 0))
