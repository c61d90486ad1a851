"""The last part of the system table: under which definition of a MAC machine are the paper's ratios reached?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dse.report.fpga_table import fpga_table
from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.space.workload import called
from dse.system.naive import THRESHOLD, Definition
from dse.system.published import published
from workloads.host.text_tables import csv_text, markdown_table
from workloads.host.width import columns, wrapped
from workloads.ops.names import BASELINE

UNKNOWN = "–"
RATIOS = {"power_mw": "power", "latency_us": "speed", "energy_uj": "energy", "area_mm2": "area"}
TITLE = "Under which definition is it reached?"
FABRIC = ("xc7-fabric", "ecp5-fabric")
HEAD = ("the MAC machine has", "compared on", "its array")
UNITS = ("os PE", "8 x 8 system")
WIDTHS = ((8, 8), (16, 8), (16, 16))
"""Bits of the MAC and of the threshold neuron that are compared in LUTs."""


class Fabric(NamedTuple):
    """LUTs of a unit whose products are FPGA fabric, MAC over threshold; clock: None where it wasn't placed.

    speed: of as many LUTs at most: PEs and clock alone, nothing of memory.
    """

    table: str
    unit: str
    mac_bits: int
    threshold_bits: int
    luts: float
    clock: float | None

    @property
    def speed(self) -> float | None:
        return None if self.clock is None else self.luts / self.clock


def fabric() -> list[Fabric]:
    """Return the units that FPGA tables have of both ops."""
    units = {(row.table, row.definition, row.x_bits, row.op): row for row in fpga_table((THRESHOLD,))}
    rows = []
    for table in FABRIC:
        for unit in UNITS:
            for mac_bits, threshold_bits in WIDTHS:
                mac = units.get((table, unit, mac_bits, BASELINE))
                threshold = units.get((table, unit, threshold_bits, THRESHOLD))
                if mac is not None and threshold is not None:
                    clock = None
                    if mac.fmax_mhz and threshold.fmax_mhz:
                        clock = mac.fmax_mhz / threshold.fmax_mhz
                    rows.append(Fabric(table, unit, mac_bits, threshold_bits, mac.lut / threshold.lut, clock))
    return rows


def definitions_csv(rows: Sequence[Definition]) -> str:
    """Return definitions as CSV, all digits of their figures."""
    return csv_text(Definition._fields, rows)


def definitions_markdown(rows: Sequence[Definition]) -> str:
    """Return words and both tables: gates, and FPGA fabric."""
    gates = markdown_table(_head(), [_cells(row) for row in rows])
    luts = markdown_table(FABRIC_HEAD, [_fabric_cells(row) for row in fabric()])
    return f"{words(rows)}\n\n{gates}\n{FABRIC_WORDS}\n\n{luts}"


def definitions_text(rows: Sequence[Definition]) -> str:
    """Return the same for a terminal: the paper's ratios are in the words alone."""
    head = [*HEAD, *RATIOS.values()]
    gates = columns([head, *map(_cells, rows)], right=range(len(HEAD), len(head)))
    luts = columns([FABRIC_HEAD, *map(_fabric_cells, fabric())], right=range(2, len(FABRIC_HEAD)))
    return f"{wrapped(f'{TITLE} {words(rows)}', 0)}\n\n{gates}\n\n{wrapped(FABRIC_WORDS, 0)}\n\n{luts}\n"


def definitions_latex(rows: Sequence[Definition], page_columns: int = 2) -> str:
    """Return both tables in LaTeX. Raises LimenError where they don't fit the columns."""
    first = Column("the MAC machine has", right=False, key=True), Column("its array", right=False)
    ratios = [Column(f"{name}, MAC/threshold") for name in RATIOS.values()]
    rules: dict[str, list[list[str]]] = {}
    for row in rows:
        change, rule, *cells = _cells(row)
        rules.setdefault(rule, []).append([change, *cells])
    groups = [Group(cells, rule) for rule, cells in rules.items()]
    name = f"{called(rows[0].network)} {called(rows[0].costs)}"
    gates = PaperTable(f"definitions {name}", f"{TITLE} {name}", [*first, *ratios], groups, [words(rows)])
    heads = [Column(head, right=place > 1, key=place < 2) for place, head in enumerate(FABRIC_HEAD)]
    products = [Group([*map(_fabric_cells, fabric())])]
    luts = PaperTable(f"definitions fabric {name}", "Products of FPGA fabric", heads, products, [FABRIC_WORDS])
    return latex([gates, luts], page_columns)


def words(rows: Sequence[Definition]) -> str:
    """Say what is compared."""
    paper, first = published(), rows[0]
    return (
        f"{called(first.network)} on {called(first.costs)}, DRAM, one image, uniform operands, each at its own clock. "
        f"The threshold machine is always {first.threshold_design}, 8 bits. The MAC machine is the one of least "
        f"energy-delay product with what the line says: same array: 16 × 16 PEs; same silicon: any array no larger "
        f"than the threshold machine. Ratios are MAC over threshold; the paper has {paper['power_ratio']:g} of power "
        f"and {paper['speed_ratio']:g} of speed. Max pooling is a pass of its own in all machines."
    )


FABRIC_HEAD = (
    "FPGA",
    "unit",
    "bits of MAC",
    "of threshold",
    "LUTs MAC/threshold",
    "clock",
    "speed at equal LUTs, at most",
)
FABRIC_WORDS = (
    "Products of FPGA fabric, without DSP blocks: LUTs and, where placed and routed, the clock, MAC over threshold. "
    "The speed is what as many LUTs could do if memory kept up. Power is not measurable by open tools."
)


def _head() -> list[str]:
    paper = published()
    cited = {"power": paper["power_ratio"], "speed": paper["speed_ratio"]}
    heads = [f"{name} (paper {cited[name]:g})" if name in cited else name for name in RATIOS.values()]
    return [*HEAD, *heads]


def _cells(row: Definition) -> list[str]:
    ratios = (row.ratio(name) for name in RATIOS)
    return [row.change, row.rule, row.mac_design or UNKNOWN, *map(_number, ratios)]


def _fabric_cells(row: Fabric) -> list[str]:
    bits = str(row.mac_bits), str(row.threshold_bits)
    return [row.table.replace("-", " "), row.unit, *bits, *map(_number, (row.luts, row.clock, row.speed))]


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"
