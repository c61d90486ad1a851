"""Where tests find what lies in the repository. What lies beside it, they get from the fixture `shared` alone."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
TINY = DATA / "tiny.lib"
"""A library written by hand."""
