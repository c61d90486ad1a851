"""`kernel_table`: what `limen study tables kernel` shows, as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas

from cost_models.table.operands import UNIFORM
from dse.report.unit_table import Choice, UnitRow, unit_table
from workloads.errors import LimenError, shown
from workloads.ops.names import BASELINE, COMPARED


def kernel_table(
    costs: str | Sequence[str] = "ihp130",
    ops: str | Sequence[str] = COMPARED,
    bits: Sequence[int] = (),
    stream: str = UNIFORM,
    clock_ns: float = 20.0,
    wires: bool = False,
) -> pandas.DataFrame:
    """Return a row for each unit of `ops` and of the MAC, under each meaning of a kernel; ratios are MAC over op.

    costs: built-in cost tables or .csv files. bits: widths of x; all by default. clock_ns: period of the powers.
    stream: operands of the energies; other than uniform ones have PEs only. wires: with the library's wire load.
    attrs["published"]: (low, high) of the paper's ratios of `area` and `power`.

    Raises LimenError for an op, a width or a stream that isn't there, an unusable table or a wrong clock period.
    """
    names, chosen = ([each] if isinstance(each, str) else [*each] for each in (costs, ops))
    for op in chosen:
        if op not in COMPARED:
            raise LimenError(f"ops: {shown(op)} is not allowed: {', '.join(COMPARED)}, each compared with {BASELINE}")
    table_ops: Any = chosen
    table = unit_table(names, table_ops, Choice(clock_ns, stream, wires, tuple(bits)))
    frame = pandas.DataFrame(table.rows, columns=list(UnitRow._fields))
    frame.attrs["published"] = table.published
    return frame
