"""What real data does in a network: thresholds exceeded, ranges used, the spread of activations, layer by layer.

Counts are exact integers over every operand pair of the images given, padding included as the real 0 it is. A maxpool
has no operands and no row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from workloads.exact.inference import forward_lanes
from workloads.host.progress import Progress
from workloads.layers.bounds import format_bound, weights_bound
from workloads.layers.graph import INPUT, walk
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import Network
from workloads.ops.integers import accumulator_bits, operand_range

COUNTING_BATCH = 64
"""Images counted together: a cache line of every operand row, eight times."""

BINS = 64
"""Bars of a histogram at most; a narrower format has one for each of its values."""

TAIL = 0.005
"""Of the binomial distribution, at either end: between them lie 99 %."""


class LayerStatistics(NamedTuple):
    """One layer on some images. Shares are of 1; None where a layer has no such thing.

    pairs: operand pairs of one image. above: share of them with x > w (mac and shift: with x·w other than 0).
    never: share of thresholds that no image exceeds (products: always 0); always: of those that no image goes below,
    x ≥ w, where max(x − w, 0) is x − w (products: never 0). certain_never, certain_always: the same for every input the
    format can hold (products: weight 0). A threshold of both kinds counts as never exceeded.
    x_lowest … w_format_highest: the range of the integers used, and their format's; x without padding, w as stored.
    saturated_low, saturated_high: share of outputs clamped at either end; the lower clamp of unsigned ones is ReLU.
    positive: share of polarities +1 among the `polarities` that are free (all, or one a fan-in position or a neuron);
    positive_lowest, positive_highest: the 99 % interval of a fair coin for that many.
    sum_lowest, sum_highest: final accumulators, bias and residual included; partial_lowest, partial_highest: of every
    sum on its way from the bias on, in the order (kh, kw, c). used_bits: the width that holds them all, format_bits and
    weights_bits: the widths of `format_bound` and `weights_bound`.
    deviation: mean over channels of the standard deviation of acc / 2^t, unsaturated, in steps of the output's grid.
    deviation_in_range: the same over half the output format's range. deviation_unshifted: the accumulators' as if no
    layer before had shifted, i.e. times 2^t of each of them, where the network's input (and, for mac and shift, the
    weights) have full scale 1.
    """

    layer: str
    op: str
    pairs: int
    above: float
    never: float
    always: float
    certain_never: float
    certain_always: float
    x_lowest: int
    x_highest: int
    x_format_lowest: int
    x_format_highest: int
    w_lowest: int
    w_highest: int
    w_format_lowest: int
    w_format_highest: int
    saturated_low: float | None
    saturated_high: float | None
    positive: float | None
    polarities: int
    positive_lowest: float | None
    positive_highest: float | None
    sum_lowest: int
    sum_highest: int
    partial_lowest: int
    partial_highest: int
    used_bits: int
    format_bits: int
    weights_bits: int
    deviation: float
    deviation_in_range: float | None
    deviation_unshifted: float


class Histogram(NamedTuple):
    """Counts over a format's range in bars of equal width; the first bar begins at `lowest`."""

    lowest: int
    step: int
    counts: np.ndarray


@dataclass(frozen=True)
class Statistics:
    """A network on some images: a row a layer, the operands' histograms in the same order, and the scores' spread.

    largest_class: share of the images given to the class that wins most. score_deviation: the standard deviation over
    images, averaged over classes.
    """

    images: int
    layers: list[LayerStatistics]
    x_histograms: list[Histogram]
    w_histograms: list[Histogram]
    largest_class: float
    score_deviation: float


