"""Machine code that is kept follows the text of all that a kernel is compiled from, in whichever file it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from workloads.host import kernel_folders
from workloads.host.kernel_folders import KEPT, kernel_folder

CALLED = """
from numba import int64
from workloads.host.jit import njit_in_place
from workloads.numbers import ADDED

@njit_in_place(inline="always")
def inlined(x):
    return {factor} * x

@njit_in_place(int64(int64))
def called(x):
    return x + ADDED
"""

CALLER = """
from numba import int64
from simulator import rest
from simulator.called import (
    called,
    inlined,
)
from workloads.host.jit import njit_in_place

@njit_in_place(int64(int64), from_python=True)
def caller(x):
    return called(inlined(x)) - rest.REST

print(caller(10), sum(caller.stats.cache_hits.values()))
"""


@pytest.fixture(name="checkout")
def small_checkout(tmp_path: Path) -> Path:
    """Return a folder with Limen's own `njit` and two files of kernels, one of which calls the other's."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workloads" / "host", tmp_path / "workloads" / "host", ignore=ignored)
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "workloads" / name, tmp_path / "workloads")
    (tmp_path / "workloads" / "numbers.py").write_text("ADDED = 1\n")
    (tmp_path / "simulator").mkdir()
    (tmp_path / "simulator" / "__init__.py").touch()
    (tmp_path / "simulator" / "rest.py").write_text("REST = 0\n")
    (tmp_path / "simulator" / "called.py").write_text(CALLED.format(factor=2))
    (tmp_path / "simulator" / "caller.py").write_text(CALLER)
    return tmp_path


def run(checkout: Path, **variables: str) -> tuple[int, bool]:
    """Return what the caller gives for 10 in a process of its own, and whether its machine code was kept."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [sys.executable, "-c", "import simulator.caller"]
    printed = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    return int(printed[0]), printed[1] == "1"


@pytest.mark.parametrize("users_folder", [False, True], ids=["beside", "NUMBA_CACHE_DIR"])
def test_a_change_of_another_file_is_seen(checkout: Path, users_folder: bool) -> None:
    variables = {"NUMBA_CACHE_DIR": str(checkout / "caches")} if users_folder else {}
    assert [run(checkout, **variables) for _ in range(2)] == [(21, False), (21, True)]
    (checkout / "simulator" / "called.py").write_text(CALLED.format(factor=3))
    assert [run(checkout, **variables) for _ in range(2)] == [(31, False), (31, True)]
    (checkout / "workloads" / "numbers.py").write_text("ADDED = 5\n")  # not even a file of kernels
    assert run(checkout, **variables) == (35, False)
    (checkout / "simulator" / "rest.py").write_text("REST = 4\n")
    assert run(checkout, **variables) == (31, False)
    assert (checkout / "caches").is_dir() == users_folder


def test_what_it_does_not_import_changes_nothing(checkout: Path) -> None:
    run(checkout)
    (checkout / "simulator" / "other.py").write_text(CALLED.format(factor=7))
    assert run(checkout) == (21, True)


def test_old_texts_are_forgotten(tmp_path: Path) -> None:
    source, base = tmp_path / "kernels.py", tmp_path / "caches"
    folders = []
    for number in range(KEPT + 3):
        source.write_text(f"NUMBER = {number}\n")
        kernel_folder.cache_clear()
        kernel_folders._read.cache_clear()
        folders.append(kernel_folder(base, source))
        os.utime(folders[-1], (number, number))
    assert [folder.is_dir() for folder in folders] == [False] * 3 + [True] * KEPT
    assert sum(1 for _ in folders[-1].parent.iterdir()) == KEPT
