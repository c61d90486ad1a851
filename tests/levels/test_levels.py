"""Reference, integer kernels, timing and cycle models on the one set of cases."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from simulator.cycle.cycle import Flip, run_cycle
from simulator.designs.design import Design, FittedDesign
from simulator.plan.counts import Counts
from simulator.program.program import compile_network
from simulator.timing.timing import ALWAYS_READY
from tests.levels.cases import (
    DATAFLOWS,
    OPS,
    Case,
    LevelCases,
    conv,
    design_of,
    extreme_input,
    make_network,
    random_cases,
    widened,
)
from tests.levels.exactness import model_difference
from tests.levels.graphs import GRAPHS, random_graph, random_inputs
from tests.levels.naive import naive_network
from tests.support.paths import ROOT
from workloads.exact import reference
from workloads.layers.bounds import weights_bound
from workloads.layers.layer import Layer
from workloads.networks.network import Network
from workloads.ops.integers import operand_range
from workloads.ops.shift import shift_codes


class TestReference(LevelCases):
    """numpy against pure Python."""

    random_seeds = range(1000, 1060)

    def check(self, case: Case) -> None:
        layers, parameters = case.network.layers, case.network.trained()
        outputs = reference.run(layers, parameters, case.x[None])
        assert [output[0].tolist() for output in outputs] == naive_network(layers, parameters, case.x.tolist())


class TestIntegerKernels(LevelCases):
    """Numba against numpy."""

    def check(self, case: Case) -> None:
        batch = np.stack([case.x, case.x[::-1, ::-1].copy()])
        expected = reference.run(case.network.layers, case.network.trained(), batch)[-1]
        assert np.array_equal(case.network.predict(batch), expected.reshape(2, -1))


class TestCycle(LevelCases):
    """The cycle model against the reference (every beat) and the timing model (every part of the counts)."""

    random_seeds = range(1000, 1400)

    def check(self, case: Case) -> None:
        run = run_cycle(case.program, case.x, case.mask)
        assert model_difference(case.program, case.x, case.mask, run) is None
        assert all(0 <= counts.utilisation(case.design.pes) <= 1 for counts in run.counts)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("shape", GRAPHS)
def test_whole_graphs(shape: str, dataflow: str) -> None:
    """Residual, dense, inception and 1-D networks, ops mixed or not: the cycle model equals the others throughout."""
    kinds = set()
    for seed in range(8000, 8010):
        network = random_graph(shape, seed)
        memory = {"feeder_width": 1, "ifmap_kib": 0.5, "filter_kib": 0.5, "ofmap_kib": 1}
        design = design_of(network, rows=3, cols=4, dataflow=dataflow, **memory).fitted(network)
        kinds.add(len(design.ops) > 1)
        program, x = compile_network(network, design), random_inputs(network, 1, seed)[0]
        assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None
    assert kinds == {False, True}


def test_read_only_arrays() -> None:
    """Arrays that can't be written, as pandas 3 hands them out, serve as well as any."""
    case = next(random_cases(range(6000, 6010)))
    for parameters in case.network.trained():
        for array in (parameters.weights, parameters.polarity, parameters.bias, parameters.shift, case.x):
            if array is not None:
                array.setflags(write=False)
    expected = reference.run(case.network.layers, case.network.trained(), case.x[None])[-1]
    assert np.array_equal(case.network.predict(case.x[None]), expected.reshape(1, -1))
    assert model_difference(case.program, case.x, case.mask, run_cycle(case.program, case.x, case.mask)) is None


def worst_input(layer: Layer, network: Network) -> tuple[np.ndarray, int]:
    """Return the input that drives the first score furthest from zero, and how far."""
    parameters = network.trained()[0]
    low, high = operand_range(layer.x_bits, layer.x_signed)
    values, places = np.arange(low, high + 1), np.arange(layer.channels)
    tried = np.zeros((layer.channels, len(values), *layer.input_shape), dtype=np.int64)  # one synapse at a time
    tried[places, :, 0, 0, places] = values
    scores = reference.forward(layer, parameters, tried.reshape(-1, *layer.input_shape)).reshape(layer.channels, -1)
    ends = [values[furthest(axis=1)].reshape(layer.input_shape) for furthest in (scores.argmin, scores.argmax)]
    sums = [abs(int(reference.forward(layer, parameters, x[None])[0, 0, 0, 0])) for x in ends]
    return ends[int(sums[1] > sums[0])], max(sums)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("op", OPS)
def test_accumulator_width_is_tight(op: str, dataflow: str) -> None:
    """The worst input of a network is exact at the width its weights need, and wrong with one bit less."""
    design = Design(rows=3, cols=2, dataflow=dataflow, op=op, x_bits=5, w_bits=4, acc_policy="weights")
    for seed in range(3000, 3010):
        print(f"seed {seed}")
        network = make_network("worst", design, {"channels": 20}, [{**conv(1), "kind": "linear", "kernel": None}], seed)
        x, bound = worst_input(network.layers[0], network)
        assert bound == weights_bound(network.layers[0], network.trained()[0])
        program = compile_network(network, widened(design, [network]))
        assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None
        narrow = program.design.model_copy(update={"acc_bits": program.design.acc_bits - 1})
        wrong = compile_network(network, narrow)
        expected = reference.run(network.layers, network.trained(), x[None])[-1][0]
        assert not np.array_equal(wrong.tensor(run_cycle(wrong, x).image, "conv"), expected)


