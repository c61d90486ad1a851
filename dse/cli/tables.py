"""`limen study tables`: tables for a paper, from stored figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.formats import format_options, page_columns
from dse.cli.options import AT_LEAST_ONE, echo, several
from dse.cli.places import PLACE, check_file, check_picture
from workloads.ops.names import COMPARED

if TYPE_CHECKING:
    from dse.report.fpga_systems import SystemRow
    from workloads.host.manifest import Origin

bits_option = several("--bits", type=click.IntRange(2, 16), help="Operand widths; all by default; again for more.")
out_option = click.option(
    "--out", "-o", type=PLACE, callback=check_file, help="Write it there instead, with its manifest beside it."
)

HARDWIRED = ("conv1", "conv2", "conv3", "scores", "all layers")
"""Of digits."""


@click.group()
def tables() -> None:
    """Tables as text, or for a paper: Markdown, LaTeX (booktabs) or CSV."""


@tables.command()
@format_options
@several(
    "--costs",
    default=["ihp130"],
    show_default=True,
    help="A built-in cost table or a .csv file; again for more.",
)
@several("--op", "ops", type=click.Choice(COMPARED), help="Compared with the MAC; all by default.")
@bits_option
@click.option("--clock-ns", default=20.0, show_default=True, help="Clock period of the powers, the same for all.")
@click.option("--stream", default="uniform", show_default=True, help="Operands of the energies; others have PEs only.")
@click.option("--wires", is_flag=True, help="Add the library's wire load to the energies.")
@click.option("--plot", type=PLACE, help="Draw them there, a .png, .pdf or .svg.")
@out_option
def kernel(
    form: str,
    columns: int | None,
    costs: tuple[str, ...],
    ops: tuple[str, ...],
    bits: tuple[int, ...],
    clock_ns: float,
    stream: str,
    wires: bool,
    plot: Path | None,
    out: Path | None,
) -> None:
    """Compare ops with the MAC under each meaning of 'kernel': op alone, neurons, PEs."""
    from dse.report.unit_latex import table_latex
    from dse.report.unit_table import Choice, table_csv, table_markdown, table_text, unit_table

    in_latex = partial(table_latex, columns=page_columns(form, columns))
    check_picture(plot)
    chosen: Any = ops or COMPARED
    origin = origin_of_costs(costs)
    table = unit_table(costs, chosen, Choice(clock_ns, stream, wires, bits))
    if plot:
        from dse.report.unit_plot import plot_units

        plot_units(table, plot)
        origin.write_beside(plot)
    texts: dict[str, Any] = {"text": table_text, "md": table_markdown, "latex": in_latex, "csv": table_csv}
    give(texts[form](table), out, origin)


def origin_of_costs(costs: Sequence[str]) -> Origin:
    """Return what tables of these cost tables come from. Raises LimenError where one can't be read."""
    from cost_models.table.table import table_path
    from workloads.host.manifest import Origin, file_hash

    return Origin({f"costs {Path(name).stem}": file_hash(table_path(name)) for name in costs})


def give(text: str, out: Path | None, origin: Origin) -> None:
    """Print a table, or write it and its manifest. Raises LimenError."""
    if out is None:
        echo(text.rstrip("\n"))
        return
    from workloads.host.files import write_whole

    write_whole(out, text.encode())
    origin.write_beside(out)
    echo(f"{out}: written")


@tables.command()
@format_options
@several("--layer", "layers", type=click.Choice(HARDWIRED), help="Only this; again for more.")
@click.option("--forms", "every_form", is_flag=True, help="Every form of the additions, not each op's best alone.")
@out_option
def hardwired(form: str, columns: int | None, layers: tuple[str, ...], every_form: bool, out: Path | None) -> None:
    """Compare hard-wired neurons with MACs of constant multipliers: digits' layers on libraries and FPGAs."""
    from cost_models.hardwired.table import TABLE
    from dse.report.hardwired_table import hardwired_table, table_csv, table_latex, table_markdown, table_text
    from workloads.host.manifest import Origin, file_hash

    in_latex = partial(table_latex, columns=page_columns(form, columns))
    origin = Origin({"costs hardwired": file_hash(TABLE)})
    texts: dict[str, Any] = {"text": table_text, "md": table_markdown, "latex": in_latex, "csv": table_csv}
    give(texts[form](hardwired_table(layers, every_form)), out, origin)


@tables.command()
@format_options
@several("--op", "ops", type=click.Choice(COMPARED), help="Compared with the MAC; all by default.")
@bits_option
@out_option
def fpga(form: str, columns: int | None, ops: tuple[str, ...], bits: tuple[int, ...], out: Path | None) -> None:
    """Compare ops with the MAC on FPGAs: LUTs, flip-flops, carries, DSP blocks, clock. Power isn't measurable."""
    from cost_models.fpga.fpga import TABLES
    from dse.report.fpga_table import fpga_table, table_csv, table_latex, table_markdown, table_text

    in_latex = partial(table_latex, columns=page_columns(form, columns))
    chosen: Any = ops or COMPARED
    origin = origin_of_costs([name for names in TABLES.values() for name in names])
    texts: dict[str, Any] = {"text": table_text, "md": table_markdown, "latex": in_latex, "csv": table_csv}
    give(texts[form](fpga_table(chosen, bits)), out, origin)


@tables.command("fpga-system")
@click.option("--network", default="digits", show_default=True, help="Of 8 bits: a family, or a network's page.")
@several("--luts", type=AT_LEAST_ONE, help="LUTs there are, instead of the parts; again for more.")
@click.option(
    "--images-at-once", "images", default=1, show_default=True, type=click.IntRange(1, 4096), help="Of one pass."
)
@format_options
@out_option
def fpga_system(
    network: str, luts: tuple[int, ...], images: int, form: str, columns: int | None, out: Path | None
) -> None:
    """Compare whole systems on FPGAs at equal LUTs: how many PEs fit, their clock, images a second."""
    from cost_models.fpga.fpga import TABLES
    from dse.evaluation.inputs import workload_hashes
    from dse.report.fpga_system_table import caption, table_csv, table_latex, table_markdown, table_text
    from dse.report.fpga_systems import built_systems, lut_budgets, parts, system_rows

    wide = page_columns(form, columns)
    systems = built_systems(network, images)
    rows = system_rows(systems, lut_budgets(luts, systems) if luts else parts())
    origin = origin_of_costs([name for names in TABLES.values() for name in names])
    origin.inputs.update(workload_hashes(network))
    words = caption(network, images)
    texts: dict[str, Callable[[Sequence[SystemRow]], str]] = {
        "text": partial(table_text, words=words),
        "md": partial(table_markdown, words=words),
        "latex": partial(table_latex, words=words, columns=wide),
        "csv": table_csv,
    }
    give(texts[form](rows), out, origin)
