"""Layers of every kind and graphs of them: pure Python, numpy and Numba agree; the rest is refused in one line."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.levels.graphs import GRAPHS, KINDS, random_file, random_graph, random_inputs, random_layer
from tests.levels.graphs import random_parameters as draw_parameters
from tests.levels.naive import naive_layer, naive_network
from workloads.errors import LimenError
from workloads.exact import reference
from workloads.exact.inference import forward_lanes
from workloads.layers.bounds import format_bound, weights_bound
from workloads.layers.graph import TensorShape, walk
from workloads.layers.layer import Layer, LayerForm, LayerParameters, no_parameters
from workloads.networks.network import Network, NetworkFile, load_network
from workloads.ops.integers import operand_range


@pytest.mark.parametrize("kind", KINDS)
def test_layers(kind: str) -> None:
    """Reference, pure Python and kernels on random layers; the accumulators stay within both bounds."""
    for seed in range(60):
        print(f"{kind}, seed {seed}")
        rng = np.random.default_rng(seed)
        layer = random_layer(kind, rng)
        parameters = draw_parameters(layer, rng)
        parameters.check(layer)
        low, high = operand_range(layer.x_bits, layer.x_signed)
        x = rng.integers(low, high + 1, (3, *layer.input_shape))
        added_format = None if layer.residual is None else (6, False)
        added = None if layer.residual is None else rng.integers(0, 64, (3, *layer.output_shape))
        expected = reference.forward(layer, parameters, x, added)
        for image in range(3):
            residual = None if added is None else added[image].tolist()
            assert expected[image].tolist() == naive_layer(layer, parameters, x[image].tolist(), residual)
        lanes = None if added is None else added.transpose(1, 2, 3, 0)
        assert np.array_equal(
            forward_lanes(layer, parameters, x.transpose(1, 2, 3, 0), lanes).transpose(3, 0, 1, 2), expected
        )
        bounds = weights_bound(layer, parameters, added_format), format_bound(layer, parameters, added_format)
        if kind == "maxpool":
            assert (bounds, layer.pairs, layer.fan_in) == ((0, 0), 0, layer.kernel[0] * layer.kernel[1])
        else:
            sums = reference.forward(layer.model_copy(update={"y_bits": None}), parameters, x, added)
            assert np.abs(sums).max() <= bounds[0] <= bounds[1]
            assert layer.pairs == layer.pixels * parameters.weights.size


@pytest.mark.parametrize("shape", GRAPHS)
def test_graphs(shape: str) -> None:
    """Whole networks: every layer's output equal to pure Python's, and the kernels' scores to both."""
    for seed in range(12):
        network = random_graph(shape, seed)
        x = random_inputs(network, 3, seed)
        outputs = reference.run(network.layers, network.trained(), x)
        for image in range(3):
            expected = naive_network(network.layers, network.trained(), x[image].tolist())
            assert [output[image].tolist() for output in outputs] == expected
        assert np.array_equal(network.predict(x), outputs[-1].reshape(3, -1))


class Tensor:
    """What a walk may hold, and let go."""

    def __init__(self, text: str) -> None:
        self.text = text


def test_a_walk_joins_by_channel_and_lets_go_of_what_nobody_reads_again() -> None:
    layers = [
        LayerForm(name="high", kind="linear", input="input", tensor="both", offset=4),
        LayerForm(name="low", kind="linear", input="input", tensor="both"),
        LayerForm(name="sum", kind="linear", residual="input"),
        LayerForm(name="end", kind="linear"),
    ]
    held: dict[str, weakref.ref[Tensor]] = {}

    def step(index: int, seen: Tensor, added: Tensor | None) -> Tensor:
        assert [name for name, one in held.items() if one() is not None] == STILL_HELD[index]
        made = Tensor(f"{layers[index].name}({seen.text}{' + ' + added.text if added else ''})")
        held[layers[index].name] = weakref.ref(made)
        return made

    last = walk(layers, Tensor("input"), lambda pieces: Tensor(", ".join(one.text for one in pieces)), step)
    assert last.text == "end(sum(low(input), high(input) + input))"


STILL_HELD = ([], ["high"], ["high", "low"], ["sum"])


