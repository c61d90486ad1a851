"""Residuals of a table's lines over accumulator widths, worked out again in fractions from the rows of its netlists."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from cost_models.table.table import Row
from simulator.designs.design import MAX_ACC_BITS

MOST = 0.02
"""What a line may be off a width it is fitted to."""


def by_hand(widths: Sequence[int], values: Sequence[float]) -> float:
    """The normal equations of a straight line in fractions; the largest distance from it, relative to the value."""
    x, y, count = [Fraction(width) for width in widths], [Fraction(value) for value in values], len(widths)
    slope = (count * sum(a * b for a, b in zip(x, y, strict=True)) - sum(x) * sum(y)) / (
        count * sum(a * a for a in x) - sum(x) ** 2
    )
    base = (sum(y) - slope * sum(x)) / count
    return float(max(abs((base + slope * a) / b - 1) for a, b in zip(x, y, strict=True)))


def pe_of(row: Row) -> tuple[str, ...]:
    return tuple(row[field] for field in ("op", "x_bits", "w_bits", "dataflow"))


def check_lines(rows: Sequence[Row]) -> None:
    """Work out each residual again from the rows of its netlists, and look for widths that nothing stands for."""
    values: dict[tuple[str, ...], dict[int, float]] = {}
    for row in rows:
        between = row["component"] == "pe" and int(row["acc_bits"]) < MAX_ACC_BITS
        if between and row["stages"] == "1" and row["stream"] in ("", "uniform"):
            values.setdefault((*pe_of(row), row["quantity"]), {})[int(row["acc_bits"])] = float(row["value"])
    for line in (row for row in rows if row["component"] == "pe_line"):
        by_width = values[(*pe_of(line), line["quantity"].removeprefix("largest_residual:"))]
        text = line["source"].partition("acc_bits ")[2]
        stretches = [[int(width) for width in part.split(", ")] for part in text.split("; ")] if text[0] != "n" else []
        covered = {width for stretch in stretches for width in range(stretch[0], stretch[-1] + 1)}
        assert by_width.keys() | covered == set(range(min(by_width), max(by_width) + 1)), line
        worst = max((by_hand(stretch, [by_width[width] for width in stretch]) for stretch in stretches), default=0.0)
        assert worst <= MOST, line
        assert line["value"] == f"{round(worst, 6):.6g}", line
