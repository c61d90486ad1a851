"""Random pairs of network and design, all levels against each other: `make exactness COUNT=10000 SEED=0`.

COUNT pairs: timing model = cycle model (every part of the counts) and cycle model = reference (every beat of every
tensor). COUNT / 5 further pairs on at least 60 designs: Verilog = cycle model (memory, total and every count the
testbench takes). Up to half as many again follow while a corner was hardly ever reached, in Verilog of designs of such
kinds. A share of the pairs run behind a memory that is not always ready. No tolerance: the first difference is printed
with its seed and ends the run with code 1, and so does a corner that still was hardly ever reached.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from simulator.cuts.layout import tensor_beats
from simulator.cycle.cycle import CycleRun, run_cycle
from simulator.designs.design import FittedDesign
from simulator.designs.memory import Memory
from simulator.plan.counts import PHASES
from simulator.plan.steps import Schedule
from simulator.plan.transfers import tile_transfers
from simulator.program.program import Program
from simulator.rtl.vectors import counted, expected_tensors
from simulator.timing.timing import count_program
from tests.levels.random_pairs import DATAFLOWS, FUSIONS, ON_CHIP, OPS, random_pair, random_programs
from tests.simulator.slow_counts.tile_timing import tile_timing
from workloads.errors import LimenError
from workloads.layers.layer import POOLS, Layer

SEEDS_A_RUN = 10**7
"""Seeds of one SEED: those of designs for the Verilog follow half-way."""
MOST_NETWORKS = 30
"""On one design: 2000 pairs then take more than 60 designs."""
FEWEST_HITS = 20
MOST_AGAIN = 1.5
"""Of the pairs asked for, those that are run where a corner is rare."""
PROCESSES = 2

CORNERS = (
    *("K folds", "K tiles", "row tiles", "output tiles", "M tail", "N tail", "K tail"),
    *("stall feeder", "stall ifmap", "stall filter", "stall ofmap", "stall control"),
    *("groups", "stride", "padding", "maxpool", "residual", "concatenation"),
    *("dense run", "images at once"),
    *("polarity input", "polarity neuron", "polarity generated"),
    *("ops mixed", *(f"op {op}" for op in OPS)),
    *("two stages", "zero gating", "overlap", "block ahead", "avgpool", "large window", "matmul", "on-chip memory"),
)
FUSED = "fused"
KINDS = (*OPS, FUSED)
"""The op of a design, or that it has several."""

Cell = tuple[str, str, str]
"""Dataflow, kind of design, corner."""
RtlJob = tuple[int, int, dict[str, Any]]
"""Seed, networks, fields of the design."""


def impossible(cell: Cell) -> bool:
    """Whether no pair can have this corner, or all of a kind: under os K passes in time; polarity is threshold's."""
    dataflow, kind, corner = cell
    if corner.startswith("op"):
        return kind != FUSED
    if corner == "zero gating":
        return kind != "mac"
    if corner == "matmul":
        return kind == "shift"
    return (corner == "K folds" and dataflow == "os") or (
        kind not in ("threshold", FUSED) and corner.startswith("polarity")
    )


CELLS = [cell for cell in itertools.product(DATAFLOWS, KINDS, CORNERS) if not impossible(cell)]


def _tails(schedule: Schedule, program: Program) -> Iterator[str]:
    """Dimensions whose last fold or, where they pass in time, whose last tile is smaller than the others."""
    design, shapes, taps = program.design, [step.shape for step in schedule.steps], schedule.geometry.taps
    m, n, k = (
        {shape.pixels for shape in shapes},
        {shape.group_outputs for shape in shapes},
        {taps * shape.channels for shape in shapes},
    )
    lanes = {
        "os": (design.rows, design.cols, 0),
        "ws": (0, design.cols, design.rows),
        "is": (design.cols, 0, design.rows),
    }
    for name, sizes, width in zip("MNK", (m, n, k), lanes[design.dataflow], strict=True):
        if len(sizes) > 1 or (width and any(size % width for size in sizes)):
            yield f"{name} tail"


