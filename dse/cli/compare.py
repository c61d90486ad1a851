"""`limen study compare`: samplers against the exact front of a space."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from dse.cli.formats import format_options, page_columns
from dse.cli.options import AT_LEAST_ONE, PROCESSES, echo
from dse.cli.places import PLACE, check_picture
from workloads.errors import printable

SWEEP_FOLDER = "sweep"
JOURNAL, SHARES = "comparison.jsonl", "comparison.csv"


@click.command()
@click.argument("study", default="digits")
@click.option("--out", "-o", required=True, type=PLACE, help="The comparison's folder; resumed if there.")
@click.option("--samplers", help="Names with commas between; all but gp whose packages are installed by default.")
@click.option("--seeds", default=20, show_default=True, type=AT_LEAST_ONE, help="Searches of each sampler.")
@click.option("--trials", "-n", default=1000, show_default=True, type=AT_LEAST_ONE, help="Of each search.")
@click.option("--jobs", "-j", type=PROCESSES, help="Processes; by default one a core.")
@format_options
@click.option("--plot", type=PLACE, help="Draw it there, a .png, .pdf or .svg.")
def compare(
    study: str,
    out: Path,
    samplers: str | None,
    seeds: int,
    trials: int,
    jobs: int | None,
    form: str,
    columns: int | None,
    plot: Path | None,
) -> None:
    """Compare samplers on the space of STUDY: a study .yaml, a built-in study, or the folder of a finished sweep.

    Its points are swept first; then searches look them up, so that they take no longer than their samplers do.
    """
    from dse.report import sampler_table
    from dse.report.progress import ProgressBar
    from dse.study import comparison
    from dse.study.known_space import read_swept
    from dse.study.study import Study
    from workloads.host.files import write_whole
    from workloads.host.manifest import Origin

    in_latex = partial(sampler_table.table_latex, columns=page_columns(form, columns))
    check_picture(plot)
    names = comparison.default_samplers() if samplers is None else [name.strip() for name in samplers.split(",")]
    comparison.check_samplers(names)
    folder = Path(study)
    if not folder.is_dir():
        folder = out / SWEEP_FOLDER
        Study(study, folder, sampler="exhaustive").run(jobs)
    swept = read_swept(folder)
    origin = Origin({"study": swept.spec.digest(), "points of the sweep": swept.digest})
    cores = jobs or len(os.sched_getaffinity(0))
    with ProgressBar() as bar:
        rows = comparison.compare(
            swept, names, seeds, trials, out / JOURNAL, cores, lambda done, of: bar.show("searches", done, of)
        )
    write_whole(out / SHARES, sampler_table.shares_csv(rows))
    origin.write_into(out, [out / SHARES])
    title = f"{', '.join(swept.spec.workloads)}: {len(swept.refusals):,} points, {swept.front} on the front"
    if plot:
        from dse.report.sampler_plot import plot_samplers

        plot_samplers(rows, title, plot)
        origin.write_beside(plot)
        echo(f"{plot}: written", err=True)
    echo(f"{printable(title)}; {int(swept.feasible.sum()):,} feasible; {out / SHARES}: written", err=True)
    tables: dict[str, Any] = {
        "text": sampler_table.table_text,
        "md": sampler_table.table_markdown,
        "latex": in_latex,
        "csv": sampler_table.table_csv,
    }
    echo(tables[form](rows).rstrip("\n"))
