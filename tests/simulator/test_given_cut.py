"""Cuts that a user gives: run as they are at both models' levels, printed as loops, and refused in one line.

In the page of a design or of a network: the same cuts, the same counts.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import limen
from dse.cli.commands import commands
from simulator.designs.design import Design
from simulator.run import simulate
from workloads.errors import LimenError
from workloads.formats.save_network import save_network
from workloads.insight.simplify import simplify
from workloads.layers.given_cut import GivenCut
from workloads.networks.family import SHIPPED, find_network, load_family
from workloads.networks.network import Network, load_network


def design(*cuts: dict[str, Any], **fields: Any) -> Design:
    built_in = limen.load_design("mac-16x16").model_dump()
    return Design(**{**built_in, **fields, "schedule": cuts})


def network(*cuts: dict[str, Any], op: str = "mac") -> Network:
    return replace(find_network("digits", op, 8, 8), schedule=tuple(GivenCut(**cut) for cut in cuts))


@pytest.mark.parametrize(
    "cut",
    [
        {"layer": "conv2", "rows": 2, "channels": 2, "order": "outputs"},
        {"layer": "conv3", "outputs": 3, "channels": 4},
        {"layer": "scores", "outputs": 10, "channels": 8},
    ],
    ids=lambda cut: cut["layer"],
)
def test_it_is_run_as_given(cut: dict[str, Any]) -> None:
    chosen, given = (simulate("digits", design(*cuts), level="cycle") for cuts in ([], [cut]))
    assert given.counts == simulate("digits", design(cut)).counts
    assert given.scores is not None and given.scores.tolist() == chosen.scores.tolist()
    assert given.cycles > chosen.cycles
    assert simulate(network(cut), design(), level="cycle").counts == given.counts
    row = given.schedule.set_index("layer").loc[cut["layer"]]
    assert {name: row[name] for name in cut if name != "layer"} == {name: cut[name] for name in cut if name != "layer"}


def test_the_loops_are_printed() -> None:
    run = simulate("digits", design({"layer": "conv2", "rows": 2, "channels": 2, "order": "outputs"}))
    (nest,) = run.schedule.set_index("layer").loc[["conv2"], "loop_nest"]
    assert nest.splitlines() == [
        "conv2: 2 x 1 x 2 parts, order outputs",
        "  for output row in range(0, 4, 2):  # 2 parts",
        "    for input channel in range(0, 16, 8):  # 2 parts",
        "      tile: 2 x 4 pixels, 32 output channels, 3 x 3 taps of 8 channels",
    ]
    arguments = ["simulate", "-d", "mac-16x16", "-w", "digits", "--schedule"]
    printed = CliRunner().invoke(commands, arguments)
    assert printed.exit_code == 0 and "  for output row in range(0, 8, 3):  # 3 parts" in printed.output
    rows = json.loads(CliRunner().invoke(commands, [*arguments, "--json"]).output)["schedule"]
    assert [row["layer"] for row in rows] == ["conv1", "conv2", "conv3", "scores"]


@pytest.mark.parametrize(
    ("cut", "fields", "line"),
    [
        ({"layer": "convx"}, {}, r"network digits-mac-x8-w8: schedule: layer 'convx' is not allowed: one of conv1, "),
        ({"layer": "conv2", "rows": 5}, {}, r"layer conv2: schedule: rows: 5 is not allowed: at most 4 parts"),
        ({"layer": "conv1", "channels": 2}, {}, r"layer conv1: schedule: channels: 2 is not allowed: at most 1 parts"),
        (
            {"layer": "conv3"},
            {"filter_kib": 4},
            r"layer conv3: schedule: filter_kib: 4 is not allowed: the largest tile lacks 7168 bytes in",
        ),
        (
            {"layer": "conv2"},
            {"operand_depth": 80},
            r"layer conv2: schedule: operand_depth: 80 is not allowed",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_does_not_fit_is_refused(cut: dict[str, Any], fields: dict[str, Any], line: str) -> None:
    with pytest.raises(LimenError, match=line):
        simulate("digits", design(cut, **fields))
    with pytest.raises(LimenError, match=line):
        simulate(network(cut), design(**fields))


def test_a_layer_is_cut_once() -> None:
    cuts = [{"layer": "conv2"}, {"layer": "conv2", "rows": 2}]
    for page in (design, network):
        with pytest.raises(LimenError, match=r"schedule: layer 'conv2' is not allowed twice"):
            page(*cuts)


def test_the_designs_cut_is_taken_where_both_have_one() -> None:
    first, second = {"layer": "conv2", "rows": 2}, {"layer": "conv2", "rows": 4}
    other = {"layer": "conv3", "channels": 4, "outputs": 3}
    run = simulate(network(first, other), design(second))
    assert run.counts == simulate("digits", design(second, other)).counts
    assert run.schedule.set_index("layer")["rows"]["conv2"] == 4


def test_a_networks_page_keeps_it(tmp_path: Path) -> None:
    cut = {"layer": "conv2", "rows": 2, "channels": 2, "order": "outputs"}
    page = save_network(network(cut, op="threshold"), tmp_path, "net")
    assert load_network(page).schedule == (GivenCut(**cut),)
    described = CliRunner().invoke(commands, ["describe", str(page)])
    assert (
        'schedule: {"layer": "conv2", "rows": 2, "outputs": 1, "channels": 2, "order": "outputs"}' in described.output
    )
    assert simplify(load_network(page)).network.schedule == (GivenCut(**cut),)
    page.write_text(page.read_text().replace("layer: conv2", "layer: convx"))
    with pytest.raises(LimenError, match=r"net\.yaml: network [\w-]+: schedule: layer 'convx' is not allowed: one of"):
        load_network(page)


def test_a_family_keeps_it(tmp_path: Path) -> None:
    for name in ("mac.yaml", "mac.npz", "accuracy.csv"):
        (tmp_path / "digits").mkdir(exist_ok=True)
        shutil.copy(SHIPPED / "digits" / name, tmp_path / "digits")
    with (tmp_path / "digits" / "mac.yaml").open("a") as page:
        page.write("schedule:\n  - {layer: conv2, rows: 4}\n")
    member = load_family("digits", tmp_path).network("mac", 5, 4)
    assert member.schedule == (GivenCut(layer="conv2", rows=4),)


def test_a_bad_page_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    path.write_text(
        "rows: 4\ncols: 4\ndataflow: os\nop: mac\nx_bits: 8\nw_bits: 8\nschedule:\n  - {layer: conv1, order: inner}\n"
    )
    result = CliRunner().invoke(commands, ["simulate", "-d", str(path), "-w", "digits"])
    assert result.exit_code != 0
    with pytest.raises(LimenError, match=r"chip\.yaml: schedule\.0\.order: 'inner' is not allowed"):
        limen.load_design(path)
