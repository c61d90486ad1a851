"""`limen net search`: networks searched together with the designs that run them."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.formats import format_options, page_columns
from dse.cli.options import AT_LEAST_ONE, PROCESSES, echo
from dse.cli.places import PLACE
from dse.report.progress import ProgressBar


@click.command()
@click.argument("page", default="digits")
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write; gone on with if there.")
@click.option("--trials", "-n", type=AT_LEAST_ONE, help="Nets of each op, in place of PAGE's: a search grows.")
@click.option("--jobs", "-j", default=1, show_default=True, type=PROCESSES, help="Nets trained at a time, one a core.")
@format_options
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data sets' files; LIMEN_DATA by default.",
)
def search(
    page: str, out: Path, trials: int | None, jobs: int, form: str, columns: int | None, data: Path | None
) -> None:
    """Search PAGE, a .yaml file or a built-in page's name: nets are trained, and each gets every width and design.

    Writes trials.csv, front.csv, tables, a picture, the found nets. Stopped at any moment, the same command goes on.
    """
    from dse.architectures.page import load_page, page_path
    from dse.architectures.report import joined, write_results
    from dse.architectures.search import ArchitectureSearch
    from workloads.host.manifest import Origin

    wide = page_columns(form, columns)
    chosen = load_page(page, trials)
    found = ArchitectureSearch(chosen, page_path(page), out, data)
    origin = Origin(found.inputs, chosen.seed)
    with ProgressBar() as bar:
        found.run(jobs, bar)
    tables = write_results(found, data, origin)
    echo(joined(tables, form, chosen.name, wide).rstrip("\n"))
    if form == "text":
        echo(f"{out}: trials.csv, front.csv, tables.md, tables.tex, front.png and found written")
