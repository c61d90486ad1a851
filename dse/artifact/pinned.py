"""The versions of packages that an artifact was made with, for pip."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from workloads.host.manifest import packages

ROOT_PACKAGE = "limen"


def installed() -> dict[str, str]:
    """Return the version by name of each package that Limen needs, and of those that these need: what is installed.

    Limen itself is not among them: it is named by version and commit. Where its own list isn't there, as in a plain
    checkout, the packages are those whose versions may change a result.
    """
    waiting = _needs(ROOT_PACKAGE) or [*packages()]
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        try:
            version = distribution(name).version
        except PackageNotFoundError:
            continue
        if name not in found:
            found[name] = version
            waiting += _needs(name)
    return dict(sorted(found.items()))


def requirements(versions: dict[str, str]) -> str:
    """Return a requirements file of exact versions; builds of one version, as +cpu, are no versions of their own."""
    lines = [f"{name}=={version.partition('+')[0]}" for name, version in versions.items()]
    return "\n".join(
        [f"# For pip, of Python {platform.python_version()}; then Limen itself, see README.md", *lines, ""]
    )


def size_bytes(versions: dict[str, str]) -> int:
    """Return the bytes on disk of installed packages."""
    files = [file for name in versions for file in distribution(name).files or []]
    places = [Path(str(file.locate())) for file in files]
    return sum(place.stat().st_size for place in places if place.is_file())


def _needs(name: str) -> list[str]:
    """Return the names of what a package needs without any of its extras."""
    try:
        needed = distribution(name).requires or []
    except PackageNotFoundError:
        return []
    return [
        re.split(r"[^A-Za-z0-9._-]", each.strip())[0].lower().replace("_", "-")
        for each in needed
        if "extra ==" not in each
    ]
