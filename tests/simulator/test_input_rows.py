"""The input rows that a cut's tiles hold are counted as they are: what padding clips needs no room."""

from __future__ import annotations

from dataclasses import replace

from simulator.cuts.demands import field_demands
from simulator.cuts.schedule import choose
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import FittedDesign
from simulator.plan.axes import Axes, cut, distinct, granules, most_parts
from simulator.plan.geometry import Geometry, Tile, tile_shape
from simulator.program.program import compile_network
from simulator.timing.timing import ALWAYS_READY
from tests.levels.cases import extreme_input, make_network
from tests.levels.draw import Draw
from tests.levels.exactness import model_difference
from tests.levels.rtl_bench import bench
from tests.simulator.random_cuts import random_pair


def test_the_most_input_rows_of_any_tile() -> None:
    compared = clipped = 0
    for seed in range(1_000):
        pair, draw = random_pair(seed), Draw(seed)
        if pair is None:
            continue
        kernel = draw.pick(1, pair.geometry.height), 1
        geometry = replace(pair.geometry, kernel=kernel, pad_top=draw.pick(0, 9), out_height=draw.pick(1, 60))
        for rows in distinct(most_parts(geometry, pair.design).rows):
            parts = cut(geometry.out_height, rows, granules(geometry, pair.design).rows)
            tiles = [Tile(*part, 0, geometry.outputs, 0, geometry.channels) for part in parts]
            held = max(tile_shape(geometry, tile, pair.design).in_rows for tile in tiles)
            (demand,) = (
                demand
                for demand in field_demands(geometry, pair.design, Axes(rows, 1, 1))
                if demand.name == "input rows of a tile"
            )
            assert demand.needs == held, f"seed {seed}: {geometry}, {rows} parts"
            seen = (parts[0][1] - 1) * geometry.stride[0] + kernel[0]
            compared, clipped = compared + 1, clipped + (held < min(geometry.height, seen))
    assert compared > 4_000 and clipped > 100, (compared, clipped)


def test_a_tile_clipped_at_its_top_and_bottom_needs_no_room_for_what_it_lacks() -> None:
    """256×256×64, 16 channels a word: 32 output rows end on a beat, and see 253 input rows of 256 columns.

    All 256 would be a word more than a scratchpad has.
    """
    geometry = Geometry(256, 256, 64, 32, 31, 8, (9, 9), (8, 8), 4, 0, 1, False, False, False, 0, None)
    design = FittedDesign(
        rows=16, cols=16, dataflow="os", op="mac", x_bits=3, w_bits=3, x_signed=False, acc_bits=24, feeder_width=16,
        port_bits=512, ifmap_kib=65536, filter_kib=512, ofmap_kib=512, operand_depth=16384,
    )  # fmt: skip
    assert choose(geometry, design).parts.rows == 1


def test_such_a_tile_runs_at_every_level() -> None:
    """Two tiles of 8 output rows, clipped at their tops and bottoms: 9 input rows each, and room for just these."""
    design = FittedDesign(
        rows=1, cols=1, dataflow="os", op="mac", x_bits=4, w_bits=4, x_signed=True, acc_bits=24, feeder_width=1,
        port_bits=32, memory_latency=1, ifmap_kib=9 * 3 * 4 * 2 / 8192, filter_kib=1, ofmap_kib=1, operand_depth=16,
    )  # fmt: skip
    assert design.ifmap_depth == 9 * 3
    own = {"name": "own", "kind": "conv2d", "out_channels": 1, "kernel": [3, 3], "padding": [1, 1, 1, 1]}
    last = {"name": "last", "kind": "conv2d", "out_channels": 1, "kernel": [1, 1]}
    network = make_network("clipped", design, {"height": 16, "width": 3, "channels": 1}, [own, last], 3)
    program, x = compile_network(network, design), extreme_input(network, 1)
    assert program.schedules[0].parts == (2, 1, 1)
    assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None
    assert bench(design).run(program, x).passed
