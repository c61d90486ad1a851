"""Halves rounded to even on a machine that rounds them up: a channel becomes three whose sum it is.

Rounding to even is a staircase in the sum of a channel, as rounding up is, but every second step comes one unit later.
So y = A + B, where A counts the steps from odd to even numbers and B those from even to odd: both are requantised sums
with one shift more, A = (sum + 2^(t−1)) >> (t+1) and B = (sum + 2^(t+1) − 2^(t−1) − 1) >> (t+1). Each saturates at half
the range, but B a step too early at the upper end; that step is C, 1 (or, of signed tensors, −1 with a weight of −1)
from there on, else 0. All are 0 where y is, as padding is, and but for the −1 they rise with the sum: so their maxima
are those of the sum, and a signed tensor that a maxpool reads stays as it is. What reads y has each of its weights
three times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workloads.imports.names import Names
from workloads.imports.onnx.entries import Entry
from workloads.imports.onnx.integers import Fixed, LayerNumbers, format_of, groups_of, layers_of, width_of
from workloads.imports.onnx.real import INPUT_LAYER, Piece, Real
from workloads.imports.onnx.views import BATCH, CHANNELS, COLUMNS, ROWS, written
from workloads.ops.integers import MAX_SHIFT, operand_range

PARTS = 3
"""Channels that one becomes."""

LEAST_BITS = 3
"""Of a tensor whose channels are parted: the parts have one less."""


@dataclass
class Integers:
    """A graph's layers with their integers, by place: what `part` changes."""

    entries: list[Entry]
    reals: dict[int, Real]
    formats: dict[int, Fixed]
    numbers: dict[int, LayerNumbers]

    def residual(self, layer: int) -> Fixed | None:
        """Return the format of what a layer adds, or None."""
        added = self.reals[layer].residual
        return format_of(added, self.formats, self.reals) if added else None


def parted_layers(graph: Integers) -> set[int]:
    """Return the layers whose channels are parted: where a sum may lie halfway, and those read beside such."""
    found: set[int] = set()
    numbers = graph.numbers
    pools = [real.reads for layer, real in graph.reals.items() if real.weights is None and layer != INPUT_LAYER]
    pooled = {layer for reads in pools for layer in layers_of(reads, graph.reals)}
    for group in groups_of([layers_of(real.reads, graph.reals) for real in graph.reals.values()], list(graph.formats)):
        if not any(layer != INPUT_LAYER and numbers[layer].may_tie.any() for layer in group):
            continue
        fits = all(
            layer != INPUT_LAYER
            and graph.formats[layer].bits >= LEAST_BITS
            and not (graph.formats[layer].signed and layer in pooled)
            and numbers[layer].arrays["shift"].max() < MAX_SHIFT
            and 8 * _bound(numbers[layer], graph.residual(layer)) < 1 << MAX_SHIFT
            for layer in group
        )
        found |= set(group) if fits else set()
    return found


def part(graph: Integers, names: Names) -> Integers:
    """Return a graph with channels parted.

    What such a layer adds, or what is parted itself and added, is put together first, by a layer of one pixel.
    """
    parted = parted_layers(graph)
    made = Integers([], {INPUT_LAYER: graph.reals[INPUT_LAYER]}, {}, {})
    if INPUT_LAYER in graph.formats:
        made.formats[INPUT_LAYER] = graph.formats[INPUT_LAYER]
    places = {INPUT_LAYER: INPUT_LAYER}
    for layer, entry in enumerate(graph.entries):
        real, mine, form = graph.reals[layer], graph.numbers[layer], graph.formats.get(layer)
        added = graph.residual(layer)
        if layer in parted and form is not None:
            mine, form = _writing_parts(mine, form, added), replace(form, bits=form.bits - 1)
            entry.keys["out_channels"] = PARTS * entry.keys["out_channels"]
        read = set(layers_of(real.reads, graph.reals)) & parted
        if read:
            mine = _reading_parts(mine, graph.formats[min(read)].signed)
            mine = replace(mine, keys={**mine.keys, "x_bits": graph.formats[min(read)].bits - 1})
        if layer in parted or (real.weights is None and read):
            entry.offset *= PARTS
        residual = tuple(replace(piece, layer=places[piece.layer]) for piece in real.residual)
        sources = set(layers_of(real.residual, graph.reals))
        if added is not None and (layer in parted or sources & parted):
            _put_together(made, graph, layer, residual, (bool(sources & parted), layer in parted), names)
            residual = (Piece(len(made.entries) - 1, 0),)
        places[layer] = len(made.entries)
        made.entries.append(entry)
        reads = tuple(replace(piece, layer=places[piece.layer]) for piece in real.reads)
        made.reals[places[layer]] = replace(real, reads=reads, residual=residual)
        made.numbers[places[layer]] = mine
        if form is not None:
            made.formats[places[layer]] = form
    return made


