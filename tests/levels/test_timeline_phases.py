"""A timeline's phases against the cycle model's, in every single cycle; its transfers against the DMA's."""

from __future__ import annotations

from collections import Counter

import numpy as np

from simulator.cycle.cycle import run_cycle
from simulator.encoding import Phase
from simulator.insight.spans import Span, Track, layer_spans
from simulator.insight.traced import trace_layer
from simulator.program.program import Program
from simulator.timing.timing import Cut
from tests.levels.random_pairs import random_pair
from workloads.errors import LimenError

SEEDS = 200


def program_spans(program: Program, mask: np.ndarray) -> list[Span]:
    """Return the spans of a whole program, fold by fold."""
    spans: list[Span] = []
    start = 0
    for schedule in program.schedules:
        traced = trace_layer(schedule.geometry, Cut(schedule.parts, schedule.order), program.design, start, mask)
        spans += layer_spans(traced, by_folds=True)
        start = traced.end
    return spans


def test_every_cycle_is_in_the_cycle_model_s_phase() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        try:
            program, x, mask = random_pair(seed)
        except LimenError:
            continue
        spans = program_spans(program, mask)
        cycles = max(span.end for span in spans)
        run = run_cycle(program, x, mask, signal_cycles=cycles)
        assert run.cycles == cycles and run.signals is not None
        phases, moving = np.full(cycles, -1), np.zeros(cycles, bool)
        for span in spans:
            if span.track in (Track.ARRAY, Track.WAITS):
                phases[span.begin : span.end] = Phase[span.name.upper()]
            elif span.track == Track.PORT:
                moving[span.begin : span.end] = True
        different = np.flatnonzero(phases != run.signals["phase"])
        assert not different.size, (
            f"seed {seed}: {program.design}: cycle {different[0]}: {Phase(phases[different[0]]).name}, "
            f"the cycle model has {Phase(run.signals['phase'][different[0]]).name}"
        )
        busy = run.signals["dma_busy"].astype(bool)
        assert not (moving & ~busy).any()
        moved = (run.signals["mem_read_valid"] | run.signals["mem_write_valid"]).astype(bool)
        assert not (moved & ~moving).any()
        design = program.design
        seen.update([design.dataflow, f"overlap {design.overlap}", f"pauses {not mask.all()}"])
        seen.update(Phase(phase).name for phase in np.unique(phases))
        seen["several images"] += any(schedule.geometry.images > 1 for schedule in program.schedules)
    print(dict(seen))
    kinds = ("os", "ws", "is", "overlap True", "overlap False", "pauses True", "several images", "POOL", "STALL_FEEDER")
    assert min(seen[kind] for kind in kinds) > 3
