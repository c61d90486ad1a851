"""What a design of the digits network costs from its fields to its figures, side by side in one run: `make bench`.

Search of every cut, counts, clock, price: in blocks, as a block of one, which is a trial of a study, and through the
public functions one after another. On one core, in CPU time, the least of a few runs; quote the ratios.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import fields

import numpy as np

from cost_models.price.machine import Machines
from cost_models.price.machine_events import count_events
from cost_models.price.prices import price_machines
from cost_models.table.table import load_priced_table
from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluate import Evaluator
from dse.space.space import Coordinates, Space
from dse.space.study_spec import ALLOWED_WORDS, StudySpec, load_study
from simulator.designs.design_block import DesignBlock
from simulator.timing.integers import machine_integers
from simulator.timing.timing import count_best, network_integers
from tests.support.narrow_space import narrowed

BLOCK, FEW, RUNS = 4096, 64, 5


def random_points(spec: StudySpec) -> list[Coordinates]:
    """Points of the built-in study's narrow space with more arrays and buffers: 209,952 of them."""
    sizes: dict[str, list[int]] = {"rows": [4, 8, 12, 16, 24, 32], "cols": [4, 8, 12, 16, 24, 32]}
    buffers = {name: [8.0, 16.0, 32.0] for name in ("ifmap_kib", "filter_kib", "ofmap_kib")}
    axes = spec.space.model_copy(update={**sizes, **buffers, "operand_depth": [256, 512], "port_bits": [64, 128]})
    space = Space(axes, [(op, bits, bits) for op in axes.op for bits in axes.bits.x])
    chance = random.Random(0)
    return [space.at({name: chance.choice(values) for name, values in space.axes.items()}) for _ in range(BLOCK)]


def microseconds(work: Callable[[], object], designs: int) -> float:
    """Return CPU microseconds a design, the least of RUNS, after one that compiles and looks everything up."""
    work()
    least = float("inf")
    for _ in range(RUNS):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return 1e6 * least / designs


def parts(evaluator: Evaluator, points: list[Coordinates]) -> dict[str, float]:
    """What counting and pricing take of a block of one op and width, whose designs are known."""
    points = [point._replace(op="mac", x_bits=8, w_bits=8) for point in points]
    columns = dict(zip(Coordinates._fields, map(np.array, zip(*points, strict=True)), strict=True))
    first = DesignBlock.of(evaluator.design(points[0]))
    others = {field.name: getattr(first, field.name).repeat(len(points)) for field in fields(first)}
    own = {name: column for name, column in columns.items() if name in others and name not in ALLOWED_WORDS}
    designs = DesignBlock(**{**others, **own})  # what points have in words is that of the first
    layers = network_integers(evaluator.network("mac", 8, 8))
    machines = machine_integers(designs)
    table, (_, counts, reached) = load_priced_table("ihp130"), count_best(layers, machines)
    designs, counts = designs[reached == len(layers)], counts[reached == len(layers)]

    def price() -> None:
        looked_up = Machines(table, designs)
        price_machines(looked_up, looked_up.clocks(), count_events(layers, counts, designs), "lpddr4")

    return {
        "  of that search of all cuts and counts": microseconds(lambda: count_best(layers, machines), len(machines)),
        "  of that clock and price": microseconds(price, len(designs)),
    }


def main() -> None:
    spec = narrowed(load_study("digits"))
    points, sources = random_points(spec), ("digits", "ihp130")
    blocks, evaluator = BlockEvaluator(spec, *sources), Evaluator(spec, *sources)
    few = points[:FEW]
    rows = {f"in blocks of {BLOCK}": microseconds(lambda: blocks.evaluate(points), BLOCK)}
    rows |= parts(evaluator, points)
    rows["a block of one: a trial of a study"] = microseconds(lambda: [blocks.evaluate([point]) for point in few], FEW)
    rows["design, simulate, price one by one"] = microseconds(lambda: [evaluator.figures(point) for point in few], FEW)
    print(f"{'a design of digits, CPU time':45} {'us':>10} {'ratio':>8}")
    for what, taken in rows.items():
        print(f"{what:45} {taken:10.1f} {taken / next(iter(rows.values())):8.2f}")


if __name__ == "__main__":
    main()
