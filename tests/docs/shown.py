"""A table or figure of docs as the project's artifact has it: what is stored, and how it is computed again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import image

from tests.support.paths import ROOT
from workloads.host.text_tables import csv_text

DOCS = ROOT / "docs"


class Shown(NamedTuple):
    """A table or figure of docs. stored: what is there, again: the same computed again, both as CSV.

    covers: the files that are compared whole. minutes: where the artifact's scripts aren't run.
    """

    kind: str
    title: str
    how: str
    stored: Callable[[], str]
    again: Callable[[], str]
    covers: Sequence[Path] = ()
    minutes: float = 0.1


def lines_csv(text: str) -> str:
    """Return a page's lines as a table of one column."""
    return csv_text(["line"], [[line] for line in text.splitlines()])


def pixels_csv(content: bytes) -> str:
    """Return a PNG's size and the SHA-256 of its pixels: what it shows, whatever else is in the file."""
    pixels = np.round(255 * image.imread(io.BytesIO(content))).astype(np.uint8)
    height, width = pixels.shape[:2]
    return csv_text(
        ["width", "height", "sha256_of_pixels"], [[width, height, hashlib.sha256(pixels.tobytes()).hexdigest()]]
    )
