"""How fast layers are counted by given cuts, and their best cuts found, on one core: `make bench`.

Given cuts: ResNet-18 on images of 32 × 32 pixels and 32 × 32 PEs, all designs in one batch, each with its best cuts;
beside it, counting tile by tile in plain Python, the tests' oracle. Search: layers of many networks on three designs.
All in CPU time, the least of several runs; of the search also the time on the clock.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

import numpy as np

from simulator.cuts.schedule import build
from simulator.designs.design import FittedDesign
from simulator.plan.axes import distinct, first_of, granules, most_parts, sizes
from simulator.plan.geometry import Geometry
from simulator.timing.count_kernels import count_batch
from simulator.timing.cut_kernels import new_job
from simulator.timing.integers import COUNT_INTEGERS, CUT_INTEGERS, layer_integers, machine_integers
from simulator.timing.search_kernels import choose_cut
from simulator.timing.timing import Cut, best_cut, cut_integers
from tests.bench.zoo import design, gemm, resnet18, zoo
from tests.simulator.slow_counts import slow_timing
from workloads.layers.order import ORDERS

DATAFLOWS = ("os", "ws", "is")
REPEATS = 7
BATCH = 10
"""How often a batch has each design."""

SMALL = {"feeder_width": 4, "ifmap_kib": 8, "filter_kib": 16, "ofmap_kib": 16, "operand_depth": 512}

MACHINES = {
    "16 x 16, small": {**SMALL, "rows": 16, "cols": 16},
    "32 x 32, small": SMALL,
    "32 x 32, large": {},
}
"""Fields of `zoo.design`; small buffers as the built-in designs have."""


def least_seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the least time of REPEATS runs, after one that warms caches and compiles kernels."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = clock()
        work()
        seconds.append(clock() - start)
    return min(seconds)


def designs(dataflow: str) -> list[FittedDesign]:
    """Return designs of 32 × 32 PEs that differ in buffers, port and latency, so that a batch is not one case."""
    kib, ports, latencies = (16, 64), (64, 128, 256), (10, 40)
    return [
        design(dataflow, filter_kib=4 * each, ifmap_kib=each, port_bits=port, memory_latency=latency)
        for each, port, latency in itertools.product(kib, ports, latencies)
    ]


def batch_seconds(layers: list[Geometry], batch: list[FittedDesign], cuts: list[list[Cut]]) -> float:
    """Return the seconds a design that the kernel takes; cuts: of every layer on every design."""
    rows = [
        [cut_integers(layer, cut, each) for layer, cut in zip(layers, cuts_of, strict=True)]
        for each, cuts_of in zip(batch, cuts, strict=True)
    ]
    cut_rows = np.ascontiguousarray(np.array(rows * BATCH)[..., 0])
    machines = np.concatenate([machine_integers(each) for each in batch] * BATCH)
    records = np.concatenate([layer_integers(layer) for layer in layers])
    counts, job = np.zeros(cut_rows.shape, COUNT_INTEGERS), new_job()
    return least_seconds(lambda: count_batch(job, records, machines, cut_rows, counts)) / len(machines)


def slow_seconds(layers: list[Geometry], each: FittedDesign, cuts: list[Cut]) -> float:
    """Return the seconds that counting tile by tile takes for one design, tiles given."""
    schedules = [build(layer, each, *cut) for layer, cut in zip(layers, cuts, strict=True)]
    return least_seconds(lambda: slow_timing.count_program(schedules, each))


def given_cuts() -> None:
    layers = resnet18()
    print(f"{len(layers)} layers, cuts given: CPU time a design, microseconds")
    print(f"{'dataflow':10} {'kernel':>8} {'tile by tile':>13} {'ratio':>7}")
    for dataflow in DATAFLOWS:
        batch = designs(dataflow)
        cuts = [[choose_one(layer, each) for layer in layers] for each in batch]
        fast, slow = batch_seconds(layers, batch, cuts), slow_seconds(layers, batch[0], cuts[0])
        print(f"{dataflow:10} {1e6 * fast:8.1f} {1e6 * slow:13.0f} {slow / fast:7.0f}")


def choose_one(layer: Geometry, each: FittedDesign) -> Cut:
    cut = best_cut(layer, each)
    assert cut is not None
    return cut


def search() -> None:
    print(f"search of every cut, of {len(zoo())} layers those that fit: ms a layer, CPU time (time on the clock)")
    print(f"{'array, buffers':20} {'layers':>6} {'cuts: median':>13} {'most':>7} {'time: median':>18} {'most':>18}")
    for name, fields in MACHINES.items():
        for dataflow in DATAFLOWS:
            machine = design(dataflow, **fields)
            found = [searched(layer, machine) for layer in zoo() if best_cut(layer, machine)]
            cuts, cpu, wall = (list(column) for column in zip(*found, strict=True))
            middle = f"{1e3 * statistics.median(cpu):.2f} ({1e3 * statistics.median(wall):.2f})"
            most = f"{1e3 * max(cpu):.2f} ({1e3 * max(wall):.2f})"
            numbers = f"{len(found):6} {statistics.median(cuts):13.0f} {max(cuts):7}"
            print(f"{name + ', ' + dataflow:20} {numbers} {middle:>18} {most:>18}")


def searched(layer: Geometry, machine: FittedDesign) -> tuple[int, float, float]:
    """Return (cuts there are, CPU seconds, seconds on the clock) of the search for the best."""
    job, counts = new_job(), np.zeros(1, COUNT_INTEGERS)
    job.layer[:], job.machine[:] = layer_integers(layer), machine_integers(machine)

    def choose() -> None:
        choose_cut(job, counts[0])

    cuts = 2 * int(np.prod([len(distinct(most)) for most in most_parts(layer, machine)]))
    return cuts, least_seconds(choose), least_seconds(choose, time.perf_counter)


def every_cut() -> None:
    """Beside the search: all cuts of the layer with most of them, fitting or not, counted by the same kernel."""
    layer, machine = gemm(512, 3072, 1024), design("os", **SMALL)
    steps = zip(sizes(layer), granules(layer, machine), most_parts(layer, machine), strict=True)
    axes = [[first_of(size, parts, granule)[1] for parts in distinct(most)] for size, granule, most in steps]
    cuts = np.array(list(itertools.product(*axes, range(len(ORDERS)))))
    rows = np.array([tuple(cut) for cut in cuts.tolist()], CUT_INTEGERS)[None]
    layers, counts = np.repeat(layer_integers(layer), rows.size), np.zeros(rows.shape, COUNT_INTEGERS)
    job, records = new_job(), machine_integers(machine)
    counted = least_seconds(lambda: count_batch(job, layers, records, rows, counts))
    _, found, _ = searched(layer, machine)
    print(
        f"every one of {rows.size} cuts counted {1e3 * counted:.1f} ms, search {1e3 * found:.2f}: {counted / found:.0f}"
    )


def main() -> None:
    given_cuts()
    search()
    every_cut()


if __name__ == "__main__":
    main()
