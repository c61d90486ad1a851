"""What limits a layer: its place under the roofs, its bottleneck, and that the cure named does shorten it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

import limen
from simulator.insight.bottleneck import CURES, PARTS
from simulator.insight.roofline import Roofs
from simulator.plan.counts import PHASES
from tests.support.paths import ROOT

FIELDS: dict[str, Any] = {
    **{"rows": 16, "cols": 16, "dataflow": "os", "op": "mac", "x_bits": 8, "w_bits": 8, "feeder_width": 8},
    **{"ifmap_kib": 32, "filter_kib": 32, "ofmap_kib": 32, "operand_depth": 4096},
}
LIMITED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "array": ("lenet", "hidden", {"dataflow": "ws", "memory_latency": 1}),
    "pool": ("lenet", "pool1", {"rows": 4, "cols": 4, "port_bits": 512}),
    "feeder": ("lenet", "conv1", {"dataflow": "ws", "feeder_width": 4, "port_bits": 512}),
    "ifmap": ("lenet", "pool2", {"port_interval": 16}),
    "filter": ("lenet", "hidden", {"port_interval": 16}),
    "store": ("ds-cnn", "stem", {"port_interval": 16}),
    "control": ("digits", "conv1", {"memory_latency": 2000}),
}
"""Of each part of a layer's cycles: a network, its layer, and a design that has its bottleneck there."""


@pytest.mark.parametrize("part", PARTS)
def test_the_cure_of_a_bottleneck_lowers_the_cycles(part: str) -> None:
    network, layer, fields = LIMITED[part]
    design = limen.Design(**FIELDS | fields)
    run = limen.simulate(network, design)
    bottleneck = run.bottlenecks.set_index("layer").loc[layer]
    assert bottleneck["part"] == part, bottleneck["words"]
    counts = run.layers.set_index("layer").loc[layer]
    assert bottleneck["share"] == sum(counts[phase] for phase in PARTS[part]) / counts["cycles"]
    assert bottleneck["cycles"] == counts["cycles"] and bottleneck["change"] in bottleneck["words"]
    change = yaml.safe_load(bottleneck["change"])
    assert change.keys() <= {field for field, _ in CURES[part]} and len(change) == 1
    cured = limen.simulate(network, limen.Design(**design.model_dump() | change))
    cycles = cured.layers.set_index("layer").loc[layer, "cycles"]
    assert cycles == bottleneck["changed_cycles"] < bottleneck["cycles"]


def test_parts_are_all_phases() -> None:
    assert sorted(phase for phases in PARTS.values() for phase in phases) == sorted(PHASES)
    assert CURES.keys() == PARTS.keys()


def test_docs_have_the_changes_that_are_tried() -> None:
    rows = re.findall(r"^\| (\w+) \| [a-z, ]+ \| (.*) \|$", (ROOT / "docs" / "layers.md").read_text(), re.MULTILINE)
    documented, before = {}, set[str]()
    for part, changes in rows:
        before = before if changes == "the same" else set(re.findall(r"`(\w+)", changes))
        documented[part] = before
    assert {part: documented[part] for part in CURES} == {
        part: {field for field, _ in changes} for part, changes in CURES.items()
    }


def test_bottlenecks_of_several_images_are_an_image_s() -> None:
    """Changes that a pass of several images can't have are left out; cycles are an image's share."""
    design = limen.Design(**FIELDS | {"images_at_once": 2})
    run = limen.simulate("lenet", design)
    bottlenecks = run.bottlenecks
    assert bottlenecks["cycles"].sum() == run.cycles
    for row in bottlenecks[bottlenecks["change"] != ""].itertuples():
        cured = limen.simulate("lenet", limen.Design(**design.model_dump() | yaml.safe_load(row.change)))
        assert cured.layers.loc[row.Index, "cycles"] == row.changed_cycles < row.cycles


def test_roofline_is_counts_under_the_roofs() -> None:
    run = limen.simulate("resnet18-32x32", limen.Design(**FIELDS | {"port_interval": 2}))
    roofs, points = Roofs.of(run.design), run.roofline.set_index("layer")
    assert (roofs.operations_per_cycle, roofs.bytes_per_cycle, roofs.ridge) == (256, 4, 64)
    layers = run.layers.set_index("layer")
    assert list(points.index) == list(layers.index[layers["busy"] > 0])
    for name, point in points.iterrows():
        counts = layers.loc[name]
        assert point["operations"] == counts["busy"] and point["dram_bytes"] == counts["dram_bytes"]
        assert point["operations_per_cycle"] == counts["busy"] / counts["cycles"] <= point["roof"]
        assert point["roof"] == min(256, counts["busy"] / counts["dram_bytes"] * 4)
        assert point["limit"] == ("array" if point["roof"] == 256 else "memory port")
    assert set(points["limit"]) == {"array", "memory port"}
