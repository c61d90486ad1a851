"""Tensors that change their name between image, row and vector: the same numbers at every level and feeder width.

A linear layer that reads an image is also a convolution whose kernel is the whole image: that one is the oracle.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import dse.cli.commands
import limen
import simulator.run
from dse.cli.commands import commands
from dse.cli.options import Disagreement
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import Design
from simulator.program.program import compile_network
from simulator.timing.timing import ALWAYS_READY
from tests.levels.cases import DATAFLOWS, conv, design_of
from tests.levels.exactness import model_difference
from tests.levels.graphs import random_parameters
from workloads.errors import LimenError
from workloads.exact import reference
from workloads.formats.save_network import save_network
from workloads.layers.layer import LayerParameters
from workloads.networks.network import Network, NetworkFile

FORM = {"height": 3, "width": 4, "channels": 3}
LINEAR = {"name": "flat", "kind": "linear", "out_channels": 6}
SCORES = {"name": "scores", "kind": "linear", "out_channels": 4}
POINT = conv(5, (1, 1), name="point")

CHAINS: dict[str, list[dict[str, Any]]] = {
    "image to linear": [LINEAR, SCORES],
    "image to scores": [SCORES],
    "image to linear to convolution": [LINEAR, POINT, SCORES],
    "convolution to linear": [conv(5, (2, 2)), LINEAR, SCORES],
    "pooling to linear": [{"name": "pool", "kind": "maxpool", "kernel": [2, 2]}, LINEAR, SCORES],
    "both read the image": [
        LINEAR,
        {**conv(8, (3, 4)), "input": "input", "tensor": "joined"},
        {**POINT, "input": "flat", "tensor": "joined", "offset": 8, "out_channels": 3},
        {**SCORES, "input": "joined"},
    ],
    "two linear layers read the image": [LINEAR, {**LINEAR, "name": "other", "input": "input"},
                                         {**SCORES, "name": "added", "input": "flat", "out_channels": 6,
                                          "residual": "other"}, SCORES],
    "a row to linear": [{"name": "row", "kind": "conv1d", "out_channels": 4, "kernel": [3]}, LINEAR, SCORES],
}  # fmt: skip


def chain(layers: list[dict[str, Any]], dataset: str | None = None, **form: int) -> Network:
    content = {"version": 1, "name": "relabelled", "op": "threshold", "x_bits": 6, "w_bits": 5, "input": form or FORM}
    built = NetworkFile.model_validate({**content, "layers": layers}).build_layers()
    rng = np.random.default_rng(7)
    return Network("relabelled", built, tuple(random_parameters(layer, rng) for layer in built), dataset)


def as_convolutions(network: Network, form: dict[str, int]) -> Network:
    """Return the network with each linear layer written as a convolution over all of what it reads."""
    shapes = {"input": (form["height"], form["width"], form["channels"])}
    layers, parameters = [], []
    for layer, trained, link in zip(network.layers, network.trained(), network.connections, strict=True):
        height, width, channels = shapes[link.reads]
        if layer.kind == "linear":
            change = {"kind": "conv2d", "height": height, "width": width, "channels": channels}
            layer = layer.model_copy(update={**change, "kernel": (height, width)})
            assert trained.polarity is not None
            shaped = (trained.weights.reshape(layer.weights_shape), trained.polarity.reshape(layer.weights_shape))
            trained = LayerParameters(*shaped, trained.bias, trained.shift)
        layers.append(layer)
        parameters.append(trained)
        written = shapes.get(link.writes, (0, 0, 0))[2]
        shapes[link.writes] = (*layer.output_shape[:2], max(written, layer.offset + layer.out_channels))
    return Network("convolutions", tuple(layers), tuple(parameters), network.dataset)


def form_of(name: str) -> dict[str, int]:
    return {"height": 12, "width": 1, "channels": 3} if name == "a row to linear" else FORM


@pytest.mark.parametrize("feeder_width", [1, 2, 4, 8])
@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("name", CHAINS)
def test_every_level_has_the_oracle_s_numbers(name: str, dataflow: str, feeder_width: int) -> None:
    form = form_of(name)
    network = chain(CHAINS[name], **form)
    image = np.random.default_rng(1).integers(-32, 32, (form["height"], form["width"], form["channels"]))
    wanted = reference.run((plain := as_convolutions(network, form)).layers, plain.trained(), image[None])[-1]
    assert np.array_equal(network.predict(image[None]), wanted.reshape(1, -1))
    fields = {"rows": 3, "cols": 2, "dataflow": dataflow, "feeder_width": feeder_width, "ofmap_kib": 1}
    program = compile_network(network, design_of(network, **fields).fitted(network))
    x = network.as_input(image[None])[0]
    run = run_cycle(program, x)
    assert model_difference(program, x, ALWAYS_READY, run) is None
    assert program.tensor(run.image, network.writes(len(network.layers) - 1)[0]).tolist() == wanted[0].tolist()


@pytest.mark.parametrize("feeder_width", [1, 2, 4, 8])
def test_a_data_set_s_images_read_by_a_linear_layer(feeder_width: int) -> None:
    """Digits are 8 x 8 images: levels with data and predictions take them alike."""
    network = chain([{**LINEAR, "out_channels": 12}, {**SCORES, "out_channels": 10}], "digits",
                    height=8, width=8, channels=1)  # fmt: skip
    design = Design(rows=4, cols=4, dataflow="os", op="threshold", x_bits=6, w_bits=5, feeder_width=feeder_width)
    images = network.inputs("test")[0][:3].reshape(3, 8, 8, 1)
    plain = as_convolutions(network, {"height": 8, "width": 8, "channels": 1})
    run = limen.simulate(network, design, level="cycle", images=3)
    assert run.scores is not None
    assert np.array_equal(run.scores, reference.run(plain.layers, plain.trained(), images)[-1].reshape(3, -1))
    assert np.array_equal(run.scores, network.predict(images))


@pytest.mark.usefixtures("quick_builds")
def test_verilog_and_vectors(tmp_path: Path) -> None:
    """The issue's own case, through the command line: all levels, scores against the reference."""
    network = chain([{**LINEAR, "out_channels": 12}, {**SCORES, "out_channels": 10}], "digits",
                    height=8, width=8, channels=1)  # fmt: skip
    save_network(network, tmp_path, "lin")
    chip = "version: 1\nrows: 2\ncols: 2\ndataflow: ws\nop: threshold\nx_bits: 6\nw_bits: 5\nfeeder_width: 4\n"
    (tmp_path / "chip.yaml").write_text(chip)
    pair = ["-d", str(tmp_path / "chip.yaml"), "-w", str(tmp_path / "lin.yaml")]
    levels = [word for level in ("timing", "cycle", "rtl") for word in ("-l", level)]
    outcome = CliRunner().invoke(commands, ["simulate", *pair, *levels, "--images", "2"])
    assert outcome.exit_code == 0, outcome.output
    last = outcome.output.splitlines()[-1]
    assert "levels timing, cycle, rtl agree" in last and "scores of 2 images equal the reference's" in last


