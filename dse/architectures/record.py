"""The stored search: one SQLite file that Optuna's tools open, a study an op, one transaction a net."""

from __future__ import annotations

import json
import os
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.pool import StaticPool

from dse.architectures.page import ArchitecturePage
from dse.architectures.proposals import Parameters, stored_distributions
from dse.architectures.topology import Architecture
from dse.architectures.training import Net, NetResult
from dse.front.front import knee_distances
from dse.search.record import directions, exclusive
from dse.search.snapshot import WAIT_S, snapshot
from dse.search.stored_tables import DAMAGED, check_form
from dse.search.trial_rows import read_study_attributes, read_trials, write_trial
from workloads.errors import LimenError
from workloads.host.scratch import scratch_folder
from workloads.ops.op_field import Op
from workloads.training.loop import EpochRow

DATABASE = "study.db"
PAGE, KEY, OP, NET = "limen_architectures", "limen_key", "limen_op", "limen_net"
"""Attributes: of a study the page's SHA-256, that of all else that figures depend on, its op; of a trial its net."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Kept(NamedTuple):
    """A finished net. origin: its name among those made by hand, "" of the search's own."""

    number: int
    origin: str
    parameters: Parameters
    architecture: Architecture
    result: NetResult

    @property
    def is_given_up(self) -> bool:
        """Whether training ended early."""
        return not self.result.accuracies and not self.result.refusal


class NetRecord:
    """A search's `study.db`: made whole or not at all, read from a copy, a net added whole.

    nets: by op, in the order of their numbers.
    """

    def __init__(self, folder: Path, page: ArchitecturePage, key: str) -> None:
        """Open or make it. Raises LimenError where it is another page's, damaged, or can't be written."""
        self.path, self.key = folder / DATABASE, key
        if not self.path.exists():
            _create(self.path, page, key)
        self.nets: dict[Op, list[Kept]] = {}
        self._studies: dict[Op, int] = {}
        with snapshot(self.path) as memory:
            try:
                self._read(memory, page)
            except LimenError as error:
                raise LimenError(f"{self.path}: {error}") from None
            except (sqlite3.Error, ValueError, KeyError, TypeError):
                raise LimenError(f"{self.path}: {DAMAGED}: it holds no search of nets that can be read") from None

    def _read(self, memory: sqlite3.Connection, page: ArchitecturePage) -> None:
        check_form(memory)
        for (study,) in memory.execute("select study_id from studies order by study_id").fetchall():
            attributes = read_study_attributes(memory, study)
            if PAGE not in attributes:
                raise LimenError("holds no search of nets: name another folder")
            if attributes[PAGE] != page.digest():
                raise LimenError("page: differs from the stored search's in more than trials: name another folder")
            self._studies[attributes[OP]] = study
            self.nets[attributes[OP]] = [_kept(trial) for trial in read_trials(memory, study)]
            self.is_current = attributes[KEY] == self.key
        if {*self._studies} != {*page.ops}:
            raise LimenError(f"{DAMAGED}: it lacks a study of an op")

    def add(self, net: Net, origin: str, parameters: Parameters, axes: Mapping[str, Any], result: NetResult,
            page: ArchitecturePage, started: datetime) -> None:  # fmt: skip
        """Commit a finished net. Raises LimenError where the file can't be written."""
        kept = Kept(net.number, origin, parameters, net.architecture, result)
        trial = _trial(kept, axes, page, started)
        try:
            address = f"{self.path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(address, uri=True, timeout=WAIT_S)) as file, file:
                write_trial(file, self._studies[net.op], trial)
        except sqlite3.Error as error:
            raise LimenError(f"{self.path}: cannot be written: {error}") from None
        self.nets[net.op] = sorted([*self.nets[net.op], kept], key=lambda one: one.number)


def _create(path: Path, page: ArchitecturePage, key: str) -> None:
    with scratch_folder(beside=path) as scratch, closing(sqlite3.connect(":memory:")) as memory:
        storage = optuna.storages.RDBStorage(
            "sqlite://", engine_kwargs={"creator": lambda: memory, "poolclass": StaticPool}
        )
        for op in page.ops:
            study = optuna.create_study(
                storage=storage, study_name=f"{page.name} {op}", directions=directions(page.designs)
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names([*page.designs.objectives])
            for name, value in ((PAGE, page.digest()), (KEY, key), (OP, op)):
                study.set_user_attr(name, value)
        storage.remove_session()
        try:
            with closing(sqlite3.connect(scratch / DATABASE)) as file:
                memory.backup(file)
            os.replace(scratch / DATABASE, path)
        except (sqlite3.Error, OSError) as error:
            raise LimenError(f"{path}: cannot be written: {error}") from None


def _trial(kept: Kept, axes: Mapping[str, Any], page: ArchitecturePage, started: datetime) -> FrozenTrial:
    """Return a net as a trial: its values are those of the knee of its own front."""
    result, values = kept.result, None
    state = TrialState.COMPLETE if result.accuracies else TrialState.PRUNED if kept.is_given_up else TrialState.FAIL
    if result.designs:
        values = [float(knee_of(result.designs, page)[name]) for name in page.designs.objectives]
    elif state is TrialState.COMPLETE:
        state = TrialState.PRUNED  # no design keeps the bounds: it has no values either
    shown = {"net": kept.architecture.words(), "origin": kept.origin, "epochs": len(result.curve)}
    if result.curve:
        shown["accuracy_float"] = result.curve[-1].validation_accuracy
    described = {
        "architecture": kept.architecture.model_dump(), "origin": kept.origin, "parameters": kept.parameters,
        **result._replace(accuracies=[[*at, share] for at, share in result.accuracies.items()])._asdict(),  # type: ignore[arg-type]
    }  # fmt: skip
    return FrozenTrial(
        number=kept.number, trial_id=kept.number, state=state, value=None, values=values, datetime_start=started,
        datetime_complete=datetime.now(), params=dict(kept.parameters),
        distributions=stored_distributions(axes, [*kept.parameters]), user_attrs={**shown, NET: described},
        system_attrs={}, intermediate_values={},
    )  # fmt: skip


def knee_of(rows: list[dict[str, Any]], page: ArchitecturePage) -> dict[str, Any]:
    """Return the row nearest to the best of all objectives, see `knee_distances`; the first of equals."""
    import pandas

    return rows[int(knee_distances(pandas.DataFrame(rows), page.designs.objectives).argmin())]


def _kept(trial: FrozenTrial) -> Kept:
    content = dict(trial.user_attrs[NET])
    architecture = Architecture.model_validate_json(json.dumps(content["architecture"]))
    result = NetResult(
        [EpochRow(int(epoch), *figures) for epoch, *figures in content["curve"]],
        {(x_bits, w_bits): share for x_bits, w_bits, share in content["accuracies"]},
        content["designs"], content["refusal"], content["cpu_seconds"],
    )  # fmt: skip
    return Kept(trial.number, content["origin"], content["parameters"], architecture, result)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder for one run, and make it. Raises LimenError where another has it, or it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimenError(f"{folder}: cannot be written: {error.strerror}") from None
    with exclusive(folder):
        yield
