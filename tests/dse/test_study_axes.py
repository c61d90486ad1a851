"""Axes beyond array and buffers: images of a pass, polarity, signs, accumulators, matmul; in every way to count."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas
import pytest

from cost_models.price.price import price
from cost_models.table.table import load_priced_table
from dse.evaluation.evaluate import Evaluator, Refusal
from dse.space.figures import COST_FIGURES
from dse.space.study_spec import load_study
from dse.study.study import Study
from simulator.cuts.passes import are_passes, pass_of
from simulator.designs.design import Design
from simulator.designs.design_block import DesignBlock
from simulator.run import simulate
from simulator.timing.timing import network_integers
from tests.cost_models.price_oracle import price_alone
from tests.dse.test_blocks import check, random_point, study, varied
from tests.support.command import refused, run_command
from workloads.errors import LimenError
from workloads.networks.family import find_network
from workloads.networks.stacked import stack

SPEC = """version: 1
workloads: [WORKLOAD]
space:
  rows: [4]
  cols: [4]
  op: [threshold, mac]
  bits: {x: 4}
  feeder_width: [2, 16]
  dataflow: [os, ws]
  images_at_once: [1, 3]
  polarity: [synapse, generated]
  acc_policy: [format, weights, 28]
objectives: {energy_uj: min, latency_us: min}
sampler: {name: exhaustive}
"""

MATMUL = """version: 1
name: attention
op: mac
x_bits: 8
w_bits: 8
x_signed: true
input: {height: 4, width: 1, channels: 4}
layers:
  - {name: queries, kind: conv2d, out_channels: 4}
  - {name: keys, kind: conv2d, out_channels: 4, input: input}
  - {name: scores, kind: matmul, input: queries, synapses: keys, transposed: true}
