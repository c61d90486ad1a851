"""Where tests find what lies in the repository, and the one place beside it that some of them read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
TINY = DATA / "tiny.lib"
"""A library written by hand."""

SHARED = ROOT.parent / "shared"
"""Libraries and data sets that are no part of the repository: tests that need them skip, with a count, without them."""