def test_groups_are_independent_layers() -> None:
    """A grouped layer is one small layer for each group, side by side."""
    rng = np.random.default_rng(3)
    whole = Layer(name="whole", op="mac", x_bits=5, w_bits=4, height=4, width=3, channels=6, out_channels=9, groups=3)
    drawn = draw_parameters(whole, rng)
    x = rng.integers(-16, 16, (2, *whole.input_shape))
    small = whole.model_copy(update={"channels": 2, "out_channels": 3, "groups": 1})
    parts = [
        reference.forward(small, LayerParameters(drawn.weights[n], None, drawn.bias[n], drawn.shift[n]), x[..., c])
        for n, c in ((slice(3 * g, 3 * g + 3), slice(2 * g, 2 * g + 2)) for g in range(3))
    ]
    assert np.array_equal(reference.forward(whole, drawn, x), np.concatenate(parts, axis=-1))
    assert (whole.fan_in, whole.group_channels, whole.group_outputs) == (2, 2, 3)


def test_bounds_are_met_with_a_residual() -> None:
    """The worst input with the worst residual gives just the bound."""
    fields = {
        "name": "worst",
        "kind": "linear",
        "op": "mac",
        "x_bits": 4,
        "w_bits": 3,
        "channels": 1,
        "out_channels": 1,
    }
    layer = Layer.model_validate({**fields, "residual": "r", "residual_shift": 3})
    ones = np.ones(1, dtype=np.int64)
    given = LayerParameters(-4 * ones.reshape(1, 1, 1, 1), None, 5 * ones, 0 * ones)
    x, added = np.full((1, 1, 1, 1), -8), np.full((1, 1, 1, 1), 31)
    assert reference.forward(layer, given, x, added).item() == weights_bound(layer, given, (6, True)) == 32 + 5 + 31 * 8
    assert format_bound(layer, given, (6, True)) == 32 + 5 + 32 * 8
    assert format_bound(layer, None, (6, False)) == 32 + 63 * 8


BASE = {
    "name": "one",
    "op": "mac",
    "x_bits": 8,
    "w_bits": 8,
    "height": 4,
    "width": 4,
    "channels": 16,
    "out_channels": 32,
}
POOL = {"kind": "maxpool", "out_channels": 16, "y_bits": 8}
MEAN = {"kind": "avgpool", "out_channels": 16, "groups": 16}
LAYER_REFUSALS = (
    ({"groups": 3}, "groups: 3 is not allowed: must divide channels 16 and out_channels 32"),
    ({"kind": "conv1d"}, "width: 4 is not allowed: kind conv1d needs 1"),
    ({"kind": "conv1d", "width": 1, "kernel": (1, 2), "padding": (0, 0, 1, 0)}, "kernel: (1, 2) is not allowed"),
    ({"kind": "conv1d", "width": 1, "stride": (1, 2)}, "stride: (1, 2) is not allowed: kind conv1d needs (1, 1)"),
    ({"kind": "conv1d", "width": 1, "padding": (2, 1, 1, 0)}, "padding: (2, 1, 1, 0) is not allowed"),
    ({"kind": "linear"}, "kind: 'linear' is not allowed: height and width are not 1"),
    ({**POOL, "out_channels": 8}, "out_channels: 8 is not allowed: kind maxpool needs 16"),
    ({**POOL, "groups": 2}, "groups: 2 is not allowed: kind maxpool needs 1"),
    ({**POOL, "y_bits": 7}, "y_bits: 7 is not allowed: kind maxpool needs 8"),
    ({**POOL, "y_signed": False}, "y_signed: False is not allowed: kind maxpool needs True"),
    ({**POOL, "residual": "other"}, "residual: 'other' is not allowed: kind maxpool needs None"),
    ({**POOL, "op": "threshold", "polarity": "input"}, "polarity: 'input' is not allowed: kind maxpool"),
    ({**MEAN, "out_channels": 8}, "out_channels: 8 is not allowed: kind avgpool needs 16"),
    ({**MEAN, "groups": 4}, "groups: 4 is not allowed: kind avgpool needs 16"),
    ({**MEAN, "y_bits": 7}, "y_bits: 7 is not allowed: kind avgpool needs 8"),
    ({**MEAN, "residual": "other"}, "residual: 'other' is not allowed: kind avgpool needs None"),
    ({**MEAN, "op": "threshold", "polarity": "input"}, "polarity: 'input' is not allowed: kind avgpool"),
    ({**MEAN, "op": "adder", "w_bits": 7}, "w_bits: 7 is not allowed: an avgpool of op adder takes at least x_bits, 8"),
    (
        {**MEAN, "height": 65535, "width": 65535, "kernel": (65535, 65535)},
        "kernel: [65535, 65535] is not allowed: an avgpool takes at most 2^31 positions",
    ),
    ({"polarity": "neuron"}, "polarity: 'neuron' is not allowed: op mac has none"),
)


