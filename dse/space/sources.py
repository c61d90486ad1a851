"""A study's workloads and cost tables: what comes with Limen by name, or files and folders, which may move with it.

Several of either are one text, with SEPARATOR between them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dse.space.workload import SEPARATOR
from workloads.host.names import TABLE, YAML, is_file_name
from workloads.host.opening import read_file
from workloads.networks.family import is_page, load_family, shipped_families

FILES = (*YAML, *TABLE)
FAMILY_FILES = (*YAML, *TABLE, ".npz")
"""How the names of a family's files end on which figures depend."""


def resolve(name: str, folder: Path) -> str:
    """Return a name, or the absolute path of a file or of a trained family's folder; paths start at `folder`."""
    return os.path.normpath(folder.resolve() / name) if is_path(name) else name


def resolve_all(names: Sequence[str], folder: Path) -> str:
    """Return the same of several."""
    return SEPARATOR.join(resolve(name, folder) for name in names)


def resolve_workloads(names: Sequence[str], folder: Path) -> str:
    """Return the same of workloads: what is no name of ours may be a folder's without any slash."""
    return SEPARATOR.join(_resolve_workload(name, folder) for name in names)


def _resolve_workload(name: str, folder: Path) -> str:
    known = is_page(name) or name in shipped_families()
    return resolve(f".{os.sep}{name}" if not known and os.path.isdir(folder / name) else name, folder)


def is_path(name: str) -> bool:
    """Return whether what a study names is a file's or a folder's path; a folder's has a slash."""
    return is_file_name(name, FILES) or os.sep in name


def portable(names: str, folder: Path) -> str:
    """Return names, or paths from a study's folder: the same after a project was moved or renamed."""
    return SEPARATOR.join(_portable(name, folder) for name in names.split(SEPARATOR))


def _portable(name: str, folder: Path) -> str:
    if not is_path(name):
        return name
    path = os.path.relpath(Path(name).resolve(), folder.resolve())
    return path if is_path(path) else f".{os.sep}{path}"


def find(stored: str, folder: Path) -> str | None:
    """Return where what a study in `folder` stores is now: a name, or an absolute path; None where it is gone.

    Studies made by earlier versions store absolute paths. Where one is gone, its last parts are looked for in the
    study's folder and those above it, the most parts first; a file's name alone only beside the study and in it.
    """
    places = [_find(name, folder) for name in stored.split(SEPARATOR)]
    found = [place for place in places if place is not None]
    return SEPARATOR.join(found) if len(found) == len(places) else None


def _find(stored: str, folder: Path) -> str | None:
    path = Path(resolve(stored, folder))
    if not is_path(stored):
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


def family_files(name: str) -> list[Path]:
    """Return the files of a family on which figures depend. Raises LimenError where there is no family."""
    return sorted(path for path in load_family(name).folder.iterdir() if is_file_name(path, FAMILY_FILES))


def same(first: str, second: str) -> bool:
    """Return whether names or paths mean the same: a file's copy does, and a family's."""
    pairs = zip(first.split(SEPARATOR), second.split(SEPARATOR), strict=False)
    return first.count(SEPARATOR) == second.count(SEPARATOR) and all(_is_same(*pair) for pair in pairs)


def _is_same(first: str, second: str) -> bool:
    if first == second:
        return True
    try:
        if Path(first).is_dir() and Path(second).is_dir():
            pair = ({path.name: read_file(path) for path in family_files(name)} for name in (first, second))
            return next(pair) == next(pair)
        return read_file(Path(first)) == read_file(Path(second))
    except OSError:
        return False
