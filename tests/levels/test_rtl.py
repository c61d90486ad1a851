"""The Verilog against reference (bits), timing model (every count) and cycle model (every register)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.cycle.cycle import Flip, register_bits, run_cycle
from simulator.designs.design import Design, FittedDesign
from simulator.program.program import Program
from simulator.rtl.export import rtl_parameters, write_hardware
from simulator.rtl.toolchain import find_verilator
from tests.levels.cases import DATAFLOWS, OPS, design_name, hard_cases, hard_designs
from tests.levels.draw import Draw
from tests.levels.exactness import FUSED, KINDS, check_rtl, image_difference
from tests.levels.random_pairs import FUSIONS, random_fields, random_programs
from tests.levels.rtl_bench import bench
from tests.support.tools import needs_verilator, needs_yosys
from workloads.ops.shift import SHIFT

needs_verilator()

DESIGNS = {design_name(design): design for design in hard_designs()}
HARD = (
    "os-threshold-3x5-x3-w7-f8-p128-synapse",
    "os-mac-1x3-x8-w8-f2-p256",
    "os-adder-3x5-x6-w4-f1-p32",
    "os-shift-2x3-x6u-w4-f8-p128",
    "ws-threshold-2x3-x6-w4-f4-p64-synapse",
    "ws-mac-1x1-x3u-w7-f1-p32",
    "ws-adder-4x1-x5-w8-f4-p64",
    "ws-shift-3x5-x5-w5-f2-p256",
    "is-threshold-1x3-x3-w7-f1-p32-neuron",
    "is-mac-4x1-x3u-w7-f8-p128",
    "is-adder-2x3-x5-w8-f2-p256",
    "is-shift-1x3-x2-w2-f4-p64",
    "os-mac+shift-4x1-x3u-w7-f1-p32",
    "ws-threshold+mac-2x3-x2-w2-f4-p64-generated",
    "ws-threshold+mac+adder+shift-3x5-x5-w8-f8-p128-synapse",
    "is-threshold+adder+shift-1x3-x6-w4-f2-p256-neuron",
    "is-threshold+mac-1x1-x8-w8-f1-p32-input",
    "os-mac-2x3-x5-w4-f1-p32-s2-gated",
    "ws-threshold-2x4-x5-w4-f1-p32-synapse-s2",
    "is-threshold+mac+adder+shift-1x2-x5-w4-f4-p64-synapse-s2",
    "os-threshold-4x4-x5-w4-f8-p128-input-overlap",
    "os-adder-3x4-x5-w4-f2-p256-s2-overlap",
    "ws-threshold-2x3-x5-w4-f1-p32-generated-overlap",
    "ws-mac-1x3-x5-w4-f4-p64-s2-gated-overlap",
    "ws-threshold+adder+shift-2x2-x5-w4-f1-p32-neuron-overlap",
    "is-threshold-3x3-x5-w4-f2-p256-generated-overlap",
    "is-mac-2x3-x5-w4-f1-p32-s2-gated-overlap",
    "os-threshold-2x3-x6-w6-f4-p64-neuron-matmul",
    "os-mac-3x1-x5u-w7-f8-p64-matmul",
    "os-threshold-2x2-x4-w6-f4-p64-generated-overlap-matmul",
    "os-threshold+mac+adder+shift-2x5-x6-w6-f4-p64-synapse-matmul",
    "ws-threshold-5x3-x4-w6-f4-p64-input-matmul",
    "ws-mac-3x5-x5u-w7-f8-p64-matmul",
    "is-mac-5x3-x5u-w7-f8-p64-matmul",
    "is-threshold-4x2-x6-w6-f4-p64-generated-overlap-matmul",
)
"""One a dataflow and op, one of each fusion, of two stages, of folds that overlap; every shape and kind of memory."""


@pytest.mark.parametrize("name", HARD)
def test_hard_cases(name: str) -> None:
    """Every beat of every tensor and every count of every layer, as the vector file demands."""
    for case in hard_cases(DESIGNS[name]):
        run = bench(case.design).run(case.program, case.x, case.mask)
        assert run.passed, f"{case.name}: {run.summary}"


def test_a_square_array() -> None:
    """One larger array: random networks on 8 x 8, compared as `make exactness` does."""
    outcome = check_rtl((21000, 12, {"rows": 8, "cols": 8, "dataflow": "ws", "op": "threshold"}))
    assert outcome.difference is None, f"seed {outcome.seed}: {outcome.difference}"
    assert outcome.pairs > 5


FUSION_TRACED = {"os": "all", "ws": "shift+mac", "is": "adder+shift+threshold"}
"""What PEs of several ops hold whose registers are compared, by dataflow."""


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_register(kind: str, dataflow: str) -> None:
    """Every PE register after every clock edge equals the cycle model's; so does all a flipped bit spoils."""
    seed = 22000 + len(KINDS) * DATAFLOWS.index(dataflow) + KINDS.index(kind)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    visible = 0
    ops = FUSIONS[FUSION_TRACED[dataflow]] if kind == FUSED else {"op": kind, "extra_ops": ()}
    programs = random_programs(seed, 6, dataflow=dataflow, **ops, rows=1 + seed % 4, cols=1 + seed % 3)
    assert programs, f"seed {seed}: nothing fits"
    for program, x, mask in programs:
        name = program.network.name
        machine = bench(program.design, trace=True)
        run = machine.run(program, x, mask)
        assert run.passed and run.trace is not None, f"{name}: {run.summary}"
        model = run_cycle(program, x, mask, traced_cycles=len(run.trace))
        assert model.trace is not None and len(run.trace) == model.cycles
        different = np.argwhere(run.trace != model.trace)
        assert different.size == 0, f"{name}: first at cycle, register, row, col {different[0]}"
        flip = visible_flip(program, x, mask, rng)
        if flip is None:
            continue
        visible += 1
        upset = machine.run(program, x, mask, flip)
        wrong = run_cycle(program, x, mask, flip=flip)
        assert image_difference("rtl", upset.image(program), "cycle", wrong.image) is None, f"{name}: {flip}"
        assert not upset.passed, f"{name}: {flip}: the testbench missed a wrong tensor"
    assert visible > 0, f"seed {seed}: no flip reached a tensor"


