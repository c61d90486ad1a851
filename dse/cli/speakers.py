"""`limen net speakers`: spoken digits of speakers that training never heard."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import AT_LEAST_ONE, echo
from dse.cli.places import PLACE
from dse.report.progress import ProgressBar


@click.command()
@click.option("--seeds", default=3, show_default=True, type=AT_LEAST_ONE, help="Runs of each split: seeds 0 to N-1.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data sets' files; LIMEN_DATA by default.",
)
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write.")
def speakers(seeds: int, data: Path | None, out: Path) -> None:
    """Train the networks of spoken-digits without one speaker, test them on that one, all speakers in turn.

    The customary split stands beside. Writes runs.csv, a row a run, after each; then speakers.md and .tex.
    Stopped at any moment, the same command goes on where it was.
    """
    from dse.report.speaker_report import table_markdown, write_report
    from workloads.datasets import content_hash
    from workloads.host.manifest import Origin
    from workloads.studies.speakers import NAME, run_study

    with ProgressBar() as progress:
        origin = Origin({f"data {NAME}": content_hash(NAME, data)})
        rows = run_study(seeds, out, data, progress.show)
    paths = write_report(rows, out)
    origin.write_into(out, [out / "runs.csv", *paths])
    echo(table_markdown(rows))
    echo(f"{len(rows)} runs; wrote {', '.join(str(path) for path in paths)}")
