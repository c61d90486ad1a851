"""The table of whole systems on FPGAs: as text, Markdown, LaTeX and CSV."""

from __future__ import annotations

from collections.abc import Sequence

from dse.report.fpga_systems import EQUAL_ARRAY, SystemRow
from dse.report.fpga_table import NOT_MEASURABLE, UNKNOWN
from dse.report.latex_table import Column, Group, PaperTable, latex
from workloads.host.text_tables import ALL_DIGITS, csv_text, markdown_table
from workloads.host.width import columns, wrapped

PAPER = {"speed": 1.75, "power": 2.52}
"""What arXiv 2412.13902 reports of a system of threshold neurons over one of MACs."""

NEAREST, BETWEEN, LARGEST, ONE_CLOCK, EARLIER = "†", "≈", "≥", "‡", "*"
"""Marks of numbers that aren't measured as they stand there."""

HEAD = (
    *("machine", "target", "budget", "op, products", "array", "PEs within", "LUT", "DSP", "block RAM", "Fmax, MHz"),
    *("cycles", "images/s", "accuracy, %", "speed / MAC in fabric", "speed / MAC of DSP", "power"),
)
TEXT_HEAD = (
    *("machine", "target", "budget", "op, products", "array", "PEs", "LUT", "DSP", "RAM", "MHz"),
    *("cycles", "images/s", "acc %", "/fabric", "/DSP"),
)
FIELDS = (
    *("machine", "budget", "target", "op", "products", "rows", "cols", "pes", "pes_within", "lut", "dsp", "block_ram"),
    *("fmax_mhz", "cycles", "images_per_s", "test_accuracy", "speed_over_mac_fabric", "speed_over_mac_dsp"),
    *("earlier_verilog", "power"),
)


def caption(network: str, images: int) -> str:
    """Return what the table is of."""
    return (
        f"Systems on FPGAs, {network} at 8 bits, {images} image{'s' * (images > 1)} at once. Small: the least around "
        "an array; default: what a design has. Of each array and, of each budget, of the largest array built that "
        f"fits: ecp5 placed and routed, xc7 synthesised. PEs within: {BETWEEN} on a straight line to the next larger "
        f"array, {LARGEST} where none is built. {NEAREST} nothing fits: the smallest takes so much. {ONE_CLOCK} no "
        f"clock is known: at the same clock. {EARLIER} built of an earlier Verilog. The paper (arXiv 2412.13902) has "
        f"{PAPER['speed']} times the speed and 1/{PAPER['power']} of the power; power: {NOT_MEASURABLE}."
    )


def table_csv(rows: Sequence[SystemRow]) -> str:
    """Return a row a system; what is unknown, or doesn't fit, is empty."""
    return csv_text(FIELDS, map(_values, rows), ALL_DIGITS)


def _values(row: SystemRow) -> list[object]:
    start = [row.machine, row.budget, row.target, row.kind.op, row.kind.products]
    built = row.system
    if built is None:
        return [*start, *[None] * (len(FIELDS) - len(start) - 1), NOT_MEASURABLE]
    fmax, images = _rates(row)
    return [
        *start, built.rows, built.cols, built.pes, row.pes, built.lut, built.dsp, built.block_ram, fmax, built.cycles,
        images, built.accuracy, row.over_fabric, row.over_dsp, not built.current, NOT_MEASURABLE,
    ]  # fmt: skip


def _rates(row: SystemRow) -> tuple[float | None, float | None]:
    """Return MHz and images a second, None where no clock is known."""
    built = row.system
    if built is None or built.clock_ns is None:
        return None, None
    return 1e3 / built.clock_ns, 1e9 / built.time


def table_markdown(rows: Sequence[SystemRow], words: str) -> str:
    """Return caption and table."""
    return f"{words}\n\n{markdown_table(HEAD, map(_cells, rows))}"


def table_text(rows: Sequence[SystemRow], words: str) -> str:
    """Return the same for a terminal; what isn't measurable is said by the caption."""
    last = len(HEAD) - 1
    cells = [TEXT_HEAD, *(_cells(row)[:last] for row in rows)]
    return f"{wrapped(words, 0)}\n\n{columns(cells, right=range(4, last))}\n"


PAPER_COLUMNS = (
    Column("budget", right=False, key=True), Column("op, products", right=False, key=True), Column("array"),
    Column("PEs within"), Column("LUT"), Column("DSP"), Column("block RAM"), Column("Fmax", "MHz"),
    Column("cycles"), Column("speed", "images/s"), Column("accuracy", "%"), Column("speed over MAC in fabric"),
    Column("speed over MAC of DSP"),
)  # fmt: skip
"""In LaTeX. What isn't measurable is said by a note."""


def table_latex(rows: Sequence[SystemRow], words: str, columns: int = 2) -> str:
    """Return the table in LaTeX, a rule above each machine and target.

    Raises LimenError where it doesn't fit the columns.
    """
    groups: dict[str, list[list[str]]] = {}
    for row in rows:
        _, _, *cells, _ = _cells(row)
        groups.setdefault(f"{row.machine} machine, {row.target}", []).append(cells)
    lines = [Group(cells, title) for title, cells in groups.items()]
    return latex([PaperTable("fpga systems", "Whole systems on FPGAs", PAPER_COLUMNS, lines, [words])], columns)


def _cells(row: SystemRow) -> list[str]:
    built, start = row.system, [row.machine, row.target, row.budget, str(row.kind)]
    if built is None:
        assert row.nearest is not None, "what doesn't fit has a size"
        unknown = [UNKNOWN] * (len(HEAD) - len(start) - 4)
        return [*start, "none", UNKNOWN, f"{row.nearest.lut}{NEAREST}", *unknown, NOT_MEASURABLE]
    fmax, images = _rates(row)
    ratios = [
        UNKNOWN if value is None else f"{value:.2f}{ONE_CLOCK * (built.clock_ns is None)}"
        for value in (row.over_fabric, row.over_dsp)
    ]
    return [
        *start, built.array, _within(row), f"{built.lut}{EARLIER * (not built.current)}",
        *map(str, (built.dsp, built.block_ram)),
        UNKNOWN if fmax is None else f"{fmax:.1f}", f"{built.cycles:.0f}",
        UNKNOWN if images is None else f"{images:.0f}",
        UNKNOWN if built.accuracy is None else f"{100 * built.accuracy:.2f}", *ratios, NOT_MEASURABLE,
    ]  # fmt: skip


def _within(row: SystemRow) -> str:
    """Return how many PEs a budget holds."""
    if row.system is None or row.budget == EQUAL_ARRAY:
        return UNKNOWN
    if row.pes is None:
        return f"{LARGEST} {row.system.pes}"
    return str(row.pes) if row.pes == row.system.pes else f"{BETWEEN} {row.pes}"
