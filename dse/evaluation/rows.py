"""Rows of points as lines of CSV or as Parquet, and back: the same numbers, the same bytes for the same rows."""

from __future__ import annotations

import csv
import importlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from workloads.errors import LimenError, pip_command
from workloads.host.text_tables import csv_text

Kind = Literal["whole", "real", "text", "flag"]
Kinds = Mapping[str, Kind]
"""Columns in their order, and what is in them."""

Columns = dict[str, list[Any]]
"""Values of a column: int, float, str or bool, and None where there is none."""

PARSERS: dict[Kind, Callable[[str], Any]] = {"whole": int, "real": float, "text": str, "flag": "True".__eq__}

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .:/_-]*", re.ASCII)
"""A text that CSV has as it is: no design's name needs more."""


def csv_head(kinds: Kinds) -> str:
    """Return the first line of a CSV file."""
    return csv_text([*kinds], [])


def csv_lines(columns: Columns, kinds: Kinds) -> list[str]:
    """Return a line a row, each as `csv_text` writes it, column by column: of many rows that takes a fifth."""
    cells = [_cells(columns[name], kind) for name, kind in kinds.items()]
    return [f"{','.join(row)}\n" for row in zip(*cells, strict=True)]


def _cells(values: Sequence[Any], kind: Kind) -> list[str]:
    if kind == "text":
        written = {text: text if PLAIN.fullmatch(text) else _cell(text) for text in set(values) if text is not None}
        return [written.get(text, "") for text in values]
    return ["" if value is None else str(value) for value in values]


def _cell(text: str) -> str:
    """Return a text as `csv_text` writes it beside another cell, as always in a row: alone, nothing would be quoted."""
    return csv_text(["", text], [])[1:-1]


def parse_lines(lines: Sequence[str], kinds: Kinds) -> Columns:
    """Return the columns of lines of `csv_lines`. Raises ValueError where they are of something else."""
    rows = list(csv.reader(lines, strict=True))
    if any(len(row) != len(kinds) for row in rows):
        raise ValueError(f"a line has other than {len(kinds)} cells")
    columns: Columns = {}
    for at, (name, kind) in enumerate(kinds.items()):
        parse = PARSERS[kind]
        columns[name] = [parse(row[at]) if row[at] or kind == "text" else None for row in rows]
    return columns


def parquet_bytes(columns: Columns, kinds: Kinds) -> bytes:
    """Return a Parquet file. Raises LimenError without pyarrow."""
    arrow, parquet = _arrow(), _arrow(".parquet")
    types = {"whole": arrow.int64(), "real": arrow.float64(), "text": arrow.string(), "flag": arrow.bool_()}
    table = arrow.table({name: arrow.array(columns[name], types[kind]) for name, kind in kinds.items()})
    content = io.BytesIO()
    parquet.write_table(table, content, compression="zstd")
    return content.getvalue()


def parquet_columns(content: bytes, kinds: Kinds, rows: Sequence[int] | None) -> Columns:
    """Return the columns of a file of `parquet_bytes`, or these rows of them. Raises LimenError without pyarrow."""
    table = _arrow(".parquet").read_table(io.BytesIO(content))
    if rows is not None:
        table = table.take(rows)
    return {name: table[name].to_pylist() for name in kinds}


def check_parquet() -> None:
    """Raise LimenError, with the command that installs it, where pyarrow is missing."""
    _arrow()


def _arrow(module: str = "") -> Any:
    try:
        return importlib.import_module(f"pyarrow{module}")
    except ImportError:
        raise LimenError(f"sampler: points: parquet needs pyarrow, not installed: {pip_command('parquet')}") from None
