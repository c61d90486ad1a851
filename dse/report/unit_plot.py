"""A picture of units: area and energy over operand width, a line per op, a row of axes per definition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.report.palette import COLOURS
from workloads.errors import printable
from workloads.host.files import write_whole
from workloads.ops.names import BASELINE
from workloads.ops.registry import known_ops

if TYPE_CHECKING:
    from dse.report.unit_table import UnitTable

SHOWN = ("op alone", "op alone, one number", "3x3 neuron", "os PE", "ws PE")


def plot_units(table: UnitTable, path: Path) -> None:
    """Write a picture of the first cost table's units, of the format its name ends in.

    Raises LimenError for another name, or where it can't be written.
    """
    from workloads.host.pictures import Figure, picture_bytes, picture_format
    from workloads.host.ticks import logarithmic

    form = picture_format(path)
    costs = table.rows[0].costs
    rows = [row for row in table.rows if row.costs == costs]
    shown = [name for name in SHOWN if any(row.definition == name for row in rows)]
    figure = Figure(figsize=(9, 0.6 + 2.3 * len(shown)), layout="constrained")
    for axes, name in zip(figure.subplots(len(shown), 2, squeeze=False), shown, strict=True):
        for index, op in enumerate(known_ops()):
            op_rows = [row for row in rows if (row.definition, row.op, row.smallest) == (name, op, False)]
            widths = [row.x_bits for row in op_rows]
            if not op_rows:
                continue
            axes[0].plot(widths, [row.area for row in op_rows], "o-", ms=3, color=COLOURS[index], label=op)
            if op_rows[0].energy_pj is not None:
                axes[1].plot(widths, [row.energy_pj for row in op_rows], "o-", ms=3, color=COLOURS[index], label=op)
        smallest = [row for row in rows if row.definition == name and row.smallest]
        style = {"ms": 3, "color": COLOURS[known_ops().index(BASELINE)], "alpha": 0.5, "label": "mac, smallest"}
        if smallest:
            widths = [row.x_bits for row in smallest]
            axes[0].plot(widths, [row.area for row in smallest], "s--", **style)
            axes[1].plot(widths, [row.energy_pj for row in smallest], "s--", **style)
        unit = "LUTs" if rows[0].area_unit == "LUT" else "µm²"
        for panel, label in zip(axes, (f"area, {unit}", "energy of a cycle, pJ"), strict=True):
            panel.set(title=name, xlabel="operand width, bits", ylabel=label)
            logarithmic(panel.yaxis)
            panel.grid(alpha=0.3, which="both")
    title = f"{costs}, {table.choice.stream} operands, {'with' if table.choice.wires else 'without'} wires"
    lines = {str(line.get_label()): line for axes in figure.axes for line in axes.get_lines()}
    figure.legend([*lines.values()], [*lines], loc="outside lower center", ncols=len(lines), fontsize=8)
    figure.suptitle(printable(title), parse_math=False)
    write_whole(path, picture_bytes(figure, form))
