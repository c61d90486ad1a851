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
from collections.abc import Callable
from pathlib import Path
from random import Random
from threading import Thread
from unittest.mock import patch

from dse.study.study import Study
from tests.dse.test_sweep import SPEC
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
        with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
            for number in range(kills):
                study = Study(root / "sweep.yaml", root / f"dask{number}", quiet=True)
                done = random.randrange(1, blocks - blocks // 4)

                def kill(points: Path = study.folder / "points", done: int = done) -> None:
                    nonlocal killed
                    wait(lambda: points.is_dir() and len(list(points.iterdir())) >= done)
                    worker = random.choice([*cluster.workers.values()]).process.pid
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
                wait(lambda: len(cluster.scheduler.workers) == 2)
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


CASES: dict[str, tuple[Callable[[Path, int, Random], int], int]] = {"dask": (dask, 5)}
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
