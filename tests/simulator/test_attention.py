"""Attention of a real size, of one head of ViT-Tiny: 197 tokens, 64 channels."""

from __future__ import annotations

import pytest

from simulator.cuts.schedule import choose_network, count_network
from simulator.designs.design import Design
from tests.levels.cases import DATAFLOWS, make_network

HEAD = [
    *({"name": name, "kind": "conv2d", "input": "input", "out_channels": 64} for name in "qkv"),
    {"name": "a", "kind": "matmul", "input": "q", "synapses": "k", "transposed": True},
    {"name": "o", "kind": "matmul", "input": "a", "synapses": "v"},
]


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_it_fits_small_scratchpads(dataflow: str) -> None:
    """Half of 8 KiB holds a third of a tensor that becomes synapses: it comes in parts."""
    buffers = {"ifmap_kib": 16, "filter_kib": 8, "ofmap_kib": 16}
    sizes = {"rows": 16, "cols": 16, "x_bits": 8, "w_bits": 8}
    design = Design(dataflow=dataflow, op="mac", matmul=True, **sizes, **buffers)
    network = make_network("head", design, {"height": 197, "width": 1, "channels": 192}, HEAD, 0)
    fitted = design.fitted(network)
    cuts = [cut for _, cut in choose_network(network, fitted)]
    counts = count_network(network, fitted)
    assert all(cut.parts.outputs * cut.parts.channels > 1 for cut in cuts[-2:])
    assert [layer.busy for layer in counts[-2:]] == [197 * 197 * 64] * 2
