"""Tables as text: CSV, which is read back, and Markdown."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from workloads.errors import LimenError, printable
from workloads.host.opening import read_file

FORMULA_SIGNS = ("=", "+", "-", "@")
"""What a text begins with that spreadsheets take for a formula."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")

SIX_DECIMALS, SIX_DIGITS, ALL_DIGITS = ".6f", ".6g", ""
"""How real numbers are written; with all their digits they are read as the very same numbers."""

BAR = r"\|"
"""A bar that doesn't end a cell of a Markdown table."""


def csv_bytes(rows: Sequence[NamedTuple], real: str = SIX_DECIMALS) -> bytes:
    """Return a CSV file of like rows, one at least, under the names of their fields."""
    return csv_text(rows[0]._fields, rows, real).encode()


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]], real: str = ALL_DIGITS) -> str:
    """Return the text of a CSV file, nothing for None. real: the format of real numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_csv_cell(value, real) for value in row] for row in (head, *rows))
    return text.getvalue()


def _csv_cell(value: object, real: str) -> object:
    """Return a value as a spreadsheet may see it.

    Control characters of a text are escaped, and one that would be a formula gets an apostrophe in front.
    """
    if isinstance(value, float):
        return format(value, real)
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) and not NUMBER.fullmatch(text) else text


def read_csv(path: Path, expected: str) -> tuple[list[str], list[list[str]]]:
    """Return (head, rows) of a CSV file; of an empty one, nothing of both. expected: what it should be.

    Raises LimenError where it can't be read or is no CSV file.
    """
    try:
        text = read_file(path).decode("utf-8")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise LimenError(f"{path}: cannot be read: {reason}; expected {expected}") from None
    return (lines[0], lines[1:]) if lines else ([], [])


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table that ends with a line break; cells are plain text."""
    lines = [f"| {' | '.join(printable(cell).replace('|', BAR) for cell in cells)} |\n" for cells in (head, *rows)]
    return "".join([lines[0], f"|{'---|' * len(head)}\n", *lines[1:]])
