"""Numba's njit for all kernels: compiled once, kept wherever something can be kept, and open to Ctrl-C meanwhile."""

from __future__ import annotations

import functools
import inspect
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import RLock
from typing import Any

import numba
from numba.core import event

from workloads.errors import LimenError
from workloads.host.caches import cache_folder, say
from workloads.host.kernel_folders import kernel_folder

_LOST = (RuntimeError, OSError, EOFError)
"""What Numba raises where no folder can hold a cache, at a full disk, and for a cache that was cut short."""

_OURS = ("workloads", "simulator", "cost_models", "dse")

_settings: Any = numba.config
_users_folder: str = _settings.CACHE_DIR
_setting = RLock()
_lost: set[Path] = set()


def njit(*signature: Any, **options: Any) -> Callable[[Any], Any]:
    """Compile for a signature, or for what a kernel calls it with, as `numba.njit` does; other threads run meanwhile.

    The result is kept in the user's NUMBA_CACHE_DIR or beside the source, in a folder of this text of it; where neither
    can be written, in `cache_folder`; and where nothing can, each run compiles it anew, which is said once.
    """
    compiler: Any = numba.njit  # its overloads know no options by name

    def compiled(function: Any) -> Any:
        source = Path(inspect.getfile(function)).absolute()
        for base in _bases(source):
            try:
                with _setting:
                    _settings.CACHE_DIR = str(kernel_folder(base, source))
                    try:
                        return compiler(*signature, cache=True, nogil=True, **options)(function)
                    finally:
                        _settings.CACHE_DIR = _users_folder
            except _LOST:
                _lost.add(base)
                if _users_folder and base == Path(_users_folder):
                    say(f"NUMBA_CACHE_DIR: {base} cannot hold compiled kernels: they are kept elsewhere")
        _say_that_none_is_kept()
        return compiler(*signature, nogil=True, **options)(function)

    return compiled


def _bases(source: Path) -> Iterator[Path]:
    """Yield the folders that may hold what is compiled of a file, but those where something was lost."""
    if not source.is_file():
        return
    users_own = [Path(_users_folder)] if _users_folder else []
    yield from (base for base in (*users_own, source.parent / "__pycache__") if base not in _lost)
    try:
        elsewhere = cache_folder() / "numba"
    except LimenError:
        return
    if elsewhere not in _lost:
        yield elsewhere


@functools.cache
def _say_that_none_is_kept() -> None:
    say("no folder can be written to keep compiled kernels: each run compiles them; NUMBA_CACHE_DIR names one")


class _Compiling(event.Listener):
    """Says, once and to whoever waits at a terminal, that a kernel of ours is compiled, which was kept nowhere."""

    def on_start(self, event: Any) -> None:
        module = event.data["dispatcher"].py_func.__module__
        if module.partition(".")[0] in _OURS and sys.stderr.isatty() and multiprocessing.parent_process() is None:
            _say_that_it_compiles()

    def on_end(self, event: Any) -> None:
        pass


@functools.cache
def _say_that_it_compiles() -> None:
    say("compiling kernels, once for this version of Limen: half a minute, for the cycle model a minute")


event.register("numba:compile", _Compiling())


def njit_in_place(*signature: Any, **options: Any) -> Callable[[Any], Any]:
    """As `njit`, for kernels that make no array: Numba then counts no references, and refuses what would make one.

    Handing a machine's many arrays from function to function costs ten times its work where each is counted.
    """
    return njit(*signature, _nrt=False, **options)
