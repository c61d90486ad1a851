"""Our own quantiser for a graph of real numbers: ranges of its tensors from data, powers of two all.

The ranges, the grids of weights and the descent are those of `workloads.training.quantise`, which takes a trained float
master alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from workloads.errors import shown
from workloads.exact.inference import forward_lanes
from workloads.exact.kernel_arrays import batch_innermost, layer_rows, layer_sums
from workloads.exact.reference import patches
from workloads.imports.imported import NumberFormats
from workloads.imports.onnx.integers import Fixed, Weights, format_of, groups_of, layers_of, network_numbers
from workloads.imports.onnx.real import INPUT_LAYER, NoValues, Piece, Real
from workloads.layers.graph import walk
from workloads.layers.layer import Layer, LayerParameters, no_parameters
from workloads.ops.mac import MAC
from workloads.training.quantise import CALIBRATION_IMAGES, LEAST_GAIN, START_SHARE

MOST_AT_ONCE = 1 << 26
"""Results of all layers and inputs together: half a gibibyte."""

DESCENT_IMAGES, LEAST_DESCENT_IMAGES = 64, 8
"""Inputs on which a choice is judged."""

DESCENT_PAIRS = 10_000_000_000
"""Operations that one round of the descent may take: half a minute."""

DESCENTS = 4
"""Rounds at most."""


def images_at_once(layers: Sequence[Layer]) -> int:
    """Return how many inputs are taken of a network: CALIBRATION_IMAGES, fewer of one whose results fill the memory."""
    values = sum(math.prod(layer.output_shape) for layer in layers)
    return max(1, min(CALIBRATION_IMAGES, MOST_AT_ONCE // values))


def real_outputs(layers: Sequence[Layer], reals: Mapping[int, Real], x: np.ndarray) -> list[np.ndarray]:
    """Return every layer's results [OH, OW, N, images] in real numbers, of inputs [images, H, W, C]."""
    outputs: list[np.ndarray] = []

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        layer, real = layers[index], reals[index]
        lanes = seen.reshape(*layer.input_shape, -1)
        if real.weights is None:
            images = np.ascontiguousarray(lanes.transpose(3, 0, 1, 2))
            highest = patches(layer, images, absent=-np.inf).max(axis=2)  # type: ignore[arg-type]
            y = highest.reshape(-1, *layer.output_shape).transpose(1, 2, 3, 0)
        else:
            sums = layer_sums(layer, real.weights, None, layer_rows(layer, lanes))
            low, high = clamps(real)
            y = np.clip(sums + real.bias[:, None] + (0 if residual is None else residual), low, high)
        outputs.append(np.ascontiguousarray(y))
        return outputs[-1]

    walk(layers, batch_innermost(x), partial(np.concatenate, axis=2), step)
    return outputs


def clamps(real: Real) -> tuple[float, float]:
    """Return the real numbers between which a layer's results are, those of a grid of the model's own with them."""
    if real.grid is None:
        return real.low, real.high
    unit = real.grid.unit
    return max(real.low, real.grid.low * unit), min(real.high, real.grid.high * unit)


class Choice(NamedTuple):
    """What the descent chooses: of each group of tensors the power of two that holds it, of each layer with weights how
    many powers of two finer its grid is than that of the least error."""

    ranges: tuple[int, ...]
    finer: tuple[int, ...]


@dataclass(frozen=True)
class Calibration:
    """A graph in real numbers and what is known of it on data. groups: of tensors that have one format, by layer.

    x: inputs [images, H, W, C], real. scores: what it gives of them, [OH, OW, N, images]. start: the first choice.
    """

    layers: tuple[Layer, ...]
    reals: Mapping[int, Real]
    formats: NumberFormats
    x: np.ndarray
    scores: np.ndarray
    groups: tuple[tuple[int, ...], ...]
    signed: tuple[bool, ...]
    start: Choice

    @property
    def weighted(self) -> list[int]:
        return [layer for layer in range(len(self.layers)) if self.reals[layer].weights is not None]

    def formats_at(self, choice: Choice) -> dict[int, Fixed]:
        """Return the format of every tensor but the scores."""
        bits = self.formats.x_bits
        return {
            layer: Fixed(held - bits + signed, bits, signed)
            for group, held, signed in zip(self.groups, choice.ranges, self.signed, strict=True)
            for layer in group
        }

    def weights_at(self, choice: Choice) -> dict[int, Weights]:
        """Return all weights as integers."""
        found = {}
        for layer, finer in zip(self.weighted, choice.finer, strict=True):
            real = self.reals[layer]
            assert real.weights is not None
            shared = layer == len(self.layers) - 1 or bool(real.residual)
            exponents = MAC.weight_exponents(real.weights, self.formats.w_bits, shared) - finer
            found[layer] = Weights(MAC.integers(real.weights, exponents, self.formats.w_bits), exponents)
        return found


