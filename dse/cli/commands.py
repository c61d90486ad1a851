"""The command line. Every command imports what it needs itself, so that --help stays fast."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.artifact import artifact
from dse.cli.costs import costs
from dse.cli.depth import depth
from dse.cli.describe import describe
from dse.cli.diffusion import diffusion
from dse.cli.ending import say
from dse.cli.hardwire import hardwire
from dse.cli.layers import Timeline, timeline_options
from dse.cli.look import report
from dse.cli.net import net
from dse.cli.net_files import export_network, import_network, init_network
from dse.cli.net_search import search
from dse.cli.options import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    PROCESSES,
    Disagreement,
    bits_option,
    design_option,
    echo,
    echo_exported,
    echo_wrapped,
    json_option,
    load_pair,
    op_option,
    several,
    workload_option,
)
from dse.cli.places import PLACE, check_table
from dse.cli.polarity import polarity
from dse.cli.price import price
from dse.cli.speakers import speakers
from dse.cli.stats import stats
from dse.cli.study import study
from dse.cli.waves import waves
from workloads.errors import LimenError
from workloads.version import VERSION

if TYPE_CHECKING:
    from simulator.run import Level

LEVELS = ("timing", "cycle", "rtl")
LONG_CYCLES = 20_000_000
"""Cycles of all images from which a run at a level with data says how long it is before it starts."""

seed_option = click.option(
    "--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="For random inputs of a network without data."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="limen")
def commands() -> None:
    """Limen: exact cycles, bits and Verilog of accelerators made of threshold neurons."""


commands.add_command(study)
commands.add_command(report)
commands.add_command(price)
commands.add_command(costs)
commands.add_command(describe)
commands.add_command(net)
net.add_command(stats)
net.add_command(polarity)
net.add_command(depth)
net.add_command(speakers)
net.add_command(search)
net.add_command(diffusion)
net.add_command(import_network)
net.add_command(export_network)
net.add_command(init_network)
commands.add_command(waves)
commands.add_command(hardwire)
commands.add_command(artifact)


@commands.command()
@design_option
@workload_option
@op_option
@bits_option
@timeline_options
@several(
    "--level",
    "-l",
    "levels",
    default=("timing",),
    show_default=True,
    type=click.Choice(LEVELS),
    help="Repeat it to compare levels: they must agree.",
)
@click.option("--images", default=1, show_default=True, type=AT_LEAST_ONE, help="Inputs at the levels that carry data.")
@click.option(
    "--jobs",
    "-j",
    default=1,
    show_default=True,
    type=PROCESSES,
    help="Inputs at a time at level cycle, a core each.",
)
@seed_option
@click.option("--schedule", "shows_schedule", is_flag=True, help="Print each layer's cut, as a loop nest.")
@click.option(
    "--all", "everything", is_flag=True, help="Print all columns: phases, each stall, every memory's accesses."
)
@click.option("--csv", "csv_file", type=PLACE, callback=check_table, help="Write all columns there, a .csv file.")
@json_option
def simulate(
    design: str,
    workload: str,
    op: str | None,
    bits: tuple[int, int] | None,
    timeline: Timeline,
    levels: tuple[Level, ...],
    images: int,
    jobs: int,
    seed: int,
    shows_schedule: bool,
    everything: bool,
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Count a network's cycles on a design, layer by layer; levels with data are compared with the reference, too."""
    from dse.cli import run_text
    from dse.report.progress import ProgressBar
    from simulator.run import reference_scores
    from simulator.run import simulate as run_level
    from workloads.host.files import write_whole

    chip, network = load_pair(design, workload, op, bits)
    written = [path for path in (csv_file, timeline.path) if path is not None]
    origin = run_text.origin_of_run(workload, chip, seed) if written else None
    if set(levels) != {"timing"}:
        cycles = images * run_level(network, chip).cycles
        if cycles > LONG_CYCLES:  # nothing else is heard of a level with data until it ends
            echo(f"limen: {cycles} cycles to step through, a million or so a second", err=True)
    with ProgressBar() as bar:
        runs = [run_level(network, chip, level, images, seed, progress=bar.show, jobs=jobs) for level in levels]
    timeline.write(runs[0], as_json)
    different = [run.level for run in runs[1:] if run.counts != runs[0].counts]
    scored = {run.level: run.scores.tolist() for run in runs if run.scores is not None}
    expected = reference_scores(network, images, seed).tolist() if scored else []
    wrong = [level for level, scores in scored.items() if scores != expected]
    if csv_file is not None:
        write_whole(csv_file, run_text.layers_csv(runs).encode())
    for path in written:
        assert origin is not None
        origin.write_beside(path)
    if as_json:
        findings = {"disagree": different, "wrong_scores": wrong}
        echo(json.dumps(run_text.as_json(runs, network, images, shows_schedule) | findings, indent=2))
    else:
        run_text.echo_runs(runs, network, everything, shows_schedule)
    if different:
        raise Disagreement(f"levels disagree: {runs[0].level} against {', '.join(different)}")
    if wrong:
        raise Disagreement(f"scores differ from the reference's: {', '.join(wrong)}")
    if as_json or (len(runs) == 1 and not scored):
        return
    agreed = [f"levels {', '.join(run.level for run in runs)} agree: {runs[0].cycles} cycles an image"] * (
        len(runs) > 1
    )
    agreed += [f"scores of {images} images equal the reference's"] * bool(scored)
    echo("\n" + "; ".join(agreed))


