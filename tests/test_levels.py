"""Reference, integer kernels, timing and cycle models on the one set of cases."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.cycle import step_layer
from simulator.timing import count_layer
from tests.cases import Case, LayerCases, random_case
from tests.naive import naive_layer
from workloads import reference


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


class TestCycle(LayerCases):
    """The cycle model against the reference (bits) and the timing model (every part of the cycles)."""

    random_seeds = range(1000, 2000)

    def check(self, case: Case) -> None:
        run = step_layer(case.layer, case.parameters, case.design, case.x)
        assert np.array_equal(run.outputs, reference.forward(case.layer, case.parameters, case.x[None])[0])
        counts = count_layer(case.layer, case.design)
        assert run.counts == counts
        assert 0 < counts.utilisation(case.design.pes) <= 1


def test_accumulator_width_is_tight() -> None:
    """One bit less than the bound of the weights gives wrong scores for the worst input: the bound is no guess."""
    wrong = 0
    for seed in range(3000, 3040):
        case = random_case(seed)
        if case.design.acc_policy != "weights" or case.layer.y_bits is not None or case.layer.op != "threshold":
            continue
        acc_bits = case.design.acc_bits
        assert acc_bits is not None
        high = 2 ** (case.layer.x_bits - 1) - 1
        for value in (high, -high - 1):
            x = np.full_like(case.x, value)
            expected = reference.forward(case.layer, case.parameters, x[None])[0]
            assert np.array_equal(step_layer(case.layer, case.parameters, case.design, x).outputs, expected)
            narrow = case.design.model_copy(update={"acc_bits": acc_bits - 1})
            wrong += not np.array_equal(step_layer(case.layer, case.parameters, narrow, x).outputs, expected)
    assert wrong > 0


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
    jitted = {name: getattr(cycle_kernels, name) for name in ("signed", "population", "op_result", "requantise", "run_layer")}
    try:
        for name, function in jitted.items():
            setattr(cycle_kernels, name, function.py_func)
        plain = step_layer(case.layer, case.parameters, case.design, case.x)
    finally:
        for name, function in jitted.items():
            setattr(cycle_kernels, name, function)
    assert np.array_equal(plain.outputs, compiled.outputs)
    assert (plain.counts, plain.toggles) == (compiled.counts, compiled.toggles)
