"""What lies beside the repository is reached by the fixture `shared` alone, which skips and is counted."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

BESIDE = re.compile(r"""["']\.\.["']|\.\./shared|["']shared["']|\bROOT\.parent\b""")
"""How a test would name what lies beside the repository."""


def test_one_way_out() -> None:
    paths = (ROOT / "tests").rglob("*.py")
    named = {str(path.relative_to(ROOT)) for path in paths if BESIDE.search(path.read_text(encoding="utf-8"))}
    assert named == {"tests/conftest.py"}
