"""`limen net diffusion`: a small denoising network of each op, and the digits it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dse.cli.options import AT_LEAST_ONE, AT_LEAST_ZERO, echo, several
from dse.cli.places import PLACE
from dse.report.progress import ProgressBar

OPS = ["threshold", "mac"]
"""`workloads.studies.diffusion.DIFFUSION_OPS`, said again so that --help imports no numpy; a test compares the two."""

EPOCHS = 60
"""`workloads.studies.diffusion.EPOCHS`, likewise."""


@click.command()
@several("--op", "ops", type=click.Choice(OPS), help="Both by default.")
@click.option("--epochs", default=EPOCHS, show_default=True, type=AT_LEAST_ONE, help="Of each network's training.")
@click.option("--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="Of training and of sampling.")
@click.option("--rate", type=float, help="Highest learning rate; each op's own by default.")
@click.option("--samples", default=1000, show_default=True, type=AT_LEAST_ONE, help="Images that each network makes.")
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write.")
def diffusion(ops: tuple[str, ...], epochs: int, seed: int, rate: float | None, samples: int, out: Path) -> None:
    """Train networks to take noise from digits, make digits from noise, and judge both.

    Writes per op a float master, a network file with 8-bit integers, its curve and a picture of samples; then
    diffusion.csv and .md. Stopped at any moment, the same command goes on where it was.
    """
    from dse.report.diffusion_report import run_diffusion
    from workloads.datasets import content_hash
    from workloads.host.manifest import Origin

    origin = Origin({"data digits": content_hash("digits")}, seed)
    chosen: Any = list(dict.fromkeys(ops)) or OPS
    with ProgressBar() as progress:
        paths = run_diffusion(chosen, epochs, seed, samples, out, progress.show, rate)
    origin.write_into(out, paths)
    echo((out / "diffusion.md").read_text(encoding="utf-8"))
    echo(f"wrote {', '.join(str(path) for path in paths)}")
