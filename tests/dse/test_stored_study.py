"""Stored studies: reading never writes, whatever the file; what is damaged or foreign is a line."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import optuna
import pytest
from click.testing import CliRunner

from dse.cli.commands import commands
from dse.study.study import Study
from tests.dse.stored_study import FIGURE_CHANGES, SMALL, execute, state
from tests.support.command import LIMEN, run_command
from workloads.errors import LimenError

PRINTERS = (("study", "front"), ("study", "front", "--json"), ("describe",))
READERS = (*PRINTERS, ("study", "export", "--out", "chip"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small.yaml and the study of six trials in out/."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "small.yaml").write_text(SMALL)
    Study(folder / "small.yaml", folder / "out", quiet=True).run()
    return folder


@pytest.fixture
def copy(stored: Path, tmp_path: Path) -> Path:
    """A copy of that study alone, without reports."""
    (tmp_path / "out").mkdir()
    shutil.copyfile(stored / "out" / "study.db", tmp_path / "out" / "study.db")
    shutil.copyfile(stored / "small.yaml", tmp_path / "small.yaml")
    return tmp_path


WITHOUT_LAST = [
    f"delete from {table} where trial_id = 6"
    for table in ("trials", "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes")
]


def refusals(folder: Path, chip: Path) -> set[str]:
    """The lines with which every command that opens a study refuses this one, all with nothing changed."""
    before, lines = state(folder), set()
    for arguments in (*READERS, ("study", "run", str(chip.parent / "small.yaml"), "--out")):
        place = [str(folder)] if arguments[0] == "describe" or "--out" not in arguments else []
        if "chip" in arguments:
            arguments, place = (*arguments[:-1], str(chip)), [str(folder)]
        elif arguments[-1] == "--out":
            place = [str(folder)]
        outcome = CliRunner().invoke(commands, [*arguments, *place])
        assert isinstance(outcome.exception, LimenError), (arguments, outcome.exception, outcome.output)
        line = str(outcome.exception)
        assert line.isprintable() and str(folder) in line and not outcome.stdout, (arguments, outcome.output)
        assert state(folder) == before, (arguments, sorted(path.name for path in folder.iterdir()))
        assert not chip.exists()
        lines.add(line)
    return lines


def notes(path: Path) -> sqlite3.Connection:
    """Another program's database."""
    connection = sqlite3.connect(path)
    connection.execute("create table notes (id integer primary key, body text)")
    connection.executemany("insert into notes (body) values (?)", [("x" * 500,)] * 50)
    connection.commit()
    return connection


def other_study(path: Path) -> None:
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name="lr-search\x1b[2J")
    study.optimize(lambda trial: trial.suggest_float("lr", 0, 1), n_trials=1)
    study._storage.remove_session()


def with_log(path: Path) -> None:
    """Another program's database with a write-ahead log that nobody has worked in yet."""
    connection = notes(path.with_name("made.db"))
    connection.execute("pragma journal_mode = wal")
    connection.execute("insert into notes (body) values ('late')")
    connection.commit()
    for end in ("", "-wal"):
        shutil.copyfile(f"{path.with_name('made.db')}{end}", f"{path}{end}")
    connection.close()
    path.with_name("made.db").unlink()


FOREIGN: list[tuple[str, Callable[[Path], object], str]] = [
    ("another program's", lambda path: notes(path).close(), "not a study of Limen: holds the tables notes"),
    ("with a log", with_log, "not a study of Limen: holds the tables notes"),
    ("without tables", lambda path: sqlite3.connect(path).execute("vacuum"), "not a study of Limen: holds no tables"),
    ("another study", other_study, r"holds studies named 'lr-search\x1b[2J'"),
    ("empty", lambda path: path.write_bytes(b""), "is empty, so not a study of Limen"),
    ("noise", lambda path: path.write_bytes(Random(1).randbytes(9000)), "is no SQLite database"),
    ("a header's start", lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(20)), "is truncated"),
    ("a header alone", lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(84)), "cannot be read"),
]


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
def test_foreign_files_are_refused_and_stay(copy: Path, make: Callable[[Path], object], words: str) -> None:
    (copy / "out" / "study.db").unlink()
    make(copy / "out" / "study.db")
    lines = refusals(copy / "out", copy / "chip")
    assert all(words in line for line in lines), lines


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_truncated_files_are_refused_and_stay(copy: Path, share: float) -> None:
    database = copy / "out" / "study.db"
    whole = database.stat().st_size
    os.truncate(database, int(whole * share))
    lines = refusals(copy / "out", copy / "chip")
    assert all(f"is truncated: has {int(whole * share)} of {whole} bytes" in line for line in lines), lines


