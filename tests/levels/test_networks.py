"""Whole networks: the trained digits family, and one of mixed widths, at all levels and in Verilog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import limen
from simulator.designs.design import Design
from simulator.run import choose_inputs, reference_scores
from tests.levels.cases import design_of
from tests.levels.graphs import GRAPHS, random_graph, random_parameters
from workloads.exact import reference
from workloads.networks.network import Network, NetworkFile

DATAFLOWS = ("os", "ws", "is")
OPS = ("threshold", "mac")
MIXED = {
    "version": 1,
    "name": "mixed",
    "op": "threshold",
    "x_bits": 7,
    "w_bits": 5,
    "input": {"height": 6, "width": 5, "channels": 2},
    "layers": [
        {"name": "first", "kind": "conv2d", "out_channels": 5, "kernel": [3, 2], "padding": [1, 1, 0, 1]},
        {"name": "narrow", "kind": "conv2d", "out_channels": 4, "kernel": [1, 1], "x_bits": 4, "w_bits": 2},
        {
            "name": "strided",
            "kind": "conv2d",
            "out_channels": 3,
            "kernel": [2, 3],
            "stride": [2, 2],
            "x_bits": 6,
            "w_bits": 4,
        },
        {"name": "scores", "kind": "linear", "out_channels": 6},
    ],
}


def mixed_network(op: str, seed: int) -> Network:
    """Layers of four different widths; their differences agree, so that one alignment serves all."""
    print(f"seed {seed}")
    layers = NetworkFile.model_validate({**MIXED, "op": op}).build_layers()
    rng = np.random.default_rng(seed)
    return Network("mixed", layers, tuple(random_parameters(layer, rng) for layer in layers))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("op", OPS)
@pytest.mark.usefixtures("quick_builds")
def test_mixed_widths(op: str, dataflow: str) -> None:
    """Every layer of a network may have widths of its own: bits and cycles agree at all three levels."""
    network = mixed_network(op, seed=11)
    design = Design(rows=4, cols=3, dataflow=dataflow, op=op, x_bits=8, w_bits=6, x_signed=True, acc_policy="weights")
    runs = {level: limen.simulate(network, design, level, images=3, seed=5) for level in ("timing", "cycle", "rtl")}
    assert runs["timing"].counts == runs["cycle"].counts == runs["rtl"].counts
    x = choose_inputs(network, 3, seed=5)
    expected = reference.run(network.layers, network.trained(), x)[-1].reshape(3, -1)
    for level in ("cycle", "rtl"):
        scores = runs[level].scores
        assert scores is not None and np.array_equal(scores, expected), level


@pytest.mark.parametrize(
    ("dataflow", "op", "x_bits", "w_bits"),
    [
        *((dataflow, op, 8, 8) for dataflow in DATAFLOWS for op in OPS),
        ("ws", "threshold", 6, 4),
        ("is", "mac", 3, 5),
    ],
)
@pytest.mark.usefixtures("quick_builds")
def test_digits_in_verilog(dataflow: str, op: str, x_bits: int, w_bits: int, tmp_path: Path) -> None:
    """The trained network on real test images, memory included: every tensor and every count equal."""
    network = limen.network("digits", op, x_bits, w_bits)
    chip = limen.Design(rows=8, cols=4, dataflow=dataflow, op=op, x_bits=x_bits, w_bits=w_bits)
    proof = limen.export(network, chip, tmp_path / "chip", images=6).verify()
    assert (proof.images, proof.layers, proof.mismatches) == (6, 4, 0)
    assert proof.cycles == 6 * limen.simulate(network, chip).cycles


@pytest.mark.parametrize(
    ("dataflow", "kind", "w_bits"),
    [("os", "mac-threshold", 8), ("ws", "shift-adder", 8), ("is", "adder", 8), ("os", "shift", 5)],
)
@pytest.mark.usefixtures("quick_builds")
def test_digits_of_other_ops_in_verilog(dataflow: str, kind: str, w_bits: int, tmp_path: Path) -> None:
    """Ops mixed in one network, adders and shifts, trained: every tensor and every count equal."""
    network = limen.network("digits", kind, 8, w_bits)
    chip = design_of(network, rows=8, cols=4, dataflow=dataflow)
    proof = limen.export(network, chip, tmp_path / "chip", images=6).verify()
    assert (proof.images, proof.layers, proof.mismatches) == (6, 4, 0)
    assert proof.cycles == 6 * limen.simulate(network, chip).cycles


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.usefixtures("quick_builds")
def test_digits_of_generated_polarity_in_verilog(dataflow: str, tmp_path: Path) -> None:
    """Trained with the signs that the chip's generator replays: every tensor, and every count but those of polarity."""
    network = limen.network("digits-generated", "threshold", 6, 6)
    fields = {"rows": 8, "cols": 4, "dataflow": dataflow, "op": "threshold", "x_bits": 6, "w_bits": 6}
    chip = limen.Design(**fields, polarity="generated")
    proof = limen.export(network, chip, tmp_path / "chip", images=6).verify()
    assert (proof.images, proof.layers, proof.mismatches) == (6, 4, 0)
    run, stored = limen.simulate(network, chip), limen.simulate(network, limen.Design(**fields))
    assert proof.cycles == 6 * run.cycles < 6 * stored.cycles
    assert all(counts.polarity_reads == counts.polarity_writes == 0 for counts in run.counts)
    assert sum(counts.beats_filter for counts in run.counts) < sum(counts.beats_filter for counts in stored.counts)


