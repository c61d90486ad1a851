"""How fast the cycle model is: `make bench`. PE-cycles a second, of the cycles in which the array moves.

A layer of 3 x 3 windows, 128 channels in and out, on 28 x 28 pixels, and a small one, by every array, dataflow and op;
CPU seconds, the least of several runs. PE-cycles are rows x columns x the cycles of preload, stream and drain, tails
included; the time is that of the whole run, the cycles in which the array stands still among it. Beside it the same
with toggles, for which every cycle is stepped.
"""

from __future__ import annotations

import time

import numpy as np

from simulator.cycle.cycle import run_cycle
from simulator.designs.design import Design
from simulator.program.program import compile_network
from tests.levels.cases import make_network
from tests.levels.random_pairs import widened

ARRAYS, DATAFLOWS, OPS = (8, 32, 64), ("os", "ws", "is"), ("threshold", "mac")
REPEATS = 3
CHANNELS, PIXELS = 128, 28
LAYERS = [
    {"name": "conv", "kind": "conv2d", "out_channels": CHANNELS, "kernel": [3, 3], "padding": [1, 1, 1, 1]},
    {"name": "scores", "kind": "conv2d", "out_channels": 2, "kernel": [1, 1], "stride": [7, 7]},
]


def design_of(array: int, dataflow: str, op: str) -> Design:
    """Return a design whose memories keep up with its array."""
    return Design(
        rows=array, cols=array, dataflow=dataflow, op=op, x_bits=8, w_bits=8, x_signed=True,
        feeder_width=min(array, 32), port_bits=256, ifmap_kib=64, filter_kib=256, ofmap_kib=128, operand_depth=1024,
    )  # fmt: skip


def measure(design: Design, toggles: bool = False, repeats: int = REPEATS) -> tuple[float, float]:
    """Return PE-cycles a second, in 10^9, and the share of cycles in which the array stands still."""
    form = {"height": PIXELS, "width": PIXELS, "channels": CHANNELS}
    network = make_network("bench", design, form, LAYERS, 1)
    program = compile_network(network, widened(design, [network]))
    x = np.random.default_rng(0).integers(-128, 128, network.input_shape)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run = run_cycle(program, x, toggles=toggles)
        seconds.append(time.process_time() - start)
    moving = sum(counts.preload + counts.stream + counts.drain for counts in run.counts)
    return design.rows * design.cols * moving / min(seconds) / 1e9, 1 - moving / run.cycles


def main() -> None:
    print(f"{'array':8} {'op':10} {'still':>20} {'G PE-cycles/s':>20} {'with toggles':>20}")
    print(19 * " " + 3 * (" " + " ".join(f"{name:>6}" for name in DATAFLOWS)))
    for array in ARRAYS:
        for op in OPS:
            designs = [design_of(array, dataflow, op) for dataflow in DATAFLOWS]
            rates, still = zip(*map(measure, designs), strict=True)
            stepped = [measure(design, True, 1)[0] for design in designs]
            cells = [*(f"{share:6.0%}" for share in still), *(f"{rate:6.2f}" for rate in (*rates, *stepped))]
            print(f"{array:2} x {array:<3} {op:10} {' '.join(cells)}")


if __name__ == "__main__":
    main()
