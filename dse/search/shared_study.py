"""`SharedStudy`: a study in a PostgreSQL database, on which any number of workers are at work at a time.

Its trials are rows of Optuna's tables, and Optuna's tools open it. Beside them is a table of leases: a worker leases
trials that it evaluates, or blocks of a sweep, for a time that it makes longer as long as it lives. What is finished is
stored in the transaction that ends its lease, by the worker that still has it: all is stored once. A lease that has run
out goes to whoever comes first. Times are the database's own.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, TypeVar
from uuid import uuid4

from dse.search.origins import Origin, continued, origins_of
from dse.search.postgres import Postgres, Rows
from dse.search.record import COSTS_ATTRIBUTE, DIGEST_ATTRIBUTE, ORIGINS_ATTRIBUTE, WORKLOAD_ATTRIBUTE, directions
from dse.search.search import Show
from dse.search.stored_tables import NOT_OURS, SPEC_ATTRIBUTE, check_versions
from dse.search.trial_rows import read_study_attributes
from dse.space.study_spec import StudySpec
from workloads.errors import LimenError, shown

Result = TypeVar("Result")

LEASE_S = 60.0
"""How long a lease lasts unless its worker makes it longer, which it does four times as often."""

VERSION_ATTRIBUTE = "limen_storage"
VERSION = 1
"""Of our own tables, and of what a worker expects of others."""

INPUTS_ATTRIBUTE = "limen_inputs"
"""SHA-256 of all that the figures depend on, by what it is: the same for all workers."""

METRIC_NAMES = "study:metric_names"
"""Where Optuna keeps the objectives' names."""

OPTUNA_TABLES = ("alembic_version", "version_info")
"""The last tables that Optuna makes, each with a row."""

OWN_TABLES = """
create table if not exists limen_leases (
    study_id integer not null references studies on delete cascade,
    item integer not null,
    worker text not null,
    expires timestamptz not null,
    primary key (study_id, item)
);
create table if not exists limen_blocks (
    study_id integer not null references studies on delete cascade,
    block integer not null,
    sha256 text not null,
    content bytea not null,
    tallies text not null,
    fronts text not null,
    primary key (study_id, block)
)
"""

LOCK = 0x4C696D65
"""Of all studies of a database ("Lime"), or with a study's number of that one."""


