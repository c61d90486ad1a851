"""A study's workload and cost table: what comes with Limen by name, or files, which may move with the study."""

from __future__ import annotations

import os
from pathlib import Path

from workloads.host.names import TABLE, YAML, is_file_name
from workloads.host.opening import read_file

FILES = (*YAML, *TABLE)


def resolve(name: str, folder: Path) -> str:
    """Return a name, or the absolute path of a file; paths start at `folder`."""
    return os.path.normpath(folder.resolve() / name) if is_file_name(name, FILES) else name


def portable(name: str, folder: Path) -> str:
    """Return a name, or a file's path from a study's folder: the same after a project was moved or renamed."""
    return os.path.relpath(Path(name).resolve(), folder.resolve()) if is_file_name(name, FILES) else name


def find(stored: str, folder: Path) -> str | None:
    """Return where what a study in `folder` stores is now: a name, or an absolute path; None where it is gone.

    Studies made by earlier versions store absolute paths. Where one is gone, its last parts are looked for in the
    study's folder and those above it, the most parts first; a file's name alone only beside the study and in it.
    """
    path = Path(resolve(stored, folder))
    if not is_file_name(stored, FILES):
        return stored
    if path.exists():
        return str(path)
    if not os.path.isabs(stored):
        return None
    places = [folder.resolve(), *folder.resolve().parents]
    for first in range(1, len(path.parts)):
        last = first == len(path.parts) - 1
        for place in places[:2] if last else places:
            moved = place.joinpath(*path.parts[first:])
            if moved.is_file():
                return str(moved)
    return None


def same(first: str, second: str) -> bool:
    """Return whether two names or paths mean the same: a file's copy does."""
    if first == second:
        return True
    try:
        return read_file(Path(first)) == read_file(Path(second))
    except OSError:
        return False
