"""A refusal names what cures it: following its advice, line by line, ends in a design that runs or in a true limit."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator.cuts.demands import fewest_tiles, fits
from simulator.cuts.schedule import choose
from simulator.designs.design import Design, FittedDesign
from simulator.plan.axes import most_parts, tile_count
from simulator.plan.geometry import Geometry
from workloads.errors import LimenError
from workloads.layers.layer import Layer
from workloads.networks.network import Network

ADVICE = re.compile(r"^(\w+): ([\d.]+) is not allowed: .*; at (least|most) ([\d.]+)(?: KiB)?$")
LIMIT = re.compile(r"^([\w' ]+): (\d+) is not allowed: .*at most (\d+)$")

# (kind, height, width, channels, out_channels, kernel, stride, padding, groups)
LAYERS: dict[str, tuple[Any, ...]] = {
    "ResNet stem": ("conv2d", 224, 224, 3, 64, 7, 2, 3, 1),
    "ResNet 3x3": ("conv2d", 14, 14, 256, 256, 3, 1, 1, 1),
    "ResNet 4x4x512": ("conv2d", 4, 4, 512, 512, 3, 1, 1, 1),
    "ResNet-50 1x1": ("conv2d", 7, 7, 2048, 512, 1, 1, 0, 1),
    "VGG first": ("conv2d", 224, 224, 64, 64, 3, 1, 1, 1),
    "VGG fc6": ("linear", 1, 1, 25088, 4096, 1, 1, 0, 1),
    "AlexNet first": ("conv2d", 227, 227, 3, 96, 11, 4, 0, 1),
    "AlexNet grouped": ("conv2d", 27, 27, 96, 256, 5, 1, 2, 2),
    "MobileNet depthwise": ("conv2d", 112, 112, 96, 96, 3, 2, 1, 96),
    "MobileNet wide depthwise": ("conv2d", 7, 7, 960, 960, 3, 1, 1, 960),
    "ResNeXt": ("conv2d", 14, 14, 1024, 1024, 3, 1, 1, 32),
    "segmentation": ("conv2d", 363, 363, 8, 8, 3, 1, 1, 1),
    "wide": ("conv2d", 8, 8191, 3, 4, 5, 1, 2, 1),
    "two groups": ("conv2d", 8, 8, 32, 1024, 3, 1, 1, 2),
    "global pooling": ("maxpool", 64, 64, 256, 256, 64, 1, 0, 1),
    "pooling": ("maxpool", 112, 112, 64, 64, 3, 2, 1, 1),
    "BERT query": ("conv2d", 128, 1, 768, 768, 1, 1, 0, 1),
    "BERT FFN": ("conv2d", 197, 1, 768, 3072, 1, 1, 0, 1),
    "classifier": ("linear", 1, 1, 2048, 1000, 1, 1, 0, 1),
    "sensor": ("conv2d", 8000, 1, 1, 16, 80, 4, 0, 1),
    "large kernel": ("conv2d", 31, 31, 64, 64, 31, 1, 15, 64),
}


def layer_of(name: str, x_bits: int, raw: bool) -> Geometry:
    """Return a layer of `LAYERS` as the machine runs it."""
    kind, height, width, channels, outs, kernel, stride, pad, groups = LAYERS[name]
    down, across = (kernel, kernel) if width > 1 else (kernel, 1)
    return Geometry(
        height=height, width=width, channels=channels, outputs=outs, kernel=(down, across), stride=(stride, stride),
        out_height=(height + 2 * pad - down) // stride + 1,
        out_width=(width + 2 * pad * (width > 1) - across) // stride + 1,
        pad_top=pad, pad_left=pad * (width > 1), groups=groups, pool=kind == "maxpool", polar=False,
        raw=raw and kind != "maxpool", offset=0, residual_shift=None,
    )  # fmt: skip


def designs(seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield, for every layer, designs of 2-KiB buffers, as the seed has it."""
    rng = np.random.default_rng(seed)
    for name in LAYERS:
        for dataflow in ("os", "ws", "is"):
            x_bits = int(rng.choice([4, 7, 8, 16]))
            port = int(rng.choice([32, 64, 128, 512]))
            feeder = int(rng.choice([width for width in (1, 2, 4, 8, 16, 32) if width * x_bits <= port]))
            rows, cols = (int(rng.choice([1, 4, 16, 32, 256])) for _ in range(2))
            fields = {"rows": rows, "cols": cols, "dataflow": dataflow, "op": "mac", "acc_bits": 40, "x_signed": False}
            fields |= {"x_bits": x_bits, "w_bits": x_bits, "feeder_width": feeder, "port_bits": port}
            fields |= {"ifmap_kib": 2, "filter_kib": 2, "ofmap_kib": 2, "operand_depth": max(feeder, 16)}
            fields |= {"channel_rows": 16}
            yield name, fields