def test_scores_are_compared_with_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A level that is alone, and wrong, is found out."""
    network = chain(CHAINS["convolution to linear"], **FORM)
    save_network(network, tmp_path, "own")
    chip = "version: 1\nrows: 2\ncols: 2\ndataflow: os\nop: threshold\nx_bits: 6\nw_bits: 5\n"
    (tmp_path / "chip.yaml").write_text(chip)
    command = ["simulate", "-d", str(tmp_path / "chip.yaml"), "-w", str(tmp_path / "own.yaml"), "-l", "cycle"]
    assert CliRunner().invoke(commands, command).exit_code == 0
    right = simulator.run.simulate

    def wrong(*arguments: Any, **options: Any) -> Any:
        run = right(*arguments, **options)
        return run if run.scores is None else replace(run, scores=run.scores + (np.arange(4) == 3))

    monkeypatch.setattr(simulator.run, "simulate", wrong)
    outcome = CliRunner().invoke(commands, command)
    assert isinstance(outcome.exception, Disagreement)
    assert str(outcome.exception) == "scores differ from the reference's: cycle"


def test_long_runs_say_so_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = chain(CHAINS["image to linear"])
    save_network(network, tmp_path, "own")
    (tmp_path / "chip.yaml").write_text(
        "version: 1\nrows: 2\ncols: 2\ndataflow: os\nop: threshold\nx_bits: 6\nw_bits: 5\n"
    )
    command = ["simulate", "-d", str(tmp_path / "chip.yaml"), "-w", str(tmp_path / "own.yaml"), "-l", "cycle"]
    assert CliRunner().invoke(commands, command).stderr == ""
    monkeypatch.setattr(dse.cli.commands, "LONG_CYCLES", 100)
    cycles = limen.simulate(network, limen.load_design(str(tmp_path / "chip.yaml"))).cycles
    expected = f"limen: {3 * cycles} cycles to step through"
    assert CliRunner().invoke(commands, [*command, "--images", "3"]).stderr.startswith(expected)


def test_images_of_another_size() -> None:
    network = chain(CHAINS["image to linear"], "digits")
    with pytest.raises(LimenError, match=r"input: images of shape \[8, 8, 1\] are not allowed: the network reads \[1"):
        network.inputs("test")


@pytest.mark.parametrize(
    ("x", "named"),
    [
        (np.full((1, 36), 32), "32 to 32"),
        (np.full((1, 36), -33), "-33 to -33"),
        (np.full((1, 36), np.nan), "float64"),
        (np.full((1, 36), 1.0), "float64"),
        (np.full((1, 36), "1"), "<U1"),
    ],
)
def test_activations_that_are_none(x: np.ndarray, named: str) -> None:
    network = chain(CHAINS["image to linear"])
    with pytest.raises(LimenError, match=f"input: {named} is not allowed: integers of -32 to 31$"):
        network.predict(x)


def test_groups_of_a_flattened_image() -> None:
    """Groups are ranges of pixels there, which is infeasible: refused, where they gave other numbers."""
    network = chain([conv(8), {**LINEAR, "groups": 2}, SCORES])
    with pytest.raises(LimenError, match=r"layer flat: groups: 2 is not allowed: a linear layer that reads an image"):
        limen.simulate(network, design_of(network, rows=2, cols=2, dataflow="os"))
    flat = chain([LINEAR, {**LINEAR, "name": "grouped", "groups": 2}, SCORES])
    design = design_of(flat, rows=2, cols=2, dataflow="os").fitted(flat)
    program, x = compile_network(flat, design), np.ones(flat.input_shape, dtype=np.int64)
    assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None
