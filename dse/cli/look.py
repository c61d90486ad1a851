"""`limen report`, `limen study plot`: a stored study as a page, and as pictures."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import echo
from dse.cli.places import PLACE, check_picture


@click.command()
@click.argument("folder", type=PLACE)
@click.option("--out", "-o", required=True, type=PLACE, help="A name in .png, .svg or .pdf.")
@click.option("-x", help="A figure of trials.csv; the first objective by default.")
@click.option("-y", help="Likewise; the last objective by default.")
@click.option("--color", default="op", show_default=True, type=click.Choice(["op", "dataflow"]))
def plot(folder: Path, out: Path, x: str | None, y: str | None, color: str) -> None:
    """Draw two figures of the designs in FOLDER, a study's: its front, its knee, and what lies behind."""
    from dse.study.study import Study

    check_picture(out)
    echo(f"{Study.open(folder).save_front(out, x, y, color)}: written")


@click.command()
@click.argument("folder", type=PLACE)
@click.option("--out", "-o", type=PLACE, help="A name in .html; report.html in FOLDER by default.")
def report(folder: Path, out: Path | None) -> None:
    """Write the study in FOLDER as one HTML page to look into; it opens without a network."""
    from dse.study.page_of import check_page
    from dse.study.study import Study

    out = out or folder / "report.html"
    check_page(out)  # a wrong name, or a missing extra, is said before the work
    echo(f"{Study.open(folder).report(out)}: written")
