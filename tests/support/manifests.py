"""Whether results say where they come from."""

from __future__ import annotations

import json
from pathlib import Path

from workloads.host.manifest import MANIFEST, file_hash

RESULTS = (".csv", ".html", ".json", ".md", ".parquet", ".pdf", ".png", ".svg", ".tex", ".txt")
"""How tables, figures, reports and timelines end."""


def unnamed(folder: Path) -> list[str]:
    """Return the results in a folder and below that no manifest names as they are, in their order.

    A sweep's files of points are named by its sweep.json, and that by the manifest.
    """
    return [path.relative_to(folder).as_posix() for path in results(folder) if not is_named(path, folder)]


def results(folder: Path) -> list[Path]:
    """Return the results in a folder and below."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in RESULTS and not path.name.endswith(MANIFEST) and path.parent.name != "points"
    ]


def is_named(path: Path, top: Path) -> bool:
    """Return whether a manifest beside a file, or of a folder around it up to `top`, has its name and its bytes."""
    beside = path.with_name(f"{path.name}.{MANIFEST}")
    around = [parent / MANIFEST for parent in path.parents if parent == top or top in parent.parents]
    for manifest in (beside, *around):
        if manifest.is_file():
            name = path.relative_to(manifest.parent).as_posix()
            if json.loads(manifest.read_text(encoding="utf-8"))["files"].get(name) == file_hash(path):
                return True
    return False
