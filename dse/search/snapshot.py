"""An SQLite file read without writing: neither it nor its folder changes, whoever made it and whoever writes it now."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from workloads.errors import LimenError
from workloads.host.opening import open_file
from workloads.host.scratch import scratch_folder

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
WRITE_AHEAD = 2
"""Bytes 18 and 19 of the header of a database with a write-ahead log, which even a reader writes to."""

BESIDE = ("-journal", "-wal", "-shm")
"""What the names of SQLite's files beside a database end with; it would wait for a pipe of such a name."""

LOG_HEADER_BYTES = 32
"""Of a write-ahead log; two random numbers among them are new whenever it starts anew."""

WAIT_S = 10.0
"""How long a reader waits for a writer in the middle of a transaction, and a writer for another."""

TRIES = 20
"""Copies of a file until one is taken that nobody wrote to meanwhile."""


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a copy in memory of a sound database: what is written to it is lost.

    Raises:
        LimenError: the file can't be read, is no SQLite database or a damaged one, or stays locked.
    """
    for beside in (path.with_name(f"{path.name}{end}") for end in BESIDE):
        if beside.exists() and not beside.is_file():
            raise LimenError(f"{beside}: cannot be read: not a regular file; expected SQLite's own beside {path.name}")
    with closing(sqlite3.connect(":memory:")) as memory:
        try:
            header = _header(path)
            if header[18:20] == bytes([WRITE_AHEAD, WRITE_AHEAD]) or not _read(path, memory):
                _read_copy(path, memory)
            verdict = memory.execute("pragma quick_check(1)").fetchone()[0]
        except OSError as error:
            raise LimenError(f"{path}: cannot be read: {error.strerror}") from None
        except (sqlite3.Error, UnicodeError) as error:  # texts that are no UTF-8, also those in SQLite's own messages
            raise LimenError(f"{path}: cannot be read: {error}") from None
        if verdict != "ok":
            raise LimenError(f"{path}: is damaged: {verdict}")
        yield memory


def _header(path: Path) -> bytes:
    with open_file(path) as file:
        header = file.read(HEADER_BYTES)
    if not header:
        raise LimenError(f"{path}: is empty, so not a study of Limen")
    if not header.startswith(MAGIC):
        raise LimenError(f"{path}: is no SQLite database, so not a study of Limen")
    if len(header) < HEADER_BYTES:
        raise LimenError(f"{path}: is truncated: has {len(header)} bytes, and a header has {HEADER_BYTES}")
    return header


def _read(path: Path, memory: sqlite3.Connection) -> bool:
    """Copy into `memory`; return False where a killed writer left half a transaction, which must be undone first."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)) as source:
        try:
            source.execute("begin")
            source.execute("select count(*) from sqlite_master").fetchone()  # from here on nobody writes
            _check_length(path)
            source.backup(memory)
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code == sqlite3.SQLITE_READONLY_ROLLBACK:
                return False
            if code == sqlite3.SQLITE_CORRUPT:
                _check_length(path)  # says it better, where that is why
            raise
    return True


def _read_copy(path: Path, memory: sqlite3.Connection) -> None:
    """Copy into `memory` by way of a copy on disk, in which SQLite may undo and finish what a writer left."""
    real = path.resolve()
    files = [real, *(real.with_name(real.name + end) for end in ("-journal", "-wal"))]
    with scratch_folder() as scratch:
        for _ in range(TRIES):
            before = _stamps(files)
            for file in files:
                (scratch / file.name).unlink(missing_ok=True)
                with suppress(FileNotFoundError):
                    shutil.copyfile(file, scratch / file.name)
            if _stamps(files) == before:
                break
        else:
            raise LimenError(f"{path}: is being written; try again")
        with closing(sqlite3.connect(scratch / real.name)) as source:
            source.execute("pragma journal_mode = delete")  # a copy in memory can have no write-ahead log
            _check_length(scratch / real.name)
            source.backup(memory)


def _stamps(files: list[Path]) -> dict[Path, object]:
    """Return sizes and times of the last write, None for a file that isn't there; of a write-ahead log its header.

    A log only grows, a transaction at a time, until all of it is in the database and it starts anew with another
    header: one that grew while it was copied is as good as before.
    """
    stamps: dict[Path, object] = dict.fromkeys(files)
    for file in files:
        with suppress(FileNotFoundError):
            stat = file.stat()
            stamps[file] = (stat.st_size, stat.st_mtime_ns)
            if file.name.endswith("-wal"):
                with open_file(file) as log:
                    stamps[file] = log.read(LOG_HEADER_BYTES)
    return stamps


def _check_length(path: Path) -> None:
    """Refuse a file that is shorter than its header says; SQLite would take what is missing for zeros."""
    header, length = _header(path), path.stat().st_size
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page
    stated = page * int.from_bytes(header[28:32], "big")
    # Programs before SQLite 3.7 don't keep the number of pages: it holds where these two counters agree.
    if header[24:28] == header[92:96] and length < stated:
        raise LimenError(f"{path}: is truncated: has {length} of {stated} bytes")
