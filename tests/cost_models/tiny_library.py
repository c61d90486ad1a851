"""tiny.lib as text to change in one respect."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.paths import TINY

TEXT = TINY.read_text(encoding="utf-8")
AXES = 'index_1 ("0.0, 1.0"); index_2 ("0.0, 100"); '
OPERATING = "operating_conditions (typical) { process : 1; temperature : 25; voltage : 1.8; }"


def changed(pattern: str, new: str, count: int = 0) -> str:
    """Return tiny.lib with a pattern replaced, everywhere or `count` times; it has to be there."""
    text, times = re.subn(pattern, new, TEXT, count=count)
    assert times
    return text


def exchanged(old: str, new: str) -> str:
    """Return tiny.lib with the first of these texts exchanged; it has to be there."""
    assert old in TEXT and old != new
    return TEXT.replace(old, new, 1)


def written(folder: Path, text: str, name: str = "own.lib") -> Path:
    """Return the path of a file with this text."""
    path = folder / name
    path.write_bytes(text.encode())
    return path
