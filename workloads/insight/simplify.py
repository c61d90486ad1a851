"""Exact simplification of an integer network: the same scores for every input, from fewer distinct thresholds, channels
and operations.

1. A threshold that no reachable x exceeds adds nothing: it becomes the highest, canonical one.
2. A threshold that every reachable x exceeds makes no choice: p·(x − w) = p·(x − l) + p·(l − w) with l the highest
   value of w's own grid that no reachable x is below. The constant goes to the bias.
3. A channel whose contributions are all constants in every layer that reads it is removed, with the neuron that makes
   it; the constants go to the readers' biases.

No accumulator gets wider: a neuron whose bias would need a wider one by format keeps its bias and its thresholds of 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workloads.insight.ranges import Range, aligned, operand_bounds, reachable_inputs, term_range
from workloads.layers.bounds import format_bound
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import Network
from workloads.ops.integers import accumulator_bits, operand_range


@dataclass(frozen=True)
class Savings:
    """What simplification saves. never, always: thresholds no reachable x exceeds, and those every one does or equals.

    folded: of `always`, those whose value changed. channels: those removed. pairs: operand pairs of an image; synapses:
    stored ones; distinct: different threshold (or weight) values, layer by layer, summed.
    """

    thresholds: int
    never: int
    always: int
    folded: int
    channels: int
    pairs_before: int
    pairs_after: int
    synapses_before: int
    synapses_after: int
    distinct_before: int
    distinct_after: int


@dataclass(frozen=True)
class Simplified:
    """A network that gives the same scores, and what it saves."""

    network: Network
    savings: Savings


def simplify(network: Network, inputs: tuple[int, int] | None = None) -> Simplified:
    """Return the network simplified: equal scores for every input within `inputs`, by default the input's whole format.

    Raises LimenError where the network has shapes only.
    """
    seen = reachable_inputs(network, inputs)
    counts = np.zeros(4, dtype=np.int64)
    parameters = list(network.trained())
    for index, layer in enumerate(network.layers):
        if layer.operation.gated and layer.has_weights:
            parameters[index], layer_counts = _canonical(network, index, operand_bounds(layer, seen[index]))
            counts += layer_counts
    simple = replace(network, parameters=tuple(parameters))
    while (smaller := _without_channels(simple, inputs)) is not None:
        simple = smaller
    removed = sum(layer.out_channels for layer in network.layers) - sum(layer.out_channels for layer in simple.layers)
    thresholds, never, always, folded = (int(count) for count in counts)
    return Simplified(
        simple,
        Savings(
            thresholds, never, always, folded, removed, _pairs(network), _pairs(simple), _synapses(network),
            _synapses(simple), _distinct(network), _distinct(simple),
        ),
    )  # fmt: skip


def _canonical(network: Network, index: int, x: Range) -> tuple[LayerParameters, list[int]]:
    """Return a threshold layer's parameters with canonical values, and (thresholds, never, always, folded)."""
    layer, parameters = network.layers[index], network.trained()[index]
    assert parameters.polarity is not None
    w, low, high = aligned(layer, parameters, x)
    w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)[1]
    never = w >= high
    always = ~never & (w <= low)
    lowest, highest = operand_range(layer.w_bits)
    values = parameters.weights.reshape(w.shape)
    target = np.clip(low >> w_shift, lowest, highest)  # rounded down: no reachable x is below it
    constants = np.where(always, parameters.polarity.reshape(w.shape) * ((target - values) << w_shift), 0)
    bias = parameters.bias + constants.sum(axis=1)
    kept = np.abs(bias) <= _largest_bias(network, index)
    folded = always & kept[:, None]
    values = np.where(never, highest, np.where(folded, target, values))
    changed = int((folded & (constants != 0)).sum())
    canonical = replace(
        parameters, weights=values.reshape(parameters.weights.shape), bias=np.where(kept, bias, parameters.bias)
    )
    return canonical, [w.size, int(never.sum()), int(always.sum()), changed]


