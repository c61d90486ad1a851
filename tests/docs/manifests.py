"""Manifests of what docs show: `python -m tests.docs.manifests` writes those that are missing.

A result that its command wrote into docs has the manifest of its making. Others were stored before there were
manifests, or copied from where they were made: of those is said what is known, the command and the commit that stored
them, and no more.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.manifests import results, unnamed
from tests.support.paths import ROOT
from workloads.host.files import write_whole
from workloads.host.manifest import LAYOUT, MANIFEST, file_hash, read_manifest

DOCS = ROOT / "docs"
COMMANDS = {
    ".": "make growth",
    "architectures": "limen net search NAME --out FOLDER",
    "depth": "limen net depth digits --out FOLDER",
    "diffusion": "limen net diffusion --out FOLDER",
    "polarity": "limen net polarity digits --out FOLDER; limen net polarity mnist --out FOLDER",
    "samplers": "limen study compare NAME.yaml --out FOLDER --plot NAME.png",
    "speakers": "limen net speakers --out FOLDER",
    "tables": "make tables",
    "training": "limen net train, of recipes that docs/tables/tries.md tells",
}
"""What writes the results in a folder of docs."""


def unnamed_results() -> list[Path]:
    """Return the results in docs that no manifest names as they are."""
    paths = [DOCS / name for name in unnamed(DOCS)]
    return [path for path in paths if path.parent != DOCS or path.suffix != ".md"]


def write_missing() -> None:
    """Name every result that isn't, in the manifest of its folder."""
    paths = unnamed_results()
    for folder in dict.fromkeys(path.parent for path in paths):
        there, earlier = {path.name for path in results(folder)}, read_manifest(folder)
        files = {name: digest for name, digest in (earlier.files if earlier else {}).items() if name in there}
        here = [path for path in paths if path.parent == folder]
        files |= {path.name: file_hash(path) for path in here}
        runs = [*(earlier.runs if earlier else []), *_stored(folder, here)]
        content = {"version": LAYOUT, "files": dict(sorted(files.items())), "runs": runs}
        write_whole(folder / MANIFEST, (json.dumps(content, indent=2) + "\n").encode())


def _stored(folder: Path, paths: list[Path]) -> list[dict[str, Any]]:
    """Return what is known of the making of a folder's results, a run a commit."""
    by_commit: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        log = ["git", "-C", str(ROOT), "log", "-1", "--format=%cI %H", "--", str(path)]
        date, _, commit = subprocess.run(log, capture_output=True, text=True, check=True).stdout.strip().partition(" ")
        by_commit.setdefault((date, commit), []).append(path.name)
    command = COMMANDS[folder.relative_to(DOCS).as_posix()]
    return [
        {"inputs": {}, "command": command, "stored": {"commit": commit, "date": date, "files": names}}
        for (date, commit), names in sorted(by_commit.items())
    ]


if __name__ == "__main__":
    write_missing()
