"""Says whether a result is the expected one: `python compare.py NAME EXPECTED NOW`.

It stands alone, in every artifact. CSV files are compared cell by cell, as text, without any tolerance; other files
byte by byte. Prints one line, `equal: NAME: …` or `differs: NAME: …` with the first difference; exit code 0 or 1.
"""

import csv
import sys
from itertools import zip_longest
from pathlib import Path

Rows = list[list[str]]


def rows_of(path: str) -> Rows:
    """Return the rows of a CSV file, its head first."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def difference(expected: Rows, now: Rows) -> str:
    """Return the first difference between two tables, head first, in words; nothing where they are equal."""
    heads = [", ".join(rows[0]) if rows else "none" for rows in (expected, now)]
    if heads[0] != heads[1]:
        return f"columns {heads[1]}; expected {heads[0]}"
    for number, (wanted, got) in enumerate(zip_longest(expected[1:], now[1:]), start=1):
        if wanted is None or got is None:
            return f"{len(now) - 1} rows; expected {len(expected) - 1}"
        for name, one, other in zip_longest(expected[0], wanted, got):
            if one != other:
                return f"row {number}, {name}: {other!r}; expected {one!r}"
    return ""


def compare(name: str, expected: str, now: str) -> tuple[bool, str]:
    """Return whether two files are equal, and the line that says so."""
    for path in (expected, now):
        if not Path(path).is_file():
            return False, f"differs: {name}: {path} is missing"
    if Path(expected).name.rpartition(".")[2] == "csv":
        rows = rows_of(expected)
        found, size = difference(rows, rows_of(now)), f"{len(rows) - 1} rows of {len(rows[0]) if rows else 0} columns"
    else:
        content = Path(expected).read_bytes()
        found = "" if content == Path(now).read_bytes() else f"other bytes; look at {expected} and {now}"
        size = f"{len(content)} bytes"
    return not found, f"differs: {name}: {found}" if found else f"equal: {name}: {size}"


def main(arguments: list[str]) -> int:
    """Print the line; return the exit code."""
    if len(arguments) != 3:
        print("compare.py NAME EXPECTED NOW")
        return 2
    equal, line = compare(*arguments)
    print(line)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