class _Tally:
    """What is counted of one layer so far."""

    def __init__(self, layer: Layer, parameters: LayerParameters) -> None:
        self.layer, self.parameters = layer, parameters
        self.x_shift, w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)
        values = layer.operation.values(parameters.weights, layer.w_bits)
        self.w = values.reshape(layer.out_channels, -1) << w_shift
        signs = parameters.polarity
        self.p = np.zeros_like(self.w) if signs is None else signs.reshape(self.w.shape)
        self.above = np.zeros_like(self.w)
        self.seen_low = np.full(self.w.shape, np.iinfo(np.int64).max)
        self.seen_high = np.full(self.w.shape, np.iinfo(np.int64).min)
        self.ends = np.array([np.iinfo(np.int64).max, np.iinfo(np.int64).min])
        self.sum_ends = self.ends.copy()
        self.x_ends = self.ends.copy()
        self.values = 0  # outputs of a channel: images times pixels
        self.moments = np.zeros((2, layer.out_channels))
        self.clamped = np.zeros(2, dtype=np.int64)
        self.x_counts = np.zeros(_bars(layer.x_bits), dtype=np.int64)

    def add(self, x: np.ndarray, residual: np.ndarray | None) -> None:
        """Count a batch: x [H, W, C, B] and the residual [OH, OW, N, B], int64."""
        layer, images = self.layer, x.shape[-1]
        self.x_ends = np.array([min(self.x_ends[0], x.min()), max(self.x_ends[1], x.max())])
        self.x_counts += _count(x, layer.x_bits, layer.x_signed)
        top, bottom, left, right = layer.padding
        padded = np.pad(x << self.x_shift, ((top, bottom), (left, right), (0, 0), (0, 0)))
        rows = np.ascontiguousarray(padded.reshape(-1, images))
        lowest, highest = rows.min(axis=1), rows.max(axis=1)
        started = np.broadcast_to(self.parameters.bias[:, None], (layer.pixels, layer.out_channels, images))
        if residual is not None:
            started = started + (residual.reshape(started.shape) << layer.residual_shift)
        sums = np.empty(started.shape, dtype=np.int64)
        for group in range(layer.groups):
            outputs = slice(group * layer.group_outputs, (group + 1) * layer.group_outputs)
            base, taps = places(layer, group)
            at = base[:, None] + taps
            self.seen_low[outputs] = np.minimum(self.seen_low[outputs], lowest[at].min(axis=0))
            self.seen_high[outputs] = np.maximum(self.seen_high[outputs], highest[at].max(axis=0))
            part = np.ascontiguousarray(started[:, outputs])
            w, p = (np.array(array[outputs], order="C") for array in (self.w, self.p))
            tally = layer.operation.tally_kernel()
            tally(rows, base, taps, w, p, part, self.above[outputs], self.ends)
            sums[:, outputs] = part
        self._add_outputs(sums)

    def _add_outputs(self, sums: np.ndarray) -> None:
        """Count final sums [M, N, B]."""
        self.sum_ends = np.array([min(self.sum_ends[0], sums.min()), max(self.sum_ends[1], sums.max())])
        self.values += sums.shape[0] * sums.shape[2]
        centred = (sums - self.parameters.bias[:, None]).astype(np.float64)  # near 0: their squares keep their digits
        self.moments += np.stack([centred.sum(axis=(0, 2)), np.square(centred).sum(axis=(0, 2))])
        limits = self.layer.y_range
        if limits is not None:
            shift = self.parameters.shift[:, None]
            rounded = (sums + np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)) >> shift
            self.clamped += np.array([np.sum(rounded < limits[0]), np.sum(rounded > limits[1])])

    def deviations(self) -> np.ndarray:
        """Return [N], the standard deviation of each channel's accumulators."""
        mean, square = self.moments / self.values
        return np.sqrt(np.maximum(square - mean * mean, 0))

    def row(self, network: Network, index: int, exponent: float) -> LayerStatistics:
        """Return the layer's row; exponent: log2 of a step of the network's input that a step of x stands for here."""
        layer, parameters = self.layer, self.parameters
        never, always = self._seen()
        certain_never, certain_always = self._certain()
        polarities, positive = free_polarity(layer, parameters)
        interval = fair_interval(polarities) if polarities else (None, None)
        residual = network.residual_format(index)
        x_format, w_format = operand_range(layer.x_bits, layer.x_signed), operand_range(layer.w_bits)
        raw = layer.y_bits is None
        clamped = [None if raw else float(count / (self.values * layer.out_channels)) for count in self.clamped]
        deviations = self.deviations()
        steps = float((deviations / 2.0 ** (0 * parameters.shift if raw else parameters.shift)).mean())
        return LayerStatistics(
            layer=layer.name,
            op=layer.op,
            pairs=layer.pairs,
            above=float(self.above.sum() / (self.values * self.w.size)),
            never=never,
            always=always,
            certain_never=certain_never,
            certain_always=certain_always,
            x_lowest=int(self.x_ends[0]),
            x_highest=int(self.x_ends[1]),
            x_format_lowest=x_format[0],
            x_format_highest=x_format[1],
            w_lowest=int(parameters.weights.min()),
            w_highest=int(parameters.weights.max()),
            w_format_lowest=w_format[0],
            w_format_highest=w_format[1],
            saturated_low=clamped[0],
            saturated_high=clamped[1],
            positive=positive,
            polarities=polarities,
            positive_lowest=interval[0],
            positive_highest=interval[1],
            sum_lowest=int(self.sum_ends[0]),
            sum_highest=int(self.sum_ends[1]),
            partial_lowest=int(self.ends[0]),
            partial_highest=int(self.ends[1]),
            used_bits=accumulator_bits(max(abs(int(end)) for end in self.ends)),
            format_bits=accumulator_bits(format_bound(layer, parameters, residual)),
            weights_bits=accumulator_bits(weights_bound(layer, parameters, residual)),
            deviation=steps,
            deviation_in_range=None if layer.y_bits is None else steps / 2.0 ** (layer.y_bits - 1),
            deviation_unshifted=float(deviations.mean() * 2.0 ** (exponent - sum_exponent(layer))),
        )

    def _seen(self) -> tuple[float, float]:
        """Return the shares of synapses never and always above on the images counted."""
        if self.layer.operation.one_range:
            never = self.w >= self.seen_high
            return float(never.mean()), float((~never & (self.w <= self.seen_low)).mean())
        return float((self.above == 0).mean()), float((self.above == self.values).mean())

    def _certain(self) -> tuple[float, float]:
        """Return the same shares over every input the format can hold."""
        if not self.layer.operation.one_range:
            return float((self.w == 0).mean()), 0.0  # an activation can be 0
        low, high = (end << self.x_shift for end in operand_range(self.layer.x_bits, self.layer.x_signed))
        never = self.w >= high
        return float(never.mean()), float((~never & (self.w <= low)).mean())


