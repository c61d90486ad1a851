"""The stored study: one SQLite file that Optuna's tools open, one transaction a trial."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.study import StudyDirection
from sqlalchemy.pool import StaticPool

from dse.search.origins import Origin, origins_of
from dse.search.snapshot import WAIT_S, snapshot
from dse.search.stored_tables import DAMAGED, NOT_OURS, SPEC_ATTRIBUTE, check_versions, find_study
from dse.search.trial_rows import read_study_attributes, read_trials, write_trial
from dse.space.study_spec import StudySpec
from dse.space.workload import title_of
from workloads.errors import LimenError, shown
from workloads.host.scratch import scratch_folder
from workloads.host.specfile import validate

DATABASE = "study.db"
LOCK = "study.lock"
DIGEST_ATTRIBUTE = "limen_study_sha256"
WORKLOAD_ATTRIBUTE = "limen_workload"
COSTS_ATTRIBUTE = "limen_costs"
ORIGINS_ATTRIBUTE = "limen_origins"
"""Of a study that has grown: who proposed its trials, see `Origin`."""

# Optuna says at every start that a study exists; ours is said by the command line.
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Record:
    """The study in `folder/study.db`.

    A trial is computed in memory and added whole, in one transaction: a kill can't leave half a trial. While trials are
    added, SQLite keeps a write-ahead log beside the file, in which a commit waits for no disk: a killed process
    loses nothing of it, and a machine without power at most the last trials. `close` brings the log home. Reading never
    writes: only `add`, `move_sources` and `close` do.

    workload, costs: names, or paths of files from the study's folder, as they are stored; see `dse.space.sources`.
    origins: who proposed the trials.
    """

    def __init__(self, folder: Path) -> None:
        """Read an existing study. Raises LimenError where there is none, or a damaged one."""
        self.path = folder / DATABASE
        if not self.path.exists():
            raise LimenError(f"{folder}: {DATABASE}: missing; expected a folder written by limen study run")
        self._writer: sqlite3.Connection | None = None
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
        if self._directions != [direction.name for direction in directions(self.spec)]:
            raise LimenError(
                f"{self.path}: {DAMAGED}: table study_directions: differs from the objectives of the study"
            )
        self.workload, self.costs = attributes[WORKLOAD_ATTRIBUTE], attributes[COSTS_ATTRIBUTE]
        self._take_origins(attributes)

    def _take_origins(self, attributes: dict[str, Any]) -> None:
        try:
            self.origins = origins_of(attributes.get(ORIGINS_ATTRIBUTE), self.spec)
        except ValueError as error:
            raise LimenError(f"{self.path}: {DAMAGED}: {ORIGINS_ATTRIBUTE}: {error}") from None

    def _read(self) -> dict[str, Any]:
        """Read trials and attributes from a copy in memory; return the attributes."""
        with snapshot(self.path) as memory:
            try:
                self._study = find_study(memory)
            except LimenError as error:
                raise LimenError(f"{self.path}: {error}") from None
            try:
                query = "select direction from study_directions where study_id = ? order by objective"
                self._directions = [name for (name,) in memory.execute(query, (self._study,))]
                self._trials = read_trials(memory, self._study)
                return read_study_attributes(memory, self._study)
            except LimenError as error:
                raise LimenError(f"{self.path}: {DAMAGED}: {error}") from None
            except (sqlite3.Error, UnicodeError):
                raise LimenError(f"{self.path}: {DAMAGED}: its tables can't be read") from None

    @classmethod
    def create(cls, folder: Path, spec: StudySpec, workload: str, costs: str) -> Record:
        """Create the study whole or not at all; workload, costs: see `Record`.

        Raises LimenError where the folder can't be written, or Optuna makes other tables than Limen knows.
        """
        path = folder / DATABASE
        # The scratch folder first: it makes the study's, and leaves none behind where nothing comes of it.
        with scratch_folder(beside=path) as scratch, exclusive(folder), closing(sqlite3.connect(":memory:")) as memory:
            if path.exists():
                raise LimenError(f"{folder}: {DATABASE}: appeared at this moment; run again to resume it")
            _fill(memory, spec, {WORKLOAD_ATTRIBUTE: workload, COSTS_ATTRIBUTE: costs})
            try:
                check_versions(memory)
            except LimenError as error:
                raise LimenError(f"optuna {optuna.__version__}: {error}: install another") from None
            try:
                with closing(sqlite3.connect(scratch / DATABASE)) as file:
                    memory.backup(file)
            except sqlite3.Error as error:
                raise LimenError(f"{path}: cannot be written: {error}") from None
            os.replace(scratch / DATABASE, path)
        return cls(folder)

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Return the trials as they were when last read, in order; state FAIL is a point that was refused."""
        return self._trials

    def read_again(self) -> None:
        """Read what other runs have added since. Raises LimenError."""
        self._take_origins(self._read())

    def add(self, *trials: optuna.trial.FrozenTrial) -> None:
        """Commit complete trials, all or none. Raises LimenError where the file can't be written."""
        with self._transaction() as database:
            for trial in trials:
                write_trial(database, self._study, trial)

    def move_sources(self, workload: str, costs: str) -> None:
        """Store other names or paths of workload and cost table. Raises LimenError where the file can't be written."""
        if (workload, costs) == (self.workload, self.costs):
            return
        self._set({WORKLOAD_ATTRIBUTE: workload, COSTS_ATTRIBUTE: costs})
        self.workload, self.costs = workload, costs

    def grow(self, spec: StudySpec, origins: list[Origin]) -> None:
        """Store other trials, another sampler or another end of the study, and who proposes from which trial on.

        Raises LimenError where the file can't be written.
        """
        if (spec, origins) == (self.spec, self.origins):
            return
        self._set(
            {
                SPEC_ATTRIBUTE: json.loads(spec.canonical()),
                DIGEST_ATTRIBUTE: spec.digest(),
                ORIGINS_ATTRIBUTE: [[*origin] for origin in origins],
            }
        )
        self.spec, self.origins = spec, origins

    def _set(self, attributes: dict[str, Any]) -> None:
        """Store attributes of the study, all or none. Raises LimenError."""
        query = "select 1 from study_user_attributes where study_id = ? and key = ?"
        update = "update study_user_attributes set value_json = ? where study_id = ? and key = ?"
        insert = "insert into study_user_attributes (value_json, study_id, key) values (?, ?, ?)"
        with self._transaction() as database:
            for key, value in attributes.items():
                known = database.execute(query, (self._study, key)).fetchone()
                database.execute(update if known else insert, (json.dumps(value), self._study, key))

    def close(self) -> None:
        """Let go of the file, and bring a write-ahead log home, ours or one that a killed run left: one file stays."""
        if self._writer is None and not self.path.with_name(f"{DATABASE}-wal").exists():
            return
        with suppress(sqlite3.Error), closing(self._writer or self._connect()) as database:
            # Refused while a dashboard has the file open: it stays as good as it is, and the next run brings it home.
            database.execute("pragma busy_timeout = 0")
            database.execute("pragma journal_mode = delete")
        self._writer = None

    def _connect(self) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        return sqlite3.connect(address, uri=True, timeout=WAIT_S, isolation_level=None)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._writer is None:
                self._writer = self._connect()
                self._writer.execute("pragma journal_mode = wal")
                self._writer.execute("pragma synchronous = normal")
            self._writer.execute("begin immediate")
            with self._writer:
                yield self._writer
        except sqlite3.Error as error:
            raise LimenError(f"{self.path}: cannot be written: {error}") from None


def study_name(workload: str) -> str:
    """Return what a study of this workload is called in Optuna's tools: the family, or the network's file."""
    return title_of(workload).encode(errors="backslashreplace").decode()


def _fill(memory: sqlite3.Connection, spec: StudySpec, attributes: dict[str, str]) -> None:
    """Make the empty study, as Optuna does."""
    storage = optuna.storages.RDBStorage(
        "sqlite://", engine_kwargs={"creator": lambda: memory, "poolclass": StaticPool}
    )
    name = study_name(attributes[WORKLOAD_ATTRIBUTE])
    study = optuna.create_study(storage=storage, study_name=name, directions=directions(spec))
    with warnings.catch_warnings():
        # Marked experimental since 2023, and what makes dashboards show names instead of numbers.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(spec.objectives))
    study.set_user_attr(SPEC_ATTRIBUTE, json.loads(spec.canonical()))
    study.set_user_attr(DIGEST_ATTRIBUTE, spec.digest())
    for key, value in attributes.items():
        study.set_user_attr(key, value)
    storage.remove_session()


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
