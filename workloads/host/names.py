"""What a user names: something that comes with Limen, by its name, or a file of their own, by its path.

The end of the name alone tells which; so a file called `digits` beside the program changes nothing.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from workloads.errors import LimenError, shown

YAML = (".yaml", ".yml")
"""How the names of designs, networks, studies and recipes end."""

TABLE = (".csv",)
"""How the names of cost tables end."""

TOPOLOGY = (".csv",)
"""How the names of SCALE-Sim's lists of layers end."""

MODEL = (".onnx",)
"""How the names of ONNX models end."""

PAGE = (".html",)
"""How the names of studies' pages end."""

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
"""What an address such as a database's begins with. As a path it would be a folder called `postgresql:`."""


def check_is_path(field: str, name: str | Path) -> None:
    """Raise LimenError where an address is named instead of a file or folder; of it, which may hold a password, only
    the first word is shown. Nor is an empty name a place: to Python it is the folder one is in."""
    if not str(name):
        raise LimenError(f"{field}: '' is not allowed: the path of a file or a folder")
    address = ADDRESS.match(str(name))
    if address is not None:
        raise LimenError(f"{field}: '{address[1]}://…' is not allowed: the path of a file or a folder, no address")


def is_file_name(name: str | Path, ends: tuple[str, ...] = YAML) -> bool:
    """Return whether a name is that of a file, there or not: it ends as such files do."""
    return str(name).endswith(ends)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the end of an error line: the name that one which nothing has may mean; empty where none is near."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; the nearest is {near[0]}" if near else ""


def check_imported(field: str, name: str) -> None:
    """Raise LimenError for a file of another format in the place of a network file, saying how it becomes one."""
    if is_file_name(name, (*TOPOLOGY, *MODEL)):
        command = f"limen net import {shlex.quote(name)}"
        raise LimenError(f"{field}: {shown(name)} is not allowed: a network file, which {command} makes of it")


def named_file(field: str, name: str | Path, built_in: Mapping[str, Path], ends: tuple[str, ...] = YAML) -> Path:
    """Return the file of what comes with Limen under this name, or the path of a user's own file.

    field: what the name is given as. built_in: the files by name. ends: of a file's name.

    Raises LimenError naming what there is.
    """
    if str(name) in built_in:
        return built_in[str(name)]
    if not is_file_name(name, ends):
        raise LimenError(f"{field}: {shown(str(name))} is not allowed: {', '.join(built_in)} or a {ends[0]} file")
    return Path(name)
