"""A network's statistics against triple loops in plain Python; a net broken on purpose for every sign of failure."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from dse.cli.options import Disagreement
from dse.cli.stats import stats
from tests.levels.graphs import GRAPHS, KINDS, random_graph, random_inputs, random_layer, random_parameters
from tests.support.manifests import unnamed
from workloads.exact.reference import accumulate, requantise, run
from workloads.formats.save_network import save_network
from workloads.insight.failure_signs import Finding, Priced, check_master, check_network
from workloads.insight.statistics import COUNTING_BATCH, count_statistics, fair_interval, layer_statistics
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import InputMap, Network, load_network
from workloads.ops.integers import operand_range
from workloads.ops.names import OPS

PRICED = {"threshold": Priced(0.15, 0.85, 9, 23)}


def counted(layer: Layer, drawn: LayerParameters, x: np.ndarray) -> dict[str, Any]:
    """Return the counts of a layer without residual, loop by loop."""
    top, _, left, _ = layer.padding
    pairs = above = 0
    finals, partials = [], []
    seen: dict[tuple[int, ...], list[bool]] = {}
    below: dict[tuple[int, ...], list[bool]] = {}
    up, down = 2 ** max(0, layer.w_bits - layer.x_bits), 2 ** max(0, layer.x_bits - layer.w_bits)
    for image in x.tolist():
        for oh in range(layer.out_height):
            for ow in range(layer.out_width):
                for n in range(layer.out_channels):
                    total = int(drawn.bias[n])
                    partials.append(total)
                    for i in range(layer.kernel[0]):
                        for j in range(layer.kernel[1]):
                            for c in range(layer.channels // layer.groups):
                                h, w = oh * layer.stride[0] + i - top, ow * layer.stride[1] + j - left
                                inside = 0 <= h < layer.height and 0 <= w < layer.width
                                channel = n // (layer.out_channels // layer.groups) * (layer.channels // layer.groups)
                                a = image[h][w][channel + c] if inside else 0
                                b = int(drawn.weights[n, i, j, c])
                                if layer.op in ("threshold", "adder"):
                                    a, b = a * up, b * down
                                    exceeds, under = a > b, a < b
                                    term = (
                                        max(a - b, 0) * int(drawn.polarity[n, i, j, c])
                                        if drawn.polarity is not None
                                        else 0
                                    )
                                    term = -abs(a - b) if layer.op == "adder" else term
                                else:
                                    if layer.op == "shift":
                                        bits = format(b % 2**layer.w_bits, f"0{layer.w_bits}b")
                                        size = 2 ** int(bits[1:], 2) if "0" in bits[1:] else 0
                                        b = -size if bits[0] == "1" else size
                                    term = a * b
                                    exceeds, under = term != 0, term == 0
                                pairs, above = pairs + 1, above + exceeds
                                seen.setdefault((n, i, j, c), []).append(exceeds)
                                below.setdefault((n, i, j, c), []).append(under)
                                total += term
                                partials.append(total)
                    finals.append(total)
    never = {key for key, hits in seen.items() if not any(hits)}
    always = {key for key, hits in below.items() if not any(hits) and key not in never}
    return {
        "pairs": pairs // len(x),
        "above": above / pairs,
        "never": len(never) / len(seen),
        "always": len(always) / len(seen),
        "sum_lowest": min(finals),
        "sum_highest": max(finals),
        "partial_lowest": min(partials),
        "partial_highest": max(partials),
    }


@pytest.mark.parametrize("seed", range(60))
def test_counts_equal_a_naive_loop(seed: int) -> None:
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    layer = random_layer(KINDS[seed % 3], rng)  # a maxpool has no operands
    layer = Layer.model_validate(layer.model_dump() | {"residual": None, "y_bits": None})
    drawn = random_parameters(layer, rng)
    low, high = operand_range(layer.x_bits, layer.x_signed)
    x = rng.integers(low, high + 1, (2, *layer.input_shape))
    x[..., 0] = x[0, 0, 0, 0]  # a constant channel: thresholds never and always exceeded
    (row,) = layer_statistics(Network("one", (layer,), (drawn,)), x)
    assert {name: getattr(row, name) for name in counted(layer, drawn, x)} == pytest.approx(counted(layer, drawn, x))
    assert (row.x_lowest, row.x_highest) == (x.min(), x.max())
    assert row.used_bits <= row.format_bits and row.certain_never <= row.never


def test_naive_loop_meets_every_op() -> None:
    assert {random_layer(KINDS[seed % 3], np.random.default_rng(seed)).op for seed in range(60)} == set(OPS)


@pytest.mark.parametrize("shape", GRAPHS)
def test_sums_saturation_and_deviation_equal_the_reference(shape: str) -> None:
    network = random_graph(shape, 3)
    x = random_inputs(network, COUNTING_BATCH + 3, 4)
    outputs = dict(
        zip((layer.name for layer in network.layers), run(network.layers, network.trained(), x), strict=True)
    )
    rows = {row.layer: row for row in layer_statistics(network, x)}
    assert list(rows) == [layer.name for layer in network.layers if layer.has_parameters]
    for index, (layer, parameters) in enumerate(zip(network.layers, network.trained(), strict=True)):
        plain = network.reads(index) in outputs and network.residual_of(index) is None and layer.has_parameters
        if not plain:
            continue
        sums = accumulate(layer, parameters, outputs[network.reads(index)].reshape(len(x), *layer.input_shape))
        row = rows[layer.name]
        assert (row.sum_lowest, row.sum_highest) == (sums.min(), sums.max())
        scaled = sums if layer.y_bits is None else sums / 2.0**parameters.shift
        assert row.deviation == pytest.approx(scaled.std(axis=(0, 1, 2)).mean())
        if layer.y_range is not None:
            free = requantise(layer.model_copy(update={"y_bits": 60}), parameters, sums)
            assert row.saturated_high == pytest.approx(np.mean(free > layer.y_range[1]))


def test_a_fair_coin() -> None:
    for count in (1, 2, 7, 8, 9, 100, 1001):
        tails = [sum(math.comb(count, k) for k in range(lowest)) / 2**count for lowest in range(count // 2 + 2)]
        lowest = max(index for index, tail in enumerate(tails) if tail <= 0.005)
        assert fair_interval(count) == (lowest / count, (count - lowest) / count)
    low, high = fair_interval(40_000)
    assert high - low == pytest.approx(2 * 2.5758 * 0.5 / 200, rel=0.01)


def sound() -> Network:
    """A threshold network that shows no sign of failure on uniform inputs."""
    rng = np.random.default_rng(5)
    common: dict[str, Any] = {"op": "threshold", "x_bits": 8, "w_bits": 8}
    layers = (
        Layer(name="first", height=6, width=6, channels=2, out_channels=12, kernel=(3, 3), y_bits=8, **common),
        Layer(name="scores", kind="linear", channels=192, out_channels=4, **common),
    )
    parameters = []
    for layer in layers:
        drawn = random_parameters(layer, rng)
        signs = rng.permutation(np.resize([1, -1], drawn.weights.size)).reshape(drawn.weights.shape)
        parameters.append(LayerParameters(drawn.weights // 2, signs, drawn.bias, np.full(layer.out_channels, 3)))
    x = UNIFORM
    for index, (layer, drawn) in enumerate(zip(layers, parameters, strict=True)):  # centred, as training leaves them
        sums = accumulate(layer, drawn, x)
        parameters[index] = replace(drawn, bias=drawn.bias - sums.mean(axis=(0, 1, 2)).astype(np.int64))
        x = run(layers, parameters, UNIFORM)[index].reshape(len(UNIFORM), 1, 1, -1)
    return Network("sound", layers, tuple(parameters))


UNIFORM = np.random.default_rng(6).integers(-128, 128, (200, 6, 6, 2))


def findings(network: Network, index: int = 0, **arrays: np.ndarray) -> list[Finding]:
    """Return the findings of a network with some arrays of a layer replaced."""
    changed = list(network.trained())
    changed[index] = replace(changed[index], **arrays)
    broken = replace(network, parameters=tuple(changed))
    return check_network(broken, count_statistics(broken, UNIFORM), 0.9, 0.89, PRICED)


def signs(reported: list[Finding]) -> set[tuple[str, str]]:
    return {(each.sign, each.layer) for each in reported}


def test_a_sound_network_has_no_findings() -> None:
    assert findings(sound()) == []


def test_activations_all_at_one_value_are_a_divergence() -> None:
    reported = findings(sound(), shift=np.full(12, 25))
    assert {("divergence", "first"), ("divergence", "")} <= signs(reported)
    assert str(reported[0]) == f"divergence: layer first: {reported[0].value}; allowed: at least 0.015625"


def test_scores_that_always_say_one_class_are_a_divergence() -> None:
    assert ("divergence", "") in signs(findings(sound(), 1, bias=np.array([0, 10**6, 0, 0])))


def test_saturated_activations_are_a_divergence() -> None:
    reported = findings(sound(), bias=np.full(12, 5000))
    assert any("saturated" in each.value for each in reported if each.layer == "first")


def test_a_spread_beyond_the_range_is_a_divergence() -> None:
    network = sound()
    statistics = count_statistics(network, UNIFORM)
    wide = statistics.layers[0]._replace(deviation_in_range=4.5)
    assert signs(check_network(network, replace(statistics, layers=[wide]))) == {("divergence", "first")}


def test_a_float_master_with_nan_is_a_divergence() -> None:
    weights = np.zeros((2, 1, 1, 3), dtype=np.float32)
    assert check_master({"a.float_weights": weights, "a.bias": np.zeros(2, dtype=np.int32)}) == []
    weights[1, 0, 0, 2] = np.nan
    assert signs(check_master({"a.float_weights": weights})) == {("divergence", "a")}


def test_accuracy_more_than_two_points_under_the_twin() -> None:
    network = sound()
    statistics = count_statistics(network, UNIFORM)
    assert check_network(network, statistics, 0.95, 0.931) == []
    assert signs(check_network(network, statistics, 0.95, 0.929)) == {("accuracy", "")}


def test_polarity_out_of_balance() -> None:
    network = sound()
    polarity = network.trained()[0].polarity
    assert polarity is not None
    excitatory = np.where(np.random.default_rng(7).random(polarity.shape) < 0.4, 1, polarity)
    assert ("polarity", "first") in signs(findings(network, polarity=excitatory))


def test_activity_outside_what_is_priced() -> None:
    network = sound()
    assert ("activity", "first") in signs(findings(network, weights=np.full((12, 3, 3, 2), 120)))
    assert ("activity", "first") in signs(findings(network, weights=np.full((12, 3, 3, 2), -120)))


@pytest.mark.parametrize("limits", [(9, 15), (19, 23)])
def test_accumulator_outside_what_is_priced(limits: tuple[int, int]) -> None:
    network = sound()
    reported = check_network(network, count_statistics(network, UNIFORM), priced={"threshold": Priced(0, 1, *limits)})
    assert signs(reported) == {("accumulator", "scores")}
    assert str(reported[0]).endswith(f"allowed: {limits[0]} to {limits[1]}, as priced")


def test_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        count_statistics(sound(), UNIFORM[:, :5])
    with pytest.raises(ValueError, match="expected"):
        count_statistics(sound(), UNIFORM[:0])


def on_digits(folder: Path) -> Path:
    """Write a threshold network of random weights that reads digits."""
    rng = np.random.default_rng(8)
    common: dict[str, Any] = {"op": "threshold", "x_bits": 4, "w_bits": 4}
    layers = (
        Layer(name="first", height=8, width=8, channels=1, out_channels=6, kernel=(3, 3), y_bits=4, **common),
        Layer(name="scores", kind="linear", channels=216, out_channels=10, **common),
    )
    parameters = tuple(random_parameters(layer, rng) for layer in layers)
    return save_network(Network("random", layers, parameters, "digits", InputMap(offset=8)), folder, "random")


def test_the_command_writes_tables_pictures_and_the_simplified_network(tmp_path: Path) -> None:
    path, out = on_digits(tmp_path), tmp_path / "out"
    done = CliRunner().invoke(stats, [str(path), "--images", "20", "--out", str(out), "--simplify"])
    assert done.exit_code == 0, done.output
    assert "random: 20 images of validation" in done.output and "cycles on threshold-16x16" in done.output
    pictures = {"thresholds.png", "operands.png", "accumulators.png", "deviation.png"}
    written = {"stats.csv", "stats.md", "simplified.yaml", "simplified.npz", "manifest.json"}
    assert {each.name for each in out.iterdir()} == pictures | written and unnamed(out) == []
    before, after = load_network(path), load_network(out / "simplified.yaml")
    x, _ = before.inputs("validation")
    assert np.array_equal(before.predict(x), after.predict(x))


def test_the_command_reports_signs_and_what_it_could_not_check(tmp_path: Path) -> None:
    arguments = [str(on_digits(tmp_path)), "--images", "20", "--check", "--json"]
    done = CliRunner().invoke(stats, arguments)
    printed = json.loads(done.stdout)
    assert printed["unchecked"] == ["accuracy, for want of a MAC twin"]
    assert isinstance(done.exception, Disagreement) == bool(printed["findings"])
    assert printed["findings"]  # random weights, nothing centred: most activations are saturated