def count_statistics(network: Network, x: np.ndarray, progress: Progress | None = None) -> Statistics:
    """Return the statistics of a network on activations x [images, H, W, C], int64; deterministic.

    Raises LimenError where the network has shapes only, ValueError where there is no image or x doesn't fit.
    """
    parameters = network.trained()
    tensor = network.tensors[INPUT]
    if not len(x) or x.shape[1:] != (tensor.height, tensor.width, tensor.channels):
        raise ValueError(f"x: {list(x.shape)}; expected [images, {tensor.height}, {tensor.width}, {tensor.channels}]")
    tallies = {
        index: _Tally(layer, layer_parameters)
        for index, (layer, layer_parameters) in enumerate(zip(network.layers, parameters, strict=True))
        if layer.has_parameters and layer.kind != "matmul"
    }
    scores = []
    for start in range(0, len(x), COUNTING_BATCH):
        batch = np.ascontiguousarray(x[start : start + COUNTING_BATCH].astype(np.int64).transpose(1, 2, 3, 0))
        scores.append(_count_batch(network, tallies, batch))
        if progress is not None:
            progress("counting operand pairs", min(start + COUNTING_BATCH, len(x)), len(x))
    exponents = _exponents(network)
    outputs = np.concatenate(scores)
    return Statistics(
        len(x),
        [tally.row(network, index, exponents[index]) for index, tally in tallies.items()],
        [_histogram(tally.layer.x_bits, tally.layer.x_signed, tally.x_counts) for tally in tallies.values()],
        [
            _histogram(tally.layer.w_bits, True, _count(tally.parameters.weights, tally.layer.w_bits, True))
            for tally in tallies.values()
        ],
        float(np.bincount(outputs.argmax(axis=1)).max() / len(x)),
        float(outputs.std(axis=0).mean()),
    )


