"""The networks of the zoo on the machine: all of them counted and priced, four of them in Verilog, word by word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limen
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import Design
from simulator.program.program import compile_network
from simulator.rtl.vectors import expected_tensors
from simulator.run import choose_inputs
from tests.levels.graphs import random_parameters
from workloads.errors import LimenError
from workloads.networks.network import Network
from workloads.networks.pages import page_network, zoo_pages

ZOO = zoo_pages()
DATAFLOWS = ("os", "ws", "is")

BUFFERS: dict[str, Any] = {"ifmap_kib": 64, "filter_kib": 128, "ofmap_kib": 256, "operand_depth": 4608}

DESIGNS: dict[str, dict[str, Any]] = {
    "threshold": {"rows": 16, "cols": 16, "op": "threshold", "x_bits": 6, "w_bits": 6},
    "mac": {"rows": 32, "cols": 32, "op": "mac", "x_bits": 8, "w_bits": 8, "feeder_width": 8, "port_bits": 128},
    "adder": {"rows": 8, "cols": 32, "op": "adder", "x_bits": 8, "w_bits": 8, "overlap": True},
}
"""Each at three dataflows."""


@pytest.mark.parametrize("kind", DESIGNS)
@pytest.mark.parametrize("name", ZOO)
def test_counted_and_priced(name: str, kind: str) -> None:
    """Each layer takes its time, busy PEs have done all pairs of operands, and the whole has a price."""
    fields = DESIGNS[kind]
    network = limen.network(name, fields["op"], fields["x_bits"], fields["w_bits"])
    signed = any(layer.x_signed for layer in network.layers)
    attends = any(layer.kind == "matmul" for layer in network.layers)
    for dataflow in DATAFLOWS:
        design = Design(**BUFFERS, **fields, dataflow=dataflow, x_signed=signed, matmul=attends)
        run = limen.simulate(network, design)
        assert [counts.busy for counts in run.counts] == [layer.pairs for layer in network.layers]
        assert all(counts.cycles > 0 for counts in run.counts)
        cost = limen.price(run)
        assert cost.energy_uj > 0 and cost.latency_us == pytest.approx(run.cycles * cost.clock_ns / 1000)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_attention_needs_a_design_of_matmul(dataflow: str) -> None:
    design = Design(**BUFFERS, **DESIGNS["threshold"], dataflow=dataflow)
    with pytest.raises(
        LimenError, match="layer b1_likeness1: kind: 'matmul' is not allowed: the design has matmul: fa"
    ):
        limen.simulate("vit-tiny-16", design)


IN_VERILOG = ("lenet", "ds-cnn", "resnet8", "uci-har-cnn")

SMALL = Design(
    rows=8, cols=8, dataflow="ws", op="threshold", x_bits=4, w_bits=4, acc_bits=20, overlap=True, feeder_width=8,
    port_bits=128, memory_latency=4, channel_rows=64, ifmap_kib=64, filter_kib=64, ofmap_kib=64, operand_depth=2048,
)  # fmt: skip
"""One for all four, so that one testbench is built."""


def random_network(name: str) -> Network:
    """Return a network of the zoo with random integers."""
    shapes, rng = page_network(ZOO[name], SMALL.op, SMALL.x_bits, SMALL.w_bits), np.random.default_rng(20)
    return replace(shapes, parameters=tuple(random_parameters(layer, rng) for layer in shapes.layers))


@pytest.mark.parametrize("name", IN_VERILOG)
@pytest.mark.usefixtures("quick_builds")
def test_every_word_in_verilog(name: str, tmp_path: Path) -> None:
    """Random weights: every word of every tensor as the reference has it, every count as level timing has it."""
    network = random_network(name)
    fitted = SMALL.fitted(network)
    timing = limen.simulate(network, fitted)
    program, x = compile_network(network, fitted), choose_inputs(network, 1, seed=7)[0]
    cycle = run_cycle(program, x)
    assert cycle.counts == timing.counts
    assert np.array_equal(cycle.image[program.first_beat :], expected_tensors(program, x))
    proof = limen.export(network, fitted, tmp_path / "chip", images=1, seed=7).verify()
    assert (proof.images, proof.layers, proof.mismatches) == (1, len(network.layers), 0)
    assert proof.cycles == timing.cycles
