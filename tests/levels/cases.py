"""One set of cases for every level: hard ones by hand; random ones come from random_pairs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest

from simulator.designs.design import Design, FittedDesign
from simulator.plan.axes import Axes
from simulator.program.program import Program, compile_network
from simulator.timing.timing import ALWAYS_READY, Cut
from tests.levels.draw import Draw
from tests.levels.graphs import random_inputs, random_parameters
from tests.levels.random_pairs import (
    DATAFLOWS,
    FUSIONS,
    ON_CHIP,
    OPS,
    averaging_ops,
    drawn_cuts,
    matmul_ops,
    random_pair,
    widened,
)
from workloads.errors import LimenError
from workloads.networks.network import Network, NetworkFile
from workloads.ops.registry import operation
from workloads.ops.shift import SHIFT


@dataclass(frozen=True)
class Case:
    """A network on a fitted design, one input [H, W, C] and the memory's ready-mask.

    first_parts: into how many parts the axes of the first layer are cut; else chance has it.
    """

    name: str
    network: Network
    design: FittedDesign
    x: np.ndarray
    mask: np.ndarray
    first_parts: Axes | None = None

    @cached_property
    def program(self) -> Program:
        """By cuts drawn from all, the same for the same network on the same design."""
        draw = Draw(zlib.crc32(self.name.encode()))
        cuts = drawn_cuts(draw, self.network, self.design)
        if self.first_parts is not None:
            cuts[0] = Cut(self.first_parts, "rows")
        return compile_network(self.network, self.design, cuts)


def make_network(name: str, design: Design, form: dict[str, Any], layers: list[dict[str, Any]], seed: int) -> Network:
    """Return a network of these layers with seeded parameters, in the design's formats unless a layer has its own.

    A design's ops take turns from layer to layer; the seed says which begins.
    """
    formats = {"x_bits": design.x_bits, "w_bits": design.w_bits, "x_signed": design.x_signed}
    entries = [dict(entry) for entry in layers]
    for index, entry in enumerate(entries):
        if entry["kind"] == "maxpool":
            continue
        able = {"avgpool": averaging_ops, "matmul": matmul_ops}.get(entry["kind"])
        ops = design.ops if able is None else able(vars(design))
        entry["op"] = ops[(seed + index) % len(ops)]
        if entry["op"] == "threshold" and able is None:
            entry.setdefault("polarity", design.polarity)
        if entry["op"] == "shift":
            entry["w_bits"] = min(entry.get("w_bits", design.w_bits), SHIFT.fitted_bits(design.w_bits))
    content = {"version": 1, "name": name, "op": design.op, **formats, "input": form, "layers": entries}
    built = NetworkFile.model_validate(content).build_layers()
    rng = np.random.default_rng(seed)
    return Network(name, built, tuple(random_parameters(layer, rng) for layer in built))


def design_of(network: Network, **fields: Any) -> Design:
    """Return a design of a network's ops and widths.

    fields: those of the design that do not follow from the network, or are to be other than there.
    """
    layers = [layer for layer in network.layers if layer.has_parameters]
    first, ops = layers[0], {layer.op for layer in layers}
    formats = {"op": first.op, "extra_ops": tuple(sorted(ops - {first.op})), "x_signed": first.x_signed}
    formats |= {"x_bits": first.x_bits, "w_bits": max(layer.w_bits for layer in layers)}
    return Design(**{**formats, **fields})


def extreme_input(network: Network, seed: int) -> np.ndarray:
    """Uniform activations with both ends of the range for certain where there is room."""
    x = random_inputs(network, 1, seed)[0]
    tensor = network.tensors["input"]
    assert tensor.bits is not None
    low = -(1 << (tensor.bits - 1)) if tensor.signed else 0
    x.reshape(-1)[:2] = [low, low + (1 << tensor.bits) - 1][: x.size]
    return x


SCORES = {"name": "scores", "kind": "linear", "out_channels": 2}
"""Ends a network whose first layers requantise."""


def conv(outs: int, kernel: tuple[int, int] = (1, 1), **more: Any) -> dict[str, Any]:
    return {"name": "conv", "kind": "conv2d", "out_channels": outs, "kernel": list(kernel), **more}


def size(height: int, width: int, channels: int) -> dict[str, int]:
    return {"height": height, "width": width, "channels": channels}


LARGE_POOLS: dict[str, tuple[dict[str, int], list[dict[str, Any]]]] = {
    "large_pools": (
        size(9, 8, 2),
        [
            {"name": "tall", "kind": "maxpool", "kernel": [7, 1]},
            {"name": "wide", "kind": "maxpool", "kernel": [3, 12], "stride": [1, 2], "padding": [2, 0, 5, 4]},
            {"name": "all", "kind": "maxpool", "kernel": "global"},
            SCORES,
        ],
    ),
}


def averaging_networks(slim: dict[str, int]) -> dict[str, tuple[dict[str, int], list[dict[str, Any]]]]:
    """Averages of windows, of all there is, and of narrower operands; slim: their widths."""
    return {
        "averages": (
            size(5, 4, 3),
            [
                {"name": "some", "kind": "avgpool", "kernel": [2, 3], "stride": [2, 1], "padding": [1, 0, 0, 2]},
                {"name": "all", "kind": "avgpool", "kernel": "global"},
            ],
        ),
        "narrow_average": (
            size(4, 4, 5),
            [{"name": "half", "kind": "avgpool", "kernel": [2, 2], **slim}, conv(2, **slim)],
        ),
    }


def hard_networks(design: Design) -> dict[str, tuple[dict[str, int], list[dict[str, Any]]]]:
    """Input and layers chosen for their corners, by name."""

    feeder = design.feeder_width
    same = {"kernel": [3, 3], "padding": [1, 1, 1, 1]}
    narrow = min(design.x_bits, design.w_bits) - 2
    slim = {"x_bits": design.x_bits - narrow, "w_bits": design.w_bits - narrow}
    joined = {"kind": "conv2d", "tensor": "joined", **same}
    networks = {
        "one_of_all": (size(1, 1, 1), [conv(1)]),
        "k1": (size(3, 4, 1), [conv(3), SCORES]),
        "m1": (size(1, 1, 17), [{"name": "only", "kind": "linear", "out_channels": 5}]),
        "n1": (size(4, 3, 2), [conv(1, (2, 2)), SCORES]),
        "exact_fit": (size(2, 6, 12), [conv(12), SCORES]),
        "every_tail": (size(5, 5, 3), [conv(7, (3, 3)), SCORES]),
        "padding": (size(3, 4, 2), [conv(3, (3, 2), padding=[2, 1, 0, 3]), SCORES]),
        "padding_only": (size(2, 2, 2), [conv(3, padding=[3, 2, 2, 3]), conv(2, name="last")]),
        "stride": (size(7, 6, 1), [conv(4, (3, 3), stride=[2, 3], padding=[1, 0, 2, 0])]),
        "long_k": (size(1, 1, 97), [{"name": "long", "kind": "linear", "out_channels": 2}, SCORES]),
        "many_n": (size(2, 1, 3), [conv(29), SCORES]),
        "depthwise": (size(4, 3, 5), [conv(5, (2, 2), groups=5), SCORES]),
        "groups": (size(3, 3, 9), [conv(6, (2, 1), groups=3), conv(9, name="wider", groups=3), SCORES]),
        "maxpool": (
            size(5, 4, 3),
            [{"name": "pool", "kind": "maxpool", "kernel": [2, 3], "stride": [2, 1], "padding": [3, 0, 1, 3]}, conv(4)],
        ),
        "narrow_pool": (
            size(2, 2, 3),
            [{"name": "pool", "kind": "maxpool", "kernel": [1, 1], "padding": [1, 1, 1, 0], **slim}, conv(2, **slim)],
        ),
        "residual": (
            size(3, 4, 6),
            [conv(6, (1, 3), padding=[0, 0, 1, 1], residual="input", residual_shift=3), SCORES],
        ),
        "raw_residual": (size(1, 5, 2), [conv(2, residual="input", residual_shift=1)]),
        "concatenation": (
            size(4, 3, 2),
            [
                {"name": "a", **joined, "out_channels": feeder},
                {"name": "b", **joined, "out_channels": 3, "offset": feeder},  # reads what a wrote
                SCORES,
            ],
        ),
        "conv1d": (
            {"length": 9, "channels": 2},
            [{"name": "along", "kind": "conv1d", "out_channels": 3, "kernel": [5], "stride": [2], "padding": [4, 0]}],
        ),
        "flatten": (size(3, 2, 5), [conv(5), {"name": "flat", "kind": "linear", "out_channels": 7}]),
        "k_tiles": (size(3, 3, 2 * feeder + 3), [conv(5, (2, 2)), SCORES]),
        "row_tiles": (size(16, 4, 2), [conv(2, (3, 1)), conv(1, name="last")]),
        "narrow": (size(3, 3, 3), [conv(4, (2, 2), **slim), {**SCORES, **slim}]),
    }
    adds = conv(3, name="adds", residual="input", residual_shift=5)
    later = {"block": (size(9, 4, 3), [conv(3), conv(3, name="mid"), adds, SCORES])}
    if design.matmul:
        later |= matmul_networks()
    if averaging_ops(vars(design)):
        networks |= averaging_networks(slim)
    return networks | LARGE_POOLS | later


def matmul_networks() -> dict[str, tuple[dict[str, int], list[dict[str, Any]]]]:
    """Attention: K and V of fewer and of more channels than words have, the input as both operands, row tiles, and so
    many tokens that all axes are cut, in parts that begin on beats."""

    def times(name: str, read: str, synapses: str, transposed: bool) -> dict[str, Any]:
        return {"name": name, "kind": "matmul", "input": read, "synapses": synapses, "transposed": transposed}

    def one(name: str, channels: int) -> dict[str, Any]:
        return conv(channels, name=name, input="input")

    sizes = {"height": 13, "width": 1, "channels": 3}
    heads = [one("q", 5), one("k", 5), one("v", 11), times("a", "q", "k", True), times("o", "a", "v", False)]
    gram = [times("gram", "input", "input", True), times("again", "gram", "input", False)]
    rows = [one("k", 3), times("rows", "input", "k", True), SCORES]
    long = [one("q", 5), one("k", 5), one("v", 6), times("a", "q", "k", True), times("o", "a", "v", False)]
    return {
        "attention": (sizes, heads),
        "gram": ({"height": 3, "width": 2, "channels": 9}, [*gram, SCORES]),
        "one_token": ({"channels": 7}, [one("k", 7), times("a", "input", "k", True), times("o", "a", "k", False)]),
        "matmul_rows": ({"height": 17, "width": 1, "channels": 3}, rows),
        "matmul_parts": ({"height": 18, "width": 1, "channels": 2}, long),
    }


SHAPES = ((1, 1), (1, 3), (4, 1), (3, 5), (2, 3))
WIDTHS = ((8, 8), (2, 2), (6, 4), (3, 7), (16, 16), (5, 8))
MEMORIES = (
    {"feeder_width": 4, "port_bits": 64, "ifmap_kib": 0.25, "filter_kib": 0.5, "ofmap_kib": 0.5},
    {"feeder_width": 1, "port_bits": 32, "ifmap_kib": 0.1, "filter_kib": 0.25, "ofmap_kib": 0.25, "operand_depth": 97},
    {"feeder_width": 2, "port_bits": 256, "port_interval": 3, "memory_latency": 1},
    {"feeder_width": 8, "port_bits": 128, "ifmap_kib": 0.4, "operand_depth": 128, "memory_latency": 40},
)
POLARITIES = ("synapse", "input", "neuron")


STAGED: tuple[dict[str, Any], ...] = (
    {"pe_stages": 2, "op": "threshold", "memory": ON_CHIP},
    {"pe_stages": 2, "op": "mac", "x_signed": True, "zero_gating": True},
    {"pe_stages": 2, **FUSIONS["all"]},
)
"""PEs of two stages: of an op that acts on what is neutral to the other, of one that rests, of all ops.

