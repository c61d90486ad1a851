"""Trials as rows of the tables in which Optuna keeps them, written and read without its ORM: that takes 80 ms a trial.

What is written here, Optuna reads, and the other way round: `pytest tests/dse/test_trial_rows.py`.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from workloads.errors import LimenError, shown

Attributes = dict[str, Any]

FINITE = "FINITE"
INFINITE = {"INF_POS": math.inf, "INF_NEG": -math.inf}
"""Types of values, in Optuna's tables: infinite ones are stored without a number."""


class Database(Protocol):
    """A connection to the tables, in SQLite's file or in PostgreSQL, that takes SQLite's `?` for a value."""

    def execute(self, query: str, values: Sequence[Any] = (), /) -> Any:
        """Return the rows that a query gives, an iterable cursor. Raises the library's own errors."""

    def executemany(self, query: str, values: Iterable[Sequence[Any]], /) -> Any:
        """Do the same for each of many, without their rows."""


def write_trial(database: Database, study: int, trial: FrozenTrial) -> None:
    """Add a finished trial to the study of this id. Raises the database's errors."""
    at = add_trial(database, study, trial)
    complete_trial(database, at, trial)


def add_trial(database: Database, study: int, trial: FrozenTrial) -> int:
    """Add a trial without what comes of it, and return its id. Raises the database's errors."""
    times = (_text_of(trial.datetime_start), _text_of(trial.datetime_complete))
    ((at,),) = database.execute(
        "insert into trials (number, study_id, state, datetime_start, datetime_complete) values (?, ?, ?, ?, ?) "
        "returning trial_id",
        (trial.number, study, trial.state.name, *times),
    ).fetchall()
    database.executemany(
        "insert into trial_params (trial_id, param_name, param_value, distribution_json) values (?, ?, ?, ?)",
        [
            (at, name, distribution.to_internal_repr(trial.params[name]), distribution_to_json(distribution))
            for name, distribution in trial.distributions.items()
        ],
    )
    return int(at)


def finish_trial(database: Database, study: int, trial: FrozenTrial) -> None:
    """Store what came of a trial that is there under its number. Raises the database's errors."""
    ((at,),) = database.execute(
        "update trials set state = ?, datetime_complete = ? where study_id = ? and number = ? returning trial_id",
        (trial.state.name, _text_of(trial.datetime_complete), study, trial.number),
    ).fetchall()
    complete_trial(database, at, trial)


def complete_trial(database: Database, at: int, trial: FrozenTrial) -> None:
    """Add the values and attributes of the trial of this id. Raises the database's errors."""
    database.executemany(
        "insert into trial_values (trial_id, objective, value, value_type) values (?, ?, ?, ?)",
        [(at, objective, *_stored(value)) for objective, value in enumerate(trial.values or ())],
    )
    for table, attributes in (("user", trial.user_attrs), ("system", trial.system_attrs)):
        database.executemany(
            f"insert into trial_{table}_attributes (trial_id, key, value_json) values (?, ?, ?)",
            [(at, name, json.dumps(value)) for name, value in attributes.items()],
        )


def _stored(value: float) -> tuple[float | None, str]:
    """Return a value and its type, as they are stored."""
    return next(((None, kind) for kind, infinite in INFINITE.items() if value == infinite), (value, FINITE))


def read_trials(database: Database, study: int, first: int | None = None) -> list[FrozenTrial]:
    """Return a study's trials in the order of their numbers, all or those from a number on.

    Raises:
        LimenError: without the file's name: table, column, value, and what is allowed.
    """
    chosen, wanted = ("study_id = ?", [study]) if first is None else ("study_id = ? and number >= ?", [study, first])
    which = f"where trial_id in (select trial_id from trials where {chosen})"
    params, distributions = _read_params(database, which, wanted)
    values: dict[int, list[float]] = defaultdict(list)
    query = f"select trial_id, value, value_type from trial_values {which} order by trial_id, objective"
    for at, value, kind in database.execute(query, wanted):
        if (value is None) != (kind in INFINITE):
            raise LimenError(f"table trial_values: value: {shown(value)} is not allowed beside value_type {kind}")
        values[at].append(INFINITE.get(kind, value))
    figures, learnt = (
        _read_attributes(database, f"trial_{kind}_attributes", which, wanted) for kind in ("user", "system")
    )
    query = "select trial_id, number, state, datetime_start, datetime_complete from trials"
    rows = database.execute(f"{query} where {chosen} order by number", wanted)
    return [
        FrozenTrial(
            trial_id=at,
            number=number,
            state=TrialState[state],
            value=None,
            values=values.get(at),
            datetime_start=_time_of("datetime_start", started),
            datetime_complete=_time_of("datetime_complete", completed),
            params=params[at],
            distributions=distributions[at],
            user_attrs=figures[at],
            system_attrs=learnt[at],
            intermediate_values={},
        )
        for at, number, state, started, completed in rows
    ]


def read_study_attributes(database: Database, study: int) -> Attributes:
    """Return what a study's own attributes say. Raises LimenError as `read_trials` does."""
    query = "select key, value_json from study_user_attributes where study_id = ?"
    return {key: _parse("study_user_attributes", text) for key, text in database.execute(query, (study,))}


def _read_params(
    database: Database, which: str, values: Sequence[int]
) -> tuple[dict[int, Attributes], dict[int, dict[str, BaseDistribution]]]:
    """Return the parameters of every trial by its id, and what they were drawn from, one object for equal ones."""
    known: dict[str, BaseDistribution] = {}
    drawn: dict[tuple[str, float], Any] = {}
    params: dict[int, Attributes] = defaultdict(dict)
    distributions: dict[int, dict[str, BaseDistribution]] = defaultdict(dict)
    query = f"select trial_id, param_name, param_value, distribution_json from trial_params {which} order by param_id"
    for at, name, index, text in database.execute(query, values):
        if (text, index) not in drawn:
            try:
                known[text] = known.get(text) or json_to_distribution(text)
            except Exception:  # json and Optuna each raise their own kinds, of values of any type
                raise LimenError(
                    f"table trial_params: distribution_json: {shown(text)} is not allowed: JSON of Optuna"
                ) from None
            try:
                drawn[text, index] = value = known[text].to_external_repr(index)
                if known[text].to_internal_repr(value) != index:  # a part of a whole number
                    raise ValueError
            except Exception:  # of any kind, as above
                raise LimenError(
                    f"table trial_params: param_value: {shown(index)} is not allowed: one of {shown(name)}'s choices"
                ) from None
        params[at][name] = drawn[text, index]
        distributions[at][name] = known[text]
    return params, distributions


def _read_attributes(database: Database, table: str, which: str, values: Sequence[int]) -> dict[int, Attributes]:
    attributes: dict[int, Attributes] = defaultdict(dict)
    for at, key, text in database.execute(f"select trial_id, key, value_json from {table} {which}", values):
        attributes[at][key] = _parse(table, text)
    return attributes


def _parse(table: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise LimenError(f"table {table}: value_json: {shown(text)} is not allowed: JSON") from None


def _text_of(time: datetime | None) -> str | None:
    """Return a time as Optuna's tables have it, in any of SQLite's databases."""
    return None if time is None else time.strftime("%Y-%m-%d %H:%M:%S.%f")


def _time_of(column: str, text: str | datetime | None) -> datetime | None:
    """Return a time that SQLite has as a text."""
    try:
        return text if not isinstance(text, str) else datetime.fromisoformat(text)
    except ValueError:
        raise LimenError(f"table trials: {column}: {shown(text)} is not allowed: a date") from None