def _corners_of(layer: Layer, schedule: Schedule, program: Program) -> Iterator[str]:
    tiles = [step.tile for step in schedule.steps]
    if layer.has_parameters:
        yield from _tails(schedule, program)
        k = max(schedule.geometry.taps * step.shape.channels for step in schedule.steps)
        if program.design.dataflow != "os" and k > program.design.rows:
            yield "K folds"
    for name, starts in (("row", {tile.row for tile in tiles}), ("output", {tile.out for tile in tiles})):
        if len(starts) > 1:
            yield f"{name} tiles"
    if len({tile.chan for tile in tiles}) > 1:
        yield "K tiles"
    present = {"groups": layer.groups > 1, "stride": max(layer.stride) > 1, "padding": max(layer.padding) > 0}
    present |= {"maxpool": layer.kind == "maxpool", "residual": layer.residual is not None}
    present |= {"avgpool": layer.kind == "avgpool", "large window": layer.kind in POOLS and max(layer.kernel) > 3}
    present["matmul"] = layer.kind == "matmul"
    present |= {"concatenation": layer.offset > 0, "images at once": layer.images > 1}
    moved = [tile_transfers(schedule.geometry, step.shape, program.design) for step in schedule.steps]
    planes = [one for tile in moved for one in (tile.ifmap, tile.results)]
    present["dense run"] = any(one.dense and one.count > 1 for one in planes)
    yield from (name for name, there in present.items() if there)


def shares_addresses(program: Program) -> bool:
    """Whether two tensors lie in one place."""
    beats = sum(tensor_beats(program.network, program.design).values())
    return len(program.image) - program.first_beat < beats


def waited_alone(schedule: Schedule, design: FittedDesign) -> int:
    """Return the cycles that a layer's tiles wait for operands where none is filled under the tile before."""
    shapes = Counter(step.shape for step in schedule.steps)
    return sum(count * tile_timing(schedule.geometry, shape, design).phases[5] for shape, count in shapes.items())


def cells_of(program: Program, run: CycleRun) -> set[Cell]:
    """Return the corners that a pair reached."""
    ops = {layer.op for layer in program.network.layers if layer.has_parameters}
    corners = {f"polarity {program.design.polarity}", *(f"op {op}" for op in ops)}
    corners |= {"ops mixed"} if len(ops) > 1 else set()
    corners |= {"two stages"} if program.design.pe_stages > 1 else set()
    corners |= {"on-chip memory"} if shares_addresses(program) else set()
    corners |= {"zero gating"} if program.design.zero_gating else set()
    corners |= {"overlap"} if program.design.overlap else set()
    for layer, schedule, counts in zip(program.network.layers, program.schedules, run.counts, strict=True):
        if program.design.overlap and counts.stall_feeder < waited_alone(schedule, program.design):
            corners |= {"block ahead"}
        corners |= set(_corners_of(layer, schedule, program))
        corners |= {phase.replace("_", " ") for phase in PHASES if phase.startswith("stall") and getattr(counts, phase)}
    kind = FUSED if program.design.extra_ops else program.design.op
    return {(program.design.dataflow, kind, corner) for corner in corners} & set(CELLS)


@dataclass(frozen=True)
class Outcome:
    """Of one seed: pairs run, cells each reached, cycles in all; difference: the first, or None."""

    seed: int
    pairs: int
    cells: Counter[Cell]
    cycles: int
    difference: str | None


def model_difference(program: Program, x: np.ndarray, mask: np.ndarray, run: CycleRun) -> str | None:
    """Return the first difference of the cycle model's run from timing model and reference, or None."""
    counted = count_program(program.schedules, program.design, mask)
    for layer, cycle, timing in zip(program.network.layers, run.counts, counted, strict=True):
        for name in vars(timing):
            if getattr(cycle, name) != getattr(timing, name):
                return f"layer {layer.name}: {name}: cycle {getattr(cycle, name)}, timing {getattr(timing, name)}"
    if run.cycles != sum(counts.cycles for counts in counted):
        return f"cycles: cycle {run.cycles}, timing {sum(counts.cycles for counts in counted)}"
    first = program.first_beat
    expected = np.concatenate([program.image[:first], expected_tensors(program, x)])
    return image_difference("cycle", run.image, "reference", expected)


