"""docs/costs.md shows what the shipped tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cost_pages import page_tables

PAGE = Path(__file__).parent.parent / "docs" / "costs.md"


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    return page_tables()


PARTS = ("accumulators", "glitches", "operands", "zeros", "kernels", "reach", "libraries", "fpgas")


@pytest.mark.parametrize("part", PARTS)
def test_the_page_shows_what_the_rows_say(tables: dict[str, str], part: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert tables[part] in page, f"{PAGE.name} should have\n{tables[part]}"