class SharedStudy:
    """A study by its name in a database; made where there is none.

    inputs: see INPUTS_ATTRIBUTE. spec: as it is stored, from which a worker's own may have grown.
    """

    def __init__(
        self, database: Postgres, name: str, spec: StudySpec, sources: tuple[str, str], inputs: Mapping[str, str]
    ) -> None:
        """Reach the database. Raises LimenError: it can't be reached, or holds another study under this name."""
        self.where = f"{database.name}: study {name!r}"
        self._database = database
        self._show: Show | None = None
        self._worker = f"{platform.node()}-{os.getpid()}-{uuid4().hex[:12]}"
        self.study, stored = database.perform(lambda rows: _find_or_make(rows, database, name, spec, sources, inputs))
        self._check(stored, inputs)
        self.stored_spec = stored[SPEC_ATTRIBUTE]

    def _check(self, stored: Mapping[str, Any], inputs: Mapping[str, str]) -> None:
        if SPEC_ATTRIBUTE not in stored:
            raise LimenError(
                f"{self.where}: {NOT_OURS}: {SPEC_ATTRIBUTE} is missing; give the study's file another name"
            )
        version = stored.get(VERSION_ATTRIBUTE)
        if version != VERSION:
            raise LimenError(f"{self.where}: {VERSION_ATTRIBUTE}: {shown(version)} is not allowed: {VERSION}")
        theirs = stored.get(INPUTS_ATTRIBUTE)
        for what in dict.fromkeys((*inputs, *(theirs if isinstance(theirs, dict) else ()))):
            if not isinstance(theirs, dict) or theirs.get(what) != inputs.get(what):
                raise LimenError(
                    f"{self.where}: {what} has another SHA-256 here than where the study began: all its workers need "
                    "the same"
                )

    def perform(self, work: Callable[[Rows], Result], prepare: Callable[[], None] = lambda: None) -> Result:
        """Do something in one transaction, see `Postgres.perform`; while `working`, a lost server is waited for."""
        return self._database.perform(work, self._show, prepare)

    def lock(self, rows: Rows) -> None:
        """Wait until no other worker looks at what is left to do, until the end of the transaction."""
        rows.execute("select pg_advisory_xact_lock(?, ?)", (LOCK, self.study))

    def grow(self, rows: Rows, spec: StudySpec, proposer: str) -> list[Origin]:
        """Store a grown study, and return who proposes its trials, this worker's sampler from now on.

        Raises LimenError where it has more trials already.
        """
        self.lock(rows)
        stored = read_study_attributes(rows, self.study)
        ((count,),) = rows.execute("select count(*) from trials where study_id = ?", (self.study,)).fetchall()
        if spec.trials is not None and spec.trials < count:
            raise LimenError(f"trials: {spec.trials} is not allowed: {self.where} has {count} already")
        try:
            origins = origins_of(stored.get(ORIGINS_ATTRIBUTE), spec)
        except ValueError as error:
            raise LimenError(f"{self.where}: {ORIGINS_ATTRIBUTE}: {error}") from None
        grown = origins if spec.trials is not None and count >= spec.trials else continued(origins, count, proposer)
        new = {
            SPEC_ATTRIBUTE: json.loads(spec.canonical()),
            DIGEST_ATTRIBUTE: spec.digest(),
            ORIGINS_ATTRIBUTE: [[*origin] for origin in grown],
        }
        if any(stored.get(key) != value for key, value in new.items()):
            _set(rows, self.study, new)
        return grown

    def check_same(self, rows: Rows, spec: StudySpec) -> None:
        """Raise LimenError where the study was grown since this worker began."""
        query = "select value_json from study_user_attributes where study_id = ? and key = ?"
        stored = [json.loads(text) for (text,) in rows.execute(query, (self.study, DIGEST_ATTRIBUTE))]
        if stored != [spec.digest()]:
            raise LimenError(f"{self.where}: has other trials, another sampler or another end now: run again to follow")

    def lease(self, rows: Rows, items: Sequence[int]) -> None:
        """Take leases of items that have none."""
        query = "insert into limen_leases values (?, ?, ?, clock_timestamp() + ? * interval '1 second')"
        rows.executemany(query, [(self.study, item, self._worker, LEASE_S) for item in items])

    def offer(self, rows: Rows, items: int) -> None:
        """Make leases of items from 0 on that have run out, where the study never had any."""
        self.lock(rows)
        had = [f"exists (select from limen_{table} where study_id = ?)" for table in ("leases", "blocks")]
        query = (
            f"insert into limen_leases select ?, item, '', '-infinity' from generate_series(0, ? - 1) as item "
            f"where not ({' or '.join(had)})"
        )
        rows.execute(query, (self.study, items, self.study, self.study))

    def take_over(self, rows: Rows, most: int, own: bool) -> list[int]:
        """Lease items whose lease has run out, at most so many, and return them.

        own: also those that this worker has, without knowing: it never heard that it got them.
        """
        query = """
            with chosen as materialized (
                select item from limen_leases
                where study_id = ? and (expires < clock_timestamp() or (? and worker = ?))
                order by item limit ? for update skip locked
            )
            update limen_leases as lease set worker = ?, expires = clock_timestamp() + ? * interval '1 second'
            from chosen where lease.study_id = ? and lease.item = chosen.item returning lease.item
        """
        values = (self.study, own, self._worker, most, self._worker, LEASE_S, self.study)
        return sorted(item for (item,) in rows.execute(query, values))

    def end_lease(self, rows: Rows, item: int) -> bool:
        """End a lease; return whether it still was this worker's: only then may what it did be stored."""
        query = "delete from limen_leases where study_id = ? and item = ? and worker = ?"
        ended: int = rows.execute(query, (self.study, item, self._worker)).rowcount
        return ended == 1

    @contextmanager
    def working(self, show: Show) -> Iterator[None]:
        """Wait for a server that goes away, telling `show` of it, and make this worker's leases longer meanwhile.

        At the end, whatever it is, those that are left go to others.
        """
        done = Event()
        thread = Thread(target=self._stay_alive, args=(done,), daemon=True)
        self._show = show
        thread.start()
        try:
            yield
        finally:
            done.set()
            self._show = None
            query = "update limen_leases set expires = '-infinity' where study_id = ? and worker = ?"
            with suppress(LimenError):
                self.perform(lambda rows: rows.execute(query, (self.study, self._worker)))

    def _stay_alive(self, done: Event) -> None:
        """Make leases longer again and again, by a connection of its own; without one they run out."""
        query = """
            with own as materialized (
                select item from limen_leases where study_id = ? and worker = ? for update skip locked
            )
            update limen_leases as lease set expires = clock_timestamp() + ? * interval '1 second'
            from own where lease.study_id = ? and lease.item = own.item
        """
        database = self._database.another()
        while not done.wait(LEASE_S / 4):
            with suppress(LimenError):
                database.perform(lambda rows: rows.execute(query, (self.study, self._worker, LEASE_S, self.study)))
        database.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._database.close()


