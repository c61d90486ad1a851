"""The counting kernel against counting tile by tile in plain Python: every field of `Counts`, by any cut."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from simulator.cuts.schedule import build
from simulator.designs.built_in import built_in_designs, load_design
from simulator.designs.design import FittedDesign
from simulator.plan.axes import Axes, distinct, lengths, most_parts, tile_count
from simulator.timing.timing import Cut, count_layers, count_program
from tests.levels.draw import Draw
from tests.simulator.random_cuts import random_cut, random_pair, with_images
from tests.simulator.slow_counts import slow_timing
from tests.simulator.test_advice import LAYERS, layer_of
from workloads.layers.order import ORDERS

SEEDS = 12_000
MOST_TILES = 400


@pytest.mark.parametrize("share", range(4))
def test_any_cut_of_any_layer_as_tile_by_tile(share: int) -> None:
    counted: Counter[str] = Counter()
    for seed in range(share, SEEDS, 4):
        pair = random_pair(seed)
        if pair is None:
            counted["no design"] += 1
            continue
        cut = random_cut(seed, pair)
        if tile_count(*pair, cut.parts) > MOST_TILES:
            counted["long"] += 1
            continue
        schedule = build(*pair, *cut)
        (counts,) = count_layers([pair.geometry], [cut], pair.design)
        assert [counts] == slow_timing.count_program([schedule], pair.design), f"seed {seed}: {pair} {cut}"
        counted[f"{pair.design.dataflow}"] += 1
        counted["raw"] += pair.geometry.raw
        counted["pool"] += pair.geometry.pool
        counted["groups"] += pair.geometry.groups > 1
        counted["residual"] += pair.geometry.residual_shift is not None
    print(f"seeds {share}, {share + 4} … {SEEDS}: {dict(counted)}")
    assert sum(counted[dataflow] for dataflow in ("os", "ws", "is")) > 0.85 * SEEDS / 4
    assert min(counted[kind] for kind in ("os", "ws", "is", "raw", "pool", "groups", "residual")) > 300


def test_images_above_each_other_as_tile_by_tile() -> None:
    """Any cut whose tiles keep to an image, also on a memory that pauses."""
    compared = 0
    for seed in range(3_000):
        pair = random_pair(seed)
        if pair is None or pair.geometry.pixels > 150:
            continue
        geometry, mask = with_images(pair.geometry, 2 + seed % 4), np.ones(1 + seed % 2, np.int64)
        mask[1:] = 0
        cut = random_cut(seed, pair)
        rows = geometry.out_height // lengths(pair.geometry, pair.design, cut.parts).rows
        cut = Cut(cut.parts._replace(rows=rows), cut.order)
        length = lengths(geometry, pair.design, cut.parts).rows
        if geometry.image_out_height % length or tile_count(geometry, pair.design, cut.parts) > MOST_TILES:
            continue
        schedule = build(geometry, pair.design, *cut)
        counts = count_program([schedule], pair.design, mask)
        assert counts == slow_timing.count_program([schedule], pair.design, mask), f"seed {seed}: {geometry} {cut}"
        compared += 1
    print(f"{compared} layers")
    assert compared > 500


def test_a_memory_that_pauses_as_tile_by_tile() -> None:
    compared = 0
    for seed in range(1_000):
        pair = random_pair(seed)
        if pair is None or tile_count(*pair, random_cut(seed, pair).parts) > 60 or pair.geometry.pixels > 300:
            continue
        mask = np.random.default_rng(seed).integers(0, 2, 1 + seed % 23)
        mask[0] = 1
        schedules = [build(*pair, *random_cut(seed, pair))] * 2  # the second begins in any cycle of the mask
        counts = count_program(schedules, pair.design, mask)
        assert counts == slow_timing.count_program(schedules, pair.design, mask), f"seed {seed}: {pair}"
        compared += 1
    print(f"{compared} programs")
    assert compared > 500


@pytest.mark.parametrize("name", built_in_designs())
def test_real_layers_as_tile_by_tile(name: str) -> None:
    """Cuts of real layers on the built-in designs in every dataflow, fitting or not, of at most some thousand tiles."""
    compared = 0
    for index, layer in enumerate(LAYERS):
        for dataflow in ("os", "ws", "is"):
            draw = Draw(index)
            design = FittedDesign(**{**load_design(name).model_dump(), "dataflow": dataflow, "acc_bits": 28})
            geometry = layer_of(layer, design.x_bits, raw=draw.chance(0.5))
            most = most_parts(geometry, design)
            parts = Axes(*(draw.one_of(*distinct(most_of)[:12]) for most_of in most))
            if tile_count(geometry, design, parts) > 1_000:
                parts = Axes(most.rows if most.rows < 1_000 else 1, 1, 1)
            cut = Cut(parts, draw.one_of(*ORDERS))
            schedule = build(geometry, design, *cut)
            assert count_layers([geometry], [cut], design) == slow_timing.count_program([schedule], design), (
                layer,
                cut,
            )
            compared += 1
    assert compared == 3 * len(LAYERS)
