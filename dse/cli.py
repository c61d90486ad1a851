"""The command line. Every command imports what it needs itself, so that --help stays fast."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from dse.cli_costs import costs, price
from dse.cli_describe import describe
from dse.cli_study import study
from dse.cli_waves import waves
from dse.options import DEFAULT_WORKLOAD, Disagreement, design_option, json_option, load_pair, workload_option
from dse.progress import ProgressBar
from workloads.errors import LimenError
from workloads.version import VERSION

LEVELS = ("timing", "cycle", "rtl")
seed_option = click.option("--seed", default=0, show_default=True, help="For random inputs of a network without data.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="limen")
def commands() -> None:
    """Limen: exact cycles, bits and Verilog of accelerators made of threshold neurons."""


commands.add_command(study)
commands.add_command(price)
commands.add_command(costs)
commands.add_command(describe)
commands.add_command(waves)


@commands.command()
@design_option
@workload_option
@click.option(
    "--level",
    "-l",
    "levels",
    multiple=True,
    default=("timing",),
    show_default=True,
    type=click.Choice(LEVELS),
    help="Repeat it to compare levels: they must agree.",
)
@click.option("--images", default=1, show_default=True, help="Inputs at the levels that carry data.")
@seed_option
@json_option
def simulate(design: str, workload: str, levels: tuple[str, ...], images: int, seed: int, as_json: bool) -> None:
    """Count a network's cycles on a design, layer by layer."""
    from simulator.run import simulate as run_level

    chip, network = load_pair(design, workload)
    runs = [run_level(network, chip, level, images, seed) for level in dict.fromkeys(levels)]  # type: ignore[arg-type]
    first = runs[0]
    fitted = first.design
    different = [run.level for run in runs[1:] if run.counts != first.counts]
    scored = {run.level: run.scores.tolist() for run in runs if run.scores is not None}
    different += [level for level, scores in scored.items() if scores != next(iter(scored.values()))]
    if as_json:
        result = {
            "network": network.name,
            "design": fitted.model_dump(),
            "images": images,
            "levels": {run.level: json.loads(run.layers.to_json(orient="records")) for run in runs},
            "cycles_per_image": {run.level: run.cycles for run in runs},
            "disagree": different,
        }
        click.echo(json.dumps(result, indent=2))
    else:
        click.echo(
            f"{network.name} on {fitted.rows} x {fitted.cols} {fitted.dataflow} {fitted.op}, "
            f"x {fitted.x_bits} bits, w {fitted.w_bits} bits, accumulators {fitted.acc_bits} bits"
        )
        for run in runs:
            click.echo(f"\nlevel {run.level}: {run.cycles} cycles an image")
            click.echo(run.layers.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    if different:
        raise Disagreement(f"levels disagree: {first.level} against {', '.join(different)}")
    if len(runs) > 1 and not as_json:
        words = f"; scores of {images} images equal" if len(scored) > 1 else ""
        click.echo(f"\nlevels {', '.join(run.level for run in runs)} agree: {first.cycles} cycles an image{words}")


@commands.command()
@design_option
@workload_option
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--images", default=20, show_default=True, help="Inputs to put into the vectors.")
@seed_option
def export(design: str, workload: str, out: Path, images: int, seed: int) -> None:
    """Write a design as Verilog with vectors, testbench and Makefile; the folder stands alone."""
    from simulator.run import export as write_folder

    chip, network = load_pair(design, workload)
    exported = write_folder(network, chip, out, images, seed)
    click.echo(f"{exported.folder}: {network.name}, {images} images; prove it: limen verify {exported.folder}")


@commands.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--images", type=int, help="How many of the exported inputs; all by default.")
@json_option
def verify(folder: Path, images: int | None, as_json: bool) -> None:
    """Run an exported folder under Verilator and compare every bit and every cycle."""
    from dataclasses import asdict

    from simulator.verify import verify as prove

    proof = prove(folder, images)
    if as_json:
        click.echo(json.dumps(asdict(proof), indent=2))
    else:
        click.echo(
            f"{folder}: {proof.images} images, {proof.layers} layers: {proof.bits} bits and {proof.cycles} cycles "
            f"compared, mismatches {proof.mismatches}"
        )
    if proof.mismatches:
        raise Disagreement(f"{folder}: mismatches {proof.mismatches}; make -C {folder} shows them by layer")


@commands.group()
def net() -> None:
    """Train networks and measure their accuracy."""


@net.command()
@click.argument("workload", default=DEFAULT_WORKLOAD)
@click.option("--op", type=click.Choice(["threshold", "mac"]), help="Of a family; all its ops by default.")
@click.option("--x-bits", type=int, help="Of a family; 8 by default.")
@click.option("--w-bits", type=int, help="Of a family; 8 by default.")
@click.option("--split", default="test", show_default=True, type=click.Choice(["train", "validation", "test"]))
@json_option
def accuracy(workload: str, op: str | None, x_bits: int | None, w_bits: int | None, split: str, as_json: bool) -> None:
    """Measure accuracy by exact integers on the shipped data."""
    from workloads.family import find_network, load_family

    networks: list[Any] = []
    if workload.endswith((".yaml", ".yml")):
        networks.append(find_network(workload, op, x_bits, w_bits))  # type: ignore[arg-type]
    else:
        ops = [op] if op else load_family(workload).ops()
        networks += [find_network(workload, each, x_bits or 8, w_bits or 8) for each in ops]  # type: ignore[arg-type]
    rows = []
    for network in networks:
        x, labels = network.inputs(split)
        right = int((network.predict(x).argmax(axis=1) == labels).sum())
        rows.append({"network": network.name, "split": split, "images": len(labels), "right": right})
        rows[-1]["accuracy"] = right / len(labels)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['network']} {split}: {row['right']} of {row['images']} right, {100 * row['accuracy']:.2f} %")


