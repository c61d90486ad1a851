"""Where caches are kept that other programs need: in the user's folder, or elsewhere where that can't be written."""

from __future__ import annotations

import functools
import logging
import os
import stat
from pathlib import Path

from workloads.errors import LimenError
from workloads.host.scratch import temporary_place


@functools.cache
def cache_folder() -> Path:
    """Return `limen` in XDG_CACHE_HOME or ~/.cache; where that can't be written, a folder in TMPDIR, and say so once.

    Raises:
        LimenError: neither can be written.
    """
    user_caches = user_folder("XDG_CACHE_HOME", ".cache") / "limen"
    if can_write(user_caches):
        return user_caches
    other = temporary_place() / f"limen-caches-of-{os.getuid()}"
    if not can_write(other) or not _is_private(other):
        raise LimenError(f"{user_caches}: cannot be written, nor can {other}: name a folder in XDG_CACHE_HOME")
    say(
        f"{user_caches} can't be written: caches are in {other}; "
        "XDG_CACHE_HOME names another place, NUMBA_CACHE_DIR one for compiled kernels"
    )
    return other


def user_folder(variable: str, name: str) -> Path:
    """Return the folder that an environment variable names, else the one of this name in HOME."""
    return Path(os.environ.get(variable) or os.path.expanduser(f"~/{name}"))


def can_write(folder: Path) -> bool:
    """Return whether a folder, made where it's missing, can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return folder.is_absolute() and os.access(folder, os.W_OK | os.X_OK)


def _is_private(folder: Path) -> bool:
    """Return whether nobody else can have put a program there: in TMPDIR, others may have made what has our name."""
    status = folder.stat(follow_symlinks=False)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


def say(text: str) -> None:
    """Print a line on stderr, or wherever a program that uses Limen has its log."""
    logging.getLogger("limen").warning("limen: %s", text)
