"""`limen artifact`: studies as a folder that a reviewer runs."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import Disagreement, echo
from dse.cli.places import PLACE


@click.command()
@click.argument("studies", nargs=-1, required=True)
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write; an earlier artifact is replaced.")
@click.option(
    "--run/--no-run", default=True, show_default=True, help="Run every script once: that measures their minutes."
)
def artifact(studies: tuple[str, ...], out: Path, run: bool) -> None:
    """Write STUDIES as a folder that a reviewer runs: scripts, expected results, versions, appendix.

    Each is a finished study's folder, or a study file or built-in study, which is run first, into OUT-studies.
    """
    from dse.artifact.artifact import make_artifact

    outcome = make_artifact(studies, out, run)
    for line in outcome.lines:
        echo(line)
    echo(f"{out}: written; run it: sh {out}/run-all.sh")
    if outcome.differ:
        raise Disagreement(f"{out}: {outcome.differ} of {len(outcome.lines)} results differ from what is stored")
