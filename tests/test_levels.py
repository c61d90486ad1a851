"""Reference, integer kernels, timing and cycle models on the one set of cases."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.cycle import step_layer
from simulator.design import Design
from simulator.timing import count_layer
from tests.cases import DATAFLOWS, OPS, Case, LayerCases, make_case, random_case
from tests.naive import naive_layer
from workloads import reference
from workloads.layer import Layer, weights_bound
from workloads.numbers import operand_range


class TestReference(LayerCases):
    """numpy against pure Python."""

    random_seeds = range(1000, 1060)

    def check(self, case: Case) -> None:
        outputs = reference.forward(case.layer, case.parameters, case.x[None])[0]
        assert outputs.tolist() == naive_layer(case.layer, case.parameters, case.x.tolist())


class TestIntegerKernels(LayerCases):
    """Numba against numpy."""

    def check(self, case: Case) -> None:
        batch = np.stack([case.x, case.x[::-1, ::-1].copy()])
        expected = reference.forward(case.layer, case.parameters, batch)
        assert np.array_equal(case.network.predict(batch), expected.reshape(2, -1))


def test_read_only_arrays() -> None:
    """Arrays that can't be written, as pandas 3 hands them out, serve as well as any."""
    case = random_case(6000)
    own = case.parameters
    for array in (own.weights, own.polarity, own.bias, own.shift, case.x):
        if array is not None:
            array.setflags(write=False)
    expected = reference.forward(case.layer, own, case.x[None])
    assert np.array_equal(case.network.predict(case.x[None]), expected.reshape(1, -1))
    assert np.array_equal(step_layer(case.layer, own, case.design, case.x).outputs, expected[0])


class TestCycle(LayerCases):
    """The cycle model against the reference (bits) and the timing model (every part of the cycles)."""

    random_seeds = range(1000, 2000)

    def check(self, case: Case) -> None:
        run = step_layer(case.layer, case.parameters, case.design, case.x)
        assert np.array_equal(run.outputs, reference.forward(case.layer, case.parameters, case.x[None])[0])
        counts = count_layer(case.layer, case.design)
        assert run.counts == counts
        assert 0 < counts.utilisation(case.design.pes) <= 1


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("op", OPS)
def test_accumulator_width_is_tight(op: str, dataflow: str) -> None:
    """The worst input of a network is exact at the width its weights need, and wrong with one bit less."""
    design = Design(rows=3, cols=2, dataflow=dataflow, op=op, x_bits=5, w_bits=4, acc_policy="weights")
    layer = Layer(
        name="worst", kind="linear", op=op, x_bits=5, w_bits=4, x_signed=op == "threshold", channels=20, out_channels=1
    )
    for seed in range(3000, 3010):
        rng = np.random.default_rng(seed)
        case = make_case(f"seed {seed}", design, layer, rng)
        low, high = operand_range(5, layer.x_signed)
        own = case.parameters
        sign = own.weights if own.polarity is None else own.polarity
        upper, lower = np.where(sign.reshape(-1) > 0, high, low), np.where(sign.reshape(-1) > 0, low, high)
        ends = [int(reference.forward(layer, own, x.reshape(1, 1, 1, -1))[0, 0, 0, 0]) for x in (upper, lower)]
        assert max(abs(end) for end in ends) == weights_bound(layer, own)
        worst = (upper if abs(ends[0]) >= abs(ends[1]) else lower).reshape(1, 1, -1)
        expected = reference.forward(layer, own, worst[None])[0]
        assert np.array_equal(step_layer(layer, own, case.design, worst).outputs, expected)
        assert case.design.acc_bits is not None
        narrow = case.design.model_copy(update={"acc_bits": case.design.acc_bits - 1})
        assert not np.array_equal(step_layer(layer, own, narrow, worst).outputs, expected)


def test_toggles_and_trace_agree() -> None:
    """Toggle counts are the bit changes of the trace, counted here by other means."""
    for seed in range(4000, 4030):
        case = random_case(seed)
        cycles = count_layer(case.layer, case.design).cycles
        run = step_layer(case.layer, case.parameters, case.design, case.x, traced_cycles=cycles)
        assert run.trace is not None
        changes = np.bitwise_count(run.trace[1:] ^ run.trace[:-1]).sum(axis=(0, 2, 3))
        first = np.array([count for count in run.toggles.values()]) - changes
        # Nothing but neutral operands can have moved at the first clock edge.
        assert np.array_equal(first, np.zeros(3)), f"seed {seed}: {first}"


@pytest.mark.parametrize("seed", [5000, 5001, 5002])
def test_suite_without_jit(seed: int) -> None:
    """The kernel's Python is the same program: run it uncompiled."""
    from simulator import cycle_kernels

    case = random_case(seed)
    compiled = step_layer(case.layer, case.parameters, case.design, case.x)
    jitted = {
        name: getattr(cycle_kernels, name) for name in ("signed", "population", "op_result", "requantise", "run_layer")
    }
    try:
        for name, function in jitted.items():
            setattr(cycle_kernels, name, function.py_func)
        plain = step_layer(case.layer, case.parameters, case.design, case.x)
    finally:
        for name, function in jitted.items():
            setattr(cycle_kernels, name, function)
    assert np.array_equal(plain.outputs, compiled.outputs)
    assert (plain.counts, plain.toggles) == (compiled.counts, compiled.toggles)
