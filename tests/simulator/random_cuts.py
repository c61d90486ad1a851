"""Random layers, designs and cuts from printed seeds: the corners of what the counting kernels see."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from simulator.designs.design import FittedDesign
from simulator.encoding import STRAIGHT_MATMUL, TRANSPOSED_MATMUL
from simulator.plan.axes import Axes, most_parts
from simulator.plan.geometry import Geometry
from simulator.timing.timing import Cut
from tests.levels.draw import Draw
from tests.levels.random_pairs import random_fields
from workloads.errors import LimenError


class Pair(NamedTuple):
    geometry: Geometry
    design: FittedDesign


def random_geometry(draw: Draw) -> Geometry:
    """Return a layer: windows in the padding, groups, pooling, raw scores, residuals, whole-tensor kernels."""
    largest = draw.one_of(4, 12, 40)
    height, width = (1, 1) if draw.chance(0.2) else (draw.pick(1, largest), draw.pick(1, largest))
    kernel = draw.pick(1, min(height, 4)), draw.pick(1, min(width, 4))
    if draw.chance(0.1):
        kernel = height, width
    top, bottom, left, right = (draw.one_of(0, 0, 1, 2, 5) for _ in range(4))
    stride = draw.one_of(1, 1, 2, 3), draw.one_of(1, 1, 2, 3)
    channels = draw.pick(1, 12) if draw.chance(0.5) else draw.pick(1, 100)
    outputs = draw.pick(1, 12) if draw.chance(0.5) else draw.pick(1, 100)
    pool, groups = draw.chance(0.2), 1
    if pool:
        outputs = channels
    elif draw.chance(0.3):
        groups = draw.pick(1, 12)
        each = (1, 1) if draw.chance(0.3) else (draw.pick(1, 5), draw.pick(1, 5))
        channels, outputs = groups * each[0], groups * each[1]
    return Geometry(
        height=height,
        width=width,
        channels=channels,
        out_height=(height + top + bottom - kernel[0]) // stride[0] + 1,
        out_width=(width + left + right - kernel[1]) // stride[1] + 1,
        outputs=outputs,
        kernel=kernel,
        stride=stride,
        pad_top=top,
        pad_left=left,
        groups=groups,
        pool=pool,
        polar=not pool and draw.chance(0.5),
        raw=not pool and draw.chance(0.25),
        offset=0,
        residual_shift=draw.pick(0, 3) if not pool and draw.chance(0.4) else None,
        first=draw.chance(0.5),
        last=draw.chance(0.5),
    )


def random_matmul(draw: Draw, geometry: Geometry) -> Geometry:
    """Return a matmul of the layer's sizes."""
    window = {"kernel": (1, 1), "stride": (1, 1), "pad_top": 0, "pad_left": 0, "groups": 1, "pool": False}
    sizes = {"out_height": geometry.height, "out_width": geometry.width}
    which = draw.one_of(TRANSPOSED_MATMUL, STRAIGHT_MATMUL)
    return replace(geometry, **window, **sizes, polar=False, residual_shift=None, matmul=which)


def random_pair(seed: int, larger: float = 1.0) -> Pair | None:
    """Return a layer and a design with buffers `larger` times as large as `random_fields` draws, if there is one."""
    draw = Draw(seed)
    fields = random_fields(draw, most_pes=1024)
    for name in ("ifmap_kib", "filter_kib", "ofmap_kib"):
        fields[name] *= larger
    fields["operand_depth"] = min(16384, int(fields["operand_depth"] * larger))
    try:
        design = FittedDesign(**fields, acc_bits=draw.pick(fields["x_bits"] + 1, 40))
    except LimenError:
        return None
    geometry = random_geometry(draw)
    return Pair(random_matmul(draw, geometry) if design.matmul and draw.chance(0.5) else geometry, design)


def with_images(geometry: Geometry, images: int) -> Geometry:
    """Return a layer of so many images above each other."""
    rows = images * geometry.height, images * geometry.out_height
    return replace(geometry, height=rows[0], out_height=rows[1], images=images)


def random_cut(seed: int, pair: Pair) -> Cut:
    """Return a cut of the layer, whether or not its tiles fit."""
    draw = Draw(seed)
    most = most_parts(pair.geometry, pair.design)
    rows, outputs, channels = (draw.one_of(1, draw.pick(1, parts), min(parts, draw.pick(1, 4))) for parts in most)
    return Cut(Axes(rows, outputs, channels), draw.one_of("rows", "outputs"))
