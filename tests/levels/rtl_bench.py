"""One Verilator build per design, many networks on it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from simulator.cycle.cycle import Flip
from simulator.designs.design import Design
from simulator.program.program import Program
from simulator.rtl.export import rtl_parameters, write_hardware
from simulator.rtl.toolchain import run_testbench
from simulator.rtl.vectors import format_vectors
from simulator.rtl.verify import read_report
from simulator.timing.timing import ALWAYS_READY
from tests.support.builds import SCRATCH, build_quickly


@dataclass(frozen=True)
class RtlRun:
    """What the Verilog did.

    passed: every beat of every tensor equals the reference's, every count the timing model's. tensors: the memory
    from the input on, [beats, port words]. counts: what the testbench counts of each layer, by name.
    trace: [cycles, 3, R, C] of the PE registers, if asked for.
    """

    passed: bool
    summary: dict[str, int]
    tensors: np.ndarray
    counts: tuple[dict[str, int], ...]
    trace: np.ndarray | None

    def image(self, program: Program) -> np.ndarray:
        """Return the whole memory after the run; the program in front of the tensors never changes."""
        first = program.first_beat
        return np.concatenate([program.image[:first], self.tensors])


class Bench:
    """The built testbench of one fitted design; it runs any program of it."""

    def __init__(self, design: Design, trace: bool = False) -> None:
        self.design = design
        self.folder = Path(tempfile.mkdtemp(dir=SCRATCH.name))
        write_hardware(self.folder, rtl_parameters(design), "test bench", design.operations)
        self.program = build_quickly(self.folder, trace=trace)
        self.trace = trace

    def run(
        self,
        program: Program,
        x: np.ndarray,
        mask: np.ndarray = ALWAYS_READY,
        flip: Flip | None = None,
        vectors: str | None = None,
    ) -> RtlRun:
        """Run a program on one input [H, W, C]; `vectors` replaces its vector file."""
        assert program.design == self.design, "a bench runs the programs of its own design"
        text = format_vectors(program, x[None], mask) if vectors is None else vectors
        (self.folder / "vectors.txt").write_text(text)
        arguments = [str(self.folder / "vectors.txt"), "--memory", str(self.folder / "memory.txt")]
        if self.trace:
            arguments += ["--trace", str(self.folder / "trace.txt")]
        if flip is not None:
            place = (flip.cycle, flip.register, flip.row, flip.col, flip.bit)
            arguments += ["--flip", *(str(value) for value in place)]
        outcome = run_testbench(self.program, arguments)
        words = (self.folder / "memory.txt").read_text().split()
        tensors = np.array([int(word, 16) for word in words], dtype=np.int64).reshape(-1, self.design.port_bits // 32)
        report = read_report(outcome.stdout)
        trace = None
        if self.trace:
            flat = np.loadtxt(self.folder / "trace.txt", dtype=np.int64, ndmin=2)
            trace = flat.reshape(len(flat), 3, self.design.rows, self.design.cols)
        return RtlRun(outcome.returncode == 0, report.summary, tensors, report.layers, trace)


@cache
def bench(design: Design, trace: bool = False) -> Bench:
    """Return the bench of a fitted design, built once."""
    return Bench(design, trace)