@pytest.mark.parametrize("dataflow", ["ws", "is"])
@pytest.mark.parametrize(("op", "x_signed"), [(op, True) for op in OPS] + [("mac", False), ("shift", False)])
def test_psum_width_is_tight(op: str, x_signed: bool, dataflow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst sum of a whole column, a power of two of rows high, is exact, and wrong with one bit less."""
    design = FittedDesign(rows=4, cols=1, dataflow=dataflow, op=op, x_bits=3, w_bits=4, x_signed=x_signed, acc_bits=24)
    network = make_network("worst", design, {"channels": 4}, [{**conv(1), "kind": "linear", "kernel": None}], 1)
    parameters = network.trained()[0]
    parameters.bias[:] = 0
    parameters.weights[:] = shift_codes(np.array(-(1 << 6)), 4) if op == "shift" else -8  # minus the furthest shift
    if parameters.polarity is not None:
        parameters.polarity[:] = -1
    x, _ = worst_input(network.layers[0], network)
    program = compile_network(network, design)
    assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None
    wide = design.op_bits
    monkeypatch.setattr(Design, "op_bits", property(lambda self: wide - 1))
    assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is not None


def test_toggles_and_trace_agree() -> None:
    """Toggle counts are the bit changes of the trace, counted here by other means."""
    for case in random_cases(range(4000, 4040)):
        cycles = run_cycle(case.program, case.x, case.mask).cycles
        run = run_cycle(case.program, case.x, case.mask, traced_cycles=cycles, toggles=True)
        assert run.trace is not None and run.toggles is not None
        changes = np.bitwise_count(run.trace[1:] ^ run.trace[:-1]).sum(axis=(0, 2, 3))
        counted = np.array([list(toggles.values()) for toggles in run.toggles]).sum(axis=0)
        # Nothing but neutral operands can have moved at the first clock edge.
        assert np.array_equal(counted, changes), f"{counted - changes}"


def test_a_flip_hurts_and_a_late_one_does_not() -> None:
    """A flipped accumulator bit reaches the scores; a flip after the last store reaches nothing."""
    design = FittedDesign(rows=2, cols=2, dataflow="os", op="mac", x_bits=4, w_bits=4, acc_bits=16, feeder_width=1)
    network = make_network("flipped", design, {"height": 2, "width": 2, "channels": 3}, [conv(2)], 1)
    program = compile_network(network, design)
    x = extreme_input(network, 1)
    sound = run_cycle(program, x)
    before_drain = sound.counts[0]
    assert before_drain.drain > 0
    hurt = [
        cycle
        for cycle in range(1, sound.cycles + 1)
        if not np.array_equal(run_cycle(program, x, flip=Flip(cycle, "acc", 1, 1, 9)).image, sound.image)
    ]
    assert hurt and max(hurt) < sound.cycles - before_drain.beats_store
    assert np.array_equal(run_cycle(program, x, flip=Flip(sound.cycles, "acc", 0, 0, 9)).image, sound.image)


CURES = {
    "stall_filter": ({"port_bits": 32}, {"port_bits": 512}),
    "stall_ifmap": ({"port_interval": 6}, {"port_interval": 1}),
    "stall_ofmap": ({"memory_latency": 60}, {"memory_latency": 1}),
    "stall_control": ({"port_bits": 32}, {"port_bits": 256}),
    "stall_feeder": ({"feeder_width": 1}, {"feeder_width": 4}),
}


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("stall", CURES)
def test_stalls_and_their_cures(stall: str, dataflow: str) -> None:
    """Each cause of waiting occurs, and what should shorten it does, at both levels and without touching the work."""
    design = FittedDesign(
        rows=4,
        cols=4,
        dataflow=dataflow,
        op="threshold",
        x_bits=8,
        w_bits=8,
        acc_bits=20,
        ofmap_kib=2,
    )
    layers = [conv(16, (3, 3), padding=[1, 1, 1, 1]), conv(8, (1, 1), name="last")]
    network = make_network("stalling", design, {"height": 8, "width": 8, "channels": 16}, layers, 2)
    x = extreme_input(network, 2)
    seen: list[Counts] = []
    for change in CURES[stall]:
        program = compile_network(network, design.model_copy(update=change))
        run = run_cycle(program, x)
        assert model_difference(program, x, ALWAYS_READY, run) is None
        seen.append(run.counts[0])
    ill, cured = seen
    assert getattr(ill, stall) > getattr(cured, stall) > 0, seen
    assert ill.cycles > cured.cycles and ill.busy == cured.busy


def test_a_mask_costs_what_it_hides() -> None:
    """A memory that never rests is as fast as none; one that rests every other cycle is slower, and exact."""
    case = next(random_cases(range(7000, 7010)))
    free = run_cycle(case.program, case.x).cycles
    for mask, slower in ((np.ones(7, dtype=np.int64), False), (np.array([1, 0]), True)):
        run = run_cycle(case.program, case.x, mask)
        assert model_difference(case.program, case.x, mask, run) is None
        assert (run.cycles > free) == slower


def test_models_without_jit() -> None:
    """The kernels' Python is the same program: a few pairs uncompiled, against the counts of the compiled ones."""
    script = (
        "from tests.levels.cases import random_cases\nfrom simulator.cycle.cycle import run_cycle\n"
        "from tests.levels.exactness import model_difference\n"
        "for case in random_cases(range(5000, 5008)):\n"
        "    run = run_cycle(case.program, case.x, case.mask)\n"
        "    assert model_difference(case.program, case.x, case.mask, run) is None\n"
        "    print(run.cycles, run_cycle(case.program, case.x, case.mask, toggles=True).toggles)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-W", "error", "-c", script]
    plain = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert plain.returncode == 0, plain.stderr
    runs = [run_cycle(case.program, case.x, case.mask, toggles=True) for case in random_cases(range(5000, 5008))]
    printed = [line for line in plain.stdout.splitlines() if not line.startswith("seed")]
    assert printed == [f"{run.cycles} {run.toggles}" for run in runs] and runs
