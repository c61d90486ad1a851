"""On-chip main memory: tensors that aren't alive together share addresses, at all levels and in Verilog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator.cuts.layout
from simulator.cuts.layout import peak_beats, tensor_beats
from simulator.cuts.memory_use import memory_use
from simulator.cuts.sharing import lifetimes, share
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import Design, FittedDesign
from simulator.program.program import Program, compile_network
from simulator.run import simulate
from simulator.timing.timing import ALWAYS_READY, Cut
from tests.levels.cases import (
    DATAFLOWS,
    MEMORIES,
    design_of,
    hard_cases,
    make_network,
)
from tests.levels.draw import Draw
from tests.levels.exactness import model_difference
from tests.levels.graphs import GRAPHS, random_graph, random_inputs
from tests.levels.random_pairs import drawn_cuts
from tests.levels.rtl_bench import Bench
from tests.support.command import refused, run_command
from tests.support.tools import needs_verilator
from workloads.errors import LimenError
from workloads.layers.graph import INPUT
from workloads.networks.network import Network

SRAM: dict[str, Any] = {"kind": "sram", "kib": 64}
FIELDS: dict[str, Any] = {"feeder_width": 1, "ifmap_kib": 0.5, "filter_kib": 0.5, "ofmap_kib": 1, "memory": SRAM}


def drawn(network: Network, design: FittedDesign, seed: int) -> Program:
    return compile_network(network, design, drawn_cuts(Draw(seed), network, design))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("shape", GRAPHS)
def test_whole_graphs(shape: str, dataflow: str) -> None:
    """Residuals, concatenations, raw scores: bits are the reference's; the memory is as large as timing says."""
    saved = 0
    for seed in range(8100, 8106):
        network = random_graph(shape, seed)
        program = drawn(network, design_of(network, rows=3, cols=4, dataflow=dataflow, **FIELDS).fitted(network), seed)
        x = random_inputs(network, 1, seed)[0]
        run = run_cycle(program, x)
        assert model_difference(program, x, ALWAYS_READY, run) is None
        chosen = [(schedule.geometry, Cut(schedule.parts, schedule.order)) for schedule in program.schedules]
        use = memory_use(network, chosen, run.counts, program.design)
        assert (use.program, use.program + use.tensors) == (program.first_beat, len(program.image))
        saved += sum(tensor_beats(network, program.design).values()) - use.tensors
    assert saved > 0


def test_verilog(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the chip stores is right each time, and the last beat of the memory is the last that it touches.

    Then all tensors get one place: what is read was overwritten, and the Verilog's outputs say so.
    """
    needs_verilator()
    fields: dict[str, Any] = {"rows": 2, "cols": 3, "dataflow": "ws", "op": "threshold", "x_bits": 5, "w_bits": 4}
    cases = hard_cases(Design(**fields, **MEMORIES[0], memory=SRAM))
    bench = Bench(cases[0].design)
    for case in cases:
        run = bench.run(case.program, case.x, case.mask)
        assert run.passed and np.array_equal(run.image(case.program), run_cycle(case.program, case.x, case.mask).image)
        beats = case.program.first_beat + peak_beats(case.network, case.design)
        assert run.summary["memory_beats"] == beats == len(case.program.image)
    block = next(case for case in cases if case.network.name == "block")
    monkeypatch.setattr(simulator.cuts.layout, "share", lambda beats, lives: dict.fromkeys(beats, 0))
    overlapping = replace(block)
    assert not bench.run(overlapping.program, block.x, block.mask).passed


def test_places() -> None:
    """By hand: a residual block. Layer 1 reads what layer 0 wrote, layer 2 adds the input of it."""
    lives = {"input": range(1), "a": range(3), "b": range(1, 3), "c": range(2, 4), "d": range(3, 5)}
    assert share({"input": 5, "a": 8, "b": 4, "c": 8, "d": 2}, lives) == {"a": 0, "c": 8, "input": 8, "b": 16, "d": 0}


@pytest.mark.parametrize("seed", range(20))
def test_no_two_alive_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 12, 15).tolist()
    lives = {str(index): range(start, start + int(rng.integers(1, 6))) for index, start in enumerate(starts)}
    beats = {name: int(rng.integers(1, 9)) for name in lives}
    begins = share(beats, lives)
    for one in lives:
        for other in lives:
            alive = set(lives[one]) & set(lives[other])
            touching = begins[one] < begins[other] + beats[other] and begins[other] < begins[one] + beats[one]
            assert one == other or not (alive and touching)
    layers = range(max(life.stop for life in lives.values()))
    assert max(begins[name] + beats[name] for name in beats) >= max(
        sum(beats[name] for name in beats if layer in lives[name]) for layer in layers
    )


def test_lifetimes() -> None:
    design = Design(rows=2, cols=2, dataflow="os", op="mac", x_bits=4, w_bits=4, feeder_width=2)
    conv = {"kind": "conv2d", "kernel": [1, 1], "out_channels": 2}
    layers = [
        {**conv, "name": "a"},
        {**conv, "name": "b", "tensor": "joined"},
        {**conv, "name": "c", "input": "a", "tensor": "joined", "offset": 2},
        {**conv, "name": "d", "out_channels": 2, "residual": "input", "residual_shift": 0},
        {"name": "e", "kind": "linear", "out_channels": 3},
    ]
    network = make_network("alive", design, {"height": 2, "width": 2, "channels": 2}, layers, 0)
    assert lifetimes(network) == {
        INPUT: range(4), "a": range(3), "joined": range(1, 4), "d": range(3, 5), "e": range(4, 5)
    }  # fmt: skip


def test_a_memory_that_is_too_small(tmp_path: Path) -> None:
    """To the beat: as many KiB as are needed do; a beat less is one line that names the bytes."""
    form = {"rows": 8, "cols": 8, "dataflow": "ws", "op": "threshold", "x_bits": 6, "w_bits": 6}
    needed = simulate("digits", Design(**form, memory=SRAM)).memory
    exact = Design(**form, memory={"kind": "sram", "kib": needed.kib})
    for level in ("timing", "cycle"):
        assert simulate("digits", exact, level).memory == needed  # type: ignore[arg-type]
    smaller = Design(**form, memory={"kind": "sram", "kib": needed.kib - 1 / 128})
    for level in ("timing", "cycle"):
        said = rf"^network digits.*: memory: kib: .* bytes and the network needs {int(needed.kib * 1024)}: "
        with pytest.raises(LimenError, match=said):
            simulate("digits", smaller, level)  # type: ignore[arg-type]
    page = tmp_path / "small.yaml"
    page.write_text("".join(f"{key}: {value}\n" for key, value in form.items()) + "memory: {kind: sram, kib: 4}\n")
    for command in (["simulate"], ["price"], ["export", "--out", "chip"]):
        outcome = run_command(*command, "--design", str(page), "--workload", "digits", cwd=tmp_path)
        refused(outcome, "network digits", "memory: kib: 4", "4096 bytes", f"needs {int(needed.kib * 1024)}")
    assert not (tmp_path / "chip").exists()
