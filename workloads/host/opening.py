"""Opening files that somebody names: regular files alone, since a pipe or a device may be waited for without end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from workloads.errors import LimenError


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, or what a link names, for reading.

    Also refused are pipes that a shell makes (`<(…)`): files are told by their names' ends and read more than once.

    Raises:
        OSError: it can't be opened, or is a pipe, a device, a socket or a folder, which `strerror` says.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, os.strerror(code) if code == errno.EISDIR else "not a regular file", str(path))
    # Not waiting, should another have put a pipe there at this moment.
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def read_file(path: Path) -> bytes:
    """Return what a regular file holds. Raises OSError as `open_file` does."""
    with open_file(path) as file:
        return file.read()


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file of our own, none where there is no file. Raises LimenError."""
    try:
        return read_file(path).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LimenError(f"{path}: cannot be read: {error.strerror}") from None
