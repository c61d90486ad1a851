"""`limen study tables`: tables for a paper, from stored figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dse.cli.options import echo
from dse.cli.places import PLACE
from workloads.ops.names import BASELINE, OPS

FORMATS = ("text", "md", "latex", "csv")
"""text: for a terminal, fewer columns."""

OTHERS = [op for op in OPS if op != BASELINE]

bits_option = click.option(
    "--bits", multiple=True, type=click.IntRange(2, 16), help="Operand widths; all by default; again for more."
)


@click.group()
def tables() -> None:
    """Tables as text, or for a paper: Markdown, LaTeX (booktabs) or CSV."""


@tables.command()
@click.option("--format", "form", default="text", show_default=True, type=click.Choice(FORMATS))
@click.option(
    "--costs",
    multiple=True,
    default=["ihp130"],
    show_default=True,
    help="A built-in cost table or a .csv file; again for more.",
)
@click.option("--op", "ops", multiple=True, type=click.Choice(OTHERS), help="Compared with the MAC; all by default.")
@bits_option
@click.option("--clock-ns", default=20.0, show_default=True, help="Clock period of the powers, the same for all.")
@click.option("--stream", default="uniform", show_default=True, help="Operands of the energies; others have PEs only.")
@click.option("--wires", is_flag=True, help="Add the library's wire load to the energies.")
@click.option("--plot", type=PLACE, help="Draw them there, a .png, .pdf or .svg.")
def kernel(
    form: str,
    costs: tuple[str, ...],
    ops: tuple[str, ...],
    bits: tuple[int, ...],
    clock_ns: float,
    stream: str,
    wires: bool,
    plot: Path | None,
) -> None:
    """Compare ops with the MAC under each meaning of 'kernel': op alone, neurons, PEs."""
    from dse.report.unit_table import Choice, table_csv, table_latex, table_markdown, table_text, unit_table

    if plot:
        from workloads.host.pictures import picture_format

        picture_format(plot)  # a wrong name is said before the work
    chosen: Any = ops or OTHERS
    table = unit_table(costs, chosen, Choice(clock_ns, stream, wires, bits))
    if plot:
        from dse.report.unit_plot import plot_units

        plot_units(table, plot)
    texts = {"text": table_text, "md": table_markdown, "latex": table_latex, "csv": table_csv}
    echo(texts[form](table).rstrip("\n"))


@tables.command()
@click.option("--format", "form", default="text", show_default=True, type=click.Choice(FORMATS))
@click.option("--op", "ops", multiple=True, type=click.Choice(OTHERS), help="Compared with the MAC; all by default.")
@bits_option
def fpga(form: str, ops: tuple[str, ...], bits: tuple[int, ...]) -> None:
    """Compare ops with the MAC on FPGAs: LUTs, flip-flops, carries, DSP blocks, clock. Power isn't measurable."""
    from dse.report.fpga_table import fpga_table, table_csv, table_latex, table_markdown, table_text

    chosen: Any = ops or OTHERS
    texts = {"text": table_text, "md": table_markdown, "latex": table_latex, "csv": table_csv}
    echo(texts[form](fpga_table(chosen, bits)).rstrip("\n"))
