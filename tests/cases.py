"""One set of cases for every level: hard ones by hand, and random designs and layers from printed seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from simulator.design import Design
from workloads.layer import Layer, LayerParameters
from workloads.network import Network
from workloads.numbers import MAX_SHIFT, operand_range

DATAFLOWS = ("os", "ws", "is")
OPS = ("threshold", "mac")


@dataclass(frozen=True)
class Case:
    """A one-layer network, a fitted design, and one input [H, W, C]."""

    name: str
    network: Network
    design: Design
    x: np.ndarray

    @property
    def layer(self) -> Layer:
        return self.network.layers[0]

    @property
    def parameters(self) -> LayerParameters:
        return self.network.trained()[0]


def random_parameters(layer: Layer, rng: np.random.Generator) -> LayerParameters:
    """Uniform weights, polarity and bias, small shifts that leave something to see; some extremes for certain."""
    shape = (layer.out_channels, *layer.kernel, layer.channels)
    low, high = operand_range(layer.w_bits)
    weights = rng.integers(low, high + 1, shape)
    weights.reshape(-1)[rng.integers(weights.size)] = rng.choice([low, high])
    shift = rng.integers(0, 5, shape[0])
    if len(shift) > 2:
        shift[rng.integers(len(shift))] = rng.integers(5, MAX_SHIFT + 1)
    return LayerParameters(
        weights,
        rng.choice(np.array([-1, 1]), shape) if layer.op == "threshold" else None,
        rng.integers(-300, 301, shape[0]),
        shift,
    )


def random_input(layer: Layer, rng: np.random.Generator) -> np.ndarray:
    """Uniform activations with both ends of the range for certain where there is room."""
    low, high = operand_range(layer.x_bits, layer.x_signed)
    x = rng.integers(low, high + 1, layer.input_shape)
    x.reshape(-1)[:2] = [low, high][: x.size]
    return x


def make_case(name: str, design: Design, layer: Layer, rng: np.random.Generator) -> Case:
    network = one_layer(name, layer, random_parameters(layer, rng))
    return Case(name, network, design.fitted(network), random_input(layer, rng))


class OneLayer(Network):
    """A network of a single layer that may requantise, unlike the last layer of a real one."""

    def __post_init__(self) -> None:
        assert self.parameters is not None
        self.parameters[0].check(self.layers[0])


def one_layer(name: str, layer: Layer, parameters: LayerParameters) -> Network:
    return OneLayer(name, (layer,), (parameters,))


def hard_layers(op: str, x_bits: int, w_bits: int, x_signed: bool) -> dict[str, Layer]:
    """Layers chosen for their corners, at given formats."""
    formats = {"op": op, "x_bits": x_bits, "w_bits": w_bits, "x_signed": x_signed}
    same = {"y_bits": x_bits, "y_signed": x_signed}

    def layer(name: str, **shape: object) -> Layer:
        return Layer.model_validate({"name": name, "channels": 1, "out_channels": 1, **formats, **shape})

    return {
        "one_of_all": layer("one_of_all"),
        "k1": layer("k1", height=3, width=4, out_channels=3, **same),
        "m1": layer("m1", kind="linear", channels=17, out_channels=5),
        "n1": layer("n1", height=4, width=3, channels=2, kernel=(2, 2), **same),
        "exact_fit": layer("exact_fit", height=2, width=6, channels=12, out_channels=12, **same),
        "every_tail": layer("every_tail", height=5, width=5, channels=3, out_channels=7, kernel=(3, 3), **same),
        "padding": layer(
            "padding", height=3, width=4, channels=2, out_channels=3, kernel=(3, 2), padding=(2, 1, 0, 3), **same
        ),
        "stride": layer(
            "stride", height=7, width=6, channels=1, out_channels=4, kernel=(3, 3), stride=(2, 3), padding=(1, 0, 2, 0)
        ),
        "long_k": layer("long_k", kind="linear", channels=97, out_channels=2, **same),
        "many_n": layer("many_n", height=2, width=1, channels=3, out_channels=29, **same),
    }


SHAPES = ((1, 1), (1, 3), (4, 1), (3, 5))
WIDTHS = ((8, 8), (2, 2), (6, 4), (3, 7), (16, 16), (5, 8))


def hard_designs() -> list[Design]:
    """Every dataflow, op and array shape, the widths taking turns; mac alternates signed and unsigned."""
    designs = []
    for index, (dataflow, op, shape) in enumerate((d, o, s) for d in DATAFLOWS for o in OPS for s in SHAPES):
        x_bits, w_bits = WIDTHS[(index + index // 8) % len(WIDTHS)]
        fields = {"rows": shape[0], "cols": shape[1], "dataflow": dataflow, "op": op, "x_bits": x_bits}
        signed = op == "threshold" or index % 2 == 0
        designs.append(Design(**fields, w_bits=w_bits, x_signed=signed, acc_bits=min(48, x_bits + w_bits + 9)))
    return designs


def design_name(design: Design) -> str:
    sign = "" if design.x_signed else "u"
    return f"{design.dataflow}-{design.op}-{design.rows}x{design.cols}-x{design.x_bits}{sign}-w{design.w_bits}"


def hard_cases(design: Design) -> list[Case]:
    """All hard layers on one design; the last one narrower than the design wherever that is allowed."""
    rng = np.random.default_rng(7)
    cases = []
    for name, layer in hard_layers(design.op, design.x_bits, design.w_bits, design.x_signed).items():
        if layer.y_bits is None and design.x_bits == 16 and design.op == "mac":
            layer = layer.model_copy(update={"y_bits": 16, "y_signed": design.x_signed})  # raw scores have 32 bits
        cases.append(make_case(f"{design_name(design)}-{name}", design, layer, rng))
    narrow = min(design.x_bits, design.w_bits) - 2
    if narrow > 0:
        bits = {"x_bits": design.x_bits - narrow, "w_bits": design.w_bits - narrow}
        layer = cases[5].layer.model_copy(update={**bits, "name": "narrow", "y_bits": 2, "y_signed": True})
        cases.append(make_case(f"{design_name(design)}-narrow", design, layer, rng))
    return cases


def random_design(rng: np.random.Generator, largest_side: int = 7) -> Design:
    """A random design that sizes its accumulators to its network as tightly as its policy allows."""
    op = str(rng.choice(OPS))
    return Design(
        rows=int(rng.integers(1, largest_side + 1)),
        cols=int(rng.integers(1, largest_side + 1)),
        dataflow=str(rng.choice(DATAFLOWS)),
        op=op,
        x_bits=int(rng.integers(2, 10)),
        w_bits=int(rng.integers(2, 10)),
        x_signed=op == "threshold" or bool(rng.integers(2)),
        acc_policy=str(rng.choice(["format", "weights"])),
    )


def random_layer(rng: np.random.Generator, design: Design) -> Layer:
    """A random convolution or linear layer in the design's formats, every size down to 1."""

    def pick(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    kernel = (pick(1, 3), pick(1, 3))
    formats = {"op": design.op, "x_bits": design.x_bits, "w_bits": design.w_bits, "x_signed": design.x_signed}
    raw = pick(0, 2) == 0
    shape = {"channels": pick(1, 4), "out_channels": pick(1, 9)}
    if pick(0, 3) == 0:
        shape["channels"] = pick(1, 40)
        return Layer(name="random", kind="linear", **formats, **shape, y_bits=None if raw else pick(2, design.x_bits))
    return Layer(
        name="random",
        **formats,
        **shape,
        height=pick(kernel[0], 6),
        width=pick(kernel[1], 6),
        kernel=kernel,
        stride=(pick(1, 3), pick(1, 3)),
        padding=(pick(0, 2), pick(0, 2), pick(0, 2), pick(0, 2)),
        y_bits=None if raw else design.x_bits,
        y_signed=design.x_signed,
    )


def random_case(seed: int) -> Case:
    """The random pair of a seed; printed, so that a failure can be run again."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    design = random_design(rng)
    return make_case(f"seed {seed}", design, random_layer(rng, design), rng)


class LayerCases:
    """Inherited by every level's tests: `check` says what must hold for one case."""

    random_seeds = range(1000, 1200)

    def check(self, case: Case) -> None:
        raise NotImplementedError

    @pytest.mark.parametrize("design", hard_designs(), ids=design_name)
    def test_hard(self, design: Design) -> None:
        for case in hard_cases(design):
            print(case.name)
            self.check(case)

    def test_random(self) -> None:
        for seed in self.random_seeds:
            self.check(random_case(seed))