The first has an on-chip main memory, too, where tensors share addresses.
"""


OVERLAPPED: tuple[dict[str, Any], ...] = (
    {"overlap": True, "op": "threshold", "polarity": "input"},
    {"overlap": True, "op": "threshold", "polarity": "generated"},
    {"overlap": True, "op": "mac", "x_signed": False},
    {"overlap": True, "op": "adder", "pe_stages": 2},
    {"overlap": True, "op": "mac", "x_signed": True, "pe_stages": 2, "zero_gating": True},
    {"overlap": True, **FUSIONS["adder+shift+threshold"]},
)


def hard_designs() -> list[Design]:
    """Every dataflow, op and array shape; widths, memories and polarity take turns; mac and shift also unsigned.

    Then every dataflow with ops together, with PEs of two stages, with polarity that is generated, and with folds that
    overlap.
    """
    designs = []
    for index, (dataflow, op, shape) in enumerate((d, o, s) for d in DATAFLOWS for o in OPS for s in SHAPES):
        x_bits, w_bits = WIDTHS[(index + index // 10) % len(WIDTHS)]
        if op in ("mac", "shift") and x_bits == 16:
            x_bits, w_bits = 12, 9  # raw scores of wider ones have more than 32 bits
        if op == "shift":
            w_bits = min(w_bits, SHIFT.weight_bits[1] - (x_bits == 12))
        fields: dict[str, Any] = {"rows": shape[0], "cols": shape[1], "dataflow": dataflow, "op": op, "w_bits": w_bits}
        fields |= {"x_signed": operation(op).one_range or index % 2 == 0, "x_bits": x_bits, **MEMORIES[index % 4]}
        fields["polarity"] = POLARITIES[index % 3] if op == "threshold" else "synapse"
        designs.append(Design(**fields))
    for index, (dataflow, fusion) in enumerate((d, f) for d in DATAFLOWS for f in FUSIONS.values()):
        rows, cols = SHAPES[index % len(SHAPES)]
        x_bits, w_bits = ((8, 8), (6, 4), (3, 7), (5, 8), (2, 2))[index % 5]
        sizes = {"rows": rows, "cols": cols, "x_bits": x_bits, "w_bits": w_bits, **MEMORIES[index % 4 - 1]}
        designs.append(Design(**sizes, dataflow=dataflow, **fusion))
    generated = {"op": "threshold", "polarity": "generated", "x_bits": 6, "w_bits": 4}
    for dataflow, (rows, cols), memory in zip(DATAFLOWS, ((2, 3), (3, 2), (4, 1)), MEMORIES, strict=False):
        designs.append(Design(rows=rows, cols=cols, dataflow=dataflow, **generated, **memory))
    products = {"matmul": True, **MEMORIES[0], "filter_kib": 1, "ofmap_kib": 2, "ifmap_kib": 0.5}
    wide = {**products, "feeder_width": 8, "op": "mac", "x_signed": False}
    overlapped = {**products, "op": "threshold", "polarity": "generated", "overlap": True}
    designs += [
        Design(rows=2, cols=3, x_bits=6, w_bits=6, dataflow="os", op="threshold", polarity="neuron", **products),
        Design(rows=3, cols=1, x_bits=5, w_bits=7, dataflow="os", **wide),
        Design(rows=2, cols=2, x_bits=4, w_bits=6, dataflow="os", **overlapped),
        Design(rows=2, cols=5, x_bits=6, w_bits=6, dataflow="os", **products, **FUSIONS["all"]),
        Design(rows=5, cols=3, x_bits=4, w_bits=6, dataflow="ws", op="threshold", polarity="input", **products),
        Design(rows=3, cols=5, x_bits=5, w_bits=7, dataflow="ws", **wide),
        Design(rows=1, cols=2, x_bits=6, w_bits=6, dataflow="ws", **overlapped),
        Design(rows=3, cols=2, x_bits=4, w_bits=6, dataflow="is", op="threshold", polarity="input", **products),
        Design(rows=5, cols=3, x_bits=5, w_bits=7, dataflow="is", **wide),
        Design(rows=4, cols=2, x_bits=6, w_bits=6, dataflow="is", **overlapped),
        Design(rows=3, cols=3, x_bits=6, w_bits=6, dataflow="is", **products, **FUSIONS["all"]),
    ]
    return designs + [
        Design(
            rows=1 + index % 4, cols=4 - index % 3, x_bits=5, w_bits=4, dataflow=dataflow, **kind, **MEMORIES[index % 4]
        )
        for index, (dataflow, kind) in enumerate((d, k) for d in DATAFLOWS for k in (*STAGED, *OVERLAPPED))
    ]


def design_name(design: Design) -> str:
    sign = "" if design.x_signed else "u"
    ops = "+".join(design.ops)
    name = f"{design.dataflow}-{ops}-{design.rows}x{design.cols}-x{design.x_bits}{sign}-w{design.w_bits}"
    polarity = f"-{design.polarity}" if design.polarity_bits else ""
    staged = f"-s{design.pe_stages}" * (design.pe_stages > 1) + "-gated" * design.zero_gating
    staged += "-overlap" * design.overlap + "-matmul" * design.matmul
    return f"{name}-f{design.feeder_width}-p{design.port_bits}{polarity}{staged}"


def hard_cases(design: Design) -> list[Case]:
    """All hard networks that fit on one design, its accumulators as wide as the widest of them needs."""
    networks = [
        make_network(name, design, form, layers, seed)
        for seed, (name, (form, layers)) in enumerate(hard_networks(design).items())
    ]
    design = widened(design, networks)
    cases = []
    for seed, network in enumerate(networks):
        mask = ALWAYS_READY if seed % 4 else np.array([1, 1, 0, 1, 0, 0, 1])
        case = Case(f"{design_name(design)}-{network.name}", network, design, extreme_input(network, seed), mask)
        try:
            _ = case.program
        except LimenError as error:
            assert " is not allowed: " in str(error), error
            continue
        cases.append(case)
    assert len(cases) > len(networks) // 2, f"{design_name(design)}: only {len(cases)} hard networks fit"
    return cases


def random_cases(seeds: range) -> Iterator[Case]:
    """The random pairs of these seeds that fit; seeds are printed, so that a failure can be run again."""
    for seed in seeds:
        try:
            program, x, mask = random_pair(seed)
        except LimenError:
            continue
        print(f"seed {seed}")
        yield Case(f"seed {seed}", program.network, program.design, x, mask)


class LevelCases:
    """Inherited by every level's tests: `check` says what must hold for one case."""

    random_seeds = range(1000, 1100)

    def check(self, case: Case) -> None:
        raise NotImplementedError

    @pytest.mark.parametrize("design", hard_designs(), ids=design_name)
    def test_hard(self, design: Design) -> None:
        for case in hard_cases(design):
            print(case.name)
            self.check(case)

    def test_random(self) -> None:
        for case in random_cases(self.random_seeds):
            self.check(case)