def _find_or_make(
    rows: Rows, database: Postgres, name: str, spec: StudySpec, sources: tuple[str, str], inputs: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    """Return a study's number and attributes; without it, make it whole."""
    rows.execute("select pg_advisory_xact_lock(?)", (LOCK,))
    if not all(_has_row(rows, table) for table in OPTUNA_TABLES):
        _make_optunas_tables(database)
    try:
        check_versions(rows)
    except LimenError as error:
        raise LimenError(f"storage: {database.name}: {error}") from None
    rows.execute(OWN_TABLES)
    found = rows.execute("select study_id from studies where study_name = ?", (name,)).fetchall()
    if not found:
        found = rows.execute("insert into studies (study_name) values (?) returning study_id", (name,)).fetchall()
        ((study,),) = found
        rows.executemany(
            "insert into study_directions (study_id, objective, direction) values (?, ?, ?)",
            [(study, objective, direction.name) for objective, direction in enumerate(directions(spec))],
        )
        rows.execute(
            "insert into study_system_attributes (study_id, key, value_json) values (?, ?, ?)",
            (study, METRIC_NAMES, json.dumps([*spec.objectives])),
        )
        attributes = {
            SPEC_ATTRIBUTE: json.loads(spec.canonical()),
            DIGEST_ATTRIBUTE: spec.digest(),
            WORKLOAD_ATTRIBUTE: sources[0],
            COSTS_ATTRIBUTE: sources[1],
            INPUTS_ATTRIBUTE: dict(inputs),
            VERSION_ATTRIBUTE: VERSION,
        }
        _set(rows, study, attributes)
    ((study,),) = found
    return study, read_study_attributes(rows, study)


def _has_row(rows: Rows, table: str) -> bool:
    ((known,),) = rows.execute("select to_regclass(?) is not null", (table,)).fetchall()
    return known and len(rows.execute(f"select 1 from {table}").fetchall()) > 0


def _make_optunas_tables(database: Postgres) -> None:
    """Have Optuna make its tables, or what a kill left out of them."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    def connect() -> Any:
        connection = database.connect()
        connection.autocommit = False
        return connection

    try:
        storage = optuna.storages.RDBStorage("postgresql+psycopg://", engine_kwargs={"creator": connect})
    except (SQLAlchemyError, RuntimeError) as error:
        raise LimenError(f"storage: {database.name}: Optuna can't make its tables: {error}") from None
    storage.remove_session()
    storage.engine.dispose()


def _set(rows: Rows, study: int, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        rows.execute("delete from study_user_attributes where study_id = ? and key = ?", (study, key))
        rows.execute(
            "insert into study_user_attributes (study_id, key, value_json) values (?, ?, ?)",
            (study, key, json.dumps(value)),
        )
