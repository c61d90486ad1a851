"""`limen price --layers` and `limen simulate --timeline`: what they print and write, and what they refuse."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import limen
from tests.support.command import refused, run_command


def test_layers_of_a_price(tmp_path: Path) -> None:
    outcome = run_command("price", "--layers", "--json", "--roofline", "roof.svg", cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    shown, run = json.loads(outcome.stdout), limen.simulate("digits", "threshold-16x16")
    assert [row["layer"] for row in shown["layers"]] == [layer.name for layer in run.network.layers]
    assert sum(row["cycles"] for row in shown["layers"]) == shown["cycles"] == run.cycles
    for rows in ("layers", "layer_breakdown"):
        assert math.fsum(row["energy_uj"] for row in shown[rows]) == pytest.approx(shown["energy_uj"], rel=1e-12)
    assert shown["bottlenecks"] == json.loads(run.bottlenecks.to_json(orient="records", double_precision=15))
    assert shown["roofline"] == json.loads(run.roofline.to_json(orient="records", double_precision=15))
    picture = (tmp_path / "roof.svg").read_text()
    assert all(f"<!-- {text} -->" in picture for text in ("1 conv1", "4 scores", "operations per cycle"))
    axes = limen.plot_roofline(run, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == picture
    assert len(axes.collections) == 1 and len(axes.collections[0].get_offsets()) == len(shown["roofline"])


def test_layers_are_printed_at_a_person_s_width(tmp_path: Path) -> None:
    outcome = run_command("price", "-w", "resnet18-32x32", "-d", "mac-16x16", "--layers", cwd=tmp_path)
    layers = outcome.stdout.partition("\nby layer: ")[2]
    assert layers.count("s1b1_conv1") == 3 and max(map(len, layers.splitlines())) <= 120
    for word in (
        "feeder",
        "under the roofs",
        "what limits each layer",
        " % of the cycles; ",
        "the layer with most cycles: ",
    ):
        assert word in layers


def test_timeline(tmp_path: Path) -> None:
    outcome = run_command("simulate", "--timeline", "digits.json", cwd=tmp_path)
    run = limen.simulate("digits", "threshold-16x16")
    spans = run.timeline(tmp_path / "same.json")
    assert outcome.stdout.startswith(f"digits.json: {spans} spans of {run.cycles} cycles, a microsecond each")
    assert (tmp_path / "digits.json").read_bytes() == (tmp_path / "same.json").read_bytes()
    options = ("--timeline", "conv2.json.gz", "--grain", "folds", "--timeline-layer", "conv2")
    outcome = run_command("simulate", *options, "--json", cwd=tmp_path)
    assert json.loads(outcome.stdout)["cycles_per_image"] == {"timing": run.cycles}
    run.timeline(tmp_path / "same.json.gz", "folds", ["conv2"])
    assert (tmp_path / "conv2.json.gz").read_bytes() == (tmp_path / "same.json.gz").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("simulate", "--grain", "folds"), ("--grain: not allowed without --timeline FILE",)),
        (("simulate", "--timeline-layer", "conv1"), ("--timeline-layer: not allowed without --timeline FILE",)),
        (("simulate", "--timeline", "a.vcd"), ("a.vcd", ".json or .json.gz")),
        (("simulate", "--timeline", "a.json", "--timeline-layer", "conv9"), ("'conv9'", "conv1, conv2, conv3, scores")),
        (("price", "--roofline", "roof.bmp"), ("roof.bmp", ".pdf, .png, .svg")),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    refused(run_command(*arguments, cwd=tmp_path), *words)
    assert not list(tmp_path.iterdir())
