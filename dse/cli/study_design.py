"""`limen study design`: a point of a study as a design's page."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import echo
from dse.cli.places import PLACE


@click.command()
@click.argument("folder", type=PLACE)
@click.option("--point", "-p", default="knee", show_default=True, help="knee, largest, an op or a trial's number.")
@click.option("--out", "-o", required=True, type=PLACE, help="The .yaml file to write, a new one.")
def design(folder: Path, point: str, out: Path) -> None:
    """Write a point of the study in FOLDER as a design's page, for --design of any command."""
    from dse.study.design_page import write_design
    from dse.study.study import Study

    study = Study.open(folder)
    chosen = study.point(point)
    command = write_design(study, chosen, out)
    echo(f"{out}: {point}: {chosen}; price it: {command}")
