"""Numba's njit for all kernels: compiled once, kept wherever something can be kept, and open to Ctrl-C meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache

from workloads.errors import LimenError
from workloads.host.caches import cache_folder, say

_LOST = (RuntimeError, OSError, EOFError)
"""What Numba raises where no folder can hold a cache, at a full disk, and for a cache that was cut short."""

_OLDER = (AttributeError, ImportError)
"""What reading a cache raises that names a class or a module which the program had once."""

_kept = [True]


def njit(*signature: Any, **options: Any) -> Callable[[Any], Any]:
    """Compile for a signature, or for what a kernel calls it with, as `numba.njit` does; other threads run meanwhile.

    The result is kept beside the source or in Numba's folder of the user; where neither can be written, in
    `cache_folder`; and where nothing can, each run compiles it anew, which is said once.
    """

    def compiled(function: Any) -> Any:
        try:
            try:
                return _compile(function)
            except _OLDER:
                FunctionCache(function).flush()
                return _compile(function)
        except _LOST:
            pass
        try:
            numba.config.CACHE_DIR = str(cache_folder() / "numba")  # type: ignore[attr-defined]
            return _compile(function)
        except (LimenError, *_LOST):
            _kept[0] = False
            say("no folder can be written to keep compiled kernels: each run compiles them; NUMBA_CACHE_DIR names one")
        return _compile(function)

    def _compile(function: Any) -> Any:
        compiler: Any = numba.njit  # its overloads know no options by name
        return compiler(*signature, cache=_kept[0], nogil=True, **options)(function)

    return compiled


def njit_in_place(*signature: Any, **options: Any) -> Callable[[Any], Any]:
    """As `njit`, for kernels that make no array: Numba then counts no references, and refuses what would make one.

    Handing a machine's many arrays from function to function costs ten times its work where each is counted.
    """
    return njit(*signature, _nrt=False, **options)
