"""Ops against the MAC on FPGAs, from the built-in tables: cells and clock; power is never told by open tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cost_models.fpga.fpga import TABLES, TARGETS
from cost_models.fpga.systems import ARRAYS, PREFIXES
from cost_models.table.table import Row, load_table
from cost_models.units.neurons import SYNAPSES
from dse.report.latex_table import Column, Group, PaperTable, latex
from workloads.errors import LimenError
from workloads.host.text_tables import SIX_DIGITS, csv_text, markdown_table
from workloads.host.width import columns, wrapped
from workloads.ops.names import BASELINE
from workloads.ops.op_field import Op

DEFINITIONS = {
    "op alone": ("op", ""),
    **{f"{name.removeprefix('neuron_')} neuron": (name, "") for name in SYNAPSES},
    "os PE": ("pe", "os"),
    "ws PE": ("pe", "ws"),
    **{
        f"{rows} x {cols} system, {machine}": (f"{prefix}_{rows}x{cols}", "os")
        for machine, prefix in PREFIXES.items()
        for rows, cols in ARRAYS
    },
}
"""Component and dataflow of the rows behind each definition."""

NOT_MEASURABLE = "not measurable"
UNKNOWN = "–"
CAPTION = (
    "FPGAs: LUT ratio of the MAC over op, above 1 where the op is smaller. xc7: cells after synthesis; ecp5: placed "
    "and routed. fabric: products of LUTs; dsp: of DSP blocks. Power: open tools don't tell it."
)
HEAD = (
    *("table", "definition", "x bits", "w bits", "op", "LUT", "FF", "carry", "DSP", "block RAM", "Fmax, MHz"),
    *("LUT MAC/op", "power"),
)


class FpgaRow(NamedTuple):
    """A unit of one table. None: the clock of what has none, the ratio of a MAC or to no LUT."""

    table: str
    definition: str
    x_bits: int
    w_bits: int
    op: str
    lut: int
    ff: int
    carry: int
    dsp: int
    block_ram: int
    fmax_mhz: float | None
    lut_ratio: float | None
    power: str


def fpga_table(ops: Sequence[Op], bits: Sequence[int] = ()) -> tuple[FpgaRow, ...]:
    """Return `ops` and the MAC of every table, definition and width, the MAC first.

    bits: widths of x; none: all. Raises LimenError for a width that no table has.
    """
    rows: list[FpgaRow] = []
    known: set[int] = set()
    for name in (name for target in TARGETS for name in TABLES[target]):
        units = _units(load_table(name).rows)
        for definition, (component, dataflow) in DEFINITIONS.items():
            widths = sorted({key[2] for key in units if key[:2] == (component, dataflow)})
            known |= {*widths}
            for x_bits in (width for width in widths if width in bits or not bits):
                mac = units.get((component, dataflow, x_bits, BASELINE))
                for op in (BASELINE, *ops):
                    quantities = units.get((component, dataflow, x_bits, op))
                    if quantities is not None:
                        rows.append(_unit_row(name, definition, x_bits, op, quantities, mac))
    for width in bits:
        if width not in known:
            raise LimenError(f"bits: {width} is not allowed: the tables have {', '.join(map(str, sorted(known)))}")
    return tuple(rows)


def _units(rows: Sequence[Row]) -> dict[tuple[str, str, int, str], dict[str, float]]:
    """Return quantities, and w_bits, by component, dataflow, x_bits and op."""
    units: dict[tuple[str, str, int, str], dict[str, float]] = {}
    for row in rows:
        key = (row["component"], row["dataflow"], int(row["x_bits"]), row["op"])
        quantities = units.setdefault(key, {"w_bits": int(row["w_bits"])})
        quantities[row["quantity"]] = float(row["value"])
    return units


def _unit_row(
    table: str, definition: str, x_bits: int, op: str, quantities: dict[str, float], mac: dict[str, float] | None
) -> FpgaRow:
    lut, ff, carry, dsp, block_ram = (
        int(quantities.get(name, 0)) for name in ("lut", "ff", "carry", "dsp", "block_ram")
    )
    return FpgaRow(
        table, definition, x_bits, int(quantities["w_bits"]), op, lut, ff, carry, dsp, block_ram,
        1e3 / quantities["min_clock_ns"] if "min_clock_ns" in quantities else None,
        mac["lut"] / lut if mac is not None and op != BASELINE and lut else None,
        NOT_MEASURABLE,
    )  # fmt: skip


def table_csv(table: Sequence[FpgaRow]) -> str:
    """Return a row a unit; what is unknown is empty."""
    return csv_text(FpgaRow._fields, table, SIX_DIGITS)


def table_markdown(table: Sequence[FpgaRow]) -> str:
    """Return caption and table."""
    return f"{CAPTION}\n\n{markdown_table(HEAD, [_cells(row) for row in table])}"


def table_text(table: Sequence[FpgaRow]) -> str:
    """Return the same for a terminal: caption and table in lines of a width; numbers are ranged right."""
    last = len(HEAD) - 1  # what isn't measurable is said by the caption
    rows = [HEAD[:last], *(_cells(row)[:last] for row in table)]
    return f"{wrapped(CAPTION, 0)}\n\n{columns(rows, right=[2, 3, *range(5, last)])}\n"


PAPER_COLUMNS = (
    Column("x, w", "bits", key=True), Column("op", right=False, key=True), Column("LUT"), Column("FF"),
    Column("carry"), Column("DSP"), Column("block RAM"), Column("Fmax", "MHz"), Column("LUT, MAC/op"),
)  # fmt: skip
"""In LaTeX. What isn't measurable is said by a note."""


def table_latex(table: Sequence[FpgaRow], columns: int = 2) -> str:
    """Return the table in LaTeX, one for each table of cells, a rule above each definition.

    Raises LimenError where it doesn't fit the columns.
    """
    groups: dict[str, dict[str, list[list[str]]]] = {}
    for row in table:
        _, _, x_bits, w_bits, *cells, _ = _cells(row)
        groups.setdefault(row.table, {}).setdefault(row.definition, []).append([f"{x_bits}, {w_bits}", *cells])
    tables = []
    for name, of_table in groups.items():
        rows = [Group(lines, title) for title, lines in of_table.items()]
        tables.append(
            PaperTable(f"fpga {name}", f"Units of each op on an FPGA, {name}", PAPER_COLUMNS, rows, [CAPTION])
        )
    return latex(tables, columns)


def _cells(row: FpgaRow) -> list[str]:
    counts = [str(value) for value in (row.lut, row.ff, row.carry, row.dsp, row.block_ram)]
    fmax = UNKNOWN if row.fmax_mhz is None else f"{row.fmax_mhz:.0f}"
    ratio = UNKNOWN if row.lut_ratio is None else f"{row.lut_ratio:.2f}"
    return [row.table, row.definition, str(row.x_bits), str(row.w_bits), row.op, *counts, fmax, ratio, row.power]
