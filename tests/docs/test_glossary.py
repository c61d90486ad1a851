"""docs/glossary.md is short, alphabetical, and has no word twice."""

from __future__ import annotations

from tests.support.paths import ROOT


def test_words_are_in_order() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]
    words = [row[0] for row in rows]
    assert words == sorted(words, key=str.casefold) and len(set(words)) == len(words)
    assert all(len(row[1]) < 250 for row in rows), "a glossary explains in a sentence or two"
