"""What a user names: something that comes with Limen, by its name, or a file of their own, by its path.

The end of the name alone tells which; so a file called `digits` beside the program changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def is_file_name(name: str | Path, ends: tuple[str, ...] = YAML) -> bool:
    """Return whether a name is that of a file, there or not: it ends as such files do."""
    return str(name).endswith(ends)


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