"""


def swept(folder: Path, workload: str) -> Study:
    text = SPEC.replace("WORKLOAD", workload)
    if workload == "digits-generated":  # it has no other op
        text = text.replace("[threshold, mac]", "[threshold]")
    (folder / f"{workload}.yaml").write_text(text)
    return Study(folder / f"{workload}.yaml", folder / workload, quiet=True).run()


@pytest.mark.parametrize("workload", ["digits", "digits-generated"])
def test_a_sweep_has_the_figures_of_each_design(tmp_path: Path, workload: str) -> None:
    """As `limen.price` has them, and plain Python; polarity that nothing has, and images that end within a beat."""
    table = swept(tmp_path, workload).trials()
    assert len(table) == (2 + 1 if workload == "digits" else 2) * 2 * 2 * 2 * 3  # a MAC has no polarity
    evaluator = Evaluator(load_study(str(tmp_path / f"{workload}.yaml")), workload, "ihp130")
    lines = {
        (3, 2): "images_at_once: 3 is not allowed: results of an image don't end on a beat",
    }
    if workload == "digits":
        line = r"polarity: 'synapse' is not allowed: the design generates it: train the network"
        lines["threshold", "generated"] = line
    for form, rows in table.groupby(["op", "polarity", "images_at_once", "feeder_width"]):
        line = lines.get(form[:2], lines.get(form[2:], "^$"))
        assert rows["refusal"].str.contains(line).all(), (form, rows["refusal"].tolist())
    priced = table[table["refusal"] == ""]
    assert {*priced["images_at_once"]} == {1, 3} and {*priced["acc_policy"]} == {"format", "weights", "28"}
    assert (priced[priced["acc_policy"] == "28"]["acc_bits"] == 28).all()
    for row in priced.itertuples():
        network = find_network(workload, row.op, 4, 4)
        point = Study.open(tmp_path / workload).point(row.trial)
        run = simulate(network, point.design)
        cost, expected = price(run), price_alone(run, load_priced_table("ihp130"))
        assert expected["parts"] == [tuple(vars(part).values()) for part in cost.parts]
        assert all(getattr(row, name) == expected[name] for name in COST_FIGURES)
        assert (run.cycles, cost.energy_uj, cost.latency_us) == (row.cycles, row.energy_uj, row.latency_us)
        assert row.polarity == ("network" if row.op == "mac" else point.design.polarity)
        assert point.design.images_at_once == row.images_at_once
        assert sum(layer.dram_bytes for layer in run.counts) / row.images_at_once == row.dram_bytes
        assert evaluator.figures(point.coordinates)["stall_cycles"] == row.stall_cycles
    both = priced[priced["feeder_width"] == 16].pivot_table(
        index=["op", "dataflow", "polarity", "acc_policy"], columns="images_at_once", values=["energy_uj", "dram_bytes"]
    )
    assert (both["energy_uj"][3] < both["energy_uj"][1]).all() and (both["dram_bytes"][3] < both["dram_bytes"][1]).all()
    assert not priced["design"].duplicated().any() and any("-images3-generated" in name for name in table["design"])


def test_a_search_has_the_rows_of_a_sweep(tmp_path: Path) -> None:
    table = swept(tmp_path, "digits").trials().set_index("design").sort_index()
    text = SPEC.replace("WORKLOAD", "digits").replace("exhaustive", "random") + f"trials: {len(table)}\n"
    (tmp_path / "random.yaml").write_text(text)
    found = Study(tmp_path / "random.yaml", tmp_path / "random", quiet=True).run().trials()
    found = found.set_index("design").sort_index()
    assert (found["refusal"] == table["refusal"]).all()
    both = (each[each["refusal"] == ""].drop(columns="trial") for each in (found, table))
    pandas.testing.assert_frame_equal(*both, check_dtype=False, check_exact=True)


def test_networks_of_two_tensors(tmp_path: Path) -> None:
    """Without the axis nothing runs them, and the line says what would."""
    path = tmp_path / "attention.yaml"
    path.write_text(MATMUL)
    settings: dict[str, Any] = {"objectives": {"energy_uj": "min"}, "constraints": {}}
    chance = Random(2)
    points = [varied(chance, random_point(chance, ("mac",))) for _ in range(60)]
    wide = {"x_bits": 8, "w_bits": 8, "matmul": True, "port_bits": 512, "pe_stages": 1, "zero_gating": False}
    points = [point._replace(**wide, memory="dram", overlap=False) for point in points]
    valid = [points[place] for place in check(study(**settings), points, str(path))]
    assert "os" in {point.dataflow for point in valid} and len(valid) > 3
    evaluator = Evaluator(study(**settings), str(path), "ihp130")
    for changes, line in (
        ({"matmul": False}, "the design has matmul: false; true"),
        ({"x_signed": "false"}, r"activations -128 to 127 exceed the design's 0 to 255"),
    ):
        with pytest.raises(Refusal, match=line):
            evaluator.figures(valid[0]._replace(**changes))


def test_passes_of_many_designs_are_those_of_each() -> None:
    """Whether tiles hold the images: of random buffers, at once and one by one."""
    chance, network = Random(1), find_network("digits", "threshold", 4, 4)
    agreed = {True: 0, False: 0}
    for images in (2, 7, 60):
        layers, designs = network_integers(stack(network, images)), []
        while len(designs) < 120:
            point = random_point(chance, ("threshold",))
            given = {"x_bits": 4, "w_bits": 4, "polarity": "synapse", "acc_bits": 20, "images_at_once": images}
            try:
                designs.append(Design(**{**point._replace(acc_policy="24").fields(), **given}).fitted(network))
            except LimenError:
                continue
        blocks = [DesignBlock.of(design) for design in designs]
        names = [field.name for field in fields(DesignBlock)]
        columns = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in names}
        for design, passes in zip(designs, are_passes(layers, DesignBlock(**columns)).tolist(), strict=True):
            try:
                pass_of(network, design)
                expected = True
            except LimenError:
                expected = False
            assert passes == expected, (design, images)
            agreed[expected] += 1
    assert min(agreed.values()) > 60


@pytest.mark.parametrize(
    ("axis", "named"),
    [
        ("images_at_once: [0]", ("images_at_once", "0")),
        ("images_at_once: [2, 2]", ("images_at_once", "2 stands 2 times")),
        ("polarity: [random]", ("polarity", "'random' is not allowed: network, synapse, input, neuron, generated")),
        ("x_signed: [true, signed]", ("x_signed", "'signed' is not allowed: network, true, false")),
        ("acc_policy: [format, 49]", ("acc_policy", "'49' is not allowed: format, weights, a width, 2 to 48")),
        ("acc_policy: weights", ("acc_policy", "'weights'")),
        ("matmul: [1]", ("matmul", "1")),
        (
            "stream: [noise]",
            ("stream", "'noise' is not allowed: uniform, gaussian_relu, gaussian_relu_sorted, network,"),
        ),
    ],
)
def test_words_of_no_axis(tmp_path: Path, axis: str, named: tuple[str, ...]) -> None:
    text = SPEC.replace("WORKLOAD", "digits").replace("images_at_once: [1, 3]", axis)
    lines = [line for line in text.splitlines() if not (axis.split(":")[0] in line and axis not in line)]
    (tmp_path / "odd.yaml").write_text("\n".join(lines))
    refused(run_command("study", "run", "odd.yaml", "--out", "out", cwd=tmp_path), "odd.yaml", *named)
