"""Halves rounded to even on a machine that rounds them up: a channel becomes three whose sum it is.

Rounding to even is a staircase in the sum of a channel, as rounding up is, but every second step comes one unit later.
So y = A + B, where A counts the steps from odd to even numbers and B those from even to odd: both are requantised sums
with one shift more, A = (sum + 2^(t−1)) >> (t+1) and B = (sum + 2^(t+1) − 2^(t−1) − 1) >> (t+1). Each saturates at half
the range, but B a step too early at the upper end; that step is C, 1 (or, of signed tensors, −1 with a weight of −1)
from there on, else 0. All are monotone, so maxima of pools are those of the sums, and 0 where y is, as padding is. What
reads y has each of its weights three times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from workloads.imports.onnx.entries import Entry
from workloads.imports.onnx.integers import Fixed, LayerNumbers, groups_of, layers_of, width_of
from workloads.imports.onnx.reals import INPUT_LAYER, Real
from workloads.ops.integers import MAX_SHIFT, operand_range

PARTS = 3
"""Channels that one becomes."""

LEAST_BITS = 3
"""Of a tensor whose channels are parted: the parts have one less."""


def parted_layers(
    reals: Mapping[int, Real], formats: Mapping[int, Fixed], numbers: Mapping[int, LayerNumbers]
) -> set[int]:
    """Return the layers whose channels are parted: where a sum may lie halfway, and those read beside such.

    Not where a residual is added, or what they write is one.
    """
    added = {layer for real in reals.values() for layer in layers_of(real.residual, reals)}
    found: set[int] = set()
    for group in groups_of([layers_of(real.reads, reals) for real in reals.values()], list(formats)):
        if not any(layer != INPUT_LAYER and numbers[layer].may_tie.any() for layer in group):
            continue
        fits = all(
            layer != INPUT_LAYER
            and layer not in added
            and not reals[layer].residual
            and formats[layer].bits >= LEAST_BITS
            and numbers[layer].arrays["shift"].max() < MAX_SHIFT
            and 8 * _bound(numbers[layer]) < 1 << MAX_SHIFT
            for layer in group
        )
        found |= set(group) if fits else set()
    return found


def part(
    entries: Sequence[Entry],
    reals: Mapping[int, Real],
    formats: Mapping[int, Fixed],
    numbers: Mapping[int, LayerNumbers],
) -> tuple[dict[int, Fixed], dict[int, LayerNumbers]]:
    """Return (formats, integers) with channels parted; entries get their new numbers of channels."""
    parted = parted_layers(reals, formats, numbers)
    halved = {layer: replace(form, bits=form.bits - 1) if layer in parted else form for layer, form in formats.items()}
    made = {}
    for layer, entry in enumerate(entries):
        read = layers_of(reals[layer].reads, reals)
        mine = numbers[layer]
        if set(read) & parted:
            mine = _reading_parts(mine, formats[read[0]].signed)
            mine = replace(mine, keys={**mine.keys, "x_bits": halved[read[0]].bits})
        if layer in parted:
            mine = _writing_parts(mine, formats[layer])
            entry.keys["out_channels"] = PARTS * entry.keys["out_channels"]
            entry.offset *= PARTS
        elif reals[layer].weights is None and set(read) & parted:  # a maxpool beside others in a tensor
            entry.offset *= PARTS
        made[layer] = mine
    return halved, made


def _bound(numbers: LayerNumbers) -> int:
    """Return what no sum of a layer exceeds in magnitude."""
    low, high = operand_range(numbers.keys["x_bits"], numbers.keys["x_signed"])
    terms = np.abs(numbers.arrays["weights"]).reshape(len(numbers.unit), -1).sum(axis=1) * max(-low, high)
    return int((terms + np.abs(numbers.arrays["bias"])).max())


def _reading_parts(numbers: LayerNumbers, signed: bool) -> LayerNumbers:
    """Return a layer's integers where each channel that it reads is three."""
    if not numbers.arrays:
        return numbers
    signs = np.tile(np.array([1, 1, -1 if signed else 1]), numbers.arrays["weights"].shape[3])
    return _with_weights(numbers, np.repeat(numbers.arrays["weights"], PARTS, axis=3) * signs)


def _writing_parts(numbers: LayerNumbers, y: Fixed) -> LayerNumbers:
    """Return a layer's integers with each of its channels three times; y: the format of their sum."""
    weights, bias, t = (numbers.arrays[name] for name in ("weights", "bias", "shift"))
    even = numbers.may_tie.astype(np.int64)
    half = np.where(t > 0, np.left_shift(1, np.maximum(t - 1, 0)), 0)
    _, highest = operand_range(y.bits, y.signed)
    last_step = np.where(t > 0, ((highest - 1) << t) + half + even, highest)
    wide = np.full_like(t, max(1, (2 * _bound(numbers) + int(np.abs(last_step).max())).bit_length()))
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
