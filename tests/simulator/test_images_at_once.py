"""Several images at once: the bits of each alone, filters loaded once, figures of one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cost_models.price.price import price
from simulator.cuts.passes import in_passes
from simulator.designs.design import Design
from simulator.run import Run, choose_inputs, export, simulate
from tests.levels.cases import make_network
from tests.support.tools import needs_verilator
from workloads.errors import LimenError
from workloads.exact import reference
from workloads.networks.network import Network
from workloads.networks.stacked import stack

SMALL: dict[str, Any] = {"rows": 2, "cols": 3, "dataflow": "ws", "op": "threshold", "x_bits": 6, "w_bits": 6}
LAYERS: list[dict[str, Any]] = [
    {"name": "patches", "kind": "conv2d", "out_channels": 5, "kernel": [2, 2], "stride": [2, 2]},
    {"name": "points", "kind": "conv2d", "out_channels": 5, "kernel": [1, 1], "residual": "patches"},
    {"name": "pool", "kind": "maxpool", "kernel": [1, 2], "stride": [1, 1], "padding": [0, 0, 0, 1]},
    {"name": "hidden", "kind": "linear", "out_channels": 7},
    {"name": "scores", "kind": "linear", "out_channels": 3},
]
"""Layers whose windows go on from image to image; `hidden` reads one of 2 × 2 pixels."""


def small(**fields: Any) -> tuple[Network, Design]:
    design = Design(**{**SMALL, **fields})
    return make_network("stackable", design, {"height": 4, "width": 4, "channels": 3}, LAYERS, 3), design


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.parametrize("at_once", [2, 3])
def test_scores_are_those_of_each_image_alone(dataflow: str, at_once: int) -> None:
    """Five images: the last pass is shorter."""
    network, design = small(dataflow=dataflow, images_at_once=at_once)
    expected = network.predict(choose_inputs(network, 5))
    run = simulate(network, design, "cycle", images=5)
    assert run.scores is not None and np.array_equal(run.scores, expected)
    timing = simulate(network, design)
    assert timing.counts == run.counts
    assert timing.cycles == timing.pass_cycles / at_once
    assert timing.layers["cycles"].sum() == pytest.approx(timing.cycles)
    assert timing.layers["M"].tolist() == [layer.pixels for layer in network.layers]


def test_passes_of_several_threads_are_those_of_one() -> None:
    """Seven images in four passes, three at a time: scores in their order, toggles of all of them, and progress."""
    network, design = small(images_at_once=2)
    alone = simulate(network, design, "cycle", images=7, toggles=True)
    told: list[tuple[str, int, int]] = []
    run = simulate(network, design, "cycle", 7, progress=lambda *step: told.append(step), toggles=True, jobs=3)
    assert run.scores is not None and np.array_equal(run.scores, network.predict(choose_inputs(network, 7)))
    assert alone.scores is not None and np.array_equal(run.scores, alone.scores)
    assert (run.counts, run.toggles, run.level) == (alone.counts, alone.toggles, "cycle")
    assert told == [("level cycle", done, 4) for done in range(5)]
    with pytest.raises(LimenError, match=r"^jobs: 0 is not allowed: at least 1$"):
        simulate(network, design, "cycle", jobs=0)
    with pytest.raises(LimenError, match=r"^simulate: job is not allowed: one of progress, toggles, jobs$"):
        simulate(network, design, "cycle", **{"job": 2})  # type: ignore[arg-type]


def test_every_tensor_is_that_of_each_image() -> None:
    network, _ = small()
    x, stacked = choose_inputs(network, 4), stack(network, 4)
    alone = [reference.run(network.layers, network.trained(), image[None]) for image in x]
    (together,) = [reference.run(stacked.layers, stacked.trained(), in_passes(x, 4))]
    for index, outputs in enumerate(together):
        assert np.array_equal(outputs[0], np.concatenate([each[index][0] for each in alone])), index


def test_filters_are_loaded_once_a_pass() -> None:
    network, design = small(filter_kib=64)

    def beats(run: Run) -> tuple[int, int]:
        return tuple(sum(getattr(counts, f"beats_{name}") for counts in run.counts) for name in ("filter", "ifmap"))

    one, four = (simulate(network, design.model_copy(update={"images_at_once": count})) for count in (1, 4))
    assert beats(four)[0] == beats(one)[0] and beats(four)[1] > 2 * beats(one)[1]
    assert four.cycles < one.cycles
    costs = [price(run) for run in (one, four)]
    assert costs[1].energy_uj < costs[0].energy_uj and costs[1].latency_us < costs[0].latency_us
    assert costs[1].power_mw == pytest.approx(costs[1].energy_uj / costs[1].latency_us * 1e3)
    assert costs[1].breakdown["energy_uj"].sum() == pytest.approx(costs[1].energy_uj)


@pytest.mark.usefixtures("quick_builds")
def test_verilog_runs_passes(tmp_path: Path) -> None:
    needs_verilator()
    network, design = small(images_at_once=2)
    proof = export(network, design, tmp_path / "chip", images=3).verify()
    assert proof.mismatches == 0 and proof.images == 4
    timing = simulate(network, design)
    assert proof.cycles == 2 * timing.pass_cycles
    with pytest.raises(LimenError, match=r"images: 5 is not allowed: 1 to 4, as exported"):
        export(network, design, tmp_path / "again", images=3).verify(5)


@pytest.mark.parametrize("at_once", [2, 5])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.usefixtures("quick_builds")
def test_windows_that_keep_to_padded_images(dataflow: str, at_once: int, tmp_path: Path) -> None:
    """Rows that are padded, shared or left out: no tile crosses from an image to the next."""
    buffers = {"ifmap_kib": 0.25, "filter_kib": 0.5, "ofmap_kib": 0.3, "operand_depth": 64}
    design = Design(**{**SMALL, "dataflow": dataflow, "images_at_once": at_once, **buffers})
    network = make_network("crossing", design, {"height": 6, "width": 4, "channels": 5}, CROSSING, 3)
    x = choose_inputs(network, 7)
    run = simulate(network, design, "cycle", images=7)
    assert run.scores is not None and np.array_equal(run.scores, network.predict(x))
    assert simulate(network, design).counts == run.counts
    stacked = stack(network, at_once)
    assert np.array_equal(stacked.predict(in_passes(x, at_once)).reshape(-1, 2)[:7], run.scores)
    if at_once == 2:
        needs_verilator()
        assert export(network, design, tmp_path / "chip", images=3).verify().mismatches == 0


CROSSING: list[dict[str, Any]] = [
    {"name": "padded", "kind": "conv2d", "out_channels": 5, "kernel": [3, 3], "padding": [1, 1, 1, 1]},
    {"name": "common", "kind": "maxpool", "kernel": [3, 2], "padding": [1, 1, 0, 1]},
    {"name": "added", "kind": "conv2d", "out_channels": 5, "kernel": [3, 1], "padding": [1, 1, 0, 0],
     "residual": "common"},
    {"name": "left_out", "kind": "conv2d", "out_channels": 4, "kernel": [1, 1], "stride": [3, 1]},
    {"name": "scores", "kind": "linear", "out_channels": 2},
]  # fmt: skip


def test_images_that_do_not_end_on_a_beat() -> None:
    design = Design(**SMALL, images_at_once=3, feeder_width=1, port_bits=32)
    layers = [{"name": "conv", "kind": "conv2d", "out_channels": 2, "kernel": [3, 3]}, LAYERS[-1]]
    network = make_network("odd", design, {"height": 5, "width": 5, "channels": 3}, layers, 3)
    line = r"^network odd: layer conv: images_at_once: 3 is not allowed: results of an image don't end on a beat"
    with pytest.raises(LimenError, match=line):
        simulate(network, design)


def test_more_images_than_tiles_hold() -> None:
    design = Design(**SMALL, filter_kib=0.06, ofmap_kib=0.3)
    network = make_network("deep", design, {"channels": 64}, [{**LAYERS[-1], "out_channels": 6}], 3)
    with pytest.raises(LimenError) as told:
        simulate(network, design.model_copy(update={"images_at_once": 200}))
    words = str(told.value)
    assert words.startswith("network deep: layer scores: images_at_once: 200 is not allowed: tiles don't hold so many")
    most = int(words.rpartition(" ")[2])
    assert 1 < most < 200
    assert simulate(network, design.model_copy(update={"images_at_once": most})).cycles
    with pytest.raises(LimenError, match=f"at most {most}$"):
        simulate(network, design.model_copy(update={"images_at_once": most + 1}))


@pytest.mark.parametrize("wrong", [0, 4097, 1.5])
def test_wrong_numbers_of_images(wrong: float) -> None:
    with pytest.raises(LimenError, match="images_at_once"):
        Design(**SMALL, images_at_once=wrong)
