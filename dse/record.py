"""The stored study: one SQLite file that Optuna's tools open, one transaction a trial."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.study import StudyDirection
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from dse.study_spec import StudySpec
from workloads.errors import LimenError
from workloads.specfile import validate

DATABASE = "study.db"
FINISHED = [optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL]
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
    memory and added whole, in one transaction: it is faster, and a kill can't leave half a trial.
    """

    def __init__(self, folder: Path) -> None:
        """Open an existing study. Raises LimenError where there is none."""
        self.path = folder / DATABASE
        if not self.path.is_file():
            raise LimenError(f"{folder}: {DATABASE}: missing; expected a folder written by limen study run")
        try:
            self._study = optuna.load_study(study_name=STUDY_NAME, storage=_url(self.path))
            attributes = self._study.user_attrs
            self.digest = str(attributes[DIGEST_ATTRIBUTE])
            self.workload = str(attributes[WORKLOAD_ATTRIBUTE])
            self.costs = str(attributes[COSTS_ATTRIBUTE])
            content = attributes[SPEC_ATTRIBUTE]
        except Exception as error:  # SQLAlchemy, sqlite3 and Optuna each raise their own kinds
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise LimenError(f"{self.path}: not a study of Limen: {reason}") from None
        self.spec = validate(StudySpec, content, self.path)

    @classmethod
    def create(cls, folder: Path, spec: StudySpec, workload: str, costs: str) -> Record:
        """Create the study whole or not at all. Raises LimenError where the folder can't be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LimenError(f"{folder}: cannot be written: {error.strerror}") from None
        with exclusive(folder):
            if (folder / DATABASE).exists():
                raise LimenError(f"{folder}: {DATABASE}: appeared at this moment; run again to resume it")
            handle, name = tempfile.mkstemp(dir=folder, prefix=f".{DATABASE}.")
            os.close(handle)
            temporary = Path(name)
            try:
                _fill(temporary, spec, {WORKLOAD_ATTRIBUTE: workload, COSTS_ATTRIBUTE: costs})
                os.chmod(temporary, 0o644)
                os.replace(temporary, folder / DATABASE)
            finally:
                temporary.unlink(missing_ok=True)
        return cls(folder)

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Return the finished trials in order; state FAIL is a point that no machine is."""
        return self._study.get_trials(deepcopy=False, states=FINISHED)

    def add(self, trial: optuna.trial.FrozenTrial) -> None:
        """Commit one complete trial. Raises LimenError where the file can't be written."""
        try:
            self._study.add_trial(trial)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise LimenError(f"{self.path}: cannot be written: {reason}") from None


def _fill(path: Path, spec: StudySpec, attributes: dict[str, str]) -> None:
    """Make the empty study in an empty file."""
    storage = optuna.storages.RDBStorage(_url(path))
    study = optuna.create_study(storage=storage, study_name=STUDY_NAME, directions=directions(spec))
    with warnings.catch_warnings():
        # Marked experimental since 2023, and what makes dashboards show names instead of numbers.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(spec.objectives))
    study.set_user_attr(SPEC_ATTRIBUTE, json.loads(spec.canonical()))
    study.set_user_attr(DIGEST_ATTRIBUTE, spec.digest())
    for name, value in attributes.items():
        study.set_user_attr(name, value)
    storage.remove_session()
    storage.engine.dispose()


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
        file = (folder / LOCK).open("w")
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
