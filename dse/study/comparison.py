"""Samplers compared: what share of the exact front's hypervolume each finds, of many seeds, after so many trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna
from optuna.trial import TrialState

from dse.front.front import front_rows
from dse.report.sampler_table import ShareRow
from dse.search.record import directions
from dse.search.sampling import Sampler, check_sampler, is_installed
from dse.space.study_spec import SAMPLERS, SamplerSpec
from dse.study.known_space import Swept
from workloads.errors import LimenError
from workloads.host.children import run_in_workers
from workloads.host.journal import Journal, Results, code_digest, key_of

COMPARED = tuple(name for name in SAMPLERS if name not in ("exhaustive", "own"))
"""What can be compared by name."""

DEAR = "gp"
"""A sampler that is compared only where it is asked for: a thousand trials take it an hour."""

FIRST_LOOK = 10
LOOKS = 40
"""At the hypervolume in a search, about: each at so many times the trials of the one before."""

ROUND = (1, 2, 5)
"""Digits of numbers of trials at which all searches are looked at."""


class Replay(NamedTuple):
    """What a search found: shares of the exact front's hypervolume at its looks; CPU milliseconds of a suggestion."""

    shares: list[float]
    suggestion_ms: float


class Piece(NamedTuple):
    """One search: a sampler, a seed, and how many trials."""

    sampler: str
    seed: int
    trials: int


def default_samplers() -> list[str]:
    """Return the samplers that are compared where none is named: all whose packages are installed but `DEAR`."""
    return [name for name in COMPARED if name != DEAR and is_installed(name)]


def check_samplers(names: Sequence[str]) -> None:
    """Raise LimenError for what is no sampler that can be compared, for one named twice, and for a missing package."""
    for name in names:
        if name not in COMPARED or names.count(name) > 1:
            raise LimenError(f"samplers: {name!r} is not allowed: {', '.join(COMPARED)}, each at most once")
        check_sampler(SamplerSpec.model_validate({"name": name}), None)
    if not names:
        raise LimenError(f"samplers: nothing is not allowed: some of {', '.join(COMPARED)}")


def looks_of(trials: int) -> list[int]:
    """Return after how many trials a search is looked at: round numbers among them, and its end."""
    first = min(FIRST_LOOK, trials)
    powers = [10**exponent for exponent in range(len(str(trials)))]
    fixed = [digit * power for digit in ROUND for power in powers if first <= digit * power <= trials]
    return sorted({*map(int, np.geomspace(first, trials, LOOKS)), *fixed, trials})


def replay(swept: Swept, piece: Piece) -> Replay:
    """Search a space that is known."""
    spec = SamplerSpec.model_validate({"name": piece.sampler, "seed": piece.seed})
    sampler = Sampler(spec, swept.space, directions(swept.spec))
    signs, looks = swept.scale.signs, {*looks_of(piece.trials)}
    front, shares, busy_s = np.empty((0, len(signs))), [], 0.0
    found: list[list[float]] = []
    for number in range(piece.trials):
        start = time.process_time()
        parameters = sampler.suggest()
        busy_s += time.process_time() - start
        trial = swept.trial(number, parameters)
        start = time.process_time()
        sampler.learn(trial)
        busy_s += time.process_time() - start
        if trial.state == TrialState.COMPLETE and all(value <= 0 for value in trial.constraints.values()):
            found.append(trial.values)
        if number + 1 in looks:
            known = np.concatenate([front, np.array(found).reshape(len(found), len(signs))])
            front, found = known[front_rows(known * signs)] if len(known) else known, []
            shares.append(swept.scale.volume(front) / swept.volume)
    return Replay(shares, 1e3 * busy_s / piece.trials)


def compare(
    swept: Swept,
    samplers: Sequence[str],
    seeds: int,
    trials: int,
    journal: Path,
    jobs: int,
    progress: Callable[[int, int], None],
) -> list[ShareRow]:
    """Return a row for each sampler, seed and look; what the journal has isn't done again.

    jobs: processes. progress: called with (searches done, searches in all). Raises LimenError: `trials` are more than
    the space has; a journal that can't be written; as `run_in_workers` does.
    """
    check_samplers(samplers)
    if trials > swept.space.size:
        raise LimenError(f"trials: {trials} is not allowed: the space has {swept.space.size} points")
    program = [code_digest(("dse",)), optuna.__version__, np.__version__]
    pieces = {
        key_of([swept.digest, program, *piece]): piece
        for seed in range(seeds)
        for piece in (Piece(name, seed, trials) for name in samplers)
    }

    def work(left: Mapping[str, Piece]) -> Results[Replay]:
        if jobs == 1 or len(left) < 2:
            for key, piece in left.items():
                yield key, replay(swept, piece)
            return
        with closing(run_in_workers(min(jobs, len(left)), _start, (swept,), _replay, left.items())) as results:
            for (key, _), result in results:
                yield key, result

    looks = looks_of(trials)
    kept = Journal(journal, lambda result: [*result], lambda stored: _decoded(stored, len(looks)))
    done = kept.finish(pieces, work, progress)
    return [
        ShareRow(piece.sampler, piece.seed, look, share, done[key].suggestion_ms)
        for key, piece in sorted(pieces.items(), key=lambda pair: pair[1])
        for look, share in zip(looks, done[key].shares, strict=True)
    ]


def _decoded(stored: list[object], looks: int) -> Replay:
    shares, suggestion_ms = stored
    if not isinstance(shares, list) or len(shares) != looks:
        raise ValueError
    return Replay([float(share) for share in shares], float(suggestion_ms))  # type: ignore[arg-type]


_here: list[Swept] = []
"""What this process searches."""


def _start(swept: Swept) -> None:
    _here[:] = [swept]


def _replay(item: tuple[str, Piece]) -> Replay:
    return replay(_here[0], item[1])