def image_difference(name: str, image: np.ndarray, other: str, expected: np.ndarray) -> str | None:
    """Return the first difference of two memories, or None."""
    if np.array_equal(image, expected):
        return None
    beat, word = (int(index) for index in np.argwhere(image != expected)[0])
    return f"beat {beat}, word {word}: {name} {image[beat, word]:08x}, {other} {expected[beat, word]:08x}"


def check_models(seed: int) -> Outcome | None:
    """Run one pair through timing model, cycle model and reference; None where the pair is refused."""
    try:
        program, x, mask = random_pair(seed)
    except LimenError:
        return None
    run = run_cycle(program, x, mask)
    difference = model_difference(program, x, mask, run)
    return Outcome(seed, 1, Counter(cells_of(program, run)), run.cycles, difference)


def check_rtl(job: RtlJob) -> Outcome:
    """Build one random design and run its networks in Verilog and in the cycle model. job: seed, networks, fields."""
    from tests.levels.rtl_bench import Bench

    seed, wanted, given = job
    cells: Counter[Cell] = Counter()
    cycles = pairs = 0
    programs = random_programs(seed, wanted, **given)
    bench = Bench(programs[0][0].design) if programs else None
    for program, x, mask in programs:
        assert bench is not None
        model = run_cycle(program, x, mask)
        rtl = bench.run(program, x, mask)
        expected = tuple(map(counted, model.counts))
        difference = model_difference(program, x, mask, model) or image_difference(
            "rtl", rtl.image(program), "cycle", model.image
        )
        if difference is None and (rtl.summary["cycles"] != model.cycles or rtl.counts != expected):
            difference = f"counts: rtl {rtl.counts}, cycle {expected}"
        if difference is None and not rtl.passed:
            difference = f"the testbench finds what nothing else does: {rtl.summary}"
        if difference is not None:
            return Outcome(seed, pairs, cells, cycles, f"network {program.network.name}: {difference}")
        cells += Counter(cells_of(program, model))
        cycles, pairs = cycles + model.cycles, pairs + 1
    return Outcome(seed, pairs, cells, cycles, None)


