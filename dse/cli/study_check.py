"""`limen study check`: whether a stored study still is what inputs and program give."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import AT_LEAST_ONE, AT_LEAST_ZERO, Disagreement, echo
from dse.cli.places import PLACE


@click.command()
@click.argument("folder", type=PLACE)
@click.option("--sample", default=20, show_default=True, type=AT_LEAST_ONE, help="Points to evaluate again.")
@click.option("--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="Which ones.")
def check(folder: Path, sample: int, seed: int) -> None:
    """Compare the study in FOLDER with its manifest, then a random sample of its points with what comes out now.

    Of a folder of tables or pictures, without a study, compare the files with their manifests. Exit code 1 with the
    first difference: an input or a report of another SHA-256, or a figure.
    """
    from dse.evaluation.unchanged import Changed
    from dse.study.check import check_alone, check_study
    from dse.study.stored import stored_record
    from workloads.host.manifest import MANIFEST

    try:
        if stored_record(folder) is None and (files := check_alone(folder)):
            sound = "1 file as its manifest has it" if files == 1 else f"{files} files as their manifests have them"
            echo(f"{folder}: {sound}; no study, whose points were evaluated again")
            return
        points, has_manifest = check_study(folder, sample, seed)
    except Changed as error:
        raise Disagreement(str(error)) from None
    compared = f"inputs and reports as in {MANIFEST}" if has_manifest else f"no {MANIFEST}: inputs not compared"
    echo(f"{folder}: {points} points evaluated again (seed {seed}), all figures equal; {compared}")
