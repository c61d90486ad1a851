"""The stored study: one SQLite file that Optuna's tools open, one transaction a trial."""

from __future__ import annotations

import fcntl
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.study import StudyDirection
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from dse.study.snapshot import snapshot
from dse.study.stored_tables import DAMAGED, NOT_OURS, check_tables, closing_storage, storage_in
from dse.study.study_spec import StudySpec
from workloads.errors import LimenError, shown
from workloads.host.scratch import scratch_folder
from workloads.host.specfile import validate

DATABASE = "study.db"
LOCK = "study.lock"
STUDY_NAME = "limen"
SPEC_ATTRIBUTE = "limen_study"
DIGEST_ATTRIBUTE = "limen_study_sha256"
WORKLOAD_ATTRIBUTE = "limen_workload"
COSTS_ATTRIBUTE = "limen_costs"

# Optuna says at every start that a study exists; ours is said by the command line.
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Record:
    """The study in `folder/study.db`.

    Optuna's own loop writes a trial in a dozen transactions, some 80 ms with SQLite. Here a trial is computed in
    memory and added whole, in one transaction: it is faster, and a kill can't leave half a trial. Reading never
    writes: only `add` and `move_sources` do.

    workload, costs: names, or paths of files from the study's folder, as they are stored; see `dse.study.sources`.
    """

    def __init__(self, folder: Path) -> None:
        """Read an existing study. Raises LimenError where there is none, or a damaged one."""
        self.path = folder / DATABASE
        if not self.path.exists():
            raise LimenError(f"{folder}: {DATABASE}: missing; expected a folder written by limen study run")
        self._writer: optuna.Study | None = None
        attributes = self._read()
        for name in (SPEC_ATTRIBUTE, DIGEST_ATTRIBUTE, WORKLOAD_ATTRIBUTE, COSTS_ATTRIBUTE):
            if name not in attributes:
                raise LimenError(f"{self.path}: {NOT_OURS}: {name} is missing")
            if name != SPEC_ATTRIBUTE and not isinstance(attributes[name], str):
                raise LimenError(f"{self.path}: {NOT_OURS}: {name}: {shown(attributes[name])} is not a text")
        content = attributes[SPEC_ATTRIBUTE]
        self.spec = validate(StudySpec, content, self.path)
        if self.spec.model_dump(mode="json") == content and self.spec.digest() != attributes[DIGEST_ATTRIBUTE]:
            raise LimenError(f"{self.path}: is damaged: {SPEC_ATTRIBUTE} has another SHA-256 than is stored beside it")
        if self._directions != directions(self.spec):
            raise LimenError(
                f"{self.path}: {DAMAGED}: table study_directions: differs from the objectives of the study"
            )
        self.workload, self.costs = attributes[WORKLOAD_ATTRIBUTE], attributes[COSTS_ATTRIBUTE]

    def _read(self) -> dict[str, Any]:
        """Read trials and attributes from a copy in memory, which Optuna may do as it likes with."""
        with snapshot(self.path) as memory:
            check_tables(self.path, memory, STUDY_NAME)
            try:
                with _without_log(), storage_in(memory) as storage:
                    study = optuna.load_study(study_name=STUDY_NAME, storage=storage)
                    self._trials = study.get_trials(deepcopy=False)
                    self._directions = study.directions
                    return study.user_attrs
            except Exception:  # SQLAlchemy, sqlite3, json and Optuna each raise their own kinds
                raise LimenError(f"{self.path}: {DAMAGED}: Optuna can't read it") from None

    @classmethod
    def create(cls, folder: Path, spec: StudySpec, workload: str, costs: str) -> Record:
        """Create the study whole or not at all; workload, costs: see `Record`.

        Raises LimenError where the folder can't be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LimenError(f"{folder}: cannot be written: {error.strerror}") from None
        with exclusive(folder):
            if (folder / DATABASE).exists():
                raise LimenError(f"{folder}: {DATABASE}: appeared at this moment; run again to resume it")
            with scratch_folder(beside=folder / DATABASE) as scratch:
                try:
                    _fill(scratch / DATABASE, spec, {WORKLOAD_ATTRIBUTE: workload, COSTS_ATTRIBUTE: costs})
                except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
                    reason = str(error.__cause__ or error).splitlines()[0]
                    raise LimenError(f"{folder / DATABASE}: cannot be written: {reason}") from None
                os.replace(scratch / DATABASE, folder / DATABASE)
        return cls(folder)

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Return the trials as they were when last read, in order; state FAIL is a point that was refused."""
        return self._trials

    def read_again(self) -> None:
        """Read what other runs have added since. Raises LimenError."""
        self._read()

    def add(self, trial: optuna.trial.FrozenTrial) -> None:
        """Commit one complete trial. Raises LimenError where the file can't be written."""
        with self._writing() as study:
            study.add_trial(trial)

    def move_sources(self, workload: str, costs: str) -> None:
        """Store other names or paths of workload and cost table. Raises LimenError where the file can't be written."""
        if (workload, costs) == (self.workload, self.costs):
            return
        with self._writing() as study:
            study.set_user_attr(WORKLOAD_ATTRIBUTE, workload)
            study.set_user_attr(COSTS_ATTRIBUTE, costs)
        self.workload, self.costs = workload, costs

    @contextmanager
    def _writing(self) -> Iterator[optuna.Study]:
        try:
            if self._writer is None:
                self._writer = optuna.load_study(study_name=STUDY_NAME, storage=_url(self.path))
            yield self._writer
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise LimenError(f"{self.path}: cannot be written: {reason}") from None


def _fill(path: Path, spec: StudySpec, attributes: dict[str, str]) -> None:
    """Make the empty study in a new file."""
    storage = optuna.storages.RDBStorage(_url(path))
    with closing_storage(storage):
        study = optuna.create_study(storage=storage, study_name=STUDY_NAME, directions=directions(spec))
        with warnings.catch_warnings():
            # Marked experimental since 2023, and what makes dashboards show names instead of numbers.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(spec.objectives))
        study.set_user_attr(SPEC_ATTRIBUTE, json.loads(spec.canonical()))
        study.set_user_attr(DIGEST_ATTRIBUTE, spec.digest())
        for name, value in attributes.items():
            study.set_user_attr(name, value)


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep Optuna from logging what an exception is about to say."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def directions(spec: StudySpec) -> list[StudyDirection]:
    """Return the objectives' directions as Optuna calls them."""
    return [
        StudyDirection.MAXIMIZE if direction == "max" else StudyDirection.MINIMIZE
        for direction in spec.objectives.values()
    ]


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder for one run; the system lets go of it when the process ends, however it ends.

    Raises:
        LimenError: another run holds it, or the folder can't be written.
    """
    try:
        file = os.fdopen(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666))
    except OSError as error:
        raise LimenError(f"{folder}: cannot be written: {error.strerror}") from None
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LimenError(f"{folder}: another run of this study is under way; let it finish first") from None
        yield


def _url(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
