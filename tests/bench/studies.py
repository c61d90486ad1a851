"""What a study's trials cost beside their evaluation, side by side in one run: `make bench`. Quote the ratios.

Trials have the axes and figures of real ones, made up. "Optuna" is what Limen did before: its ORM over SQLite, and its
samplers over the whole history. Medians; of samplers in CPU time, which a shared machine changes least.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from dse.search.parameters import stored_distributions
from dse.search.record import Record, directions
from dse.search.sampling import Sampler
from dse.search.stored_trials import check_trials, seal
from dse.space.figures import FIGURES, TEXT_FIGURES
from dse.space.space import Space
from dse.space.study_spec import StudySpec, load_study
from tests.support.narrow_space import narrowed
from workloads.ops.names import OPS

TRIALS = 500
MANY = 5000
SLOW = 20
"""Repetitions of what takes Optuna long."""


def space_of(spec: StudySpec) -> Space:
    """The built-in study's narrow space with more buffers: 13,608 points."""
    buffers = {"ifmap_kib": [8.0, 16.0, 32.0], "filter_kib": [16.0, 32.0, 64.0], "port_bits": [32, 64, 128, 256]}
    axes = spec.space.model_copy(update=buffers)
    return Space(axes, [(op, bits, bits) for op in OPS if op in axes.op for bits in axes.bits.x])


def made_up(number: int, sampler: Sampler, space: Space, spec: StudySpec) -> FrozenTrial:
    """A trial of the next design."""
    chance, parameters = random.Random(number), sampler.suggest()
    figures = {name: name if name in TEXT_FIGURES else 1 + chance.random() for name in FIGURES}
    figures = {"design": space.at(parameters).key, **figures}
    trial = FrozenTrial(
        number=number, trial_id=number, state=TrialState.COMPLETE, value=None, datetime_start=datetime.now(),
        values=[figures[name] for name in spec.objectives], datetime_complete=datetime.now(), params=dict(parameters),
        distributions=stored_distributions(space), user_attrs=figures, system_attrs={}, intermediate_values={},
    )  # fmt: skip
    trial.set_constraint("area_mm2 <= 1.5", figures["area_mm2"] - 1.5)
    seal(trial)
    return trial


def milliseconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    work()
    return 1e3 * (clock() - start)


def storage(spec: StudySpec, trials: list[FrozenTrial], folder: Path) -> None:
    record = Record.create(folder / "ours", spec, "digits", "ihp130")
    ours = [milliseconds(lambda: record.add(trial)) for trial in trials[:TRIALS]]  # noqa: B023
    record.close()
    url = f"sqlite:///{folder / 'ours' / 'study.db'}"
    study = optuna.load_study(study_name="digits", storage=url)
    theirs = [milliseconds(lambda: study.add_trial(trial)) for trial in trials[TRIALS : TRIALS + SLOW]]  # noqa: B023
    show(f"storage of a trial, after {TRIALS}", statistics.median(ours), statistics.median(theirs))


def reopening(spec: StudySpec, space: Space, trials: list[FrozenTrial], folder: Path) -> None:
    record = Record.create(folder / "many", spec, "digits", "ihp130")
    for trial in trials:
        record.add(trial)
    record.close()
    url = f"sqlite:///{folder / 'many' / 'study.db'}"
    ours = milliseconds(lambda: check_trials(Record(folder / "many").trials(), spec, space))
    theirs = milliseconds(lambda: optuna.load_study(study_name="digits", storage=url).get_trials())
    show(f"reading {len(trials)} trials again, all checked", ours, theirs)


def samplers(spec: StudySpec, space: Space, trials: list[FrozenTrial]) -> None:
    kinds = {
        "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
        "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
        "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    }
    for name, make in kinds.items():
        sampler = Sampler(spec.sampler.model_copy(update={"name": name}), space, directions(spec))
        study = optuna.create_study(directions=directions(spec))
        ours, theirs = [], []
        for trial in trials[:TRIALS]:
            sampler.learn(trial)
        study.add_trials(trials[:TRIALS])
        for number, trial in enumerate(trials[TRIALS : TRIALS + SLOW]):
            study.sampler = make(number)
            theirs.append(milliseconds(lambda: study.ask(stored_distributions(space)), time.process_time))  # noqa: B023
            ours.append(milliseconds(sampler.suggest, time.process_time))
            sampler.learn(trial)
            study.add_trial(trial)
        show(f"{name}, after {TRIALS} (CPU)", statistics.median(ours), statistics.median(theirs))


def show(what: str, ours: float, theirs: float) -> None:
    print(f"{what:45} {ours:10.2f} {theirs:10.2f} {theirs / ours:8.1f}")


def main() -> None:
    spec = narrowed(load_study("digits"))
    space = space_of(spec)
    sampler = Sampler(spec.sampler, space, directions(spec))
    trials = []
    for number in range(MANY):
        trials.append(made_up(number, sampler, space, spec))
        sampler.learn(trials[-1])
    print(f"{'milliseconds':45} {'Limen':>10} {'Optuna':>10} {'ratio':>8}")
    with tempfile.TemporaryDirectory() as scratch:
        storage(spec, trials, Path(scratch))
        samplers(spec, space, trials)
        reopening(spec, space, trials, Path(scratch))


if __name__ == "__main__":
    main()