@net.command()
@click.argument("recipe", default="digits")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--op", type=click.Choice(["threshold", "mac"]), help="All ops of the recipe by default.")
@click.option("--seed", type=click.IntRange(min=0), help="The recipe's own by default.")
@click.option("--seeds", type=click.IntRange(min=1), help="Study seeds 0 to N-1 at 8 bits instead; writes seeds.csv.")
def train(recipe: str, out: Path, op: str | None, seed: int | None, seeds: int | None) -> None:
    """Train a family from RECIPE, a .yaml file or a shipped family's name: float masters, then integers."""
    from workloads import train_family as training
    from workloads.family import load_family
    from workloads.files import check_writable, write_whole

    if seed is not None and seeds is not None:
        raise LimenError(f"--seed: {seed} is not allowed: --seeds names its own")
    path = Path(recipe) if recipe.endswith((".yaml", ".yml")) else load_family(recipe).folder / "recipe.yaml"
    ops: Any = [op] if op else None
    with ProgressBar() as progress:
        if seeds is not None:
            check_writable(out)
            rows = training.seed_study(path, range(seeds), ops, progress.show)
            write_whole(out / "seeds.csv", training.csv_bytes(rows))
        else:
            family = training.train_family(path, out, ops, seed, progress.show)
    if seeds is not None:
        for summary in training.summarise_seeds(rows):
            click.echo(
                f"{summary.op}: test accuracy at 8 bits, {summary.seeds} seeds: mean {100 * summary.test_mean:.2f} %, "
                f"deviation {100 * summary.test_deviation:.2f} points; best on validation: seed {summary.best_seed}"
            )
        return
    for each in family.ops():
        member = family.network(each, 8, 8)  # type: ignore[arg-type]
        click.echo(f"{out}: {member.name}: test accuracy {100 * member.accuracy('test'):.2f} %")


def main() -> None:
    """Run the command line: bad input is one line on stderr and exit code 2, a disagreement exit code 1."""
    try:
        code = commands.main(prog_name="limen", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        click.echo(f"limen: {' '.join(error.format_message().split())}", err=True)
        sys.exit(2)
    except LimenError as error:
        click.echo(f"limen: {error}", err=True)
        sys.exit(2)
    except Disagreement as error:
        click.echo(f"limen: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("limen: stopped", err=True)
        sys.exit(130)
