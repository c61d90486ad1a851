"""Matplotlib without a screen, its cache in a folder that can be written; figures as PDF, PNG or SVG."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

from workloads.errors import LimenError
from workloads.host.caches import cache_folder, can_write, user_folder
from workloads.version import VERSION

if not os.environ.get("MPLCONFIGDIR"):
    settings, cache = user_folder("XDG_CONFIG_HOME", ".config"), user_folder("XDG_CACHE_HOME", ".cache")
    if not all(can_write(folder / "matplotlib") for folder in (settings, cache)):
        os.environ["MPLCONFIGDIR"] = str(cache_folder() / "matplotlib")

from matplotlib import rc_context
from matplotlib.figure import Figure

__all__ = ["Figure", "picture_bytes", "picture_format"]

FORMATS = ("pdf", "png", "svg")
"""What a picture's name may end in: two for paper, one for the screen, each the same bytes for the same figure."""

PROGRAM = f"Limen {VERSION}"
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": PROGRAM},
    "pdf": {"Creator": PROGRAM, "CreationDate": None},
    "svg": {"Creator": PROGRAM, "Date": None},
}
"""What a picture says of itself: no time, so that the same figure is the same bytes."""

SOURCE = {"png": "Description", "pdf": "Subject", "svg": "Description"}
"""Where it says what it is of."""


def picture_format(path: Path) -> str:
    """Return the format that a picture's suffix names. Raises LimenError for any but PDF, PNG and SVG."""
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise LimenError(
            f"{path}: not allowed: a name that ends in one of {', '.join(f'.{suffix}' for suffix in FORMATS)}"
        )
    return form


def picture_bytes(figure: Figure, form: str = "png", dots_per_inch: int = 120, source: str = "") -> bytes:
    """Return a figure as a file of a format, the same bytes for the same figure; source: what it comes from, in it."""
    metadata = {**METADATA[form], **({SOURCE[form]: source} if source else {})}
    packed = io.BytesIO()
    with rc_context({"svg.hashsalt": "limen"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name in a script that its font lacks
        figure.savefig(packed, format=form, dpi=dots_per_inch, metadata=metadata)
    return packed.getvalue()
