"""Caches where the installation can't be written and HOME is missing: elsewhere, or none, and one line that says so."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from workloads.host.caches import cache_folder

KERNEL = """
from numba import int64
from workloads.host.jit import njit

@njit(int64(int64))
def twice(x):
    return 2 * x

@njit()
def thrice(x):
    return twice(x) + x
"""


@pytest.fixture(name="folder")
def read_only(tmp_path: Path) -> Path:
    """Return a folder where a module of kernels is installed that can't be written, and an empty TMPDIR."""
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "kernels.py").write_text(KERNEL)
    installed.chmod(0o555)
    (tmp_path / "temporary").mkdir()
    return tmp_path


def obey_modes() -> None:
    """Give up what lets root write in read-only folders (PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


def python(code: str, folder: Path) -> tuple[int, str, str]:
    """Run Python without a HOME; return exit code, output and error output."""
    environment = {**os.environ, "HOME": "/proc/nope", "PYTHONPATH": f"{ROOT}:{folder / 'installed'}"}
    environment["TMPDIR"] = str(folder / "temporary")
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
        environment.pop(name, None)
    command = [sys.executable, "-c", code]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, preexec_fn=obey_modes)
    return outcome.returncode, outcome.stdout, outcome.stderr


def test_kernels_and_pictures_keep_theirs_elsewhere(folder: Path) -> None:
    code = "import kernels; print(kernels.thrice(7)); import workloads.host.pictures"
    caches = folder / "temporary" / f"limen-caches-of-{os.getuid()}"
    line = f"/proc/nope/.cache/limen can't be written: caches are in {caches}; XDG_CACHE_HOME names another place"
    line += ", NUMBA_CACHE_DIR one for compiled kernels"
    for _ in range(2):
        assert python(code, folder) == (0, "21\n", f"limen: {line}\n")
    assert list(caches.rglob("*twice*.nbi")) and (caches / "matplotlib").is_dir()


def test_without_any_folder_each_run_compiles(folder: Path) -> None:
    code = "import os; os.access = lambda *_: False; import kernels; print(kernels.thrice(7))"
    line = "no folder can be written to keep compiled kernels: each run compiles them; NUMBA_CACHE_DIR names one"
    assert python(code, folder) == (0, "21\n", f"limen: {line}\n")


AT_A_TERMINAL = "import sys; sys.stderr.isatty = lambda: True; from simulator import kernels; kernels.twice(7)"


def test_a_cold_cache_says_once_that_it_compiles(tmp_path: Path) -> None:
    """To whoever waits at a terminal; where the user's own folder can't be written, a line says so, too."""
    (tmp_path / "simulator").mkdir()
    (tmp_path / "simulator" / "kernels.py").write_text(KERNEL)
    code = f"import simulator; simulator.__path__.append({str(tmp_path / 'simulator')!r}); {AT_A_TERMINAL}"
    compiling = (
        "limen: compiling kernels, once for this version of Limen: half a minute, for the cycle model a minute\n"
    )
    lost = "limen: NUMBA_CACHE_DIR: /proc/nope cannot hold compiled kernels: they are kept elsewhere\n"
    for folder, lines in (("kept", compiling), ("kept", ""), ("/proc/nope", lost + compiling), ("/proc/nope", lost)):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": folder}
        command = [sys.executable, "-c", code]
        outcome = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert (outcome.returncode, outcome.stderr) == (0, lines)


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in a cache is run: another user may have made the folder first."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nope")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    place = tmp_path / f"limen-caches-of-{os.getuid()}"
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(Exception, match="nope/limen: cannot be written, nor can"):
        cache_folder.__wrapped__()
    place.rmdir()
    place.symlink_to(tmp_path)
    with pytest.raises(Exception, match="nope/limen: cannot be written, nor can"):
        cache_folder.__wrapped__()


def test_a_kernel_of_an_older_version_is_compiled_anew(tmp_path: Path) -> None:
    """Numba's index of a file names the classes of its kernels' arguments: one that is gone is no error."""
    source = "from typing import NamedTuple\nclass {name}(NamedTuple):\n    number: int\n"
    kernel = """
from numba import int64, types
from shapes import {name}
from workloads.host.jit import njit

@njit(int64(types.NamedUniTuple(int64, 1, {name})))
def twice(pair):
    return 2 * pair.number

print(twice({name}(21)))
"""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    for name in ("Pair", "Single"):
        (tmp_path / "shapes.py").write_text(source.format(name=name))
        (tmp_path / "kernels.py").write_text(kernel.format(name=name))
        command = [sys.executable, "-c", "import kernels"]
        outcome = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (outcome.returncode, outcome.stdout) == (0, "42\n"), outcome.stderr


def test_a_kernel_is_compiled_when_it_is_first_wanted() -> None:
    """Not when its file is imported; and what only kernels call is refused to Python by name."""
    code = """
from numba.core import event
from numba import int64
compiled = []
class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event):
        pass
event.register("numba:compile", Listener())
import simulator.cycle.top, simulator.timing.search_kernels, workloads.ops.registry
assert not compiled, compiled
from simulator.cycle.bits import signed
try:
    signed(3, 2)
except TypeError as fault:
    print(fault)
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    refused = "signed: called by kernels alone; from_python=True where it is defined lets Python call it\n"
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, refused, "")