def rtl_jobs(first: int, networks: int) -> Iterator[RtlJob]:
    """Yield designs without end: dataflows, kinds, memories, polarities, fusions, stages in turn; two are 16 x 16."""
    fusions = tuple(FUSIONS.values())
    for index in itertools.count():
        kind, turn = KINDS[index // 3 % len(KINDS)], index // (3 * len(KINDS))
        given: dict[str, Any] = {"dataflow": DATAFLOWS[index % 3], "op": kind, "extra_ops": ()}
        given["memory"] = (Memory(), ON_CHIP)[index // 3 % 2]
        given |= {"pe_stages": 1 + turn % 2, "zero_gating": kind == "mac" and turn % 4 == 3}
        given["overlap"] = turn % 4 in (1, 2)
        if turn % 4 == 2:  # a memory so fast that the next tile lies there before the present one is through
            given |= {"memory_latency": 1, "port_interval": 1}
        if kind == "threshold":
            given["polarity"] = ("synapse", "input", "neuron", "generated")[turn % 4]
        given["matmul"] = kind != "shift" and turn % 2 == 0
        if kind == FUSED:
            given |= fusions[turn % len(fusions)]
        if index < 2:
            given |= {"rows": 16, "cols": 16}
        yield first + index, networks, given


def table(models: Counter[Cell], rtl: Counter[Cell]) -> str:
    """Return how many pairs reached each cell as Markdown: models / Verilog."""
    heads = list(itertools.product(DATAFLOWS, KINDS))
    lines = ["| corner | " + " | ".join(f"{dataflow} {kind}" for dataflow, kind in heads) + " |"]
    lines.append("|---" * (1 + len(heads)) + "|")
    for corner in CORNERS:
        cells = [(*head, corner) for head in heads]
        shown = ["–" if impossible(cell) else f"{models[cell]} / {rtl[cell]}" for cell in cells]
        lines.append(f"| {corner} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def run_models(
    pool: multiprocessing.pool.Pool, seed: int, count: int, fewest: int = FEWEST_HITS
) -> tuple[Counter[Cell], str]:
    """Run `count` pairs, and more while a corner has fewer than `fewest`; return the cells they reached and a summary.

    Exits with code 1 at a difference.
    """
    cells: Counter[Cell] = Counter()
    pairs = refused = cycles = 0
    seeds = range(seed * SEEDS_A_RUN, seed * SEEDS_A_RUN + SEEDS_A_RUN // 2)
    with tqdm(total=count, desc="timing = cycle = reference", unit="pair") as bar:
        for outcome in pool.imap(check_models, iter(seeds), chunksize=8):
            if outcome is None:
                refused += 1
                continue
            stop_at(outcome)
            pairs, cycles, cells = pairs + 1, cycles + outcome.cycles, cells + outcome.cells
            bar.update()
            if pairs >= count and (pairs >= MOST_AGAIN * count or all(cells[cell] >= fewest for cell in CELLS)):
                break
    summary = f"{pairs} pairs, {cycles} cycles: timing = cycle = reference; {refused} refused"
    return cells, f"{summary}; seeds {seeds[0]} to {seeds[0] + pairs + refused - 1}"


def jobs_of(jobs: Iterable[RtlJob], heads: set[tuple[str, str]]) -> Iterator[RtlJob]:
    """Yield the jobs whose designs are of such dataflows and kinds."""
    for job in jobs:
        if (job[2]["dataflow"], FUSED if job[2]["extra_ops"] else job[2]["op"]) in heads:
            yield job


def run_rtl(pool: multiprocessing.pool.Pool, seed: int, count: int) -> tuple[Counter[Cell], str]:
    """Run at least `count` pairs in Verilog, likewise; more while a corner isn't reached."""
    cells: Counter[Cell] = Counter()
    pairs = designs = cycles = 0
    first = seed * SEEDS_A_RUN + SEEDS_A_RUN // 2
    jobs = rtl_jobs(first, max(10, min(MOST_NETWORKS, count // 60)))
    with tqdm(total=count, desc="rtl = cycle", unit="pair") as bar:
        missed = {cell[:2] for cell in CELLS}
        while pairs < count or (missed and pairs < MOST_AGAIN * count):
            chosen = jobs if pairs < count else jobs_of(jobs, missed)
            for outcome in pool.imap_unordered(check_rtl, itertools.islice(chosen, 2 * PROCESSES)):
                stop_at(outcome)
                pairs, designs, cycles = pairs + outcome.pairs, designs + (outcome.pairs > 0), cycles + outcome.cycles
                cells += outcome.cells
                bar.update(outcome.pairs)
            missed = {cell[:2] for cell in CELLS if not cells[cell]}
    return cells, f"{pairs} pairs on {designs} designs, {cycles} cycles: rtl = cycle = reference; seeds from {first}"


def stop_at(outcome: Outcome) -> None:
    if outcome.difference is not None:
        sys.exit(f"seed {outcome.seed}: {outcome.difference}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.levels.exactness", description=__doc__)
    parser.add_argument("--count", type=int, default=10000, help="pairs of models; a fifth as many in Verilog")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"count {arguments.count}, seed {arguments.seed}", flush=True)
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        models, of_models = run_models(pool, arguments.seed, arguments.count)
        print(of_models, flush=True)
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:  # the first may still be at seeds beyond
        rtl, of_rtl = run_rtl(pool, arguments.seed, arguments.count // 5)
    print(f"{of_rtl}\n\nPairs that reached each corner, models / Verilog:\n\n{table(models, rtl)}")
    rare = [cell for cell in CELLS if models[cell] < FEWEST_HITS or rtl[cell] == 0]
    if rare:
        named = "; ".join(f"{' '.join(cell)} {models[cell]} / {rtl[cell]}" for cell in rare[:10])
        sys.exit(f"{len(rare)} corners reached by fewer than {FEWEST_HITS} pairs of models or none in Verilog: {named}")


if __name__ == "__main__":
    main()