def layer_statistics(network: Network, x: np.ndarray) -> list[LayerStatistics]:
    """Return the rows of `count_statistics`."""
    return count_statistics(network, x).layers


def _count_batch(network: Network, tallies: dict[int, _Tally], batch: np.ndarray) -> np.ndarray:
    """Count a batch [H, W, C, B] in every layer and return its scores [B, classes]."""
    parameters = network.trained()

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        layer = network.layers[index]
        seen = seen.reshape(*layer.input_shape, -1)
        if index in tallies:
            tallies[index].add(seen, residual)
        return forward_lanes(layer, parameters[index], seen, residual)

    outputs = walk(network.layers, batch, partial(np.concatenate, axis=2), step)
    return outputs.reshape(-1, outputs.shape[-1]).T


def places(layer: Layer, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Return base [M] and taps [K] of a group: rows of the padded input where a pixel starts, and what it sees."""
    wide = layer.width + layer.padding[2] + layer.padding[3]
    down, across = np.arange(layer.out_height) * layer.stride[0], np.arange(layer.out_width) * layer.stride[1]
    base = (down[:, None] * wide + across).reshape(-1) * layer.channels
    window = np.arange(layer.kernel[0])[:, None] * wide + np.arange(layer.kernel[1])
    seen = group * layer.group_channels + np.arange(layer.group_channels)
    return base, (window[:, :, None] * layer.channels + seen).reshape(-1)


def sum_exponent(layer: Layer) -> int:
    """Return log2 of the accumulator steps in one step of x: w's alignment, or the full scale of what multiplies."""
    return layer.operation.full_scale(layer.x_bits, layer.w_bits)


def _exponents(network: Network) -> list[float]:
    """Return, by layer, log2 of what a step of its x is worth without shifts, the network's input of full scale 1.

    Channels that shift differently, and layers that write one tensor, count by their mean.
    """
    first = network.tensors[INPUT]
    assert first.bits is not None
    worth, parameters, exponents = float(1 - first.bits if first.signed else -first.bits), network.trained(), []

    def step(index: int, seen: float, _residual: float | None) -> float:
        exponents.append(seen)
        layer = network.layers[index]
        return seen + (float(parameters[index].shift.mean()) - sum_exponent(layer) if layer.has_parameters else 0.0)

    walk(network.layers, worth, lambda pieces: float(np.mean(pieces)), step)
    return exponents


def free_polarity(layer: Layer, parameters: LayerParameters) -> tuple[int, float | None]:
    """Return how many signs a layer was free to choose, and the share of +1 among them; (0, None) if there are none."""
    signs = parameters.polarity
    if signs is None or not layer.has_weights:
        return 0, None
    free = {"input": signs[:1], "neuron": signs[:, :1, :1, :1]}.get(layer.polarity, signs)
    return free.size, float((free == 1).mean())


def fair_interval(count: int) -> tuple[float, float]:
    """Return the shares (lowest, highest) between which 99 % of fair coins lie, thrown `count` times.

    Exact but for rounding: the binomial's tails, at most 0.5 % each, summed from logarithms of the gamma function.
    """
    first = max(0, count // 2 - int(10 * math.sqrt(count)) - 10)  # what lies below is less than 1e-80
    whole = math.lgamma(count + 1) - count * math.log(2)
    lowest, below = first - 1, 0.0
    while below <= TAIL:
        lowest += 1
        below += math.exp(whole - math.lgamma(lowest + 1) - math.lgamma(count - lowest + 1))
    return lowest / count, (count - lowest) / count


def _bars(bits: int) -> int:
    return min(BINS, 1 << bits)


def _count(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    """Return how many integers of a format lie in each bar of its histogram."""
    step = (1 << bits) // _bars(bits)
    return np.bincount(((values - operand_range(bits, signed)[0]) // step).reshape(-1), minlength=_bars(bits))


def _histogram(bits: int, signed: bool, counts: np.ndarray) -> Histogram:
    return Histogram(operand_range(bits, signed)[0], (1 << bits) // _bars(bits), counts)
