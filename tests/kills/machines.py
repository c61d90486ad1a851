"""Studies of several machines, of which some are killed: `python -m tests.kills.machines`, part of `make kills`.

Machines are processes here. Each study is compared, byte for byte, with the same one run by one process alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any
from unittest.mock import patch

from dse.evaluation.block_evaluator import BlockEvaluator
from dse.study.study import Study
from tests.dse.test_sweep import SPEC
from tests.support.postgres import Server
from workloads.host.manifest import MANIFEST

SWEEP = SPEC.replace("rows: [2, 4]", "rows: [2, 3, 4, 5, 6, 7, 8, 16]").replace("cols: [2]", "cols: [2, 4, 8, 16]")
"""A sweep of 512 points."""

BLOCK_POINTS = 4
PATIENCE_SECONDS = 120.0


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a finished study, but for the manifest, which says when and how long."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def dask(root: Path, kills: int, random: Random) -> int:
    """Kill workers of a Dask cluster in the middle of a sweep, one in each; return the number of faults."""
    from distributed import LocalCluster

    from dse.sweep.dask_cluster import dask_executor

    (root / "sweep.yaml").write_text(SWEEP)
    with patch("dse.sweep.block_runs.LEAST_IN_A_BLOCK", BLOCK_POINTS):
        alone = Study(root / "sweep.yaml", root / "alone", quiet=True).run()
        wanted, faults, killed = content(root / "alone"), 0, 0
        blocks = len(list((root / "alone" / "points").iterdir()))
        for number in range(kills):
            study = Study(root / "sweep.yaml", root / f"dask{number}", quiet=True)
            done = random.randrange(1, blocks - blocks // 4)
            with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
                workers = [worker.process.pid for worker in cluster.workers.values()]

                def kill(points: Path = study.folder / "points", done: int = done, worker: int = workers[0]) -> None:
                    nonlocal killed
                    wait(lambda: points.is_dir() and len(list(points.iterdir())) >= done)
                    os.kill(worker, signal.SIGKILL)
                    killed += 1

                killer = Thread(target=kill)
                killer.start()
                with dask_executor(cluster.scheduler_address) as executor:
                    study.run(executor=executor)
                killer.join()
            if content(study.folder) != wanted:
                faults += 1
                print(f"FAULT dask: worker killed after {done} of {blocks} blocks: other bytes than alone")
    points = alone.designs
    print(f"dask: {killed} workers killed in {kills} sweeps of {points} points in {blocks} blocks, faults {faults}")
    return faults


def wait(until: Callable[[], bool]) -> None:
    """Wait for a condition. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not until():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.005)


WORKERS = 4
LEASE_SECONDS = 1.0
SLOW_SECONDS = 0.02
"""What an evaluation takes longer, so that there is something to kill."""

OUTAGE_SECONDS = 20.0


def postgres(root: Path, kills: int, random: Random) -> int:
    """Kill workers on studies in PostgreSQL until there were enough kills, then stop the server in one of each kind."""
    from tests.support.postgres import postgres as running

    slow = BlockEvaluator.evaluate

    def evaluate(*arguments: Any) -> Any:
        time.sleep(SLOW_SECONDS)
        return slow(*arguments)

    pages = {"sweep": SWEEP, "nsga2": SWEEP.replace("{name: exhaustive}", "{name: nsga2, seed: 3}") + "trials: 400\n"}
    faults = killed = studies = 0

    def rounds() -> Iterator[tuple[str, float]]:
        while killed < kills:
            yield [*pages][studies % len(pages)], 0.0
        for name in pages:
            yield name, OUTAGE_SECONDS

    with (
        running() as server,
        patch("dse.sweep.block_runs.LEAST_IN_A_BLOCK", BLOCK_POINTS),
        patch("dse.search.shared_study.LEASE_S", LEASE_SECONDS),
    ):
        for name, page in pages.items():
            (root / f"{name}.yaml").write_text(page)
            Study(root / f"{name}.yaml", root / name, quiet=True).run()
        with patch.object(BlockEvaluator, "evaluate", evaluate):
            for name, outage in rounds():
                shared = Shared(root, name, studies, server)
                killed += shared.run(random, outage)
                found = shared.faults()
                for fault in found:
                    print(f"FAULT {name} {studies}: {fault}", flush=True)
                faults, studies = faults + len(found), studies + 1
                what = f"{outage:.0f} s without a server" if outage else f"{shared.killed} kills"
                print(f"postgres: {name} {studies}: {what}, {shared.seconds:.0f} s", file=sys.stderr, flush=True)
    print(f"postgres: {killed} kills among {WORKERS} workers of {studies} studies, faults {faults}")
    return faults


