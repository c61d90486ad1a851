"""One Verilator build per design, many layers on it; builds live in a scratch folder of the test session."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from simulator.cycle import Flip
from simulator.design import Design
from simulator.export import rtl_parameters, write_hardware
from simulator.toolchain import build_testbench, run_testbench
from simulator.vectors import format_vectors
from simulator.verify import parse_summary
from tests.cases import Case

SCRATCH = tempfile.TemporaryDirectory(prefix="limen-tests-")
DEPTH_BITS = {"ROW_ADDR_BITS": 11, "COL_ADDR_BITS": 11, "OUT_ADDR_BITS": 9, "CHANNEL_ADDR_BITS": 6}


@dataclass(frozen=True)
class RtlRun:
    """Outputs [oh, ow, N], whether bits and cycles equal the vectors', and the trace [cycles, 3, R, C] if asked for."""

    outputs: np.ndarray
    passed: bool
    summary: dict[str, int]
    trace: np.ndarray | None


def bench_parameters(case: Case) -> dict[str, int]:
    """Return Verilog parameters with memories deep enough for every case of the suite."""
    parameters = rtl_parameters(case.network, case.design)
    for name, bits in DEPTH_BITS.items():
        assert parameters[name] <= bits, f"{case.name}: {name} {parameters[name]}: deepen the test bench's memories"
    return {**parameters, **DEPTH_BITS}


class Bench:
    """The built testbench of one fitted design."""

    def __init__(self, case: Case, trace: bool) -> None:
        self.design = case.design
        self.folder = Path(tempfile.mkdtemp(dir=SCRATCH.name))
        write_hardware(self.folder, bench_parameters(case), "test bench")
        self.program = build_testbench(self.folder, trace)
        self.trace = trace

    def run(self, case: Case, flip: Flip | None = None, vectors: str | None = None) -> RtlRun:
        """Run one case; `vectors` replaces its vector file."""
        assert case.design == self.design, "a bench runs the cases of its own design"
        bench_parameters(case)
        text = format_vectors(case.network, case.design, case.x[None]) if vectors is None else vectors
        (self.folder / "vectors.txt").write_text(text)
        arguments = [str(self.folder / "vectors.txt"), "--outputs", str(self.folder / "outputs.txt")]
        if self.trace:
            arguments += ["--trace", str(self.folder / "trace.txt")]
        if flip is not None:
            place = (flip.cycle, flip.register, flip.row, flip.col, flip.bit)
            arguments += ["--flip", *(str(value) for value in place)]
        outcome = run_testbench(self.program, arguments)
        outputs = np.loadtxt(self.folder / "outputs.txt", dtype=np.int64, ndmin=1).reshape(case.layer.output_shape)
        trace = None
        if self.trace:
            flat = np.loadtxt(self.folder / "trace.txt", dtype=np.int64, ndmin=2)
            trace = flat.reshape(len(flat), 3, self.design.rows, self.design.cols)
        return RtlRun(outputs, outcome.returncode == 0, parse_summary(outcome.stdout), trace)


@cache
def _bench(design: Design, trace: bool) -> list[Bench]:
    return []


def bench(case: Case, trace: bool = False) -> Bench:
    """Return the bench of the case's design, built once."""
    built = _bench(case.design, trace)
    if not built:
        built.append(Bench(case, trace))
    return built[0]
