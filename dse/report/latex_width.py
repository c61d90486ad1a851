"""How wide text is in a LaTeX table: Computer Modern of 8 pt, whose letters are wider than Times's.

Widths are those of cmr10 in thousandths of its 10 pt; cmr8 has the same letters of units of 17/36 pt instead of 20/36,
so that they are 0.85 as wide (D. Knuth, Computer Modern Typefaces, 1986). Kerns and ligatures only make text narrower.
"""

from __future__ import annotations

from collections.abc import Sequence

COLUMN_PT = {1: 241.0, 2: 506.0}
"""Width of a column, and of the text, in a paper of two columns: acmart's sigconf. IEEEtran's are 252 pt and 516 pt."""

PAGE_PT = 600.0
"""Height that a table may have, caption and notes included; sigconf's text is 626 pt high."""

SCALE = 0.85 * 10 / 1000
"""From cmr10's thousandths to points of cmr8."""

WIDTHS = {
    278: "!',.:;[]`il·|’", 306: "fj", 333: "- ", 361: "I_", 389: "()t", 392: "r", 394: "s", 444: "cez†‡", 472: "?",
    500: '"$*/0123456789ago–²³{}~^\\“”', 514: "J", 528: "kqvxy", 556: "Sbdhnpu", 611: "Z", 625: "Lµ", 653: "F",
    681: "EP", 708: "B", 722: "CTwΣ", 736: "R", 750: "AHNUVXY", 764: "D", 778: "&+=@KOQ±×−≤≥<>≈≠", 785: "G",
    833: "#%mΔ√", 917: "M", 1000: "→∞—", 1334: "…",
}  # fmt: skip
"""Signs by their width; those of mathematics, of cmsy10 and cmmi10, are rounded up."""

WIDTH_OF = {sign: width for width, signs in WIDTHS.items() for sign in signs}
WIDEST = 1028
"""That of W, and taken for every sign that isn't listed."""


def width_pt(text: str) -> float:
    """Return the width of plain text in a table, in points."""
    return SCALE * sum(WIDTH_OF.get(sign, WIDEST) for sign in text)


def wrapped_to(text: str, limit_pt: float) -> list[str]:
    """Return the words of a text in lines of a width; a word that is wider has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        if lines and width_pt(f"{lines[-1]} {word}") <= limit_pt:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def widest(texts: Sequence[str]) -> float:
    """Return the width of the widest of some texts, in points."""
    return max(map(width_pt, texts), default=0.0)