@commands.command()
@design_option
@workload_option
@op_option
@bits_option
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write.")
@click.option("--images", default=20, show_default=True, type=AT_LEAST_ONE, help="Inputs to put into the vectors.")
@seed_option
def export(
    design: str, workload: str, op: str | None, bits: tuple[int, int] | None, out: Path, images: int, seed: int
) -> None:
    """Write a design as Verilog with vectors, testbench and Makefile; the folder stands alone."""
    from dse.report.progress import ProgressBar
    from simulator.run import export as write_folder

    chip, network = load_pair(design, workload, op, bits)
    with ProgressBar() as bar:
        exported = write_folder(network, chip, out, images, seed, bar.show)
    echo_exported(exported, f"{network.name}, {images} images")


@commands.command()
@click.argument("folders", metavar="FOLDER...", type=PLACE, nargs=-1, required=True)
@click.option("--images", type=AT_LEAST_ONE, help="How many of the exported inputs; all by default.")
@click.option("--again", is_flag=True, help="Also where it was proved before, of the same files by the same tools.")
@json_option
def verify(folders: tuple[Path, ...], images: int | None, again: bool, as_json: bool) -> None:
    """Run exported folders under Verilator and compare every bit and every cycle.

    As JSON, one folder is an object, several are a list of them.
    """
    from dse.report.progress import ProgressBar
    from simulator.hardwired import export as hardwired
    from simulator.rtl.verify import verify as prove_design

    proofs = {}
    for folder in folders:
        prove = hardwired.verify if (folder / hardwired.MARKER).is_file() else prove_design
        with ProgressBar() as bar:
            proofs[folder] = proof = prove(folder, images, again, bar.show)
        if not as_json:
            echo_wrapped(
                f"{folder}: {proof.images} images, {proof.layers} layers: {proof.bits} bits and {proof.cycles} cycles "
                f"compared, mismatches {proof.mismatches}" + " (proved before; --again proves it anew)" * proof.kept
            )
    if as_json:
        contents = [proof.content() for proof in proofs.values()]
        echo(json.dumps(contents if len(contents) > 1 else contents[0], indent=2))
    for folder, proof in proofs.items():
        if proof.mismatches:
            raise Disagreement(
                f"{folder}: mismatches {proof.mismatches}; by layer, with the folder's own testbench: "
                f"make -C {shlex.quote(str(folder))}"
            )


def run() -> int:
    """Run the command line and return its exit code: 2 after one line for bad input, 1 after one for a finding."""
    try:
        code = commands.main(prog_name="limen", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message())
        return 0
    except click.ClickException as error:
        say(error.format_message())
        return 2
    except LimenError as error:
        say(str(error))
        return 2
    except Disagreement as error:
        say(str(error))
        return 1
