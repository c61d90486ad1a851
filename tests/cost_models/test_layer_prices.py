"""Prices layer by layer: cycles add up to the run's exactly, events too, energies within the rounding of a float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

import limen
from cost_models.price.breakdown import Breakdown
from cost_models.price.price import Cost
from simulator.run import Run

FIELDS: dict[str, Any] = {"rows": 8, "cols": 8, "ifmap_kib": 32, "filter_kib": 32, "ofmap_kib": 32}


def priced() -> Iterator[tuple[Run, Cost]]:
    """Yield runs on designs of every dataflow: images at once, overlap, two ops, an on-chip memory, pooling."""
    for network, fields in (
        ("digits", {"dataflow": "os"}),
        ("digits", {"dataflow": "ws", "overlap": True, "images_at_once": 3}),
        ("digits", {"dataflow": "is"}),
        ("digits", {"dataflow": "os", "memory": {"kind": "sram", "kib": 256}}),
        ("lenet", {"dataflow": "ws", "feeder_width": 8}),
    ):
        base = limen.load_design("threshold-16x16").model_dump() | {"memory_latency": 7}
        run = limen.simulate(network, limen.Design(**base | FIELDS | fields))
        yield run, limen.price(run)
    run = limen.simulate("digits", "mac-threshold-16x16")
    yield run, limen.price(run)


def test_layers_add_up_to_the_whole() -> None:
    for run, cost in priced():
        layers, lines = cost.layers, cost.layer_breakdown
        assert math.fsum(layers["cycles"] * run.design.images_at_once) == run.pass_cycles
        assert list(layers["cycles"]) == list(run.layers["cycles"])
        for phase in ("feeder", "ifmap", "filter", "ofmap", "control"):
            assert list(layers[f"stall_{phase}"]) == list(run.layers[f"stall_{phase}"])
        assert list(layers["utilisation"]) == list(run.layers["utilisation"])
        assert math.fsum(layers["energy_uj"]) == pytest.approx(cost.energy_uj, rel=1e-12)
        assert math.fsum(layers["latency_us"]) == pytest.approx(cost.latency_us, rel=1e-12)
        for group in ("array", "memory", "dram"):
            share = getattr(cost, f"{group}_share") * cost.energy_uj
            assert math.fsum(layers[f"{group}_uj"]) == pytest.approx(share, rel=1e-12)
        sums = lines.groupby("component")["energy_uj"].apply(math.fsum)
        for part in cost.parts:
            assert sums[part.component] == pytest.approx(part.energy_uj, rel=1e-12, abs=0)
        assert lines.groupby("layer", sort=False)["energy_uj"].apply(math.fsum).tolist() == pytest.approx(
            layers["energy_uj"].tolist(), rel=1e-12
        )
        used = lines.dropna(subset="utilisation")
        assert ((used["utilisation"] >= 0) & (used["utilisation"] <= 1)).all()
        assert list(used[used["component"] == "pe"]["utilisation"]) == list(layers["utilisation"])
        port = used[used["component"].str.match("dram |main ")].groupby("layer", sort=False)["utilisation"].sum()
        assert port.tolist() == pytest.approx(layers["port_utilisation"].tolist(), rel=1e-12)
        assert (lines["energy_uj"] >= 0).all() and len(lines) == len(run.counts) * len(cost.parts)


def test_a_layer_s_dram_energy_is_that_of_its_beats() -> None:
    """Of what isn't rounded, a layer takes what its own counts say."""
    for run, cost in priced():
        if run.design.on_chip:
            continue
        dram = cost.layers["dram_uj"] / run.layers["dram_bytes"]
        assert dram.tolist() == pytest.approx([dram[0]] * len(dram), rel=1e-12)
        port = run.layers["dram_bytes"] / (run.design.port_bits // 8) * run.design.port_interval / run.layers["cycles"]
        assert cost.layers["port_utilisation"].tolist() == pytest.approx(port.tolist(), rel=1e-12)


def test_a_layer_that_is_not_counted_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums above are seen to fail where a price lacks a layer's energy."""
    run = limen.simulate("digits", "threshold-16x16")
    cost = limen.price(run)
    monkeypatch.setattr(Breakdown, "_leakage_uj", lambda *_: 0.0)
    assert math.fsum(cost.layers["energy_uj"]) != pytest.approx(cost.energy_uj, rel=1e-12)