def visible_flip(program: Program, x: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> Flip | None:
    """Return a random flip that the cycle model says changes a tensor, or None after many tries."""
    sound, widths = run_cycle(program, x, mask), register_bits(program.design)
    for _ in range(200):
        register = str(rng.choice(list(widths)))
        place = (int(rng.integers(program.design.rows)), int(rng.integers(program.design.cols)))
        flip = Flip(int(rng.integers(1, sound.cycles + 1)), register, *place, int(rng.integers(widths[register])))
        if not np.array_equal(run_cycle(program, x, mask, flip=flip).image, sound.image):
            return flip
    return None


def lint_designs() -> list[Design]:
    """Random designs, and the smallest and widest of each dataflow and op, and of ops together."""
    designs = []
    for seed in range(23000, 23016):
        fields = random_fields(Draw(seed))
        designs.append(FittedDesign(**fields, acc_bits=fields["x_bits"] + 1 + seed % 31))
    kinds: list[dict[str, Any]] = [{"op": op} for op in OPS]
    for dataflow in DATAFLOWS:
        for ops in [*kinds, *FUSIONS.values()]:
            buffers = dict.fromkeys(("ifmap_kib", "filter_kib", "ofmap_kib"), 1 / 128)
            tiny = {"rows": 1, "cols": 1, "x_bits": 2, "w_bits": 2, "acc_bits": 3, "feeder_width": 1, "port_bits": 32}
            wide = {"rows": 5, "cols": 7, "x_bits": 16, "acc_bits": 48, "feeder_width": 32}
            wide["w_bits"] = SHIFT.weight_bits[1] if ops == {"op": "shift"} else 16
            wide |= {"port_bits": 512, "operand_depth": 32, **dict.fromkeys(buffers, 64)}
            designs.append(FittedDesign(**{"dataflow": dataflow, "operand_depth": 1, **ops, **buffers, **tiny}))
            designs.append(FittedDesign(**{"dataflow": dataflow, **ops, **wide}))
    return designs


def test_lint_is_clean(tmp_path: Path) -> None:
    """verilator -Wall, and Icarus -Wall where installed, over many parameters: not one word."""
    verilator, root = find_verilator()
    environment = {**os.environ, **({"VERILATOR_ROOT": root} if root else {})}
    for index, design in enumerate(lint_designs()):
        folder = tmp_path / str(index)
        folder.mkdir()
        write_hardware(folder, rtl_parameters(design), "lint")
        commands = [[verilator, "--lint-only", "-Wall", "--quiet", "--top-module", "limen_chip", "-f", "filelist.f"]]
        if shutil.which("iverilog"):
            commands.append(["iverilog", "-g2005", "-Wall", "-t", "null", "-s", "limen_chip", "-c", "filelist.f"])
        for command in commands:
            outcome = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            assert (outcome.returncode, outcome.stdout + outcome.stderr) == (0, ""), f"{design}: {command[0]}"


YOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in ("read_verilog " + " ".join(sys.argv[1:]), "hierarchy -check -top limen_chip", "proc", "flatten",
                "opt_expr", "opt_clean", "check -assert", "write_json netlist.json"):
    libyosys.run_pass(command, design)
"""


@pytest.mark.parametrize("ops", [(op,) for op in OPS] + [("threshold", "mac"), ("threshold", "adder", "shift")])
def test_only_mac_holds_a_multiplier(ops: tuple[str, ...], tmp_path: Path) -> None:
    """Yosys finds no product of two variables where op mac is not among the ops, and one a PE where it is.

    Products with a constant are places of fields in wide words: they become wiring.
    """
    needs_yosys()
    for dataflow in DATAFLOWS:
        target = tmp_path / dataflow
        target.mkdir()
        small = {"ifmap_kib": 0.125, "filter_kib": 0.125, "ofmap_kib": 0.125, "operand_depth": 8}
        formats = {"op": ops[0], "extra_ops": ops[1:], "x_bits": 6, "w_bits": 5, "acc_bits": 18}
        design = FittedDesign(rows=3, cols=4, dataflow=dataflow, **formats, **small)
        write_hardware(target, rtl_parameters(design), "yosys")
        command = [sys.executable, "-c", YOSYS, *(target / "filelist.f").read_text().split()]
        outcome = subprocess.run(command, cwd=target, capture_output=True, text=True)
        assert outcome.returncode == 0, outcome.stderr
        cells = json.loads((target / "netlist.json").read_text())["modules"]["limen_chip"]["cells"].values()
        assert any(cell["type"] == "$add" for cell in cells), "the netlist was not read"
        products = [cell["connections"] for cell in cells if cell["type"] == "$mul"]
        # Wires are numbers in Yosys' JSON, constant bits are text.
        variable = [all(any(isinstance(bit, int) for bit in ends[side]) for side in "AB") for ends in products]
        assert sum(variable) == (design.pes if "mac" in ops else 0)
