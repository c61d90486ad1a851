"""How fast the cycle model is, beside Verilator: `make bench`. PE-cycles a second of the cycles in which arrays move.

A layer of 3 x 3 windows, 128 channels in and out, on 28 x 28 pixels, and a small one, by every array (or by those of
the sizes that are given), dataflow and op: run by the cycle model, by the same with toggles counted, and by the
exported Verilog, built by Verilator without trace, in turn. CPU seconds, medians of several runs. PE-cycles are rows x
columns x the cycles of preload, stream and drain, tails included; the time is that of the whole run, the cycles in
which the array stands still among it. Builds of the Verilog are kept as `limen verify` keeps its own: the largest take
minutes.

Before them the op alone, in a loop over rows of 32-bit integers that stay in the processor's nearest cache.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import int32, njit

from simulator.cycle.cycle import run_cycle
from simulator.cycle.leap_sums import op_value
from simulator.designs.design import Design
from simulator.encoding import op_code
from simulator.program.program import Program, compile_network
from simulator.rtl.export import rtl_parameters, write_hardware
from simulator.rtl.kept_builds import kept_testbench
from simulator.rtl.toolchain import run_testbench
from simulator.rtl.vectors import format_vectors
from simulator.timing.timing import ALWAYS_READY
from tests.levels.cases import make_network
from tests.levels.random_pairs import widened

ARRAYS, DATAFLOWS, OPS = (8, 32, 64), ("os", "ws", "is"), ("threshold", "mac")
REPEATS = 5
ROWS, LENGTH, ROUNDS = 16, 512, 20_000
"""Of the loop of the op alone."""

CHANNELS, PIXELS = 128, 28
LAYERS = [
    {"name": "conv", "kind": "conv2d", "out_channels": CHANNELS, "kernel": [3, 3], "padding": [1, 1, 1, 1]},
    {"name": "scores", "kind": "conv2d", "out_channels": 2, "kernel": [1, 1], "stride": [7, 7]},
]


@dataclass(frozen=True)
class Rates:
    """Of one design. still: the share of cycles in which the array stands. Then 10^9 PE-cycles a second."""

    still: float
    plain: float
    counted: float
    verilator: float


def design_of(array: int, dataflow: str, op: str) -> Design:
    """Return a design whose memories keep up with its array."""
    return Design(
        rows=array, cols=array, dataflow=dataflow, op=op, x_bits=8, w_bits=8, x_signed=True,
        feeder_width=min(array, 32), port_bits=256, ifmap_kib=64, filter_kib=256, ofmap_kib=128, operand_depth=1024,
    )  # fmt: skip


def loop_rate(op: str) -> float:
    """Return 10^9 ops a second of the op alone: each of LENGTH sums adds up ROWS of them, over and over."""
    code = int(op_code(op))

    @njit
    def add_up(x: np.ndarray, w: np.ndarray, signs: np.ndarray, sums: np.ndarray) -> None:
        for _ in range(ROUNDS):
            for row in range(x.shape[0]):
                moving, still, sign = x[row], w[row], signs[row]
                for i in range(sums.shape[0]):
                    sums[i] = int32(sums[i] + op_value(code, moving[i], still, sign))

    random = np.random.default_rng(0)
    x, w = (random.integers(-128, 128, size).astype(np.int32) for size in ((ROWS, LENGTH), ROWS))
    signs, sums = -random.integers(0, 2, ROWS).astype(np.int32), np.zeros(LENGTH, np.int32)
    return ROUNDS * ROWS * LENGTH / medians([lambda: add_up(x, w, signs, sums)])[0] / 1e9


def build(folder: Path, program: Program, x: np.ndarray) -> Callable[[], object]:
    """Return what runs a program's Verilog on one image, and fails where a beat or a count differs."""
    write_hardware(folder, rtl_parameters(program.design), "bench", program.design.operations)
    (folder / "vectors.txt").write_text(format_vectors(program, x[None], ALWAYS_READY))
    testbench = kept_testbench(folder)

    def run() -> None:
        assert run_testbench(testbench, [str(folder / "vectors.txt")]).returncode == 0

    return run


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has waited for."""
    waited_for = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + waited_for.ru_utime + waited_for.ru_stime


def medians(works: list[Callable[[], object]]) -> list[float]:
    """Return the median CPU seconds of each, all of them run in turn, after a first time that isn't counted."""
    seconds: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    for _ in range(REPEATS):
        for work, taken in zip(works, seconds, strict=True):
            start = cpu_seconds()
            work()
            taken.append(cpu_seconds() - start)
    return [statistics.median(taken) for taken in seconds]


def measure(design: Design) -> Rates:
    """Return how fast a design is run."""
    form = {"height": PIXELS, "width": PIXELS, "channels": CHANNELS}
    network = make_network("bench", design, form, LAYERS, 1)
    program = compile_network(network, widened(design, [network]))
    x = np.random.default_rng(0).integers(-128, 128, network.input_shape)
    run = run_cycle(program, x)
    moving = sum(counts.preload + counts.stream + counts.drain for counts in run.counts)
    with tempfile.TemporaryDirectory() as folder:
        verilog = build(Path(folder), program, x)
        seconds = medians([lambda: run_cycle(program, x), lambda: run_cycle(program, x, toggles=True), verilog])
    rates = [design.rows * design.cols * moving / taken / 1e9 for taken in seconds]
    return Rates(1 - moving / run.cycles, *rates)


def main(arrays: list[int]) -> None:
    print("10^9 a second of the op alone: " + ", ".join(f"{op} {loop_rate(op):.1f}" for op in OPS))
    print(f"10^9 PE-cycles a second; times Verilator; medians of {REPEATS} runs")
    titles = ("still", "G PE-cycles/s", "with toggles", "times Verilator")
    print(f"{'array':8} {'op':10} {' '.join(f'{title:>20}' for title in titles)}")
    print(19 * " " + len(titles) * (" " + " ".join(f"{name:>6}" for name in DATAFLOWS)))
    for array in arrays:
        for op in OPS:
            rates = [measure(design_of(array, dataflow, op)) for dataflow in DATAFLOWS]
            cells = [f"{rate.still:6.0%}" for rate in rates]
            cells += [f"{rate.plain:6.2f}" for rate in rates] + [f"{rate.counted:6.2f}" for rate in rates]
            cells += [f"{rate.plain / rate.verilator:6.1f}" for rate in rates]
            print(f"{array:2} x {array:<3} {op:10} {' '.join(cells)}", flush=True)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(ARRAYS))
