"""Simplified networks give the same scores for every input, need no wider accumulators, and save what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.levels.graphs import GRAPHS, POLARITIES, random_graph, random_inputs, random_parameters
from workloads.exact.reference import run
from workloads.formats.save_network import save_network
from workloads.insight.ranges import reachable_inputs
from workloads.insight.simplify import Simplified, simplify
from workloads.layers.bounds import format_bound, weights_bound
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import Network, load_network
from workloads.ops.integers import accumulator_bits, operand_range
from workloads.ops.names import OPS


def exact(network: Network, x: np.ndarray, inputs: tuple[int, int] | None = None) -> Simplified:
    """Return the network simplified, after comparing scores and accumulator bounds."""
    simplified = simplify(network, inputs)
    simple = simplified.network
    before, after = (run(each.layers, each.trained(), x)[-1] for each in (network, simple))
    assert np.array_equal(before, after)
    for index, (old, new) in enumerate(zip(network.layers, simple.layers, strict=True)):
        olds, news = network.trained()[index], simple.trained()[index]
        added = network.residual_format(index)
        assert weights_bound(new, news, added) <= weights_bound(old, olds, added)
        bounds = (format_bound(old, olds, added), format_bound(new, news, added))
        assert accumulator_bits(bounds[1]) <= accumulator_bits(bounds[0])
    savings = simplified.savings
    assert savings.pairs_after <= savings.pairs_before and savings.synapses_after <= savings.synapses_before
    return simplified


@pytest.mark.parametrize("shape", GRAPHS)
@pytest.mark.parametrize("seed", range(15))
def test_random_graphs(shape: str, seed: int, tmp_path: Path) -> None:
    network = random_graph(shape, seed)
    x = random_inputs(network, 12, seed)
    simplified = exact(network, x)
    again = load_network(save_network(simplified.network, tmp_path, "simple"))
    assert again.layers == simplified.network.layers
    assert np.array_equal(again.predict(x), network.predict(x))


def chain(rng: np.random.Generator, padded: bool) -> Network:
    """A chain whose middle channels are often constant, dead for their readers or always above their thresholds."""
    bits = int(rng.integers(2, 5))
    mixed = rng.random() < 0.5
    ops = rng.choice(OPS, 3) if mixed else np.full(3, "threshold")
    pad = (1, 1, 1, 1) if padded else (0, 0, 0, 0)
    geometry: list[dict[str, Any]] = [
        {"height": 5, "width": 5, "channels": 2, "out_channels": 4, "kernel": (2, 2)},
        {"height": 4, "width": 4, "channels": 4, "out_channels": 3, "kernel": (3, 3), "padding": pad},
    ]
    sides = 4 if padded else 2
    geometry.append({"kind": "linear", "channels": 3 * sides * sides, "out_channels": 3})
    layers, parameters = [], []
    for index, (place, op) in enumerate(zip(geometry, ops, strict=True)):
        if op == "threshold":
            place |= {"polarity": str(rng.choice(POLARITIES)), "polarity_seed": int(rng.integers(2**32))}
        y_bits = None if index == 2 else bits
        w_bits = int(rng.integers(2, 6))
        layer = Layer(
            **{"name": f"l{index}", "op": str(op), "x_bits": bits, "w_bits": w_bits, "y_bits": y_bits, **place}
        )
        drawn = random_parameters(layer, rng)
        low, high = operand_range(w_bits)
        shift, bias, weights = drawn.shift.copy(), drawn.bias.copy(), drawn.weights.copy()
        still = rng.random(len(bias)) < 0.4
        shift[still], bias[still] = 20, rng.choice([0, 1 << 20, -(1 << 20), -1], int(still.sum()))
        for channel in range(weights.shape[-1]):
            kind = rng.integers(4)
            fixed = {"mac": 0, "shift": (1 << (w_bits - 1)) - 1}.get(str(op), (high, low)[int(kind) % 2])
            weights[..., channel] = fixed if kind < 2 else weights[..., channel]
        layers.append(layer)
        parameters.append(LayerParameters(weights, drawn.polarity, bias, shift))
    return Network("chain", tuple(layers), tuple(parameters))


@pytest.mark.parametrize("padded", [False, True])
def test_chains_with_constant_and_dead_channels(padded: bool) -> None:
    removed = folded = never = 0
    for seed in range(120):
        print(f"seed {seed}, padded {padded}")
        rng = np.random.default_rng(seed)
        network = chain(rng, padded)
        savings = exact(network, random_inputs(network, 20, seed)).savings
        removed, folded, never = removed + savings.channels, folded + savings.folded, never + savings.never
    assert min(removed, folded, never) > 20


def test_every_input_of_a_two_bit_network() -> None:
    every = np.stack(np.meshgrid(*[np.arange(-2, 2)] * 4, indexing="ij"), axis=-1).reshape(-1, 2, 2, 1)
    corner = {"height": 2, "width": 2, "kernel": (2, 2), "padding": (1, 0, 0, 1)}
    for seed in range(30):
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        common: dict[str, Any] = {"op": "threshold", "x_bits": 2, "w_bits": int(rng.integers(2, 4))}
        layers = (
            Layer.model_validate(common | corner | {"name": "a", "channels": 1, "out_channels": 3, "y_bits": 2}),
            Layer(name="b", kind="linear", channels=12, out_channels=2, **common),
        )
        parameters = tuple(random_parameters(layer, rng) for layer in layers)
        exact(Network("tiny", layers, parameters), every)


def test_narrower_inputs_fold_more_and_stay_exact_there() -> None:
    rng = np.random.default_rng(1)
    layer = Layer(name="a", kind="linear", op="threshold", x_bits=8, w_bits=8, channels=30, out_channels=6)
    network = Network("narrow", (layer,), (random_parameters(layer, rng),))
    x = rng.integers(-20, 21, (50, 1, 1, 30))
    savings = exact(network, x, (-20, 20)).savings
    assert savings.never > 50 and savings.always > 50
    # What lies strictly within, and the two canonical values.
    assert savings.distinct_after <= 43 < savings.distinct_before


def test_padding_keeps_thresholds_below_its_zero_apart() -> None:
    layer = Layer(
        name="a", op="threshold", x_bits=4, w_bits=4, height=1, width=1, channels=1, out_channels=1, kernel=(3, 3),
        padding=(1, 1, 1, 1),
    )  # fmt: skip
    drawn = random_parameters(layer, np.random.default_rng(0))
    network = Network("pad", (layer,), (replace(drawn, weights=np.full(layer.weights_shape, 2)),))
    x = np.arange(3, 8).reshape(5, 1, 1, 1)
    assert exact(network, x, (3, 7)).savings.always == 0  # all images are above 2, padding isn't


def test_unsigned_activations_and_dead_products() -> None:
    rng = np.random.default_rng(2)
    common: dict[str, Any] = {"op": "mac", "x_bits": 4, "w_bits": 4, "x_signed": False, "y_signed": False}
    layers = (
        Layer(name="a", height=3, width=3, channels=2, out_channels=5, kernel=(2, 2), y_bits=4, **common),
        Layer(name="b", height=2, width=2, channels=5, out_channels=2, kernel=(2, 2), **common),
    )
    first, second = (random_parameters(layer, rng) for layer in layers)
    dead = second.weights.copy()
    dead[..., 1] = 0
    negative = first.bias.copy()
    negative[3] = -(10**5)  # ReLU makes it 0 for every input
    network = Network("products", layers, (replace(first, bias=negative), replace(second, weights=dead)))
    simplified = exact(network, random_inputs(network, 40, 3))
    assert simplified.savings.channels == 2
    assert simplified.network.layers[0].out_channels == 3 and simplified.network.layers[1].channels == 3


def test_ranges_hold_what_random_inputs_reach() -> None:
    for shape in GRAPHS:
        for seed in range(5):
            network = random_graph(shape, seed)
            x = random_inputs(network, 20, seed)
            outputs = run(network.layers, network.trained(), x)
            ranges = reachable_inputs(network)
            for index in range(len(network.layers)):
                tensor = network.reads(index)
                writers = [i for i in range(index) if network.writes(i)[0] == tensor]
                if len(writers) != 1 or network.layers[index].kind == "linear":
                    continue
                values = outputs[writers[0]]
                assert np.all(values.min(axis=(0, 1, 2)) >= ranges[index].low)
                assert np.all(values.max(axis=(0, 1, 2)) <= ranges[index].high)


def test_what_was_removed_stays_removed() -> None:
    network = chain(np.random.default_rng(3), False)
    once = simplify(network).network
    twice = simplify(once)
    assert twice.savings.channels == twice.savings.folded == 0
