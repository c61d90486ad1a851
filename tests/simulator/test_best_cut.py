"""The best cut against all cuts, counted one by one; and that larger buffers never make a layer slower."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from simulator.cuts.demands import fits
from simulator.cuts.schedule import choose
from simulator.designs.built_in import load_design
from simulator.designs.design import FittedDesign
from simulator.encoding import MOST_IN_FIELD
from simulator.plan.axes import Axes, distinct, most_parts, tile_count
from simulator.plan.geometry import Geometry
from simulator.timing.timing import Cut, best_cut, count_layers
from tests.levels.draw import Draw
from tests.simulator.random_cuts import random_pair, with_images
from workloads.errors import LimenError
from workloads.layers.order import ORDERS

SEEDS = 6_400
MOST_CUTS = 400


def all_cuts(geometry: Geometry, design: FittedDesign) -> list[Cut]:
    """Return every cut that fits, in the documented order."""
    axes = (distinct(most) for most in most_parts(geometry, design))
    return [
        Cut(parts, order)
        for parts in itertools.starmap(Axes, itertools.product(*axes))
        if tile_count(geometry, design, parts) <= MOST_IN_FIELD and fits(geometry, design, parts)
        for order in ORDERS
        if order == "rows" or (parts.rows > 1 and parts.outputs > 1)  # else the other order is the same
    ]


@pytest.mark.parametrize("share", range(4))
def test_the_search_finds_what_all_cuts_have(share: int) -> None:
    """Fewest cycles, then fewest beats, then the first."""
    compared: Counter[str] = Counter()
    for seed in range(share, SEEDS, 4):
        pair = random_pair(seed, larger=Draw(seed).about(1, 60))
        if pair is None:
            continue
        if seed % 3 == 0:
            pair = pair._replace(geometry=with_images(pair.geometry, 1 + seed % 5))
        cuts = all_cuts(*pair)
        if len(cuts) > MOST_CUTS:
            compared["left out"] += 1
            continue
        counts = count_layers([pair.geometry] * len(cuts), cuts, pair.design) if cuts else []
        ranks = [(each.cycles, each.beats) for each in counts]
        best = cuts[ranks.index(min(ranks))] if cuts else None
        assert best_cut(*pair) == best, f"seed {seed}: {pair}"
        compared["none fits" if best is None else "fit"] += 1
        compared["choices"] += len(cuts) > 1
    print(f"seeds {share}, {share + 4} … {SEEDS}: {dict(compared)}")
    assert compared["fit"] + compared["none fits"] > 5_000 / 4
    assert compared["choices"] > 500


def cycles_of_best(geometry: Geometry, design: FittedDesign) -> int:
    cut = best_cut(geometry, design)
    assert cut is not None
    (counts,) = count_layers([geometry], [cut], design)
    return counts.cycles


def enlarged(design: FittedDesign, field: str, draw: Draw) -> FittedDesign:
    value = getattr(design, field)
    if field == "operand_depth":
        return FittedDesign(**{**design.model_dump(), field: min(16384, value + draw.pick(1, 2 * value))})
    return FittedDesign(**{**design.model_dump(), field: value * draw.about(1.01, 4)})


@pytest.mark.parametrize("field", ["ifmap_kib", "filter_kib", "ofmap_kib", "operand_depth"])
def test_a_larger_buffer_is_never_slower(field: str) -> None:
    compared = faster = 0
    for seed in range(900):
        draw = Draw(seed)
        pair = random_pair(seed, larger=draw.about(1, 60))
        if pair is None or best_cut(*pair) is None:
            continue
        small = cycles_of_best(*pair)
        large = cycles_of_best(pair.geometry, enlarged(pair.design, field, draw))
        assert large <= small, f"seed {seed}: {pair}: {field}"
        compared += 1
        faster += large < small
    print(f"{field}: {compared} pairs, {faster} faster")
    assert compared > 500 and faster > 10


def gemm(m: int, n: int, k: int, raw: bool = False) -> Geometry:
    """Return M rows by N columns by K as a convolution of one tap over a column of M pixels."""
    return Geometry(m, 1, k, m, 1, n, (1, 1), (1, 1), 0, 0, 1, False, False, raw, 0, None)


def conv(size: int, channels: int, outputs: int) -> Geometry:
    """Return a 3×3 convolution with padding 1."""
    return Geometry(
        size, size, channels, size, size, outputs, (3, 3), (1, 1), 1, 1, 1, False, False, False, 0, None
    )  # fmt: skip


LARGE = {"rows": 32, "cols": 32, "ifmap_kib": 128, "filter_kib": 512, "ofmap_kib": 128, "operand_depth": 8192}

CASES: dict[str, tuple[Geometry, dict[str, Any], Axes]] = {
    # What a sample of cuts chose was up to 91 times slower than these, which fit.
    "GEMM 128x256x1024": (gemm(128, 256, 1024), {}, Axes(4, 4, 8)),
    "transformer FFN": (gemm(197, 192, 768), {"ifmap_kib": 16}, Axes(4, 4, 8)),
    "classifier 1280": (gemm(1, 1000, 1280, raw=True), LARGE, Axes(1, 4, 32)),
    "classifier 2048": (gemm(1, 1000, 2048, raw=True), LARGE, Axes(1, 32, 1)),
    "conv 16x16x1024": (conv(16, 1024, 1024), LARGE, Axes(1, 16, 8)),
}


@pytest.mark.parametrize("name", CASES)
def test_no_slower_than_cuts_that_were_missed(name: str) -> None:
    geometry, fields, parts = CASES[name]
    design = FittedDesign(**{**load_design("mac-16x16").model_dump(), "acc_bits": 26, **fields})
    assert fits(geometry, design, parts)
    known = min(count.cycles for count in count_layers([geometry] * 2, [Cut(parts, order) for order in ORDERS], design))
    chosen = cycles_of_best(geometry, design)
    print(f"{name}: {chosen} cycles, by {parts} {known}")
    assert chosen <= known


def test_a_larger_filter_buffer_on_resnet_layers() -> None:
    """4×4×512 → 512: from 12 KiB on the sample's cut became six times slower at 16."""
    geometry, cycles = conv(4, 512, 512), []
    for kib in (4, 6, 8, 12, 16, 24, 32, 64, 128, 512):
        design = FittedDesign(**{**load_design("mac-16x16").model_dump(), "acc_bits": 28, "filter_kib": kib})
        cycles.append(cycles_of_best(geometry, design))
    print(cycles)
    assert cycles == sorted(cycles, reverse=True)


def test_a_layer_that_fits_nowhere_is_refused_with_its_buffer() -> None:
    design = FittedDesign(**{**load_design("mac-16x16").model_dump(), "acc_bits": 28, "ifmap_kib": 0.0625})
    with pytest.raises(LimenError, match=r"ifmap_kib: 0\.0625 is not allowed: the smallest tile lacks"):
        choose(conv(56, 64, 64), design)
