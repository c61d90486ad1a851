"""What docs/findings.md says is what the generated tables say."""

from __future__ import annotations

import re

import pytest

from tests.docs.findings import FINDINGS, PAGE, Cell, page
from tests.support.paths import ROOT


def test_the_page_has_the_numbers_of_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.docs.findings"


def test_ten_sentences_each_with_numbers_a_command_and_a_picture() -> None:
    assert len(FINDINGS) == 10
    for finding in FINDINGS:
        assert finding.sentence.endswith(".") and not re.search(r"[.!?] [A-Z]", finding.sentence), "one sentence"
        assert {*re.findall(r"{(\w+)}", finding.sentence)} <= {*finding.cells} and finding.command.startswith("limen ")
        assert (ROOT / "docs" / finding.picture).is_file()


def test_a_sentence_that_no_longer_holds_is_an_error() -> None:
    finding = FINDINGS[0]
    swapped = finding._replace(cells=dict(zip(finding.cells, reversed(finding.cells.values()), strict=True)))
    with pytest.raises(ValueError, match="doesn't hold"):
        swapped.text(1)
    with pytest.raises(ValueError, match="0 cells"):
        Cell("accuracy", ("digits", "divide"), "8 × 8").text()