class Shared:
    """A study that four workers run, each in a folder of its own, forks of this process."""

    def __init__(self, root: Path, name: str, number: int, server: Server) -> None:
        self._page = root / f"{name}{number}.yaml"
        self._page.write_bytes((root / f"{name}.yaml").read_bytes())
        self._alone = root / name
        self._folders = [root / f"{name}{number}-{worker}" for worker in range(WORKERS)]
        self._server = server
        self._codes: list[int | None] = []
        self.killed, self.seconds = 0, 0.0

    def _start(self, worker: int) -> BaseProcess:
        process = get_context("fork").Process(target=self._work, args=(self._folders[worker],))
        process.start()
        return process

    def _work(self, folder: Path) -> None:
        Study(self._page, folder, quiet=True, storage=self._server.address).run()

    def run(self, random: Random, outage: float) -> int:
        """Run to the end, killing one worker after another, or with a server that is gone for so many seconds."""
        began = time.monotonic()
        workers = [self._start(worker) for worker in range(WORKERS)]
        if outage:
            wait(lambda: all(folder.is_dir() for folder in self._folders))  # before, a server that is gone is refused
            time.sleep(0.5)
            self._server.stop()
            time.sleep(outage)
            self._server.start()
        while not outage and time.monotonic() < began + PATIENCE_SECONDS:
            time.sleep(random.uniform(0.1, 0.6))
            number = random.randrange(WORKERS)
            if workers[number].exitcode is not None:
                break  # it is done, or a fault: all can see that the study is at its end
            workers[number].kill()
            workers[number].join()
            self.killed += 1
            workers[number] = self._start(number)
        for worker in workers:
            worker.join(PATIENCE_SECONDS)
            self._codes.append(worker.exitcode)
            worker.kill()
        self.seconds = time.monotonic() - began
        return self.killed

    def faults(self) -> list[str]:
        """Return what is wrong: with how the workers ended, the files in their folders, the rows in the storage."""
        import psycopg

        found = [] if self._codes == [0] * WORKERS else [f"workers ended with {self._codes}"]
        wanted = _files(self._alone)
        for folder in self._folders:
            files = _files(folder)
            wrong = [name for name in sorted({*wanted, *files}) if wanted.get(name) != files.get(name)]
            found += [f"{folder.name}: {', '.join(wrong)}: other bytes than alone"] if wrong else []
        counts = {
            "trials": "select count(*), count(distinct number), count(*) filter (where state = 'RUNNING') "
            "from trials join studies using (study_id) where study_name = %s",
            "blocks": "select count(*), count(distinct block), 0 from limen_blocks join studies using (study_id) "
            "where study_name = %s",
        }
        with psycopg.connect(self._server.address) as database:
            stored = {
                what: database.execute(query, (self._page.stem,)).fetchone() or (0, 0, 0)
                for what, query in counts.items()
            }
            leases = database.execute("select count(*) from limen_leases").fetchone()
        swept = (self._alone / "points").is_dir()
        items = len(list((self._alone / "points").iterdir())) if swept else Study.open(self._alone).designs
        expected = {"trials": (0, 0, 0), "blocks": (items, items, 0)}
        expected = expected if swept else {"trials": (items, items, 0), "blocks": (0, 0, 0)}
        found += [f"{stored} in the storage, and {expected} expected"] if stored != expected else []
        return found + ([f"{leases} leases are left"] if leases != (0,) else [])


def _files(folder: Path) -> dict[str, bytes]:
    """Return the same as `content`, but for the database, which says when."""
    return {name: held for name, held in content(folder).items() if not name.startswith("study.db")}


CASES: dict[str, tuple[Callable[[Path, int, Random], int], int]] = {"dask": (dask, 5), "postgres": (postgres, 60)}
"""Each with its kills."""


def main() -> int:
    """Run the cases that are named, by default all; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], help="By default all.")
    parser.add_argument("--kills", type=int, help="Of each case.")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    faults = 0
    for name in chosen.cases or CASES:
        case, kills = CASES[name]
        with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
            faults += case(Path(scratch), chosen.kills or kills, Random(chosen.seed))
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