@pytest.mark.parametrize(("change", "words"), LAYER_REFUSALS)
def test_layer_refusals(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Layer.model_validate({**BASE, **change})
    assert f"layer one: {words}" in str(refusal.value)


def test_parameter_refusals() -> None:
    """A maxpool has exactly no parameters; a grouped layer has a group's fan-in."""
    pool = Layer.model_validate({**BASE, **POOL})
    grouped = Layer.model_validate({**BASE, "groups": 2})
    no_parameters().check(pool)
    drawn = draw_parameters(grouped, np.random.default_rng(0))
    assert drawn.weights.shape == (32, 1, 1, 8)
    signed = LayerParameters(drawn.weights, drawn.weights, drawn.bias, drawn.shift)
    for layer, parameters, words in (
        (pool, drawn, r"one.weights: int64 \[32, 1, 1, 8\]; expected int64 \[0, 0, 0, 0\]"),
        (grouped, no_parameters(), r"one.weights: int64 \[0, 0, 0, 0\]; expected int64 \[32, 1, 1, 8\]"),
        (pool, signed, "one.polarity: present; kind maxpool"),
    ):
        with pytest.raises(ValueError, match=words):
            parameters.check(layer)


def chain(**changes: dict[str, Any]) -> dict[str, Any]:
    """A network file of three convolutions a, b, c and a linear d, with changes of its layers."""
    same = {"kind": "conv2d", "out_channels": 4}
    layers = [{"name": name, **same} for name in "abc"] + [{"name": "d", "kind": "linear", "out_channels": 2}]
    for entry in layers:
        entry |= changes.get(str(entry["name"]), {})
    head = {"version": 1, "name": "net", "op": "mac", "x_bits": 8, "w_bits": 8}
    return {**head, "input": {"height": 3, "width": 3, "channels": 4}, "layers": layers}


JOINED = {"a": {"tensor": "t"}, "b": {"input": "input", "tensor": "t", "offset": 4}}
REFUSALS = (
    ({"c": {"input": "x"}}, "layer c: input: 'x' is not allowed: no layer writes it; written before are input, a, b"),
    ({"b": {"input": "c"}, "a": {}, "d": {"residual": "a"}}, "layer b: input: 'c' is not allowed: layer c writes it"),
    ({"c": {"residual": "x"}}, "layer c: residual: 'x' is not allowed: no layer writes it"),
    ({"b": {"residual": "c"}}, "layer b: residual: 'c' is not allowed: layer c writes it, and comes no earlier"),
    ({"b": {"residual": "b"}}, "layer b: residual: 'b' is not allowed: layer b writes it, and comes no earlier"),
    ({"b": {"out_channels": 5}, "c": {"residual": "b"}}, "layer c: residual: 'b' is not allowed: it is [3, 3, 5]"),
    ({"b": {"tensor": "input"}, "c": {}}, "layer b: tensor: 'input' is not allowed: it is the network's own input"),
    ({"c": {"input": "a"}}, "layer b: tensor: 'b' is not allowed: no later layer reads it"),
    (
        {"c": {"input": "a", "x_bits": 6}, "d": {"residual": "b"}},
        "layer c: x_bits: 6, signed True, is not allowed: layer b reads tensor 'a' with 8, signed True",
    ),
    (
        {**JOINED, "b": {**JOINED["b"], "offset": 3}},
        "layer b: offset: 3 is not allowed: layer a writes channels 0 to 3",
    ),
    ({**JOINED, "b": {**JOINED["b"], "offset": 6}}, "layer c: input: 't' is not allowed: its channels 4 to 5 are not"),
    ({"a": {"offset": 2}}, "layer b: input: 'a' is not allowed: its channels 0 to 1 are not written before"),
    ({"d": {"offset": 2}}, "layer d: tensor: 'd' is not allowed: its channels 0 to 1 are not written before"),
    (
        {**JOINED, "b": {**JOINED["b"], "kernel": [2, 2]}},
        "layer b: output [2, 2] is not allowed: layer a writes tensor 't'",
    ),
    ({**JOINED, "d": {"tensor": "t", "offset": 8, "input": "c"}, "c": {}}, "layer d: output [1, 1] is not allowed"),
    ({"b": {"groups": 3}}, "layer b: groups: 3 is not allowed: must divide channels 4 and out_channels 4"),
    ({"d": {"kind": "maxpool", "out_channels": None}}, "layer d: kind: 'maxpool' is not allowed last"),
    ({"b": {"x_bits": 6, "kind": "maxpool", "out_channels": None}}, "layer b: y_bits: 8 is not allowed: kind maxpool"),
)


@pytest.mark.parametrize(("changes", "words"), REFUSALS)
def test_graph_refusals(changes: dict[str, Any], words: str) -> None:
    form = NetworkFile.model_validate(chain(**changes))
    with pytest.raises(LimenError) as refusal:
        Network("net", form.build_layers())
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_refusals_of_layers_given_directly() -> None:
    """What a network file derives can be wrong where layers are made by hand."""
    layers = NetworkFile.model_validate(chain(c={"residual": "a"})).build_layers()

    def change(index: int, **fields: Any) -> tuple[Layer, ...]:
        return (*layers[:index], layers[index].model_copy(update=fields), *layers[index + 1 :])

    for wrong, words in (
        ((), "network net: layers: the last one must exist and write raw accumulators"),
        (layers[:-1], "network net: layers: the last one must exist and write raw accumulators"),
        (change(1, name="a"), "network net: layers: name 'a' is not allowed twice"),
        (change(1, channels=3), "network net: layer b: input [3, 3, 3] is not allowed: tensor 'a' is [3, 3, 4]"),
        (change(3, channels=35), "network net: layer d: input [1, 1, 35] is not allowed: tensor 'c' is [3, 3, 4]"),
        (change(0, y_bits=7), "network net: layer a: y_bits: 7 is not allowed: layer b reads 8 bits, signed True"),
        (change(1, y_bits=None), "network net: layer b: y_bits: None is not allowed: layer c reads 8 bits"),
    ):
        with pytest.raises(LimenError) as refusal:
            Network("net", wrong)
        assert words in str(refusal.value) and "\n" not in str(refusal.value)
    other = NetworkFile.model_validate(chain(**JOINED)).build_layers()
    with pytest.raises(LimenError, match=r"layer b: y_bits: 6, signed True, is not allowed: layer a writes tensor 't'"):
        Network("net", (other[0], other[1].model_copy(update={"y_bits": 6}), *other[2:]))
    only_added = NetworkFile.model_validate(chain(b={"input": "input"}, c={"input": "input", "residual": "a"}))
    layers = only_added.model_copy(update={"layers": [only_added.layers[i] for i in (0, 2, 3)]}).build_layers()
    assert layers[0].y_bits == 8
    with pytest.raises(LimenError, match=r"layer c: residual: 'a' is not allowed: it holds raw accumulators"):
        Network("net", (layers[0].model_copy(update={"y_bits": None}), *layers[1:]))


FILE_REFUSALS = (
    ({"kind": "conv1d", "kernel": [3, 3]}, "layer b: kernel: [3, 3] is not allowed: kind conv1d takes a list of 1"),
    ({"kernel": [3]}, "layer b: kernel: [3] is not allowed: kind conv2d takes a list of 2"),
    ({"padding": [1, 1]}, "layer b: padding: [1, 1] is not allowed: kind conv2d takes a list of 4"),
    ({"kind": "maxpool", "out_channels": None, "padding": [1] * 3}, "layer b: padding: [1, 1, 1] is not allowed"),
    ({"kind": "maxpool"}, "layer b: out_channels: 4 is not allowed: a maxpool has the channels it reads"),
    ({"kind": "avgpool"}, "layer b: out_channels: 4 is not allowed: an avgpool has the channels it reads"),
    ({"kernel": "global"}, "layer b: kernel: global is not allowed: kind conv2d takes a list of 2"),
    (
        {"kind": "maxpool", "out_channels": None, "kernel": "global", "stride": [2, 2]},
        "layer b: stride: [2, 2] is not allowed: a global kernel has one place, without padding",
    ),
    ({"kernel": "all"}, "layer b: kernel: 'all' is not allowed: "),
    ({"kernel": [0, 1]}, "layer b: kernel.0: 0 is not allowed: "),
    ({"out_channels": None}, "layer b: out_channels: missing; this key is required"),
    ({"kind": "pool"}, "layer b: kind: 'pool' is not allowed"),
    ({"offset": -1}, "layer b: offset: -1 is not allowed"),
    ({"residual_shift": 16}, "layer b: residual_shift: 16 is not allowed"),
)


def write_yaml(path: Path, content: dict[str, Any]) -> Path:
    with path.open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)
    return path


