"""Trials in Optuna's tables: written as Optuna writes them, read as it reads them, and by it."""

from __future__ import annotations

import itertools
import math
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from dse.search import snapshot, stored_tables
from dse.search.record import Record, study_name
from dse.search.trial_rows import read_trials, write_trial
from dse.study.study import Study
from tests.dse.stored_study import SMALL
from workloads.errors import LimenError

DISTRIBUTIONS = {
    "op": CategoricalDistribution(["threshold", "mac"]),
    "kib": CategoricalDistribution([0.5, 16.0, 64]),
    "rows": IntDistribution(1, 9),
    "share": FloatDistribution(0, 1),
}


def trial(number: int, refused: bool = False, values: Sequence[float] | None = None, **attributes: Any) -> FrozenTrial:
    return FrozenTrial(
        number=number, trial_id=number, state=TrialState.FAIL if refused else TrialState.COMPLETE, value=None,
        values=None if refused else values or [0.1 + number, -3.0], datetime_start=datetime(2026, 1, 2, 3, 4, 5, 678),
        datetime_complete=datetime(2026, 1, 2, 3, 4, 6), params={"op": "mac", "kib": 16.0, "rows": 7, "share": 1 / 3},
        distributions=DISTRIBUTIONS, user_attrs=attributes, intermediate_values={},
        system_attrs={} if refused else {"constraints": [0.1], "constraints:area <= 2": 0.1},
    )  # fmt: skip


TRIALS = [
    trial(0, cycles=10**18, energy=0.1 + 0.2, design="a-ü-\N{GREEK SMALL LETTER MU}", list=[1, {"x": None}]),
    trial(1, refused=True, refusal='it\'s "no"'),
    trial(2, cycles=3),
    trial(3, values=[math.inf, -math.inf], refusal="too small", missing_bytes=7),
]


def rows(path: Path) -> dict[str, list[Any]]:
    """Every row of every table."""
    with closing(sqlite3.connect(path)) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        return {name: sorted(database.execute(f"select * from {name}"), key=repr) for name in names}


def test_what_is_written_is_what_optuna_writes(tmp_path: Path) -> None:
    """The same rows in every table, to the byte; read by Optuna and by Limen they are the same trials."""
    urls = [f"sqlite:///{tmp_path / name}.db" for name in ("theirs", "ours")]
    studies = [optuna.create_study(storage=url, study_name="s", directions=["minimize"] * 2) for url in urls]
    studies[0].add_trials(TRIALS)
    with closing(sqlite3.connect(tmp_path / "ours.db")) as database:
        for each in TRIALS:
            write_trial(database, 1, each)
        database.commit()
        read = read_trials(database, 1)
    assert rows(tmp_path / "ours.db") == rows(tmp_path / "theirs.db")
    theirs = [optuna.load_study(study_name="s", storage=url).get_trials() for url in urls]
    assert theirs[0] == theirs[1] == read
    assert [(each.params, each.user_attrs) for each in read] == [(each.params, each.user_attrs) for each in TRIALS]


def test_tables_of_another_optuna_are_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that makes other tables than Limen writes: nothing is made but the folder and its lock."""
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.setattr(stored_tables, "VERSIONS", ["v2.0.0", 12])
    words = rf"^optuna {optuna.__version__}: versions of Optuna's tables: 'v3.2.0.a', 12 is not allowed: 'v2.0.0', 12"
    with pytest.raises(LimenError, match=words):
        Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["study.lock"]


def test_studies_are_named_after_their_workload() -> None:
    assert study_name("digits") == "digits" and study_name("../nets/res\udcff.yaml") == "res\\udcff"


def stop_at(study: Study, trials: int) -> None:
    """Have the study's run end after so many trials, as if it had been stopped."""
    study._search._spec = study.spec.model_copy(update={"trials": trials})  # type: ignore[union-attr]


