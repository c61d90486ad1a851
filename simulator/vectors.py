"""The vector file of an exported design: bank contents, inputs, and what the chip must give.

Expected outputs come from the bit-true reference and expected cycles from the timing model; nothing in
the file was computed by the cycle model or the Verilog.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from simulator.design import Design
from simulator.mapping import Banks, array_sizes, fill_banks
from simulator.timing import count_layer
from workloads import reference
from workloads.network import Network

DATAFLOW_CODES = {"os": 0, "ws": 1, "is": 2}


def _line(keyword: str, *values: Iterable[int] | int | str) -> str:
    words = [keyword]
    for value in values:
        if isinstance(value, (int, str)):
            words.append(str(value))
        else:
            words.extend(str(int(number)) for number in value)
    return " ".join(words)


def layer_banks(network: Network, design: Design) -> list[Banks]:
    """Return the bank contents of every layer."""
    return [fill_banks(layer, own, design) for layer, own in zip(network.layers, network.trained(), strict=True)]


def format_vectors(network: Network, design: Design, x: np.ndarray) -> str:
    """Return the vector file for a fitted design and int64 inputs x [images, H, W, C]."""
    assert design.acc_bits is not None
    lines = [
        _line("limen-vectors", 1),
        _line("design", design.rows, design.cols, DATAFLOW_CODES[design.dataflow], design.x_bits, design.acc_bits),
        _line("layers", len(network.layers)),
        _line("images", len(x)),
    ]
    for layer, banks in zip(network.layers, layer_banks(network, design), strict=True):
        counts = count_layer(layer, design)
        limits = layer.y_range or (0, 0)
        raw = int(layer.y_range is None)
        phases = (0, counts.preload, counts.stream, counts.drain, counts.pipeline)
        lines += [
            _line("layer", layer.name, array_sizes(layer, design.dataflow), raw, limits),
            _line("phases", phases),
            _line("x", banks.x_gather.shape, banks.x_gather.ravel()),
            _line("synapses", banks.synapses.shape, banks.synapses.ravel()),
            _line("channels", banks.bias.shape, banks.bias.ravel(), banks.shift.ravel()),
            _line("outputs", banks.out_lane.size, banks.out_lane, banks.out_addr),
        ]
    outputs = reference.run(network.layers, network.trained(), x)
    for image in range(len(x)):
        lines.append(_line("input", x[image].size, x[image].ravel()))
        lines += [_line("expected", output[image].ravel()) for output in outputs]
    return "\n".join([*lines, "end"]) + "\n"
