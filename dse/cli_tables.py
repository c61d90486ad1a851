"""`limen study tables`: tables for a paper, from stored figures."""

from __future__ import annotations

from typing import Any

import click

FORMATS = ("md", "latex", "csv")
OPS = ("threshold", "adder", "shift")
"""Ops other than MAC, said again so that --help imports no numpy; a test compares them with `workloads.numbers`."""


@click.group()
def tables() -> None:
    """Tables for a paper: Markdown, LaTeX (booktabs) or CSV."""


@tables.command()
@click.option("--format", "form", default="md", show_default=True, type=click.Choice(FORMATS))
@click.option("--costs", default="ihp130", show_default=True, help="A built-in cost table or a .csv file.")
@click.option("--op", "ops", multiple=True, type=click.Choice(OPS), help="Compared with the MAC; all by default.")
@click.option("--clock-ns", default=20.0, show_default=True, help="Clock period of the powers, the same for all.")
def kernel(form: str, costs: str, ops: tuple[str, ...], clock_ns: float) -> None:
    """Compare ops with the MAC under each meaning of 'kernel': op alone, neurons, PEs."""
    from dse.kernel_table import kernel_table, table_csv, table_latex, table_markdown

    chosen: Any = ops or OPS
    texts = {"md": table_markdown, "latex": table_latex, "csv": table_csv}
    click.echo(texts[form](kernel_table(costs, chosen, clock_ns)).rstrip("\n"))


@tables.command()
@click.option("--format", "form", default="md", show_default=True, type=click.Choice(FORMATS))
@click.option("--op", "ops", multiple=True, type=click.Choice(OPS), help="Compared with the MAC; all by default.")
def fpga(form: str, ops: tuple[str, ...]) -> None:
    """Compare ops with the MAC on FPGAs: LUTs, flip-flops, carries, DSP blocks, clock. Power isn't measurable."""
    from dse.fpga_table import fpga_table, table_csv, table_latex, table_markdown

    chosen: Any = ops or OPS
    texts = {"md": table_markdown, "latex": table_latex, "csv": table_csv}
    click.echo(texts[form](fpga_table(chosen)).rstrip("\n"))