def _put_together(
    made: Integers, graph: Integers, layer: int, residual: tuple[Piece, ...], parted: tuple[bool, bool], names: Names
) -> None:
    """Add a layer that gives what another adds: of channels that are parted or not, a channel or three of it.

    residual: in the new graph. parted: whether it is, and whether the layer that adds it is. The third channel of a
    signed layer adds the opposite.
    """
    entry, form = graph.entries[layer], graph.residual(layer)
    assert form is not None and entry.residual is not None
    channels = entry.keys["out_channels"] // (PARTS if parted[1] else 1)
    y = graph.formats.get(layer)
    opposite = parted[1] and y is not None and y.signed
    row = np.array([[1, 1, -1 if form.signed else 1]] if parted[0] else [[1]], dtype=np.int64)
    rows = np.concatenate([row, row, -row if opposite else row]) if parted[1] else row
    weights = np.tile(rows, (channels, 1)).reshape(channels * len(rows), 1, 1, -1)
    height, width, _ = entry.writes.shape
    writes = written(1, (height, width, len(weights)), (BATCH, CHANNELS, ROWS, COLUMNS), 0, 0).tensor
    keys = {"out_channels": len(weights), "groups": channels}
    none = np.zeros(len(weights), dtype=np.int64)
    formed = {"x_bits": form.bits - parted[0], "w_bits": 2, "x_signed": form.signed}
    place = len(made.entries)
    made.entries.append(Entry(entry.node, names.own(f"{entry.name}_added"), "conv2d", entry.residual, keys, writes))
    made.reals[place] = Real(weights.astype(np.float64), none.astype(np.float64), residual)
    made.numbers[place] = LayerNumbers({"weights": weights, "bias": none, "shift": none}, formed, none, none != 0)
    made.formats[place] = replace(form, bits=form.bits + 1, signed=True) if opposite else form
    entry.residual = writes


def _bound(numbers: LayerNumbers, residual: Fixed | None) -> int:
    """Return what no sum of a layer exceeds in magnitude."""
    low, high = operand_range(numbers.keys["x_bits"], numbers.keys["x_signed"])
    terms = np.abs(numbers.arrays["weights"]).reshape(len(numbers.unit), -1).sum(axis=1) * max(-low, high)
    added = 0 if residual is None else (1 << residual.bits) << numbers.keys.get("residual_shift", 0)
    return int((terms + np.abs(numbers.arrays["bias"])).max()) + added


def _reading_parts(numbers: LayerNumbers, signed: bool) -> LayerNumbers:
    """Return a layer's integers where each channel that it reads is three."""
    if not numbers.arrays:
        return numbers
    signs = np.tile(np.array([1, 1, -1 if signed else 1]), numbers.arrays["weights"].shape[3])
    return _with_weights(numbers, np.repeat(numbers.arrays["weights"], PARTS, axis=3) * signs)


def _writing_parts(numbers: LayerNumbers, y: Fixed, residual: Fixed | None = None) -> LayerNumbers:
    """Return a layer's integers with each of its channels three times.

    y: the format of their sum. residual: of what it adds.
    """
    weights, bias, t = (numbers.arrays[name] for name in ("weights", "bias", "shift"))
    even = numbers.may_tie.astype(np.int64)
    half = np.where(t > 0, np.left_shift(1, np.maximum(t - 1, 0)), 0)
    _, highest = operand_range(y.bits, y.signed)
    last_step = np.where(t > 0, ((highest - 1) << t) + half + even, highest)
    wide = np.full_like(t, max(1, (2 * _bound(numbers, residual) + int(np.abs(last_step).max())).bit_length()))
    middle = np.left_shift(1, wide - 1)
    if y.signed:
        sign, step = -1, -bias + last_step - 1 - middle
    else:
        sign, step = 1, bias + middle - last_step
    odd_steps = bias - np.where(t > 0, half, 1)
    even_steps = bias + np.where(t > 0, half - even, 0)
    arrays = {
        "bias": np.stack([odd_steps, even_steps, step], axis=1).reshape(-1),
        "shift": np.stack([t + 1, t + 1, wide], axis=1).reshape(-1),
    }
    parts = np.stack([weights, weights, sign * weights], axis=1).reshape(-1, *weights.shape[1:])
    left = np.repeat(numbers.may_tie & (t == 0), PARTS)  # a bias of a half where nothing is shifted
    made = replace(numbers, arrays={**numbers.arrays, **arrays}, unit=np.repeat(numbers.unit, PARTS), may_tie=left)
    return _with_weights(made, parts)


def _with_weights(numbers: LayerNumbers, weights: np.ndarray) -> LayerNumbers:
    """Return a layer's integers with other weights, and their width."""
    bits = max(numbers.keys["w_bits"], *(width_of(int(end)) for end in (weights.min(), weights.max())))
    return replace(numbers, arrays={**numbers.arrays, "weights": weights}, keys={**numbers.keys, "w_bits": bits})
