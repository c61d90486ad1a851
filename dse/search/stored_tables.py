"""The tables of a study's file checked before they are read: Optuna's, in the one form that Limen reads and writes."""

from __future__ import annotations

import sqlite3

from optuna.study import StudyDirection
from optuna.trial import TrialState

from dse.search.trial_rows import Database
from workloads.errors import LimenError, shown

NOT_OURS = "not a study of Limen"
DAMAGED = f"is damaged, or {NOT_OURS}"

SPEC_ATTRIBUTE = "limen_study"
"""Of a study of Limen, which has its file here; no other program's study has one."""

VERSIONS = ["v3.2.0.a", 12]
"""Of Optuna's tables as Limen reads and writes them, those of Optuna 3.2 to 5: Alembic's, and Optuna's own."""

OWN_TABLES = {"studies", "trials", "version_info"}
"""Without them a file is another program's."""

INTEGER, REAL, TEXT = ("integer",), ("real", "integer"), ("text",)
TEXT_OR_NOTHING = ("text", "null")
ATTRIBUTES = {"key": TEXT, "value_json": TEXT}

TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "alembic_version": {"version_num": TEXT},
    "version_info": {"schema_version": INTEGER},
    "studies": {"study_id": INTEGER, "study_name": TEXT},
    "study_directions": {"study_id": INTEGER, "objective": INTEGER, "direction": TEXT},
    "study_user_attributes": {"study_id": INTEGER, **ATTRIBUTES},
    "trials": {
        "trial_id": INTEGER,
        "number": INTEGER,
        "study_id": INTEGER,
        "state": TEXT,
        "datetime_start": TEXT_OR_NOTHING,
        "datetime_complete": TEXT_OR_NOTHING,
    },
    "trial_params": {
        "param_id": INTEGER,
        "trial_id": INTEGER,
        "param_name": TEXT,
        "param_value": REAL,
        "distribution_json": TEXT,
    },
    "trial_values": {"trial_id": INTEGER, "objective": INTEGER, "value": (*REAL, "null"), "value_type": TEXT},
    "trial_user_attributes": {"trial_id": INTEGER, **ATTRIBUTES},
    "trial_system_attributes": {"trial_id": INTEGER, **ATTRIBUTES},
}
"""What is read or written of Optuna's tables: columns, and what SQLite may call the type of a value in them."""

NAMES = {
    ("trials", "state"): [state.name for state in TrialState],
    ("study_directions", "direction"): [direction.name for direction in StudyDirection],
    ("trial_values", "value_type"): ["FINITE", "INF_POS", "INF_NEG"],
}
"""Columns that hold one of a few names."""


def find_study(database: sqlite3.Connection) -> int:
    """Return the id of the one study of Limen in a database of the right form.

    Raises:
        LimenError: without the file's name: table, column and value, and what is allowed.
    """
    try:
        check_form(database)
        names = [name for (name,) in database.execute("select study_name from studies order by study_id")]
        query = "select study_id from study_user_attributes where key = ?"
        ours = [study for (study,) in database.execute(query, (SPEC_ATTRIBUTE,))]
        if not ours:
            held = f"studies named {', '.join(map(shown, names))}" if names else "no study"
            raise LimenError(f"{NOT_OURS}: {SPEC_ATTRIBUTE} is missing: holds {held}")
        if len(ours) > 1:
            raise LimenError(f"holds {len(ours)} studies of Limen, and a file has one: {', '.join(map(shown, names))}")
        orphan = database.execute("pragma foreign_key_check").fetchone()
        if orphan:
            raise LimenError(f"{DAMAGED}: table {orphan[0]}: row {orphan[1]} belongs to none of {orphan[2]}")
    except (sqlite3.Error, UnicodeError):
        raise LimenError(f"{DAMAGED}: its tables can't be read") from None
    return ours[0]


def check_form(database: sqlite3.Connection) -> None:
    """Refuse tables that aren't Optuna's, or not of the right form. Raises LimenError without the file's name."""
    query = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name"
    tables = [name for (name,) in database.execute(query)]
    if not set(tables) >= OWN_TABLES:
        held = f"holds the tables {', '.join(tables)}" if tables else "holds no tables"
        raise LimenError(f"{NOT_OURS}: {held}")
    for table, columns in TABLES.items():
        if table not in tables:
            raise LimenError(f"{DAMAGED}: table {table} is missing")
        stored = {row[1] for row in database.execute(f"pragma table_info({table})")}
        for column in columns:
            if column not in stored:
                raise LimenError(f"{DAMAGED}: table {table}: column {column} is missing")
    check_versions(database)
    for table, columns in TABLES.items():
        _check_types(database, table, columns)
    for (table, column), names in NAMES.items():
        for (value,) in database.execute(f"select distinct {column} from {table}"):
            if value not in names:
                allowed = ", ".join(names)
                raise LimenError(f"{DAMAGED}: table {table}: {column}: {shown(value)} is not allowed: {allowed}")


def check_versions(database: Database) -> None:
    """Refuse tables of another version than Limen reads and writes. Raises LimenError without the file's name."""
    queries = ("select version_num from alembic_version", "select schema_version from version_info")
    stored = [version for query in queries for (version,) in database.execute(query)]
    if stored != VERSIONS:
        versions, allowed = (", ".join(map(shown, every)) or "none" for every in (stored, VERSIONS))
        raise LimenError(
            f"versions of Optuna's tables: {versions} is not allowed: {allowed}, as Optuna 3.2 to 5 have them"
        )


def _check_types(database: sqlite3.Connection, table: str, columns: dict[str, tuple[str, ...]]) -> None:
    """Check the types of all values in one pass, and look for a wrong one where there is one."""
    allowed = {column: ", ".join(f"'{name}'" for name in types) for column, types in columns.items()}
    wrong = {column: f"typeof({column}) not in ({names})" for column, names in allowed.items()}
    if database.execute(f"select 1 from {table} where {' or '.join(wrong.values())} limit 1").fetchone():
        for column, condition in wrong.items():
            for (value,) in database.execute(f"select {column} from {table} where {condition} limit 1"):
                types = " or ".join(columns[column])
                raise LimenError(f"{DAMAGED}: table {table}: {column}: {shown(value)} is not allowed: {types}")