@pytest.mark.parametrize(("change", "words"), FILE_REFUSALS)
def test_file_refusals(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(LimenError) as refusal:
        load_network(write_yaml(tmp_path / "net.yaml", chain(b=change)))
    assert f"net.yaml: {words}" in str(refusal.value) and "\n" not in str(refusal.value)


def test_length_or_height_and_width(tmp_path: Path) -> None:
    content = {**chain(), "input": {"length": 9, "height": 9, "channels": 1}}
    with pytest.raises(LimenError, match=r"input: length: 9 is not allowed: give either length, or height and width$"):
        load_network(write_yaml(tmp_path / "net.yaml", content))


EVERYTHING = """
version: 1
name: everything
op: threshold
x_bits: 6
w_bits: 5
input: {length: 20, channels: 3}
checkpoint: everything.npz
layers:
  - {name: stem, kind: conv1d, out_channels: 4, kernel: [5], padding: [4, 0], polarity: input}
  - {name: left, kind: conv1d, out_channels: 4, kernel: [3], padding: [1, 1], groups: 4, tensor: joined}
  - {name: right, kind: maxpool, input: stem, kernel: [3], padding: [1, 1], tensor: joined, offset: 4}
  - {name: mixed, kind: conv1d, out_channels: 4, residual: stem, residual_shift: 2, polarity: neuron}
  - {name: pool, kind: maxpool, kernel: [2], stride: [2]}
  - {name: product, kind: conv2d, op: mac, out_channels: 6, kernel: [2, 1], groups: 2, x_bits: 6, w_bits: 4}
  - {name: scores, kind: linear, out_channels: 3, polarity: generated, polarity_seed: 4294967295}
"""


def test_file_with_everything(tmp_path: Path) -> None:
    """A network file of all features with its checkpoint: the stated tensors, and the scores of pure Python."""
    path = tmp_path / "everything.yaml"
    path.write_text(EVERYTHING.replace("checkpoint: everything.npz\n", ""))
    shapes = load_network(path)
    rng = np.random.default_rng(8)
    parameters = [draw_parameters(layer, rng) for layer in shapes.layers]
    arrays = {
        f"{layer.name}.{name}": getattr(layer_parameters, name)
        for layer, layer_parameters in zip(shapes.layers, parameters, strict=True)
        for name in ("weights", "polarity", "bias", "shift")
        if layer.has_parameters and getattr(layer_parameters, name) is not None
        if name != "polarity" or not layer.generates_polarity
    }
    np.savez(tmp_path / "everything.npz", **arrays)
    path.write_text(EVERYTHING)
    network = load_network(path)
    assert network.tensors == {
        "input": TensorShape(20, 1, 3, 6, True),
        "stem": TensorShape(20, 1, 4, 6, True),
        "joined": TensorShape(20, 1, 8, 6, True),
        "mixed": TensorShape(20, 1, 4, 6, True),
        "pool": TensorShape(10, 1, 4, 6, True),
        "product": TensorShape(9, 1, 6, 6, True),
        "scores": TensorShape(1, 1, 3, None, True),
    }
    assert [network.reads(i) for i in range(7)] == ["input", "stem", "stem", "joined", "mixed", "pool", "product"]
    assert [network.writes(i) for i in range(3)] == [("stem", 0), ("joined", 0), ("joined", 4)]
    assert (network.residual_of(3), network.residual_format(3)) == ("stem", (6, True))
    assert (network.residual_of(4), network.residual_format(4)) == (None, None)
    x = random_inputs(network, 70, seed=9)
    scores = network.predict(x)
    for image in (0, 69):
        assert [[scores[image].tolist()]] == naive_network(network.layers, network.trained(), x[image].tolist())[-1]


def test_formats_follow_the_readers() -> None:
    """A tensor's format is its readers'; one that is only added takes that of the layer that adds it."""
    content = random_file("residual", np.random.default_rng(0)) | {"op": "mac", "x_bits": 8}
    for entry in content["layers"]:
        entry.pop("polarity", None)
        entry |= {"x_bits": {"a2": 3, "shortcut": 5, "b1": 5, "b2": 4}.get(entry["name"], 8)}
    tensors = Network("net", NetworkFile.model_validate(content).build_layers()).tensors
    assert [tensors[name].bits for name in ("stem", "a1", "a2", "b1", "shortcut")] == [8, 3, 5, 4, 4]


def test_input_flattened_first() -> None:
    """A linear layer that comes first doesn't hide the shape of the input from the others; the input may be added."""
    content = chain(a={"kind": "linear"}, b={"input": "input"}, c={"residual": "input"}, d={"residual": "a"})
    content["layers"][3]["out_channels"] = 4
    layers = NetworkFile.model_validate(content).build_layers()
    rng = np.random.default_rng(4)
    network = Network("net", layers, tuple(draw_parameters(layer, rng) for layer in layers))
    assert network.tensors["input"] == TensorShape(3, 3, 4, 8, True)
    assert network.residual_format(2) == (8, True)
    x = random_inputs(network, 2, seed=4)
    expected = naive_network(layers, network.trained(), x[1].tolist())[-1]
    assert [[network.predict(x)[1].tolist()]] == expected
    assert reference.run(layers, network.trained(), x)[-1][1].tolist() == expected