def calibrate(layers: Sequence[Layer], reals: Mapping[int, Real], x: np.ndarray, formats: NumberFormats) -> Calibration:
    """Return what is known of a graph on inputs [images, H, W, C], real. Raises NoValues of values that are none."""
    x = x[: images_at_once(layers)]
    tensors = {INPUT_LAYER: x, **dict(enumerate(real_outputs(layers, reals, x)))}
    for layer, values in tensors.items():
        if not np.isfinite(values).all():
            raise NoValues(f"values of tensor {shown(reals[layer].tensor)} that are no numbers")
    scores = tensors.pop(len(layers) - 1)
    tensors = {layer: values for layer, values in tensors.items() if layers_of([Piece(layer, 0)], reals) == [layer]}
    groups = groups_of([layers_of(real.reads, reals) for real in reals.values()], list(tensors))
    held = [max(float(np.quantile(np.abs(tensors[layer]), START_SHARE)) for layer in group) for group in groups]
    signed = [
        any(x.min() < 0 if layer == INPUT_LAYER else clamps(reals[layer])[0] < 0 for layer in group) for group in groups
    ]
    start = Choice(
        tuple(math.ceil(math.log2(value)) if value > 0 else 0 for value in held),
        tuple(0 for real in reals.values() if real.weights is not None),
    )
    made = Calibration(tuple(layers), reals, formats, x, scores, groups, tuple(map(bool, signed)), start)
    return replace(made, start=without_left_shifts(made))


def without_left_shifts(calibration: Calibration) -> Choice:
    """Return the start with ranges widened, first layer to last, until no requantiser would shift left."""
    choice, reals = calibration.start, calibration.reals
    weights = calibration.weights_at(choice)
    for layer in calibration.weighted[:-1]:
        formats_of = calibration.formats_at(choice)
        unit = format_of(reals[layer].reads, formats_of, reals).exponent + int(weights[layer].exponent.max())
        missing = max(0, unit - formats_of[layer].exponent)
        ranges = tuple(
            held + missing * (layer in group) for group, held in zip(calibration.groups, choice.ranges, strict=True)
        )
        choice = choice._replace(ranges=ranges)
    return choice


def descend(calibration: Calibration) -> Choice:
    """Return the best choice found by coordinate descent from the start, as `workloads.training.quantise` does.

    Each step moves one range or one grid of weights by one power of two, and stays where the mean square of the scores'
    deviations on a part of the inputs falls by more than LEAST_GAIN. A graph too large for it keeps its start.
    """
    best = calibration.start
    moves = len(best.ranges) + len(best.finer)
    pairs = max(1, sum(layer.pairs for layer in calibration.layers))
    images = min(DESCENT_IMAGES, len(calibration.x), DESCENT_PAIRS // (pairs * 2 * moves))
    if images < LEAST_DESCENT_IMAGES:
        return best
    lowest, improved = deviation(calibration, best, images), True
    for _ in range(DESCENTS):
        if not improved:
            break
        improved = False
        for place in reversed(range(moves)):
            for step in (-1, 1):
                flat = [*best.ranges, *best.finer]
                flat[place] += step
                candidate = Choice(tuple(flat[: len(best.ranges)]), tuple(flat[len(best.ranges) :]))
                loss = deviation(calibration, candidate, images)
                if loss < (1 - LEAST_GAIN) * lowest:
                    best, lowest, improved = candidate, loss, True
    return best


def deviation(calibration: Calibration, choice: Choice, images: int) -> float:
    """Return the mean square of the scores' deviations, exact integers against real numbers; infinite of none such."""
    formats_of, weights = calibration.formats_at(choice), calibration.weights_at(choice)
    try:
        numbers = network_numbers(calibration.reals, formats_of, weights, calibration.formats.w_bits)
    except NoValues:
        return math.inf
    layers = []
    for place, layer in enumerate(calibration.layers):
        y = formats_of.get(place)
        if calibration.reals[place].weights is None:  # a maxpool keeps what it reads
            y = format_of(calibration.reals[place].reads, formats_of, calibration.reals)
        form = {"y_bits": None, "y_signed": True} if y is None else {"y_bits": y.bits, "y_signed": y.signed}
        layers.append(layer.model_copy(update={**numbers[place].keys, **form}))
    first = format_of(calibration.reals[0].reads, formats_of, calibration.reals)
    x = batch_innermost(first.rounded(calibration.x[:images]))

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        layer, arrays = layers[index], numbers[index].arrays
        parameters = LayerParameters(polarity=None, **arrays) if arrays else no_parameters()
        return forward_lanes(layer, parameters, seen.reshape(*layer.input_shape, -1), residual)

    scores = walk(layers, x, partial(np.concatenate, axis=2), step)
    real = np.ldexp(scores.astype(np.float64), int(numbers[len(layers) - 1].unit[0]))
    return float(np.mean(np.square(real - calibration.scores[..., :images])))
