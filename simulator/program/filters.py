"""How a tile's filters are laid out: rows of lanes in the order in which the array reads them.

A plane of weights, one of polarity unless it is generated, one of bias and shift. Lanes without a channel or a position
of K hold the neutral synapse, which contributes nothing. Weights narrower than the design's are widened: by their sign,
which is in int64 already, or (op shift) to another code of the same power of two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.encoding import SHIFT_BITS

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.plan.steps import Schedule, Step
    from workloads.layers.layer import Layer, LayerParameters


def filter_planes(
    layer: Layer, parameters: LayerParameters, schedule: Schedule, step: Step, design: FittedDesign
) -> list[tuple[np.ndarray, int]]:
    """Return (patterns, bits of each) of a tile's planes: weights, [polarity,] then bias and shift alternating."""
    geometry, tile, shape = schedule.geometry, step.tile, step.shape
    outputs = slice(tile.out, tile.out_end)
    channels = slice(0, None) if geometry.groups > 1 else slice(tile.chan, tile.chan_end)
    if geometry.matmul:
        planes = [(np.zeros(1, dtype=np.int64), 1)]  # a beat in the place of weights that are another tensor
    else:
        room = layer.operation
        widened = room.codes(room.values(parameters.weights, layer.w_bits), room.fitted_bits(design.w_bits))
        weights = _by_group(widened, geometry.kernel, outputs, channels, shape.groups)
        rows = _rows(weights & ((1 << design.w_bits) - 1), design, design.neutral[1])
        planes = [(np.concatenate(rows), design.w_bits)]
    if parameters.polarity is not None and design.stores_polarity:
        inhibitory = _by_group(parameters.polarity, geometry.kernel, outputs, channels, shape.groups) < 0
        planes.append((_polarity_rows(inhibitory.astype(np.int64), design), 1))
    mask = (1 << design.acc_bits) - 1
    words = (parameters.bias[outputs] & mask) | (parameters.shift[outputs] << design.acc_bits)
    planes.append((_channel_rows(words.reshape(shape.groups, -1), design), design.acc_bits + SHIFT_BITS))
    return planes


def _by_group(array: np.ndarray, kernel: tuple[int, int], outputs: slice, channels: slice, groups: int) -> np.ndarray:
    """Return [groups, outputs of a group, K] of an array [N, kh, kw, C] or, of a linear layer, [N, 1, 1, H·W·C]."""
    shaped = array.reshape(len(array), *kernel, -1)[outputs, :, :, channels]
    return shaped.reshape(groups, shaped.shape[0] // groups, -1)


def _folds(size: int, lanes: int) -> list[tuple[int, int]]:
    return [(start, min(start + lanes, size)) for start in range(0, size, lanes)]


def _lanes(values: np.ndarray, lanes: int, fill: int) -> np.ndarray:
    """Widen rows [rows, used] to [rows, lanes]."""
    wide = np.full((len(values), lanes), fill, dtype=np.int64)
    wide[:, : values.shape[1]] = values
    return wide


def _rows(groups: np.ndarray, design: FittedDesign, neutral: int) -> list[np.ndarray]:
    """Return the rows [rows, lanes] of [groups, N, K] patterns, fold by fold in the order of `limen_folds`."""
    rows = []
    for group in groups:
        by_n, by_k = _folds(group.shape[0], design.cols), _folds(group.shape[1], design.rows)
        if design.dataflow == "os":
            rows += [_lanes(group[low:high].T, design.cols, neutral) for low, high in by_n]
        elif design.dataflow == "ws":  # preload goes from the last row of the array to the first
            rows += [
                _lanes(group[low:high, first:last].T[::-1], design.cols, neutral)
                for first, last in by_k
                for low, high in by_n
            ]
        else:  # activations are preloaded in the order of K, so the first of a fold lies in the last row in use
            rows += [_lanes(group[:, first:last][:, ::-1], design.rows, neutral) for first, last in by_k]
    return rows


def _polarity_rows(groups: np.ndarray, design: FittedDesign) -> np.ndarray:
    """Return the polarity rows of [groups, N, K] bits, flat."""
    if design.polarity == "synapse":
        return np.concatenate(_rows(groups, design, 0)).reshape(-1)
    rows = []
    for group in groups:
        by_n, by_k = _folds(group.shape[0], design.cols), _folds(group.shape[1], design.rows)
        if design.polarity == "input":
            of_k = group[0]
            if design.dataflow == "os":
                rows.append(of_k)
            elif design.dataflow == "ws":
                rows += [of_k[first:last][::-1] for first, last in by_k]
            else:
                rows += [_lanes(of_k[None, first:last][:, ::-1], design.rows, 0)[0] for first, last in by_k]
        else:
            of_n = group[:, 0]
            if design.dataflow == "is":
                rows.append(of_n)
            else:
                rows += [_lanes(of_n[None, low:high], design.cols, 0)[0] for low, high in by_n]
    return np.concatenate(rows)


def _channel_rows(groups: np.ndarray, design: FittedDesign) -> np.ndarray:
    """Return the bias and shift words [groups, N], widened to rows of columns under os and ws, flat."""
    if design.dataflow == "is":
        return groups.reshape(-1)
    rows = [
        _lanes(group[None, low:high], design.cols, 0)[0]
        for group in groups
        for low, high in _folds(len(group), design.cols)
    ]
    return np.concatenate(rows)
