"""Writing whole or not at all: a temporary name beside the target, then a rename."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workloads.errors import LimenError


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically. Raises LimenError where the folder can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise LimenError(f"{path}: cannot be written: {error.strerror}") from None


@contextmanager
def new_folder(target: Path, marker: str) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target` when the block ends well and vanishes otherwise.

    An existing target is replaced only where it holds `marker`, the file that shows it is of our making.

    Raises:
        LimenError: the target is something else, or its parent can't be written.
    """
    if target.exists() and not (target / marker).is_file():
        if not target.is_dir() or any(target.iterdir()):
            raise LimenError(f"{target}: exists and is not an earlier export (no {marker}); name a new folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise LimenError(f"{target}: cannot be written: {error.strerror}") from None
    try:
        temporary.chmod(0o755)
        yield temporary
        if target.exists():
            shutil.rmtree(target)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
