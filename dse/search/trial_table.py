"""Trials as a table, and as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from dse.evaluation.rows import Kind
from workloads.host.text_tables import csv_text

DTYPES = {"real": "float64", "text": "str", "flag": "bool"}


def table_of(columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, Kind]) -> pandas.DataFrame:
    """Return columns as a table. Whole numbers stay whole where some are missing."""
    series = {}
    for name, kind in kinds.items():
        missing = kind == "whole" and None in columns[name]
        dtype = "Int64" if missing else "int64" if kind == "whole" else DTYPES[kind]
        series[name] = pandas.Series(columns[name], dtype=dtype)
    return pandas.DataFrame(series)


def table_csv(table: pandas.DataFrame) -> str:
    """Return a table as CSV, nothing where it has no value."""
    plain = table.astype(object).where(table.notna(), None)
    return csv_text(list(table), plain.itertuples(index=False, name=None))