def test_a_renamed_study_and_one_of_an_earlier_version(tmp_path: Path) -> None:
    """Earlier versions called every study limen, and stored no list of constraints; both go on as if nothing were."""
    (tmp_path / "small.yaml").write_text(SMALL.replace("trials: 6", "trials: 9"))
    whole = Study(tmp_path / "small.yaml", tmp_path / "whole", quiet=True).run().trials()
    study = Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True)
    stop_at(study, 5)
    study.run()
    with closing(sqlite3.connect(tmp_path / "out" / "study.db")) as database:
        database.execute("update studies set study_name = 'limen'")
        database.execute("delete from trial_system_attributes where key = 'constraints'")
        database.execute("delete from trial_user_attributes where key = 'limen_sha256'")
        database.commit()
    assert len(Study.open(tmp_path / "out").trials()) == 5
    assert Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True).run().trials().equals(whole)


def test_a_study_beside_ours(tmp_path: Path) -> None:
    """Another study in the same file is left alone; two of Limen's are a line."""
    (tmp_path / "small.yaml").write_text(SMALL)
    whole = Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True).run().trials()
    url = f"sqlite:///{tmp_path / 'out' / 'study.db'}"
    other = optuna.create_study(storage=url, study_name="other")
    other.optimize(lambda each: each.suggest_float("x", 0, 1), n_trials=2)
    assert Study.open(tmp_path / "out").trials().equals(whole)
    other.set_user_attr("limen_study", {})
    with pytest.raises(LimenError, match=r"study\.db: holds 2 studies of Limen, and a file has one: 'digits', 'other'"):
        Study.open(tmp_path / "out")


def test_a_killed_writer_leaves_its_log(tmp_path: Path) -> None:
    """Committed trials are in it: readers see them and change nothing, and the next run brings it home."""
    (tmp_path / "small.yaml").write_text(SMALL)
    whole = Study(tmp_path / "small.yaml", tmp_path / "whole", quiet=True).run()
    Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True)
    record = Record(tmp_path / "out")
    for each in Record(tmp_path / "whole").trials()[:3]:
        record.add(each)
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in (tmp_path / "out").iterdir():
        (killed / path.name).write_bytes(path.read_bytes())
    record.close()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["study.db", "study.lock"]
    before = {path.name: path.read_bytes() for path in killed.iterdir()}
    assert "study.db-wal" in before
    assert len(Study.open(killed).trials()) == len(Study.open(tmp_path / "out").trials()) == 3
    assert {path.name: path.read_bytes() for path in killed.iterdir()} == before
    assert Study(tmp_path / "small.yaml", killed, quiet=True).run().trials().equals(whole.trials())
    assert not (killed / "study.db-wal").exists()
    for name in ("study.db", "study.db-wal"):
        (killed / name).write_bytes(before[name])
    study = Study(tmp_path / "small.yaml", killed, quiet=True)
    stop_at(study, 3)
    study.run()  # has nothing to add
    assert not (killed / "study.db-wal").exists() and len(study.trials()) == 3


def test_reading_while_trials_are_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two steps of a reader: a log may grow, and one that starts anew is read again."""
    (tmp_path / "small.yaml").write_text(SMALL)
    Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True)
    record, copies = Record(tmp_path / "out"), []
    numbers = itertools.count()

    def add(count: int) -> None:
        for number in itertools.islice(numbers, count):
            record.add(trial(number, **{f"figure_{index}": 0.1 for index in range(30)}))

    def copy(source: Path, target: Path) -> None:
        add(500 if len(copies) < 3 else 1)  # the log starts anew every 150 or so
        copies.append(source.name)
        copyfile(source, target)
        add(1)

    copyfile = shutil.copyfile
    monkeypatch.setattr(snapshot.shutil, "copyfile", copy)
    add(1)
    read = [each.number for each in Record(tmp_path / "out").trials()]
    assert read == list(range(len(read))) and len(read) == next(numbers) - 1
    assert copies[3:] == ["study.db", "study.db-journal", "study.db-wal"], copies
    record.close()


def test_a_dashboard_keeps_the_file_open(tmp_path: Path) -> None:
    """Then its log stays, with everything in it; the dashboard sees the trials."""
    (tmp_path / "small.yaml").write_text(SMALL)
    Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True)
    study = optuna.load_study(study_name="digits", storage=f"sqlite:///{tmp_path / 'out' / 'study.db'}")
    assert not study.trials
    whole = Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True).run()
    assert len(study.trials) == 6
    assert Study.open(tmp_path / "out").trials().equals(whole.trials())
