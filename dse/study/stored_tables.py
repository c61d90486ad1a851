"""The tables of a study's file checked against those that Optuna itself makes, before Optuna reads them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.distributions import json_to_distribution
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy.pool import StaticPool

from workloads.errors import LimenError, shown

NOT_OURS = "not a study of Limen"
DAMAGED = f"is damaged, or {NOT_OURS}"

OWN_TABLES = {"studies", "trials", "version_info"}
"""Without them a file is another program's."""

TYPES = {"INTEGER": ("integer",), "FLOAT": ("real", "integer"), "VARCHAR": ("text",), "TEXT": ("text",)}
"""What SQLite may call a value of a column of this type; DATETIME is a text, too."""

EMPTY = ("datetime_start", "datetime_complete")
"""Columns that may hold nothing; Optuna keeps infinite values so, and no study of Limen has one."""

NAMES = {
    "state": [state.name for state in TrialState],
    "direction": [direction.name for direction in StudyDirection],
    "value_type": ["FINITE", "INF_POS", "INF_NEG"],
    "intermediate_value_type": ["FINITE", "INF_POS", "INF_NEG", "NAN"],
}
"""Columns that hold one of a few names."""


class Form(NamedTuple):
    """How Optuna stores studies: columns and their types by table; its schemas' versions."""

    columns: dict[str, dict[str, str]]
    versions: list[Any]


@contextmanager
def storage_in(memory: sqlite3.Connection) -> Iterator[optuna.storages.RDBStorage]:
    """Yield Optuna's storage over a database in memory; it makes the tables that aren't there."""
    storage = optuna.storages.RDBStorage(
        "sqlite://", engine_kwargs={"creator": lambda: memory, "poolclass": StaticPool}
    )
    with closing_storage(storage):
        yield storage


@contextmanager
def closing_storage(storage: optuna.storages.RDBStorage) -> Iterator[None]:
    """Let go of the file, or of the copy in memory, when the block ends."""
    try:
        yield
    finally:
        storage.remove_session()
        storage.engine.dispose()


@cache
def optuna_form() -> Form:
    """Return the tables of this version of Optuna."""
    with closing(sqlite3.connect(":memory:")) as memory, storage_in(memory):
        return Form({name: _columns(memory, name) for name in _tables(memory)}, _versions(memory))


def _tables(memory: sqlite3.Connection) -> list[str]:
    query = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name"
    return [name for (name,) in memory.execute(query)]


def _columns(memory: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the types of a table's columns, without lengths."""
    return {row[1]: row[2].partition("(")[0] for row in memory.execute(f'pragma table_info("{table}")')}


def _versions(memory: sqlite3.Connection) -> list[Any]:
    """Return what is stored of Optuna's versions of the tables: one of Alembic, one of Optuna's own."""
    query = "select version_num from alembic_version union all select schema_version from version_info"
    return [version for (version,) in memory.execute(query)]


def check_tables(path: Path, memory: sqlite3.Connection, study: str) -> None:
    """Refuse a database that isn't as this version of Optuna writes it, or without a study of this name.

    Raises:
        LimenError: it names table, column and value, and what is allowed.
    """
    try:
        _check_form(path, memory)
        names = [name for (name,) in memory.execute("select study_name from studies order by study_id")]
        if study not in names:
            held = f"studies named {', '.join(map(shown, names))}" if names else "no study"
            raise LimenError(f"{path}: {NOT_OURS}: holds {held}")
        if names.count(study) > 1:
            raise LimenError(f"{path}: {DAMAGED}: holds {names.count(study)} studies named {study}")
        orphan = memory.execute("pragma foreign_key_check").fetchone()
        if orphan:
            raise LimenError(f"{path}: {DAMAGED}: table {orphan[0]}: row {orphan[1]} belongs to none of {orphan[2]}")
        _check_parameters(path, memory)
    except (sqlite3.Error, UnicodeError):
        raise LimenError(f"{path}: {DAMAGED}: its tables can't be read") from None


def _check_form(path: Path, memory: sqlite3.Connection) -> None:
    expected, tables = optuna_form(), _tables(memory)
    if not set(tables) >= OWN_TABLES:
        held = f"holds the tables {', '.join(tables)}" if tables else "holds no tables"
        raise LimenError(f"{path}: {NOT_OURS}: {held}")
    for table, columns in expected.columns.items():
        if table not in tables:
            raise LimenError(f"{path}: {DAMAGED}: table {table} is missing")
        stored_columns = _columns(memory, table)
        for column in columns:
            if column not in stored_columns:
                raise LimenError(f"{path}: {DAMAGED}: table {table}: column {column} is missing")
    versions = _versions(memory)
    if versions != expected.versions:
        stored, current = (", ".join(map(shown, every)) or "none" for every in (versions, expected.versions))
        raise LimenError(f"{path}: {DAMAGED}: versions of Optuna's tables: {stored} is not allowed: {current}")
    for table, columns in expected.columns.items():
        for column, kind in columns.items():
            _check_column(f"{path}: {DAMAGED}: table {table}: {column}", memory, table, column, kind)


def _check_column(where: str, memory: sqlite3.Connection, table: str, column: str, kind: str) -> None:
    """Check the values of a column. Raises LimenError, beginning with `where`."""
    allowed = (*TYPES.get(kind, ("text",)), *(["null"] if column in EMPTY else []))
    try:
        values = memory.execute(f'select distinct "{column}", typeof("{column}") from "{table}"').fetchall()
    except (sqlite3.Error, UnicodeError):
        raise LimenError(f"{where}: holds text that is not UTF-8") from None
    for value, stored_type in values:
        if stored_type not in allowed:
            raise LimenError(f"{where}: {shown(value)} is not allowed: {' or '.join(allowed)}")
        if column in NAMES and value not in NAMES[column]:
            raise LimenError(f"{where}: {shown(value)} is not allowed: {', '.join(NAMES[column])}")
        if value is not None and not _is_readable(column, kind, value):
            form = "a date" if kind == "DATETIME" else "JSON of Optuna"
            raise LimenError(f"{where}: {shown(value)} is not allowed: {form}")


def _is_readable(column: str, kind: str, value: Any) -> bool:
    try:
        if kind == "DATETIME":
            datetime.fromisoformat(value)
        elif column == "distribution_json":
            json_to_distribution(value)
        elif column == "value_json":
            json.loads(value)
    except Exception:  # json and Optuna each raise their own kinds, of values of any type
        return False
    return True


def _check_parameters(path: Path, memory: sqlite3.Connection) -> None:
    """Check the values of trials' axes against what they were drawn from. Raises LimenError."""
    query = "select distinct param_name, param_value, distribution_json from trial_params"
    for name, value, text in memory.execute(query):
        try:
            json_to_distribution(text).to_external_repr(value)
        except Exception:  # of any kind, as above
            where = f"{path}: {DAMAGED}: table trial_params: param_value"
            raise LimenError(f"{where}: {shown(value)} is not allowed: one of {shown(name)}'s choices") from None