@pytest.mark.parametrize("shape", GRAPHS)
def test_graphs_run_on_the_machine(shape: str) -> None:
    """Residual blocks, concatenations, pooling and sequences: the cycle model's scores are the reference's."""
    for seed in range(40, 44):
        network = random_graph(shape, seed)
        first = network.layers[0]
        wider = {"x_bits": first.x_bits + (not first.x_signed), "x_signed": True}
        memory = {"feeder_width": 1, "port_bits": 32}
        design = design_of(network, rows=4, cols=3, dataflow=DATAFLOWS[seed % 3], **wider, **memory)
        run = limen.simulate(network, design, "cycle", images=2, seed=seed)
        expected = network.predict(choose_inputs(network, 2, seed))
        assert run.counts == limen.simulate(network, design).counts
        assert run.scores is not None and np.array_equal(run.scores, expected)


@pytest.mark.parametrize("kind", ["threshold", "mac-threshold", "shift-adder"])
def test_accuracy_on_the_machine(kind: str) -> None:
    """The cycle model classifies 100 test images as the exact integers do."""
    network = limen.network("digits", kind, 8, 8)
    x, labels = network.inputs("test")
    run = limen.simulate(network, limen.load_design(f"{kind}-16x16"), "cycle", images=100)
    assert run.scores is not None
    assert np.array_equal(run.scores, network.predict(x[:100]))
    assert (run.scores.argmax(axis=1) == labels[:100]).mean() > 0.9


def test_refusals_name_the_layer() -> None:
    """What a design can't run exactly, it refuses; supports() says so without raising."""
    network = mixed_network("threshold", seed=1)
    sound = {"rows": 2, "cols": 2, "dataflow": "os", "op": "threshold", "x_bits": 7, "w_bits": 5}
    assert Design(**sound).supports(network)
    for change, words in (
        ({"w_bits": 7}, "layer first: x_bits: 7 with w_bits: 5 is not allowed: the design's alignment"),
        ({"x_bits": 6, "w_bits": 5}, "layer first: x_bits: 7, signed True, is not allowed"),
        ({"acc_bits": 10}, "acc_bits: 10 is not allowed: at least"),
        ({"op": "mac"}, "layer first: op: 'threshold' is not allowed: the design has 'mac'"),
    ):
        design = Design(**{**sound, **change})
        assert not design.supports(network)
        with pytest.raises(limen.LimenError, match="network mixed: ") as refusal:
            limen.simulate(network, design)
        assert words in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("family", "op", "images"),
    [
        *(("mnist", "threshold", 100), ("mnist", "mac", 100), ("mnist", "mac-threshold", 20)),
        ("mnist-generated", "threshold", 20),
    ],
)
@pytest.mark.usefixtures("quick_builds")
def test_mnist_images_in_verilog(
    family: str, op: str, images: int, shared: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every bit of every layer and every cycle of up to 100 test images; the scores are those of exact inference.

    The vectors that the proof compares with are the reference's.
    """
    monkeypatch.setenv("LIMEN_DATA", str(shared("data")))
    monkeypatch.setenv("CXXFLAGS", "-O1")  # runs are long
    network = limen.network(family, op, 8, 8)
    design = limen.load_design(f"{op}-16x16")
    if network.generates_polarity:
        design = design.model_copy(update={"polarity": "generated"})
    run = limen.simulate(network, design, "rtl", images=3)
    x, _ = network.inputs("test")
    predicted = network.predict(x[:images])
    assert run.scores is not None and np.array_equal(run.scores, predicted[:3])
    assert np.array_equal(reference_scores(network, images), predicted)
    proof = limen.export(network, design, tmp_path / "chip", images=images).verify()
    assert proof.images == images and proof.mismatches == 0 and proof.layers == 4
