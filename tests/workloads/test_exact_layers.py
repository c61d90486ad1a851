"""Fast inference is the reference, bit for bit: all ops and widths, any batch, operands at every end of their range."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from tests.levels.graphs import KINDS, random_layer, random_parameters
from workloads.exact import reference
from workloads.exact.inference import forward_lanes
from workloads.exact.integer_layer import LEAST_SECTION, IntegerLayer
from workloads.layers.layer import Layer, LayerParameters
from workloads.ops.integers import operand_range
from workloads.ops.names import OPS
from workloads.ops.registry import operation

BATCHES = (1, 2, 5, 32, 64, 127, 128, 131)


def check(layer: Layer, parameters: LayerParameters, x: np.ndarray, added: np.ndarray | None = None) -> None:
    """Outputs of activations [images, H, W, C], and of a residual, equal the reference's."""
    expected = reference.forward(layer, parameters, x, added)
    lanes = None if added is None else added.transpose(1, 2, 3, 0)
    outputs = forward_lanes(layer, parameters, x.transpose(1, 2, 3, 0), lanes)
    assert outputs.dtype == np.int64 and np.array_equal(outputs.transpose(3, 0, 1, 2), expected)


def drawn(ends: tuple[int, int], shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Integers of a range: all of them, its ends alone, or one end."""
    kind = rng.integers(4)
    if kind < 2:
        return rng.integers(ends[0], ends[1] + 1, shape)
    return rng.choice(np.array(ends), shape) if kind == 2 else np.full(shape, rng.choice(np.array(ends)))


@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_all_widths(kind: str) -> None:
    for seed in range(50):
        print(f"{kind}, seed {seed}")
        rng = np.random.default_rng(seed)
        form = random_layer(kind, rng)
        room = operation(form.op)
        x_bits = int(rng.integers(2, 17))
        w_bits = int(rng.integers(room.weight_bits[0], room.weight_bits[1] + 1))
        content: dict[str, Any] = {"x_bits": x_bits, "w_bits": max(w_bits, x_bits) if form.op == "adder" else w_bits}
        content |= {} if form.y_bits is None else {"y_bits": x_bits}
        if kind == "conv2d" and rng.random() < 0.3:
            content |= {"images": 2, "height": 2 * form.height}
        layer = Layer.model_validate(form.model_dump() | content)
        parameters = random_parameters(layer, rng)
        if layer.has_arrays:
            weights = drawn(operand_range(layer.w_bits), layer.weights_shape, rng)
            bias = drawn((-(1 << 46), 1 << 46), parameters.bias.shape, rng) >> rng.integers(0, 47)
            shift = drawn((0, 31), parameters.shift.shape, rng)
            parameters = LayerParameters(weights, parameters.polarity, bias, shift)
            parameters.check(layer)
        images = int(rng.choice(BATCHES[:3] if seed % 3 else BATCHES))
        x = drawn(operand_range(layer.x_bits, layer.x_signed), (images, *layer.input_shape), rng)
        residual_format = operand_range(int(rng.integers(2, 17)), bool(rng.integers(2)))
        added = None if layer.residual is None else drawn(residual_format, (images, *layer.output_shape), rng)
        check(layer, parameters, x, added)


def worst_layer(op: str, x_bits: int, w_bits: int, x_signed: bool, fan_in: int) -> tuple[Layer, LayerParameters]:
    """A linear layer whose sums are the largest of its format where all x are lowest (or, unsigned, highest)."""
    room = operation(op)
    layer = Layer(name="worst", kind="linear", op=op, x_bits=x_bits, w_bits=w_bits, x_signed=x_signed,
                  channels=fan_in, out_channels=3)  # fmt: skip
    low, high = operand_range(w_bits)
    codes = (low, high) if op != "shift" else ((1 << w_bits - 1) - 2, -2)  # ±2^e of the largest e
    weights = np.empty((3, 1, 1, fan_in), dtype=np.int64)
    weights[0], weights[1], weights[2] = codes[0], codes[1], np.resize(np.array(codes), fan_in)
    none = np.zeros(3, dtype=np.int64)
    polarity = np.ones_like(weights) if room.polar else None
    if polarity is not None:
        polarity[1] = -1
    return layer, LayerParameters(weights, polarity, none, none)


@pytest.mark.parametrize("op", OPS)
def test_worst_operands_at_the_limits_of_every_section(op: str) -> None:
    """As many terms as the narrow numbers hold, one more, and several sections, each operand at either end."""
    room, seen = operation(op), Counter[str]()
    for x_bits, w_bits in ((2, 2), (4, 4), (8, 8), (8, 5), (5, 8), (9, 9), (12, 12), (13, 13), (16, 16), (16, 2)):
        w_bits = room.fitted_bits(w_bits)
        for x_signed in (True,) if room.one_range else (True, False):
            most = IntegerLayer.of(*worst_layer(op, x_bits, w_bits, x_signed, 1000)).section
            for fan_in in {LEAST_SECTION, min(most, 400) + 1, min(most, 400) + 2, min(3 * most, 1000)}:
                layer, parameters = worst_layer(op, x_bits, w_bits, x_signed, fan_in)
                seen[IntegerLayer.of(layer, parameters).width.narrow.__name__] += 1
                ends = operand_range(x_bits, x_signed)
                x = np.resize(np.array([ends[0], ends[1], *ends]), (4, 1, 1, fan_in))
                x[0], x[1] = ends[0], ends[1]
                check(layer, parameters, x)
    print(op, dict(seen))
    assert set(seen) >= {"int16", "int32"}


@pytest.mark.parametrize("op", OPS)
def test_sections_are_as_long_as_may_be_and_no_longer(op: str) -> None:
    """A term's size is reached, or missed by little; one term more than a section could exceed the limit."""
    room = operation(op)
    for x_bits, w_bits in ((3, 3), (8, 8), (8, 4), (4, 8), (12, 12), (16, 16)):
        w_bits = room.fitted_bits(w_bits)
        layer, parameters = worst_layer(op, x_bits, w_bits, True, 20_000)
        ready = IntegerLayer.of(layer, parameters)
        x_shift, w_shift = room.alignment(x_bits, w_bits)
        w = (room.values(parameters.weights, w_bits) << w_shift).reshape(-1)
        x = np.array(operand_range(x_bits))[:, None] << x_shift
        assert room.summed is not None
        size = int(room.summed.term_sizes(np.abs(w), int(np.abs(x).max())).max())
        terms = {"threshold": np.maximum(x, w), "adder": np.abs(x - w)}.get(op, x * w)
        assert np.abs(terms).max() <= size <= 2 * np.abs(terms).max()
        assert ready.section * size <= ready.width.limit
        assert ready.section == layer.fan_in or (ready.section + 1) * size > ready.width.limit


def test_sections_of_filters_whose_weights_lie_unevenly() -> None:
    """Sections begin at multiples of their length: what adds up in one is known from the very weights."""
    for seed in range(40):
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        fan_in = int(rng.integers(9, 700))
        layer = Layer(name="uneven", kind="linear", op="mac", x_bits=8, w_bits=8, x_signed=bool(seed % 2),
                      channels=fan_in, out_channels=5)  # fmt: skip
        envelope = np.exp(-np.arange(fan_in) / rng.uniform(1, fan_in)) * 127 * rng.random()
        weights = np.rint(envelope * rng.choice(np.array([-1, 1]), (5, 1, 1, 1))).astype(np.int64)
        none = np.zeros(5, dtype=np.int64)
        x = np.full((2, 1, 1, fan_in), operand_range(8, layer.x_signed)[1])
        x[1] = operand_range(8, layer.x_signed)[0]
        check(layer, LayerParameters(weights.reshape(layer.weights_shape), None, none, none), x)


def test_sums_beyond_32_bits() -> None:
    """A bias, a residual or the terms themselves: wide numbers are those that hold them."""
    for bias, residual_shift, wide in ((0, 0, np.int32), ((1 << 31) - 1, 0, np.int64), (0, 15, np.int64)):
        layer = Layer(name="wide", kind="linear", op="threshold", x_bits=8, w_bits=8, channels=6, out_channels=2,
                      residual="added", residual_shift=residual_shift)  # fmt: skip
        shape = layer.weights_shape
        parameters = LayerParameters(
            np.full(shape, -128), np.ones(shape, dtype=np.int64), np.full(2, bias), np.zeros(2, dtype=np.int64)
        )
        assert IntegerLayer.of(layer, parameters).width.wide is wide
        check(layer, parameters, np.full((2, 1, 1, 6), 127), np.full((2, 1, 1, 2), 65535))
