"""docs/costs.md shows what the shipped tables say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cost_pages import PARTS

PAGE = Path(__file__).parent.parent / "docs" / "costs.md"


@pytest.mark.parametrize("part", PARTS)
def test_the_page_shows_what_the_rows_say(part: Callable[[], str]) -> None:
    text = part()
    assert text in PAGE.read_text(encoding="utf-8"), f"{PAGE.name} should have\n{text}"
