"""Sweeps whose blocks are evaluated elsewhere, by an executor of `concurrent.futures` or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import dse.sweep.elsewhere
from dse.study.study import Study
from tests.dse.test_sweep import POINTS, SPEC, content
from tests.support.command import run_command
from tests.support.tools import skip_without
from workloads.errors import LimenError


class Elsewhere(Executor):
    """An executor whose work is done where it is handed over, the last first, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Do the work."""
        future: Future[Any] = Future()
        if self._error is not None:
            future.set_exception(self._error)
        else:
            future.set_result(work(*arguments, **named))
        return future


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With sweep.yaml, to be cut into blocks of 5 points."""
    monkeypatch.setattr("dse.sweep.block_runs.LEAST_IN_A_BLOCK", 5)
    (tmp_path / "sweep.yaml").write_text(SPEC)
    return tmp_path


def test_any_executor_gives_the_same_sweep(folder: Path) -> None:
    study = Study(folder / "sweep.yaml", folder / "one", quiet=True).run()
    with ThreadPoolExecutor(3) as executor:
        Study(folder / "sweep.yaml", folder / "threads", quiet=True).run(executor=executor)
    assert len(study.trials()) == POINTS
    assert content(folder / "threads") == content(folder / "one")


def test_an_executor_that_fails_is_a_line_and_what_is_done_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study(folder / "sweep.yaml", folder / "out", quiet=True)
    with pytest.raises(LimenError, match=r"^executor: Elsewhere: RuntimeError: a machine burnt$"):
        study.run(executor=Elsewhere(RuntimeError("a machine burnt")))
    with pytest.raises(LimenError, match="jobs: 2 is not allowed beside an executor"):
        study.run(2, Elsewhere())
    for jobs in (0, 1025, 10**400, "2"):
        with pytest.raises(LimenError, match=r"^jobs: .{1,90} is not allowed: an integer from 1 to 1,024$"):
            study.run(jobs)  # type: ignore[arg-type]
    with monkeypatch.context() as patch, pytest.raises(LimenError, match=r"executor: .* has another program, workload"):
        patch.setattr(dse.sweep.elsewhere, "key_of_sweep", lambda *_: "another")
        study.run(executor=Elsewhere())
    (folder / "search.yaml").write_text(SPEC.replace("{name: exhaustive}", "{name: random}\ntrials: 2"))
    with pytest.raises(LimenError, match=r"executor: is not allowed with sampler random: .*use sampler exhaustive$"):
        Study(folder / "search.yaml", folder / "search", quiet=True).run(executor=Elsewhere())
    assert not list(folder.glob("*/points/*"))


@skip_without("distributed", "dask")
def test_a_dask_cluster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    from dse.sweep.dask_cluster import dask_executor

    monkeypatch.setattr("dse.sweep.dask_cluster.REACHED_WITHIN_S", 1)
    Study(folder / "sweep.yaml", folder / "one", quiet=True).run()
    place: dict[str, Any] = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **place) as cluster:
        with dask_executor(cluster.scheduler_address) as executor:
            Study(folder / "sweep.yaml", folder / "dask", quiet=True).run(executor=executor)
        gone = cluster.scheduler_address
    assert content(folder / "dask") == content(folder / "one")
    for address in ("tcp://127.0.0.1:1", gone):
        with pytest.raises(LimenError, match=f"^dask: '{address}' can't be reached: "), dask_executor(address):
            pass


def test_addresses_of_clusters_are_checked(folder: Path) -> None:
    outcome = run_command("study", "run", "sweep.yaml", "-o", "out", "--dask", "localhost", cwd=folder)
    if "not installed" not in outcome.stderr:
        wanted = "limen: dask: 'localhost' is not allowed: a scheduler's address, tcp://HOST:PORT\n"
        assert (outcome.returncode, outcome.stderr) == (2, wanted)
