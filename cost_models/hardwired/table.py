"""The table of hard-wired blocks, cost_models/data/hardwired.csv: its rows as they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cost_models.table.table import DATA
from workloads.errors import LimenError, shown
from workloads.host.text_tables import read_csv
from workloads.ops.op_field import Op

FAMILY = "digits"
TABLE = DATA / "hardwired.csv"
STRUCTURE = "structure"
"""The target of rows that hold on all targets: what is counted of a block."""

LIBRARIES, FPGAS = ("ihp130", "sky130hd", "asap7"), ("xc7", "ecp5")


@dataclass(frozen=True)
class Block:
    """A layer of the family digits in a form of its additions; one window a cycle."""

    op: Op
    x_bits: int
    w_bits: int
    layer: str
    form: str

    @property
    def words(self) -> str:
        return f"{self.layer} of {FAMILY}, op {self.op}, {self.x_bits} x {self.w_bits} bits, form {self.form}"


class Row(NamedTuple):
    """One quantity of a block on a target. hash: over Verilog, library or device, and passes."""

    network: str
    op: str
    x_bits: str
    w_bits: str
    layer: str
    form: str
    target: str
    recipe: str
    quantity: str
    value: str
    unit: str
    method: str
    source: str
    tool_versions: str
    hash: str

    @property
    def block(self) -> Block:
        return Block(self.op, int(self.x_bits), int(self.w_bits), self.layer, self.form)


def read_rows(path: Path = TABLE) -> list[Row]:
    """Return the rows of a table. Raises LimenError naming line and field."""
    head, lines = read_csv(path, "a table of hard-wired blocks")
    if tuple(head) != Row._fields:
        raise LimenError(f"{path}: columns: {shown(','.join(head))} are not allowed: {','.join(Row._fields)}")
    rows = []
    for number, line in enumerate(lines, 2):
        if len(line) != len(head):
            raise LimenError(f"{path}: line {number}: {len(line)} cells are not allowed: {len(head)}")
        row = Row(*line)
        for field in ("x_bits", "w_bits"):
            width = getattr(row, field)
            if not width.isdecimal():
                raise LimenError(f"{path}: line {number}: {field}: {shown(width)} is not allowed: a width in bits")
        try:
            float(row.value)
        except ValueError:
            raise LimenError(f"{path}: line {number}: value: {shown(row.value)} is not allowed: a number") from None
        rows.append(row)
    return rows
