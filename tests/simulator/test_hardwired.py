"""Hard-wired neurons give what the reference gives: additions of random layers, Verilog of a network of all ops."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator.hardwired.adders import Adders, Addition, outputs
from simulator.hardwired.export import Wiring, export, verify
from simulator.hardwired.sharing import FORMS, shared, sums
from simulator.hardwired.trees import ONE, TREES, ZERO, Summand, carry_save
from simulator.hardwired.window import window_of, windows_of
from tests.levels.graphs import random_layer, random_parameters
from tests.simulator.small_export import edit
from tests.support.tools import needs_verilator
from workloads.errors import LimenError
from workloads.exact import reference
from workloads.insight.ranges import Range
from workloads.layers.layer import Layer, LayerParameters, no_parameters
from workloads.networks.network import Network
from workloads.ops.integers import operand_range
from workloads.ops.operation import Operation
from workloads.ops.product import Product

LAYERS = {
    "all thresholds dropped": ("threshold", [[7, 7], [6, 5]], (-8, 2)),
    "all folded": ("threshold", [[-8, -7], [-8, -8]], (-5, 7)),
    "one of each": ("threshold", [[7, -8], [0, 1]], (-4, 4)),
    "no weight": ("mac", [[0, 0], [0, 0]], (-8, 7)),
    "adder beside the range": ("adder", [[-8, 7], [0, 1]], (-2, 2)),
}


def linear(op: str, weights: list[list[int]], bits: int = 4) -> tuple[Layer, LayerParameters]:
    """A linear layer of these weights [N, K], polarity −1 and +1 in turn."""
    w = np.array(weights, dtype=np.int64)[:, None, None, :]
    layer = Layer(
        name="small", kind="linear", op=op, x_bits=bits, w_bits=bits, channels=w.shape[-1], out_channels=len(w),
        y_bits=bits,
    )  # fmt: skip
    signs = np.resize(np.array([-1, 1], dtype=np.int64), w.shape) if layer.operation.polar else None
    return layer, LayerParameters(w, signs, np.arange(len(w)) - 1, np.arange(len(w)))


def agree(layer: Layer, parameters: LayerParameters, seen: Range, rng: np.random.Generator) -> None:
    """Compare every form of a layer's neurons with the reference on random inputs within `seen` [C]."""
    window = window_of(layer, parameters, seen)
    x = rng.integers(seen.low, seen.high + 1, (6, *layer.input_shape))
    expected = reference.forward(layer, parameters, x).reshape(-1, layer.out_channels)
    places = reference.patches(layer, x, absent=0).reshape(-1, window.inputs)
    for name, form in FORMS.items():
        if name != "da4ml":
            assert np.array_equal(outputs(form(window), places), expected), (name, layer)


@pytest.mark.parametrize("seed", range(40))
def test_random_layers_give_what_the_reference_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = random_layer(("conv2d", "conv1d", "linear", "avgpool")[seed % 4], rng).model_copy(update={"residual": None})
    low, high = operand_range(layer.x_bits, layer.x_signed)
    ends = np.sort(rng.integers(low, high + 1, (2, layer.channels)), axis=0)
    agree(layer, random_parameters(layer, rng), Range(*ends), rng)


@pytest.mark.parametrize("name", LAYERS)
def test_thresholds_outside_the_range_are_wired_away(name: str) -> None:
    op, weights, (low, high) = LAYERS[name]
    layer, parameters = linear(op, weights)
    seen = Range(np.full(2, low), np.full(2, high))
    agree(layer, parameters, seen, np.random.default_rng(0))
    window = window_of(layer, parameters, seen)
    counts = {"all thresholds dropped": (4, 0, 0), "all folded": (0, 4, 0), "one of each": (1, 1, 2)}
    thresholds = sum(feature.threshold is not None for feature in window.features)
    if name in counts:
        assert (window.dropped, window.folded, thresholds) == counts[name]


def test_a_pair_that_two_neurons_add_is_added_once() -> None:
    layer, parameters = linear("mac", [[1, 1, 5], [2, 2, -1], [0, 0, 1]])
    window = window_of(layer, parameters, Range(np.full(3, -8), np.full(3, 7)))
    assert sums(window).adds == 3 + 2
    assert shared(window).additions == (Addition(0, 0, 1, 0, False, -16, 14),)
    assert shared(window).adds == 1 + 2 + 1


def test_a_wrong_addition_is_seen() -> None:
    layer, parameters = linear("mac", [[3, 5, 1], [3, 5, -1]])
    window = window_of(layer, parameters, Range(np.full(3, -8), np.full(3, 7)))
    adders = shared(window)
    wrong = adders.additions[0]._replace(subtracts=not adders.additions[0].subtracts)
    x = np.array([[1, 2, 3]])
    changed = replace(adders, additions=(wrong, *adders.additions[1:]))
    assert not np.array_equal(outputs(Adders(window, changed.additions, adders.terms), x), outputs(adders, x))


def summands(count: int, shifts: int) -> list[Summand]:
    """Numbers of four bits, shifted by 0 to shifts − 1 in turn."""
    return [Summand(0, (ZERO,) * (k % shifts) + tuple(f"x{k}[{place}]" for place in range(4))) for k in range(count)]


@pytest.mark.parametrize("count", [3, 9, 128])
def test_a_tree_of_full_adders_takes_a_bit_each_and_is_as_deep_with_shifts(count: int) -> None:
    deepest = []
    for shifts in (1, 4):
        lines, left = carry_save(summands(count, shifts), 24, "0")
        depth = {f"x{k}[{place}]": 0 for k in range(count) for place in range(4)}
        for line in lines:
            for wire, of in re.findall(r"([htc]_0_\d+) = ([^,;]+)", line):
                inputs = [depth[name] for name in re.findall(r"[a-z]\w*(?:\[\d\])?", of)]
                depth[wire] = 1 + max(inputs)
        full_adders = sum(line.startswith("wire h_") for line in lines)
        assert full_adders == 4 * count - sum(map(len, left)) and max(map(len, left)) <= 2
        deepest.append(max(depth[name] for column in left for name in column))
    assert abs(deepest[1] - deepest[0]) <= 4