def _largest_bias(network: Network, index: int) -> int:
    """Return the largest magnitude of a bias with which a layer's accumulator by format is no wider than it is."""
    layer, parameters = network.layers[index], network.trained()[index]
    bound = format_bound(layer, parameters, network.residual_format(index))
    return (1 << (accumulator_bits(bound) - 1)) - 1 - (bound - int(np.abs(parameters.bias).max()))


def _without_channels(network: Network, inputs: tuple[int, int] | None) -> Network | None:
    """Return the network less all removable channels of one layer, or None where no layer has any."""
    seen = reachable_inputs(network, inputs)
    for maker, layer in enumerate(network.layers):
        if not _can_lose_outputs(network, maker):
            continue
        readers = [i for i, link in enumerate(network.connections) if link.reads == network.writes(maker)[0]]
        if not all(_can_lose_inputs(network.layers[index]) for index in readers):
            continue
        terms = {index: _terms(network, index, seen[index]) for index in readers}
        constant = np.all([_constant(term, layer.out_channels) for term in terms.values()], axis=0)
        gone = np.flatnonzero(constant)[: layer.out_channels - 1]  # a layer has at least one
        if gone.size:
            return _remove(network, maker, gone, {index: term.low for index, term in terms.items()})
    return None


def _can_lose_outputs(network: Network, index: int) -> bool:
    """Whether nothing but the layer itself and its readers' inputs depends on how many channels it has."""
    layer, tensor = network.layers[index], network.writes(index)[0]
    alone = sum(link.writes == tensor for link in network.connections) == 1
    added = layer.residual is not None or any(link.second == tensor for link in network.connections)
    plain = layer.has_weights and layer.groups == 1 and layer.polarity != "generated"
    return plain and alone and not added and layer.y_bits is not None


def _can_lose_inputs(layer: Layer) -> bool:
    return layer.has_weights and layer.groups == 1 and layer.polarity != "generated"


def _terms(network: Network, index: int, seen: Range) -> Range:
    layer = network.layers[index]
    return term_range(layer, network.trained()[index], operand_bounds(layer, seen))


def _constant(terms: Range, channels: int) -> np.ndarray:
    """Return [channels], whether all that a layer makes of a channel is constant; the fan-in is (…, channel)."""
    return np.all((terms.low == terms.high).reshape(-1, channels), axis=0)


def _remove(network: Network, maker: int, gone: np.ndarray, constants: dict[int, np.ndarray]) -> Network:
    """Return the network without channels of layer `maker`; constants [N, K] by reader: what its synapses add."""
    layers, parameters = list(network.layers), list(network.trained())
    before = layers[maker].out_channels
    after = before - gone.size
    layers[maker] = _resized(layers[maker], out_channels=after)
    made = parameters[maker]
    signs = None if made.polarity is None else np.delete(made.polarity, gone, axis=0)
    weights, bias, shift = (np.delete(array, gone, axis=0) for array in (made.weights, made.bias, made.shift))
    parameters[maker] = LayerParameters(weights, signs, bias, shift)
    for index, terms in constants.items():
        layer, reader = layers[index], parameters[index]
        lost = np.isin(np.arange(layer.fan_in) % before, gone)
        layers[index] = _resized(layer, channels=layer.channels // before * after)
        shape = layers[index].weights_shape
        weights = reader.weights.reshape(terms.shape)[:, ~lost].reshape(shape)
        signs = None if reader.polarity is None else reader.polarity.reshape(terms.shape)[:, ~lost].reshape(shape)
        parameters[index] = LayerParameters(weights, signs, reader.bias + terms[:, lost].sum(axis=1), reader.shift)
    return replace(network, layers=tuple(layers), parameters=tuple(parameters))


def _resized(layer: Layer, **sizes: int) -> Layer:
    return Layer.model_validate({**layer.model_dump(), **sizes})


def _pairs(network: Network) -> int:
    return sum(layer.pairs for layer in network.layers)


def _synapses(network: Network) -> int:
    return sum(parameters.weights.size for parameters in network.trained())


def _distinct(network: Network) -> int:
    return sum(np.unique(parameters.weights).size for parameters in network.trained())
