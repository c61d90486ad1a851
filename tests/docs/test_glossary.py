"""docs/glossary.md is short, alphabetical, has no word twice, a place for every word, and an order to read them in."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")][1:]
WORDS = [row[0] for row in ROWS]


def test_words_are_in_order() -> None:
    assert sorted(WORDS, key=str.casefold) == WORDS and len(set(WORDS)) == len(WORDS)
    assert all(len(row[1]) < 250 for row in ROWS), "a glossary explains in a sentence or two"


def test_every_word_has_a_place() -> None:
    for row in ROWS:
        assert len(row) == 3 and re.search(r"`[\w.]+/|\]\(", row[2]), f"{row[0]}: neither a path nor a link"


def test_order_to_read_in_names_words_that_are_here() -> None:
    lines = re.findall(r"^\d+\. [^:]*: (.*)$", TEXT, re.MULTILINE)
    named = [
        word for line in lines for part in line.split("; ") for word in ([part] if part in WORDS else part.split(", "))
    ]
    assert len(lines) == 10 and set(named) <= set(WORDS) and len(set(named)) == len(named)
