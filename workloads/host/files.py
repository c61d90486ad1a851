"""Writing whole or not at all: a temporary name beside the target, then a rename; and reading arrays without pickle."""

from __future__ import annotations

import ctypes
import io
import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import LimenError
from workloads.host.opening import open_file
from workloads.host.scratch import scratch_folder

AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""Of Linux' renameat2: paths as the process sees them, and two names that change places."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it; of a link, what it names; an older file's mode is kept.

    Raises LimenError where it can't be written, or is something else than a file: a device or a pipe is not replaced.
    """
    try:
        place = Path(os.path.realpath(path))
        mode = place.stat().st_mode if place.exists() else None
    except (OSError, ValueError) as error:
        raise LimenError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None
    if place.is_symlink() or (mode is not None and not stat.S_ISREG(mode)):
        reason = "Is a directory" if place.is_dir() else "it is no regular file"
        raise LimenError(f"{path}: cannot be written: {reason}")
    if mode is not None and not os.access(place, os.W_OK):
        raise LimenError(f"{path}: cannot be written: Permission denied")
    with scratch_folder(beside=place) as scratch:
        try:
            (scratch / "whole").write_bytes(content)
            if mode is not None:
                (scratch / "whole").chmod(stat.S_IMODE(mode))
            os.replace(scratch / "whole", place)
        except OSError as error:
            raise LimenError(f"{path}: cannot be written: {error.strerror}") from None


def write_new(path: Path, content: bytes) -> None:
    """Write a file as `write_whole` does, but never in another's place, not even of one that appears at this moment.

    Raises LimenError where it exists or can't be written.
    """
    with scratch_folder(beside=path) as scratch:
        try:
            (scratch / "whole").write_bytes(content)
            os.link(scratch / "whole", path)
        except FileExistsError:
            raise LimenError(f"{path}: exists; name a new file") from None
        except OSError as error:
            raise LimenError(f"{path}: cannot be written: {error.strerror}") from None


def check_writable(folder: Path) -> None:
    """Raise LimenError unless `folder` exists or could be made, and could be written: asked before long work."""
    try:
        existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    except OSError as error:
        raise LimenError(f"{folder}: cannot be written: {error.strerror}") from None
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise LimenError(f"{folder}: cannot be written: {existing} is not a folder one can write in")


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return an .npz file of the arrays, compressed; the same bytes for the same arrays."""
    packed = io.BytesIO()
    named: dict[str, Any] = {name: arrays[name] for name in sorted(arrays)}
    np.savez_compressed(packed, **named)
    return packed.getvalue()


@contextmanager
def new_folder(target: Path, marker: str) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `target` when the block ends well and vanishes otherwise.

    An existing target is replaced only where it holds `marker`, the file that shows it is of our making. Who looks at
    any time, or after a kill, finds all of the old folder or all of the new one: the two change places in one step.
    On file systems that can't do that (NFS, for one) there is an instant without any.

    Raises:
        LimenError: the target is something else, or it can't be written.
    """
    place = Path(os.path.realpath(target))  # what a link names is replaced, not the link
    check_replaceable(target, marker)
    with scratch_folder(beside=place) as scratch:
        try:
            (scratch / "new").mkdir()
            yield scratch / "new"
            check_replaceable(target, marker)
            _take_place(scratch / "new", place, scratch / "old")
        except OSError as error:
            raise LimenError(f"{target}: cannot be written: {error.strerror}") from None


def check_replaceable(target: Path, marker: str) -> None:
    """Raise LimenError unless `new_folder` may put a folder there: asked before long work, too."""
    check_writable(target.absolute().parent)
    try:
        empty = not target.exists() or (target.is_dir() and not any(target.iterdir()))
        strange = not empty and not (target / marker).is_file()
    except OSError as error:
        raise LimenError(f"{target}: cannot be written: {error.strerror}") from None
    if strange:
        raise LimenError(f"{target}: exists and is not an earlier export (no {marker}); name a new folder")


def _take_place(new: Path, target: Path, aside: Path) -> None:
    """Rename `new` to `target`; what was there is then `new`, or `aside` where the system can't exchange names."""
    if not target.exists():
        os.rename(new, target)
        return
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is None or exchange(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(target), RENAME_EXCHANGE):
        os.rename(target, aside)
        os.rename(new, target)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of numbers in an .npz file without pickle.

    Raises LimenError where it can't be read whole, or holds something else.
    """
    try:
        arrays = _load_arrays(path)
    except FileNotFoundError:
        raise LimenError(f"{path}: checkpoint: missing; expected an .npz file") from None
    except Exception as error:  # zipfile, zlib, numpy and OS each raise their own kinds on damaged files
        reason = getattr(error, "strerror", None) or error
        raise LimenError(f"{path}: checkpoint: not a readable .npz file: {reason}") from None
    for name, array in arrays.items():
        # A member without numpy's header comes as bytes.
        kind = str(array.dtype) if isinstance(array, np.ndarray) else "no array"
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            raise LimenError(f"{path}: checkpoint: {name}: {kind} is not allowed: an array of numbers")
    return arrays


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    with open_file(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of headers from Python 2
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is a single array")
        with archive:
            return {name: archive[name] for name in archive.files}


class Arrays:
    """The arrays of an .npz file, checked as they are taken. Raises LimenError as `read_arrays` does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays = read_arrays(path)

    def has(self, name: str) -> bool:
        """Return whether there is an array of this name."""
        return name in self._arrays

    def integers(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array of integers of this shape as int64. Raises LimenError where there is none."""
        try:
            return as_integers(self._take(name, shape, "iu", "integers"))
        except ValueError as error:
            raise LimenError(f"{self.path}: {name}: {error}") from None

    def reals(self, name: str, shape: tuple[int, ...], kind: type[np.floating] = np.float32) -> np.ndarray:
        """Return an array of real numbers of this shape and kind.

        Raises LimenError where there is none, or it holds NaN or infinity.
        """
        array = self._take(name, shape, "f", kind.__name__)
        if array.dtype != kind or not np.isfinite(array).all():
            raise LimenError(f"{self.path}: {name}: {array.dtype}, or NaN or infinity; expected finite {kind.__name__}")
        return array

    def _take(self, name: str, shape: tuple[int, ...], kinds: str, words: str) -> np.ndarray:
        array = self._arrays.get(name)
        if array is None or array.shape != shape or array.dtype.kind not in kinds:
            stored = "missing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise LimenError(f"{self.path}: {name}: {stored}; expected {words} {list(shape)}")
        return array


def as_integers(array: np.ndarray) -> np.ndarray:
    """Return an array of integers as int64. Raises ValueError where it holds one beyond."""
    largest = np.iinfo(np.int64).max
    if array.dtype == np.uint64 and array.size and array.max() > largest:
        raise ValueError(f"{array.max()} is not allowed: at most {largest}")
    return array.astype(np.int64)
