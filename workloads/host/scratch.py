"""Temporary folders that nothing leaves behind: not an error, a signal, nor, once the next run came by, a kill.

Who works in one holds its lock (flock), which the system lets go of however a process ends. So a folder of our name
without a lock has no owner any more, whatever number its process had, and the next one to make a folder removes it.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workloads.errors import LimenError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What writing to a full disk gives, to one's full share of it, and beyond the largest file that one may have."""

_made_here: dict[str, int] = {}
"""Folders of this process that are still there: path and process; a forked copy of it must not remove them."""


@contextmanager
def scratch_folder(beside: Path | None = None) -> Iterator[Path]:
    """Yield a new folder that vanishes when the block ends: hidden, `beside` a file or folder to write, or in TMPDIR.

    What was made in a folder beside its target takes the target's place by one rename. Folders of earlier runs in the
    same place that nobody uses any more are removed first.

    Raises:
        LimenError: no folder can be made there, or the disk is full.
    """
    parent = temporary_place() if beside is None else beside.absolute().parent
    made: list[Path] = []
    try:
        try:
            made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
            parent.mkdir(parents=True, exist_ok=True)
            prefix = _prefix(hidden=beside is not None)
            _remove_dead(parent, prefix)
            path, lock = _make(parent, prefix)
        except OSError as error:
            raise LimenError(f"{beside or parent}: cannot be written: {error.strerror}") from None
        try:
            yield path
        except OSError as error:
            if error.errno in FULL:  # such an error names no file
                raise LimenError(f"{beside or parent}: cannot be written: {error.strerror}") from None
            raise
        finally:
            _remove(path)
            os.close(lock)
    finally:
        for folder in made:  # nothing was written after all: none has to stay
            with suppress(OSError):
                folder.rmdir()


def clear_folder(folder: Path) -> None:
    """Remove what killed runs left in a folder in which they wrote files; where there is none, nothing."""
    _remove_dead(folder, _prefix(hidden=True))


def _prefix(hidden: bool) -> str:
    return f"{'.' if hidden else ''}limen-{os.uname().nodename}-"


def temporary_place() -> Path:
    """Return TMPDIR, or where else temporary folders are made; `tempfile` asks by a file, which a kill may leave there.

    Raises:
        LimenError: there is none.
    """
    named = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    for place in filter(None, (*named, "/tmp", "/var/tmp")):
        if os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return Path(place).absolute()
    raise LimenError("TMPDIR: no temporary folder can be made: /tmp can't be written either")


def _make(parent: Path, prefix: str) -> tuple[Path, int]:
    """Return a new folder, named by 8 random hex digits, and its lock."""
    while True:
        path = parent / f"{prefix}{secrets.token_hex(4)}"
        _made_here[str(path)] = os.getpid()  # first: a signal may come between any two lines
        try:
            os.mkdir(path)
        except OSError:
            del _made_here[str(path)]
            raise
        try:
            return path, _lock(path, none_needed=True)
        except BlockingIOError:  # another run took it for dead in the moment before
            del _made_here[str(path)]
        except BaseException:
            _remove(path)
            raise


def _lock(path: Path, none_needed: bool) -> int:
    """Return an open handle of a folder that holds its lock.

    none_needed: where the file system knows no locks, one without; nobody takes such a folder for dead.

    Raises:
        BlockingIOError: another process holds it, or has removed it. OSError: it can't be opened or locked.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise BlockingIOError from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            if not none_needed:
                raise
        if not path.exists() or not os.path.samestat(os.fstat(handle), os.stat(path)):
            raise BlockingIOError
    except BaseException:
        os.close(handle)
        raise
    return handle


def _remove_dead(parent: Path, prefix: str) -> None:
    """Remove this user's folders of our name that no process of this machine holds.

    Of this machine: a lock says nothing about a folder that another one made in a shared file system.
    """
    name = re.compile(re.escape(prefix) + "[0-9a-f]{8}")
    with suppress(OSError):
        for leftover in [entry for entry in os.scandir(parent) if name.fullmatch(entry.name)]:
            if leftover.stat(follow_symlinks=False).st_uid != os.getuid():
                continue
            with suppress(OSError):  # BlockingIOError, as a rule: its owner lives
                lock = _lock(Path(leftover.path), none_needed=False)
                shutil.rmtree(leftover.path, ignore_errors=True)
                os.close(lock)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    _made_here.pop(str(path), None)


@atexit.register
def remove_own() -> None:
    """Remove the folders of this process that are still there; at its exit, what a signal left half removed."""
    for path in [path for path, process in _made_here.items() if process == os.getpid()]:
        _remove(Path(path))
