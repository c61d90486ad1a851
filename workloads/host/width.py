"""Printing at a person's width, on a terminal and into a file alike."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 120
"""Characters of the longest line that a command prints unless it is asked for all."""


def wrapped(text: str, indent: int = 4) -> str:
    """Return text whose long lines are broken at spaces; what follows stands further in than its line by `indent`."""
    return "\n".join(_wrapped_line(line, indent) for line in text.split("\n"))


def _wrapped_line(line: str, indent: int) -> str:
    if len(line) <= WIDTH:
        return line
    further = " " * (len(line) - len(line.lstrip()) + indent)
    return textwrap.fill(line, WIDTH, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return cells in columns, as wide as their widest cell; right: the numbers of those that are ranged right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
