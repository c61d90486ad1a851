"""docs/costs.md shows what the shipped tables say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cost_models.cost_pages import PARTS
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "costs.md"


@pytest.mark.parametrize("part", PARTS)
def test_the_page_shows_what_the_rows_say(part: Callable[[], str]) -> None:
    text = part()
    assert text in PAGE.read_text(encoding="utf-8"), f"{PAGE.name} should have\n{text}"
