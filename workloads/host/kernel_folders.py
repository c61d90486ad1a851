"""Where compiled kernels are kept: a folder for each text of their file and of all of Limen that the file imports.

Numba itself looks at a kernel's own file alone. It would go on using machine code in which there are functions and
constants of another file as that file was.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

KEPT = 3
"""Texts of a file whose kernels are kept: to and fro between branches, nothing is compiled again."""

_NAME = re.compile(r"\w+")
_ROOT = Path(__file__).parents[2]
_IMPORT = re.compile(
    r"^(?:from|import) ((?:workloads|simulator|cost_models|dse)\b[\w.]*)(?: import (?:\(([^)]*)\)|(.*)))?", re.MULTILINE
)


@functools.cache
def kernel_folder(base: Path, source: Path) -> Path:
    """Make the folder in `base` for the kernels of a source file as it is now; forget those of all but the last texts.

    Raises:
        OSError: it can't be written.
    """
    texts = base / f"{source.stem}-{hashlib.sha256(bytes(source)).hexdigest()[:16]}"
    folder = texts / _digest(str(source))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
    os.utime(folder)
    with contextlib.suppress(FileNotFoundError):  # another process forgets them at the same time
        for old in sorted(texts.iterdir(), key=os.path.getmtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def _digest(source: str) -> str:
    """Return the digest of a file and of all of Limen that it imports, and that these import."""
    texts: dict[str, str] = {}
    wanted = [source]
    while wanted:
        path = wanted.pop()
        if path not in texts:
            texts[path], imported = _read(path)
            wanted += imported
    return hashlib.sha256("".join(texts[path] for path in sorted(texts)).encode()).hexdigest()[:16]


@functools.cache
def _read(path: str) -> tuple[str, list[str]]:
    """Return the digest of a file's text, and the files of Limen that it imports when it is loaded."""
    text = Path(path).read_bytes()
    modules = set()
    for module, *names in _IMPORT.findall(text.decode(errors="replace")):
        modules |= {module, *(f"{module}.{name}" for name in _NAME.findall(" ".join(names)))}
    return hashlib.sha256(text).hexdigest(), [file for module in modules if (file := _file_of(module))]


@functools.cache
def _file_of(module: str) -> str | None:
    """Return the path of a module of Limen, None for another name."""
    path = f"{_ROOT}/{module.replace('.', '/')}"
    return next((file for file in (f"{path}.py", f"{path}/__init__.py") if os.path.isfile(file)), None)
