"""How a layer lies on the array: which of M, N, K runs along rows, columns and time, and where operands wait.

Shared by the cycle model and the Verilog's vectors; the timing model uses the sizes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from simulator.design import Dataflow, Design
    from workloads.layer import Layer, LayerParameters

PADDING = -1
"""Gather index of a padding activation (value 0)."""

EMPTY = -2
"""Gather index of a bank word that no fold reads."""


def array_sizes(layer: Layer, dataflow: Dataflow) -> tuple[int, int, int]:
    """Return (row_size, col_size, time_size): the GEMM extents along rows, columns and time."""
    m, n, k = layer.pixels, layer.out_channels, layer.fan_in
    return {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[dataflow]


@dataclass(frozen=True)
class Banks:
    """Contents of the on-chip memories for one layer (int64 arrays).

    x_gather: [lanes, depth], for each activation word the index into the flattened NHWC input, or
        PADDING, or EMPTY. It belongs to the row banks under os and ws, to the column banks under is.
    synapses: [lanes, depth], bit patterns {polarity, weight}; 0 where no fold reads.
    bias, shift: [lanes, depth] of the channel banks (one lane under is).
    out_lane, out_addr: [M·N], where output (m, n) ends up, m-major.
    """

    x_gather: np.ndarray
    synapses: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    out_lane: np.ndarray
    out_addr: np.ndarray


def gather_indices(layer: Layer) -> np.ndarray:
    """Return [M, K] indices of each fan-in's activation in the flattened NHWC input; PADDING outside it."""
    out_h, out_w = np.divmod(np.arange(layer.pixels), layer.out_width)
    tap, channel = np.divmod(np.arange(layer.fan_in), layer.channels)
    tap_h, tap_w = np.divmod(tap, layer.kernel[1])
    h = out_h[:, None] * layer.stride[0] - layer.padding[0] + tap_h
    w = out_w[:, None] * layer.stride[1] - layer.padding[2] + tap_w
    inside = (h >= 0) & (h < layer.height) & (w >= 0) & (w < layer.width)
    return np.where(inside, (h * layer.width + w) * layer.channels + channel, PADDING)


def synapse_patterns(layer: Layer, parameters: LayerParameters, design: Design) -> np.ndarray:
    """Return [N, K] bit patterns of the synapses: weight in w_bits, above it polarity (1 is inhibitory)."""
    patterns = parameters.weights.reshape(layer.out_channels, layer.fan_in) & ((1 << design.w_bits) - 1)
    if parameters.polarity is not None:
        patterns = patterns | ((parameters.polarity.reshape(patterns.shape) < 0).astype(np.int64) << design.w_bits)
    return patterns


def fold_lanes(matrix: np.ndarray, lanes: int, fill: int) -> np.ndarray:
    """Lay [size, depth] rows out over `lanes` banks: row i at lane i mod lanes, fold i div lanes after fold."""
    size, depth = matrix.shape
    folds = -(-size // lanes)
    padded = np.full((folds * lanes, depth), fill, dtype=np.int64)
    padded[:size] = matrix
    return np.ascontiguousarray(padded.reshape(folds, lanes, depth).transpose(1, 0, 2)).reshape(lanes, folds * depth)


def fill_banks(layer: Layer, parameters: LayerParameters, design: Design) -> Banks:
    """Return what the operand and channel banks hold for `layer`, and where its outputs appear."""
    gather = gather_indices(layer)
    synapses = synapse_patterns(layer, parameters, design)
    m, n = np.divmod(np.arange(layer.pixels * layer.out_channels), layer.out_channels)
    if design.dataflow == "is":
        x_gather = fold_lanes(gather, design.cols, EMPTY)
        rows = fold_lanes(synapses.T, design.rows, 0)
        channel_lanes, lane, time, length = 1, m, n, layer.out_channels
    else:
        x_gather = fold_lanes(gather if design.dataflow == "os" else gather.T, design.rows, EMPTY)
        rows = fold_lanes(synapses, design.cols, 0)
        channel_lanes, lane, time, length = design.cols, n, m, layer.pixels
    return Banks(
        x_gather=x_gather,
        synapses=rows,
        bias=fold_lanes(parameters.bias[:, None], channel_lanes, 0),
        shift=fold_lanes(parameters.shift[:, None], channel_lanes, 0),
        out_lane=lane % design.cols,
        out_addr=(lane // design.cols) * length + time,
    )


def gather_activations(banks: Banks, x: np.ndarray) -> np.ndarray:
    """Return the activation banks [lanes, depth] for one flattened input; padding and empty words are 0."""
    return np.where(banks.x_gather >= 0, x.reshape(-1)[np.maximum(banks.x_gather, 0)], 0)
