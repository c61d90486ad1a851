"""`limen net polarity`: how the polarity of threshold neurons may be shared and chosen."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import AT_LEAST_ONE, echo
from dse.cli.places import PLACE
from dse.report.progress import ProgressBar
from workloads.errors import LimenError


@click.command()
@click.argument("dataset")
@click.option("--depths", default="2,4,8", show_default=True, help="Threshold layers of a network, of 2, 4 and 8.")
@click.option("--seeds", default=5, show_default=True, type=AT_LEAST_ONE, help="Runs of each cell: seeds 0 to N-1.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data sets' files; LIMEN_DATA by default.",
)
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write.")
def polarity(dataset: str, depths: str, seeds: int, data: Path | None, out: Path) -> None:
    """Train threshold networks on DATASET for every granularity and initialisation of polarity.

    Writes runs.csv, a row a run, after each; then polarity.csv, .md, .tex and .png: mean and deviation over seeds.
    Stopped at any moment, the same command goes on where it was.
    """
    from dse.report.polarity_report import summarise, table_markdown, write_report
    from workloads.datasets import content_hash
    from workloads.host.manifest import Origin
    from workloads.studies.polarity import run_study

    chosen = depths_of(depths, "any of 2,4,8")
    with ProgressBar() as progress:
        origin = Origin({f"data {dataset}": content_hash(dataset, data)})
        rows = run_study(dataset, chosen, seeds, out, data, progress.show)
    paths = write_report(rows, out)
    origin.write_into(out, [out / "runs.csv", *paths])
    echo(table_markdown(summarise(rows)))
    echo(f"{len(rows)} runs; wrote {', '.join(str(path) for path in paths)}")


def depths_of(text: str, allowed: str) -> list[int]:
    """Return the numbers of an option --depths. Raises LimenError that says which are allowed."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise LimenError(f"--depths: {text!r} is not allowed: numbers with commas between, {allowed}") from None