def follow(geometry: Geometry, fields: dict[str, Any]) -> tuple[Design, str]:
    """Do as the refusals say until a cut runs; return the last design, and the limit that was met, if any."""
    for _ in range(60):
        design = FittedDesign(**fields)
        try:
            choose(geometry, design)
        except LimenError as error:
            message = str(error)
            print(message)
            advice = ADVICE.search(message)
            if advice is None:
                limit = LIMIT.search(message)
                assert limit and int(limit[2]) > int(limit[3]), message
                return design, message
            field, now, way, value = advice.groups()
            assert now == f"{fields[field]:.10g}", message
            assert (float(value) > float(now)) == (way == "least") and float(value) != float(now), message
            fields = {**fields, field: float(value) if "kib" in field else int(value)}
        else:
            return design, ""
    raise AssertionError(f"no end: {fields}")


@pytest.mark.parametrize("seed", range(4))
def test_advice_leads_to_a_design_that_runs_or_to_a_limit(seed: int) -> None:
    """From 2-KiB buffers over real layers. A limit is one: no buffer, and no other feeder, port or array, cures it."""
    print(f"seed {seed}")
    ended = {True: 0, False: 0}
    for name, fields in designs(seed):
        geometry = layer_of(name, fields["x_bits"], raw=bool(seed % 2))
        print(name, fields)
        _, limit = follow(geometry, fields)
        ended[limit == ""] += 1
        if limit:
            assert not fits_somehow(geometry, fields), (name, fields, limit)
    print(f"runs {ended[True]}, limits {ended[False]}")
    assert ended[True] > 50


def fits_somehow(geometry: Geometry, fields: dict[str, Any]) -> bool:
    """Return whether the layer fits with the largest buffers and some other feeder, port or array."""
    largest = {"ifmap_kib": 65536, "filter_kib": 65536, "ofmap_kib": 65536}
    largest |= {"operand_depth": 16384, "channel_rows": 65535}
    changes = [{"feeder_width": feeder} for feeder in (1, 2, 4, 8, 16, 32)]
    changes += [{"port_bits": port} for port in (32, 64, 128, 256, 512)]
    changes += [{axis: size} for axis in ("rows", "cols") for size in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
    for change in changes:
        try:
            design = FittedDesign(**{**fields, **largest, **change})
        except LimenError:
            continue
        if fits(geometry, design, most_parts(geometry, design)):
            return True
    return False


def test_the_fewest_tiles_against_every_cut() -> None:
    """The walk along the border of what fits finds what a search through all cuts finds."""
    rng, compared = np.random.default_rng(5), 0
    for name, fields in designs(9):
        _, _, _, channels, outs, kernel, _, _, groups = LAYERS[name]
        if groups not in (1, channels):
            continue
        small = layer_of(name, fields["x_bits"], raw=False)
        least = max(kernel, 3)
        small = replace(
            small, height=least + 5, width=least + 2 if small.width > 1 else 1, out_height=int(rng.integers(1, 20)),
            out_width=int(rng.integers(1, 6)), channels=min(channels, 24), outputs=min(outs, 24),
            groups=1 if groups == 1 else 24,
        )  # fmt: skip
        design = FittedDesign(**{**fields, "operand_depth": 4096, "ifmap_kib": float(rng.choice([8, 64, 512]))})
        most = most_parts(small, design)
        every = [
            (tile_count(small, design, parts), parts)
            for parts in itertools.product(*(range(1, count + 1) for count in most))
            if fits(small, design, parts)
        ]
        if every:
            assert fewest_tiles(small, design)[0] == min(every)[0]
            compared += 1
    assert compared > 20, compared


@pytest.mark.parametrize("x_bits", [4, 8, 16])
@pytest.mark.parametrize("design_bits", [4, 8, 16])
@pytest.mark.parametrize(("signed", "design_signed"), [(True, False), (False, True), (True, True), (False, False)])
def test_activations_that_exceed_the_design_s(x_bits: int, design_bits: int, signed: bool, design_signed: bool) -> None:
    """Whatever the line proposes, each of it takes the activations; where it proposes nothing, nothing does."""
    layer = Layer(
        name="own", kind="linear", op="mac", x_bits=x_bits, w_bits=4, x_signed=signed, channels=4, out_channels=2
    )
    fields = {"rows": 2, "cols": 2, "dataflow": "os", "op": "mac", "x_bits": design_bits, "w_bits": 4}
    fields |= {"x_signed": design_signed, "feeder_width": 1}
    try:
        assert Design(**fields).fitted(Network("net", (layer,)))
    except LimenError as error:
        _, _, cure = str(error).partition("; a design of ")
        options = [option for option in cure.removesuffix(" takes them").split(" or ") if option]
        for option in options:
            change = dict(part.split(": ") for part in option.split(" and "))
            changed = {name: int(value) if value.isdigit() else value == "true" for name, value in change.items()}
            assert Design(**{**fields, **changed}).fitted(Network("net", (layer,)))
        every = [(bits, sign) for bits in range(2, 17) for sign in (False, True)]
        possible = [Design(**{**fields, "x_bits": bits, "x_signed": sign}) for bits, sign in every]
        assert bool(options) == any(design.supports(Network("net", (layer,))) for design in possible)
