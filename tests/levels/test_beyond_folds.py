"""PEs beyond a fold's rows and columns: what moves through them, counted in the cycle model's traces, and its price."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from cost_models.price.machine_events import pe_events
from cost_models.price.price import events_of, price
from cost_models.stimuli.streams import streams
from cost_models.table.table import load_table
from cost_models.units.unit import Pe
from simulator.cuts.schedule import schedule_network
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import Design, FittedDesign
from simulator.designs.design_block import DesignBlock
from simulator.program.program import compile_network
from simulator.run import simulate
from tests.levels.cases import make_network
from workloads.layers.layer import LayerParameters
from workloads.networks.family import find_network
from workloads.networks.network import Network
from workloads.ops.op_field import Op

NEUTRAL = {"threshold": (1 << 4, 0b0111), "mac": (0, 0), "adder": (0, 0), "shift": (0, 0b0111)}
"""Patterns of x (5 bits) and w (4 bits) that are nothing, as docs/machine.md has them."""

OPERANDS = {
    "threshold": ((8, 14), (-8, 3)),
    "mac": ((1, 31), (1, 7)),
    "adder": ((1, 15), (-8, -1)),
    "shift": ((1, 31), (0, 6)),
}
"""Ranges of x and w none of which is neutral, and whose ops are never 0. The highest threshold stands for 14."""


def tailed(op: Op, design: Design) -> tuple[Network, np.ndarray]:
    """A layer of M = 7, N = 6, K = 5, which leaves tails on 3 x 4 PEs, its operands never neutral, and an input."""
    layer = {"name": "scores", "kind": "conv2d", "out_channels": 6, "kernel": [1, 1]}
    network = make_network("tailed", design, {"height": 7, "width": 1, "channels": 5}, [layer], 1)
    (low_x, high_x), (low_w, high_w) = OPERANDS[op]
    if op == "threshold" and design.dataflow == "ws":
        low_x = high_x = 15  # above every threshold: psums pass beyond both rows and columns
    random = np.random.default_rng(3)
    shape = network.layers[0].weights_shape
    polarity = np.full(shape, -1) if op == "threshold" else None
    parameters = LayerParameters(random.integers(low_w, high_w + 1, shape), polarity, *np.zeros((2, 6), dtype=np.int64))
    return Network("tailed", network.layers, (parameters,)), random.integers(low_x, high_x + 1, (7, 1, 5))


def traced(op: Op, dataflow: str, trace: np.ndarray) -> dict[str, int]:
    """Count PE-cycles by which operands aren't neutral: registers [cycles, 3, R, C]."""
    quiet_x, quiet_w = NEUTRAL[op]
    before = np.concatenate([trace[:1], trace[:-1]])
    first, second = trace[:, 0], trace[:, 1] if dataflow == "os" else before[:, 1]
    x, synapse = (second, first) if dataflow == "is" else (first, second)
    x_moves, w_moves = x != quiet_x, (synapse & 15) != quiet_w
    left, top = (w_moves, x_moves) if dataflow == "is" else (x_moves, w_moves)
    counts = {"op": (left & top).sum(), "left_cycle": (left & ~top).sum()}
    if dataflow == "os":
        counts["top_cycle"] = (top & ~left).sum()
    else:
        counts["psum_cycle"] = (~left[:, 1:] & (before[:, 2, :-1] != 0)).sum()
    counts["polarity_cycle"] = ((synapse >> 4 == 1) & ~w_moves).sum()
    return {name: int(count) for name, count in counts.items()}


@pytest.mark.parametrize(
    ("op", "dataflow", "polarity"),
    [
        *((op, flow, "synapse") for op in NEUTRAL for flow in ("os", "ws", "is")),
        *(("threshold", flow, polarity) for flow in ("os", "ws", "is") for polarity in ("input", "neuron")),
    ],
)
def test_events_are_those_of_the_trace(op: Op, dataflow: str, polarity: str) -> None:
    fields = {"op": op, "x_bits": 5, "w_bits": 4, "x_signed": op in ("threshold", "adder"), "polarity": polarity}
    design = Design(rows=3, cols=4, dataflow=dataflow, **fields)
    network, x = tailed(op, design)
    run = simulate(network, design)
    oracle = run_cycle(compile_network(network, run.design), x, traced_cycles=run.cycles)
    assert oracle.trace is not None
    spent = pe_events(DesignBlock.of(run.design), events_of(run))
    counted = {name: int(cycles[0]) for name, cycles in spent.items()}
    expected = traced(op, dataflow, oracle.trace)
    if dataflow == "ws" and polarity == "input":  # it stays in the PEs
        expected["polarity_cycle"] = 0
    if dataflow != "os" and op == "adder":  # -|0 - w| in idle cycles too: no sign of what moves
        del expected["psum_cycle"]
    assert expected.items() <= (dict.fromkeys(expected, 0) | counted).items()
    assert counted["op"] == 7 * 6 * 5 and counted["left_cycle"] > 0


