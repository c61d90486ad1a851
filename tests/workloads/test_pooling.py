"""Pooling: averages are sums divided, whatever the op; the largest of any window; global forms; what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.levels.graphs import random_inputs, random_parameters
from workloads.errors import LimenError
from workloads.exact import reference
from workloads.formats.save_network import save_network
from workloads.insight.simplify import simplify
from workloads.layers.bounds import format_bound
from workloads.layers.layer import Layer, averaging_parameters, kind_parameters
from workloads.networks.network import Network, NetworkFile, load_network
from workloads.ops.integers import operand_range

FORMATS = (
    ("mac", 8, 4, True), ("mac", 5, 2, False), ("shift", 6, 2, True), ("shift", 7, 5, False), ("threshold", 8, 8, True),
    ("threshold", 4, 7, True), ("threshold", 9, 3, True), ("adder", 8, 8, True), ("adder", 3, 6, True),
)  # fmt: skip
"""Op, x_bits, w_bits, x_signed: wider activations than weights, and narrower ones."""


@pytest.mark.parametrize(("op", "x_bits", "w_bits", "x_signed"), FORMATS)
@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 2), (7, 7), (4, 8)], ids=str)
def test_an_average_is_a_sum_divided(
    op: str, x_bits: int, w_bits: int, x_signed: bool, kernel: tuple[int, int]
) -> None:
    """Σx over 2^⌈log2 positions⌉, rounded half up, of the extremes too; raw sums are Σx in the op's units."""
    fields: dict[str, Any] = {
        "name": "mean", "kind": "avgpool", "op": op, "x_bits": x_bits, "w_bits": w_bits, "x_signed": x_signed,
        "height": 9, "width": 8, "channels": 3, "out_channels": 3, "groups": 3, "kernel": kernel, "stride": (2, 1),
        "padding": (1, 0, 0, 2),
    }  # fmt: skip
    layer = Layer(**fields, y_bits=x_bits, y_signed=x_signed)
    low, high = operand_range(x_bits, x_signed)
    x = np.random.default_rng(0).integers(low, high + 1, (2, 9, 8, 3))
    x[1, :7], x[1, 7:] = high, low
    padded = np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))[:, ::2]
    sums, t = windows.sum(axis=(4, 5)), int(np.ceil(np.log2(kernel[0] * kernel[1])))
    parameters = averaging_parameters(layer)
    y = reference.forward(layer, parameters, x)
    assert np.array_equal(y, np.floor(sums / 2**t + 0.5 * (t > 0)))
    step = 1 << layer.operation.alignment(x_bits, w_bits)[0]
    raw = Layer(**fields)
    accumulated = reference.forward(raw, averaging_parameters(raw), x)
    assert np.array_equal(accumulated, sums * step)
    assert np.abs(accumulated).max() <= format_bound(raw, None)


def pooling_file(*layers: dict[str, Any], **more: Any) -> NetworkFile:
    content = {"version": 1, "name": "pools", "op": "threshold", "x_bits": 6, "w_bits": 6, **more}
    scores = {"name": "scores", "kind": "linear", "out_channels": 2}
    content.setdefault("input", {"height": 6, "width": 5, "channels": 3})
    return NetworkFile.model_validate({**content, "layers": [*layers, scores]})


def network_of(file: NetworkFile, seed: int = 1) -> Network:
    rng, layers = np.random.default_rng(seed), file.build_layers()
    return Network(file.name, layers, tuple(random_parameters(layer, rng) for layer in layers))


def test_the_largest_of_any_window_is_that_of_its_rows_and_columns() -> None:
    x = np.random.default_rng(2).integers(-32, 32, (3, 6, 5, 3))
    for kernel in ([6, 5], [2, 5], [5, 3], [1, 4]):
        whole = pooling_file({"name": "pool", "kind": "maxpool", "kernel": kernel}).build_layers()[0]
        parts = pooling_file(
            {"name": "across", "kind": "maxpool", "kernel": [1, kernel[1]]},
            {"name": "down", "kind": "maxpool", "kernel": [kernel[0], 1]},
        ).build_layers()[:2]
        once = reference.forward(whole, kind_parameters(whole), x)
        assert np.array_equal(reference.run(parts, [kind_parameters(layer) for layer in parts], x)[-1], once)


@pytest.mark.parametrize("kind", ["maxpool", "avgpool"])
def test_global_is_the_whole_of_what_is_read(kind: str) -> None:
    form = {"name": "pool", "kind": kind, "kernel": "global"}
    for size in ({"height": 6, "width": 5}, {"length": 7}, {}):
        pool = pooling_file(form, input={**size, "channels": 3}).build_layers()[0]
        assert (pool.kernel, pool.output_shape) == ((pool.height, pool.width), (1, 1, 3))


def test_a_checkpoint_has_nothing_of_pooling(tmp_path: Path) -> None:
    network = network_of(pooling_file({"name": "mean", "kind": "avgpool", "kernel": "global"}))
    again = load_network(save_network(network, tmp_path, "pools"))
    assert again.layers == network.layers
    with np.load(tmp_path / "pools.npz") as arrays:
        assert {name.split(".")[0] for name in arrays} == {"scores"}
    x = random_inputs(network, 4, 3)
    assert np.array_equal(again.predict(x), network.predict(x))


def test_other_constants_are_refused() -> None:
    network = network_of(pooling_file({"name": "mean", "kind": "avgpool", "kernel": "global"}))
    first, last = network.trained()
    with pytest.raises(LimenError, match=r"^network pools: mean.bias: other values than those of kind avgpool"):
        replace(network, parameters=(replace(first, bias=first.bias + 1), last))


def test_simplification_leaves_averages_alone() -> None:
    conv = {"name": "conv", "kind": "conv2d", "out_channels": 4}
    network = network_of(pooling_file(conv, {"name": "mean", "kind": "avgpool", "kernel": [2, 2]}), seed=5)
    simple = simplify(network).network
    x = random_inputs(network, 8, 6)
    assert np.array_equal(simple.predict(x), network.predict(x))
    assert np.array_equal(simple.trained()[1].weights, network.trained()[1].weights)