def test_a_tree_keeps_constants_and_drops_what_is_above() -> None:
    for tree in TREES.values():
        assert tree([Summand(0, (ONE, ZERO, ONE, ONE))], 3, "0") == ([], [[ONE], [], [ONE]])
        assert tree([], 2, "0") == ([], [[], []])


def network_of_all_ops() -> Network:
    """A layer of each op in a chain, 2 to 5 bits, one of them with windows that overlap, the first with one synapse."""
    rng = np.random.default_rng(3)
    forms = [
        {"kind": "conv2d", "op": "threshold", "channels": 1, "out_channels": 3, "kernel": (1, 1), "w_bits": 2},
        {"kind": "conv2d", "op": "mac", "channels": 3, "out_channels": 4, "kernel": (2, 2), "w_bits": 5},
        {"kind": "conv2d", "op": "adder", "channels": 4, "out_channels": 3, "kernel": (3, 2), "w_bits": 3,
         "padding": (1, 1, 0, 1), "stride": (2, 1)},
        {"kind": "conv2d", "op": "shift", "channels": 3, "out_channels": 5, "kernel": (1, 2), "w_bits": 4},
    ]  # fmt: skip
    layers: list[Layer] = []
    height = width = 4
    for index, form in enumerate(forms):
        bits = (2, 4, 5, 4)[index]
        y_bits = (4, 5, 4, None)[index]
        layer = Layer.model_validate(
            {"name": f"layer{index}", "x_bits": bits, "height": height, "width": width, "y_bits": y_bits, **form}
        )
        height, width = layer.out_height, layer.out_width
        layers.append(layer)
    return Network("all-ops", tuple(layers), tuple(random_parameters(layer, rng) for layer in layers))


@pytest.mark.parametrize("tree", TREES)
def test_verilog_of_all_ops_is_proved_and_a_wrong_bit_is_found(
    tree: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_verilator()
    monkeypatch.setenv("CXXFLAGS", "-O0")
    network = network_of_all_ops()
    x = np.random.default_rng(0).integers(-2, 2, (40, 4, 4, 1))
    exported = export(network, x, tmp_path / "net", wiring=Wiring(tree=tree))
    proof = verify(tmp_path / "net")
    windows = sum(layer.pixels for layer in network.layers)
    assert (proof.images, proof.layers, proof.cycles, proof.mismatches) == (40, 4, 40 * windows, 0)
    assert proof == verify(tmp_path / "net") and verify(tmp_path / "net").kept
    assert [adders.window.layer.name for adders in exported.layers] == [layer.name for layer in network.layers]
    path = tmp_path / "net" / "vectors" / "vectors.txt"
    lines = path.read_text().split("\n")
    last = lines[-2].split(" ")
    lines[-2] = " ".join([*last[:2], f"{int(last[2], 16) ^ 1:x}"])
    path.write_text("\n".join(lines))
    assert verify(tmp_path / "net").mismatches == 1


@pytest.mark.parametrize("wiring", [Wiring(tree="bushy"), Wiring(form="bushy")])
def test_other_forms_and_trees_are_refused_and_leave_nothing(wiring: Wiring, tmp_path: Path) -> None:
    with pytest.raises(LimenError, match=r"^(tree|form): 'bushy' is not allowed: one of "):
        export(network_of_all_ops(), np.zeros((1, 4, 4, 1), dtype=np.int64), tmp_path / "net", wiring=wiring)
    assert not list(tmp_path.iterdir())


def test_folders_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    network = network_of_all_ops()
    x = np.zeros((1, 4, 4, 1), dtype=np.int64)
    export(network, x, tmp_path / "net", ["layer1"])
    (tmp_path / "net" / "vectors" / "vectors.txt").write_text("limen-hardwired 1\nimages 1\n")
    with pytest.raises(LimenError, match=r"vectors\.txt: differs from what hardwired\.json says"):
        verify(tmp_path / "net")
    edit(tmp_path / "net" / "filelist.f", "rtl/limen_chip.v\n", "")
    with pytest.raises(LimenError, match=r"filelist\.f: other files than those"):
        verify(tmp_path / "net")


def test_what_has_no_hard_wired_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of_all_ops()
    with pytest.raises(LimenError, match="layer: 'nope' is not allowed: one of layer0, layer1, layer2, layer3"):
        windows_of(network, ("nope",))

    pool = {"name": "pool", "kind": "maxpool", "op": "mac", "x_bits": 2, "w_bits": 2, "channels": 1}
    pool |= {"out_channels": 1, "y_bits": 2, "height": 4, "width": 4}
    pooled = Network(
        "pooled", (Layer.model_validate(pool), *network.layers), (no_parameters(), *(network.parameters or ()))
    )
    with pytest.raises(LimenError, match="layer pool: kind: 'maxpool' has no hard-wired form: conv2d, conv1d"):
        windows_of(pooled)
    assert len(windows_of(pooled, ("layer0", "layer1"))) == 2
    monkeypatch.setattr("simulator.hardwired.window.MOST_SYNAPSES", 40)
    with pytest.raises(LimenError, match="layer layer1: 48 synapses are not allowed: at most 40 of a hard-wired"):
        windows_of(network)
    monkeypatch.setattr(Product, "pieces", Operation.pieces)
    with pytest.raises(LimenError, match="layer layer1: op: 'mac' has no hard-wired form"):
        windows_of(network)
