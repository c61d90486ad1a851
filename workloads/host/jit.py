"""Numba's njit for all kernels: compiled once, kept wherever something can be kept, and open to Ctrl-C meanwhile."""

from __future__ import annotations

import functools
import inspect
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import numba
from numba.core import event
from numba.core.caching import NullCache
from numba.core.compiler_lock import global_compiler_lock

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


def njit(*signatures: Any, **options: Any) -> Callable[[Any], Any]:
    """Compile for a signature, or for what a kernel calls it with, as `numba.njit` does; other threads run meanwhile.

    That is done, or read from where it is kept, when Python first calls the kernel, or a kernel that calls it is
    compiled: what a run doesn't need costs it nothing. It is kept in the user's NUMBA_CACHE_DIR or beside the source,
    in a folder of this text of it; where neither can be written, in `cache_folder`; and where nothing can, each run
    compiles it anew, which is said once.
    """
    compiler: Any = numba.njit  # its overloads know no options by name

    def compiled(function: Any) -> Any:
        kernel = compiler(nogil=True, **options)(function)
        if _settings.DISABLE_JIT:
            return kernel
        if signatures:
            _compile_late(kernel, signatures[0] if isinstance(signatures[0], list) else signatures)
        else:
            _keep(kernel)
        return kernel

    return compiled


def _keep(kernel: Any) -> Path | None:
    """Let a kernel be kept in the first folder that can hold it, and return that, or None."""
    source = Path(inspect.getfile(kernel.py_func)).absolute()
    for base in _bases(source):
        try:
            with _setting:
                _settings.CACHE_DIR = str(kernel_folder(base, source))
                try:
                    kernel.enable_caching()
                    return base
                finally:
                    _settings.CACHE_DIR = _users_folder
        except _LOST:
            _lose(base)
    kernel._cache = NullCache()
    _say_that_none_is_kept()
    return None


def _lose(base: Path) -> None:
    """Keep nothing in a folder any more."""
    _lost.add(base)
    if _users_folder and base == Path(_users_folder):
        say(f"NUMBA_CACHE_DIR: {base} cannot hold compiled kernels: they are kept elsewhere")


def _compile_late(kernel: Any, signatures: Sequence[Any]) -> None:
    """Let a kernel be compiled for these signatures alone, when something first asks for one of them."""
    typed, explained, outcome = kernel.get_call_template, kernel._compile_for_args, kernel.get_compile_result
    kept = _keep(kernel)

    def compile_now() -> None:
        nonlocal kept
        with global_compiler_lock:
            while kernel._can_compile and not kernel.is_compiling:
                try:
                    for signature in signatures:
                        kernel.compile(signature)
                    kernel.disable_compile()
                except _LOST:
                    if kept is None:
                        raise
                    _lose(kept)
                    kept = _keep(kernel)

    def call_template(*arguments: Any) -> Any:
        """Numba asks for it where a kernel calls this one."""
        compile_now()
        return typed(*arguments)

    def compile_result(signature: Any) -> Any:
        """Numba asks for it where this one is handed to a kernel."""
        compile_now()
        return outcome(signature)

    def compile_for_args(*arguments: Any) -> Any:
        """Numba asks for it where Python calls this one, and nothing compiled is for such arguments."""
        compile_now()
        wanted = tuple(kernel.typeof_pyval(argument) for argument in arguments)
        for compiled_for, compiled in kernel.overloads.items():
            if len(wanted) == len(compiled_for) and all(map(kernel.typingctx.can_convert, wanted, compiled_for)):
                return compiled.entry_point
        return explained(*arguments)

    kernel.get_call_template, kernel.get_compile_result = call_template, compile_result
    kernel._compile_for_args = compile_for_args


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


def njit_in_place(*signatures: Any, from_python: bool = False, **options: Any) -> Callable[[Any], Any]:
    """As `njit`, for kernels that make no array: Numba then counts no references, and refuses what would make one.

    Handing a machine's many arrays from function to function costs ten times its work where each is counted.
    from_python: whether Python calls it, too, or hands it to a kernel; what only kernels call gets no wrapper, whose
    compiling takes time, and Python is refused.
    """
    if from_python or not signatures:
        return njit(*signatures, _nrt=False, **options)
    decorate = njit(*signatures, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)

    def compiled(function: Any) -> Any:
        kernel = decorate(function)
        if not _settings.DISABLE_JIT:
            kernel._compile_for_args = functools.partial(_refuse, function.__name__)
            kernel.add_overload = lambda outcome: kernel.overloads.update({tuple(outcome.signature.args): outcome})
        return kernel

    return compiled


def _refuse(name: str, *_: Any) -> None:
    raise TypeError(f"{name}: called by kernels alone; from_python=True where it is defined lets Python call it")
