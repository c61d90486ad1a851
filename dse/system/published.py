"""The ratios that the paper (arXiv 2412.13902) reports of a system: published.csv has them with their source."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

PATH = Path(__file__).with_name("published.csv")


@cache
def published() -> dict[str, float]:
    """Return power_ratio and speed_ratio, ordinary neurons over threshold neurons."""
    with PATH.open(encoding="utf-8") as file:
        return {row["quantity"]: float(row["value"]) for row in csv.DictReader(file)}
