"""How fast each level is, side by side in one run: `make bench`. Quote the ratios, not the times.

The digits network on a 16 x 16 array, one image, memory system included. "schedule" chooses all schedules anew, which
"timing" finds done. The Verilog is timed without building it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import limen
from simulator.cuts.schedule import schedule_network
from simulator.designs.design import Design
from simulator.rtl.toolchain import build_testbench, run_testbench
from simulator.timing.timing import best_cut
from workloads.networks.network import Network

IMAGES = 20
REPEATS = 7


def median_seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median over REPEATS runs, after one that warms caches and compiles kernels."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = clock()
        work()
        seconds.append(clock() - start)
    return statistics.median(seconds)


def schedule_anew(network: Network, design: Design) -> None:
    """Forget what is known of this design and choose every schedule again."""
    best_cut.cache_clear()
    schedule_network(network, design.fitted(network))


def main() -> None:
    network = limen.network("digits", "threshold", 8, 8)
    design = limen.load_design("threshold-16x16")
    cycles = limen.simulate(network, design).cycles
    x, _ = network.inputs("test")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "chip"
        limen.export(network, design, folder, images=IMAGES)
        program = build_testbench(folder)
        vectors = str(folder / "vectors" / "vectors.txt")
        seconds = {
            "schedule": median_seconds(lambda: schedule_anew(network, design)),
            "timing": median_seconds(lambda: limen.simulate(network, design, "timing")),
            "cycle": median_seconds(lambda: limen.simulate(network, design, "cycle", images=IMAGES)) / IMAGES,
            "rtl": median_seconds(lambda: run_testbench(program, [vectors])) / IMAGES,
            "kernels": median_seconds(lambda: network.predict(x)) / len(x),
        }
    print(f"{network.name}, {design.rows} x {design.cols}, {cycles} cycles an image; medians of {REPEATS} runs")
    print(f"{'level':8} {'us an image':>12} {'cycles a second':>16} {'times faster than rtl':>22}")
    for level, value in seconds.items():
        rate = "" if level == "kernels" else f"{cycles / value:.3g}"  # the kernels know no cycles
        print(f"{level:8} {1e6 * value:12.1f} {rate:>16} {seconds['rtl'] / value:22.1f}")


if __name__ == "__main__":
    main()