@pytest.mark.parametrize(("dataflow", "extra"), [("os", "top"), ("ws", "psum"), ("is", "psum")])
def test_every_pe_cycle_is_priced_by_what_moves_there(dataflow: str, extra: str) -> None:
    """The PEs' line of a breakdown from the rows and the sizes of the folds alone."""
    design = FittedDesign(rows=16, cols=16, dataflow=dataflow, op="threshold", x_bits=8, w_bits=8, acc_bits=23)
    run = simulate(find_network("digits", op="threshold", x_bits=8, w_bits=8), design)
    cycles = dict.fromkeys(("op", "left_cycle", f"{extra}_cycle", "shift_cycle"), 0)
    for schedule in schedule_network(run.network, run.design):
        for step in () if schedule.geometry.pool else schedule.steps:
            m, n, k = step.shape.pixels, step.shape.group_outputs, schedule.geometry.taps * step.shape.channels
            down, along, time = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[dataflow]
            for row, col in product(range(0, down, 16), range(0, along, 16)):
                rows, cols = min(16, down - row), min(16, along - col)
                cycles["op"] += rows * cols * time
                cycles["left_cycle"] += rows * (16 - cols) * time
                cycles[f"{extra}_cycle"] += (16 - rows) * cols * time
    cycles["shift_cycle"] = 256 * sum(counts.preload + counts.drain for counts in run.counts)
    assert run.design.acc_bits is not None
    held = run.design.acc_bits if dataflow == "os" else run.design.psum_bits
    pe = {
        name: stored.value for name, stored in load_table("ihp130").at("pe", held, "threshold", 8, 8, dataflow).items()
    }
    idle = 256 * run.cycles - sum(cycles.values())
    dynamic = idle * pe["energy_per_idle_cycle_pj"]
    dynamic += sum(count * pe[f"energy_per_{name}_pj"] for name, count in cycles.items())
    cost = price(run)
    line = next(part for part in cost.parts if part.component == "pe")
    leakage = 256 * pe["leakage_nw"] * cost.latency_us * 1e-9
    assert line.energy_uj == pytest.approx(dynamic * 1e-6 + leakage, rel=1e-12)


@pytest.mark.parametrize(("op", "dataflow"), [*product(NEUTRAL, ("os", "ws", "is"))])
def test_streams_move_what_pes_beyond_a_fold_see_move(op: Op, dataflow: str) -> None:
    """One port moves, the other holds the neutral pattern; what comes out is what went in, but of the adder."""
    unit = Pe(op, 5, 4, 20, dataflow)
    by_cause = {stream.quantity.split("_")[2]: stream for stream in streams(unit, 0)}
    quiet_x, quiet_w = NEUTRAL[op]
    below = "top" if dataflow == "os" else "psum"
    assert by_cause.keys() - {"op", "idle", "shift", "left", below} == (
        {"polarity"} if op == "threshold" else set()
    ) - ({"polarity"} if dataflow == "ws" else set())
    first, second = ("x_in", "synapse_in") if dataflow == "os" else ("moving_in", "still_in")
    quiet = (quiet_w, quiet_x) if dataflow == "is" else (quiet_x, quiet_w)
    left, beyond_rows = by_cause["left"].inputs, by_cause[below].inputs
    assert (left[second] == quiet[1]).all() and len(np.unique(left[first])) > 8
    assert (beyond_rows[first] == quiet[0]).all()
    if dataflow == "os":
        assert len(np.unique(beyond_rows[second])) > 8
        assert (by_cause["top"].expected["acc_out"] == 0).all() == (op != "adder")
        return
    assert (beyond_rows[second] == quiet[1]).all() and len(np.unique(beyond_rows["psum_in"])) > 8
    passed = by_cause["psum"].expected["psum_out"][2:]
    assert np.array_equal(passed, beyond_rows["psum_in"][1:-1])
    assert np.array_equal(by_cause["left"].expected["psum_out"][2:], left["psum_in"][1:-1]) == (
        op in ("mac", "shift") or (op, dataflow) == ("threshold", "is")  # 15 is above the highest threshold's 14
    )
