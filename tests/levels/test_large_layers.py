"""Layers that once were beyond the machine's counters: at all levels alike."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cuts.schedule import count_network
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import Design, FittedDesign
from simulator.program.program import compile_network
from simulator.timing.timing import ALWAYS_READY
from tests.levels.cases import extreme_input, make_network
from tests.levels.exactness import model_difference
from tests.levels.rtl_bench import bench
from workloads.errors import LimenError
from workloads.networks.network import Network


def agree(network: Network, design: FittedDesign) -> None:
    program, x = compile_network(network, design), extreme_input(network, 1)
    assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None
    assert bench(program.design).run(program, x).passed


def test_planes_of_more_beats_than_a_field_holds() -> None:
    """Two words of channels of 363 × 363 pixels, two words a beat: 65,885 beats from plane to plane."""
    design = Design(
        rows=1, cols=4, dataflow="os", op="mac", x_bits=8, w_bits=4, memory_latency=1, ifmap_kib=64, ofmap_kib=64
    )
    layers = [
        {"name": "own", "kind": "maxpool", "kernel": [1, 1]},
        {"name": "last", "kind": "conv2d", "out_channels": 1, "kernel": [1, 1], "stride": [90, 90]},
    ]
    network = make_network("large", design, {"height": 363, "width": 363, "channels": 5}, layers, 3)
    agree(network, design.fitted(network))


HEADS: list[dict[str, Any]] = [
    {"name": "heads", "kind": "conv2d", "out_channels": 788, "kernel": [1, 1], "groups": 4},
    {"name": "last", "kind": "linear", "out_channels": 1},
]
"""Four groups of 197 outputs: words of four channels don't end where a group does, so all are one tile."""


@pytest.mark.parametrize(("dataflow", "rows"), [("os", 52), ("ws", 52), ("is", 788)])
def test_groups_of_197_outputs(dataflow: str, rows: int) -> None:
    design = Design(rows=1, cols=16, dataflow=dataflow, op="mac", x_bits=4, w_bits=4, ofmap_kib=64)
    network = make_network("heads", design, {"height": 2, "width": 1, "channels": 8}, HEADS, 3)
    fitted = design.fitted(network)
    assert fitted.channel_depth == rows and design.channel_depth < rows
    agree(network, fitted)
    small = fitted.model_copy(update={"channel_rows": 16})
    line = rf"channel_rows: 16 is not allowed: the smallest tile needs {rows} rows of bias and shift; at least {rows}$"
    with pytest.raises(LimenError, match=line):
        count_network(network, small)
    assert fitted.fitted(network) is fitted and small.fitted(network) == fitted
