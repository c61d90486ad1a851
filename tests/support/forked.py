"""Code of a changed copy of the packages, run in a process that has the large packages of others loaded already."""

from __future__ import annotations

import multiprocessing
import runpy
from dataclasses import dataclass
from pathlib import Path

LOADED = ["numba", "numpy", "pandas", "pydantic", "pytest", "yaml"]
"""A second of every process that imports them; none of Limen, of which each copy has its own."""

START = """import os, sys
import numba
assert not {{"simulator", "workloads", "tests"}} & set(sys.modules), "another copy of the packages is loaded"
os.chdir({folder!r})
sys.path.insert(0, {folder!r})
os.dup2(os.open("stderr.txt", os.O_WRONLY), 2)
numba.config.DISABLE_JIT = True
{code}
"""
MOST_SECONDS = 300


@dataclass(frozen=True)
class Ended:
    """How it ended: exit code 0, or 1 after an exception, which `stderr` names."""

    returncode: int | None
    stderr: str


def run_forked(folder: Path, code: str) -> Ended:
    """Run code that imports the packages of `folder`; nothing is compiled."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    (folder / "stderr.txt").touch()
    (folder / "run.py").write_text(START.format(folder=str(folder), code=code))
    process = context.Process(target=runpy.run_path, args=(str(folder / "run.py"),))
    process.start()
    process.join(MOST_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    return Ended(process.exitcode, (folder / "stderr.txt").read_text())