def test_reading_a_sound_study_changes_nothing(copy: Path) -> None:
    """Not even for a moment: the folder's time would tell."""
    before = state(copy / "out")
    for arguments in (*PRINTERS, ("study", "export", "--images", "1", "--out", str(copy / "chip"))):
        outcome = CliRunner().invoke(commands, [*arguments, str(copy / "out")])
        assert outcome.exit_code == 0 and outcome.stdout, (arguments, outcome.exception)
    study = Study.open(copy / "out")
    assert len(study.trials()) == 6 and study.knee().trial in set(study.front()["trial"])
    assert state(copy / "out") == before


def test_reading_while_a_run_writes(stored: Path, tmp_path: Path) -> None:
    """A reader sees whole trials only, and the run ends as if nobody had looked."""
    (tmp_path / "small.yaml").write_text(SMALL)
    arguments = [*LIMEN, "study", "run", "small.yaml", "--out", "out"]
    process = subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seen = [0]
    while process.poll() is None:
        if (tmp_path / "out" / "study.db").exists():
            seen.append(len(Study.open(tmp_path / "out").trials()))
        time.sleep(0.1)
    assert process.wait() == 0 and process.stderr is not None and process.stderr.read() == ""
    assert seen == sorted(seen) and len(seen) > 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(os.listdir(stored / "out"))
    for name in ("trials.csv", "front.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (stored / "out" / name).read_bytes()


def test_a_writer_killed_in_a_transaction(copy: Path) -> None:
    """Its journal is undone in the reader's own copy, and in the file by the next run."""
    database = copy / "out" / "study.db"
    whole = Study.open(copy / "out").trials()
    execute(copy, *WITHOUT_LAST)
    writer = sqlite3.connect(copy / "small.db")
    shutil.copyfile(database, copy / "small.db")
    writer.execute("pragma cache_size = 1")
    writer.execute("begin immediate")
    writer.execute("update trial_user_attributes set value_json = '\"' || hex(randomblob(3000)) || '\"'")
    for end in ("", "-journal"):
        shutil.copyfile(copy / f"small.db{end}", f"{database}{end}")
    writer.close()
    before = state(copy / "out")
    assert len(Study.open(copy / "out").trials()) == 5
    assert state(copy / "out") == before
    assert Study(copy / "small.yaml", copy / "out", quiet=True).run().trials().equals(whole)
    assert not database.with_name("study.db-journal").exists()


def test_flipped_bytes(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Anywhere in the file: one line or a study that can be shown, never a traceback, never a changed file."""
    database, random, refused = copy / "out" / "study.db", Random(16), 0
    sound = database.read_bytes()
    used = [at for at in range(len(sound)) if sound[at]]
    for _ in range(60):
        damaged = bytearray(sound)
        for at in random.sample(used, random.choice((1, 1, 4))):
            damaged[at] ^= 1 << random.randrange(8)
        database.write_bytes(damaged)
        try:
            study = Study.open(copy / "out")
            study.trials()
            study.front()
        except LimenError as error:
            refused += 1
            assert str(error).startswith(str(copy / "out")) and str(error).isprintable()
        assert database.read_bytes() == damaged and os.listdir(copy / "out") == ["study.db"]
    assert refused > 10 and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("key", ["limen_study", "limen_study_sha256", "limen_workload", "limen_costs"])
@pytest.mark.parametrize("value", [None, "5", "null", '"x"', "{}", '{"version": 1}', "[[]]", "[" * 99999, "\x00", "{"])
def test_foreign_json(copy: Path, key: str, value: str | None) -> None:
    change = "delete from study_user_attributes where key = ?"
    if value is not None:
        change = "update study_user_attributes set value_json = ? where key = ?"
    execute(copy, change, values=[key] if value is None else [value, key])
    with pytest.raises(LimenError, match=r"study\.db: ") as caught:
        Study.open(copy / "out")
    assert str(caught.value).isprintable()


TRIALS = [
    ("delete from trial_params where param_name = 'rows' and trial_id = 3", "trial 2: axes"),
    ("update trial_params set param_value = 7 where param_name = 'op' and trial_id = 3", "not a study of Limen"),
    ("update trial_params set param_value = 7 where param_name = 'rows' and trial_id = 3", "trial 2: rows 7"),
    ("update trial_params set param_value = param_value + 0.5 where param_name = 'rows'", "not a study of Limen"),
    ("update trials set number = 9 where trial_id = 3", "trial 2: number"),
    ("update trials set state = 'RUNNING' where trial_id = 3", "trial 2: state RUNNING"),
    ("update trials set state = 'DONE' where trial_id = 3", "not a study of Limen"),
    ("update trial_values set value = 5 where trial_id = 3 and objective = 0", "trial 2: values"),
    ("delete from trial_values where trial_id = 3", "trial 2: "),
    ("delete from trial_user_attributes where key = 'design' and trial_id = 3", "trial 2: design None"),
    ("delete from trial_user_attributes where key = 'pes' and trial_id = 3", "trial 2: pes None"),
    ("update trial_user_attributes set value_json = 'NaN' where key = 'area_mm2' and trial_id = 3", "area_mm2 nan"),
    ("update trial_user_attributes set value_json = '[1]' where key = 'cycles' and trial_id = 3", "cycles [1]"),
    ("update trial_user_attributes set value_json = '3' where key = 'clock_method' and trial_id = 3", "clock_method 3"),
    ("update study_user_attributes set key = 'mine' where key = 'limen_study'", "holds studies named 'digits'"),
    ("update alembic_version set version_num = 'v9'", "versions of Optuna's tables: 'v9', 12 is not allowed: 'v3.2"),
    ("drop table trial_values", "table trial_values is missing"),
]


@pytest.mark.parametrize(("change", "words"), TRIALS)
def test_trials_no_run_can_have_written(copy: Path, change: str, words: str) -> None:
    execute(copy, change)
    with pytest.raises(LimenError, match=r"study\.db: ") as caught:
        Study.open(copy / "out")
    assert words in str(caught.value)


WITHOUT_DIGESTS = "delete from trial_user_attributes where key = 'limen_sha256'"


@pytest.mark.parametrize("change", FIGURE_CHANGES.values(), ids=FIGURE_CHANGES)
def test_edited_figures_are_refused_by_all_commands(copy: Path, change: str) -> None:
    """Of a trial that is not the first, which alone is evaluated again."""
    execute(copy, *change.split(";"))
    lines = refusals(copy / "out", copy / "chip")
    assert all("study.db: trial 3: is damaged: it has another SHA-256" in line for line in lines), lines


def test_studies_of_earlier_versions_have_their_first_trial_evaluated(copy: Path) -> None:
    whole = Study.open(copy / "out").trials()
    execute(copy, WITHOUT_DIGESTS, *WITHOUT_LAST)
    study = Study(copy / "small.yaml", copy / "out", quiet=True)
    assert study.trials().equals(whole[:5]) and study.run().trials().equals(whole)
    execute(copy, WITHOUT_DIGESTS, *FIGURE_CHANGES["energy"].replace("trial_id = 4", "trial_id = 1").split(";"))
    lines = refusals(copy / "out", copy / "chip")
    assert all("study.db: energy_uj: trial 0 has 0.001 and gives " in line for line in lines), lines


OPTUNA_TABLES = """alembic_version studies study_directions study_system_attributes study_user_attributes trials
trial_heartbeats trial_intermediate_values trial_params trial_system_attributes trial_user_attributes trial_values
version_info"""


VALUES = ("x'ff'", "'x'", "-1", "null", "7.5", "cast(x'ff' as text)", "'[]'", "9e999", "'2026-13-01'")


FOREIGN_WORDS = ("sqlalchemy", "sqlite3", "sqlite.org", "http", "runtime", "Error", "constraint", "no such", "optuna.")


def test_tables_of_many_kinds(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each table dropped, each column renamed, each with values of other types: our own words, or the same study."""
    whole, database, random = Study.open(copy / "out").trials(), copy / "out" / "study.db", Random(2)
    sound, changes, refused = database.read_bytes(), [], 0
    with sqlite3.connect(database) as connection:
        for table in OPTUNA_TABLES.split():
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
            changes += [f"drop table {table}", f"delete from {table}", f"alter table {table} rename to {table}_old"]
            changes += [f"alter table {table} rename column {column} to other" for column in columns]
            change = "update or ignore {0} set {1} = {2} where rowid = (select max(rowid) from {0})"
            changes += [
                change.format(table, column, value) for column in columns for value in random.sample(VALUES, k=2)
            ]
    connection.close()
    for change in changes:
        database.write_bytes(sound)
        with sqlite3.connect(database) as connection, suppress(sqlite3.IntegrityError):
            connection.execute(change)
        connection.close()
        before = database.read_bytes()
        try:
            assert Study.open(copy / "out").trials().equals(whole), change
        except LimenError as error:
            refused += 1
            line = str(error)
            assert line.startswith(f"{database}: ") and line.isprintable(), (change, line)
            assert not any(word in line for word in FOREIGN_WORDS), (change, line)
        assert database.read_bytes() == before
    assert len(changes) > 150 and refused > 100 and capfd.readouterr() == ("", "")


def test_short_reprs(stored: Path) -> None:
    study = Study.open(stored / "out")
    assert repr(study) == f"<Study digits in {stored / 'out'}: 6 of 6 trials>"
    assert repr(study.points[2]) == f"<Point: trial 2, {study.points[2].coordinates.key}>"


def test_describe_names_the_folder_once(stored: Path) -> None:
    outcome = run_command("describe", "out", cwd=stored)
    assert outcome.stdout.startswith("study in out: 6 of 6 trials, 48 designs in the space\n{")
