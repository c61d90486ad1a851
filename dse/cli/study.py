"""`limen study`: searches over designs. Every command imports what it needs itself, so that --help stays fast."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.compare import compare
from dse.cli.devices import devices
from dse.cli.formats import format_options, page_columns
from dse.cli.look import plot, report
from dse.cli.options import AT_LEAST_ONE, PROCESSES, echo, echo_exported, echo_wrapped, json_option, several
from dse.cli.places import PLACE
from dse.cli.study_check import check
from dse.cli.study_design import design
from dse.cli.system import system
from dse.cli.tables import tables
from workloads.errors import LimenError, printable
from workloads.host.width import WIDTH

if TYPE_CHECKING:
    import pandas

    from dse.space.study_spec import StudySpec
    from dse.study.study import Study

SHOWN = (
    "trial",
    "design",
    "energy_uj",
    "latency_us",
    "area_mm2",
    "accuracy",
    "test_accuracy",
    "clock_ns",
    "dram_share",
    "assumed_share",
)

folder_argument = click.argument("folder", type=PLACE)


@click.group()
def study() -> None:
    """Search a space of designs with Optuna; its front; points of it as Verilog."""


tables.add_command(devices)
tables.add_command(system)
study.add_command(tables)
study.add_command(compare)
study.add_command(plot)
study.add_command(report)
study.add_command(check)
study.add_command(design)


@study.command()
@click.argument("file", default="study.yaml", type=PLACE)
def init(file: Path) -> None:
    """Write the built-in digits study, with comments, to FILE (study.yaml by default)."""
    from dse.space.study_spec import study_path
    from workloads.host.files import write_new
    from workloads.host.names import is_file_name

    if not is_file_name(file):
        raise LimenError(f"{file}: not allowed: a name that ends in .yaml")
    text = study_path("digits").read_text(encoding="utf-8")
    write_new(file, text.encode())
    echo(f"{file}: written; run it: limen study run {file} --out {file.stem}")


@study.command()
@click.argument("spec", default="digits")
@click.option("--out", "-o", required=True, type=PLACE, help="The study's folder; resumed if there.")
@click.option("--trials", "-n", type=AT_LEAST_ONE, help="Trials in all, in place of SPEC's: a study grows.")
@click.option(
    "--sampler", help="A sampler in place of SPEC's, from now on: surrogate, tpe, nsga2, nsga3, gp, qmc or random."
)
@click.option("--from", "source", type=PLACE, help="Another study's folder, whose best designs are tried first.")
@click.option("--jobs", "-j", type=PROCESSES, help="Processes; by default one a core for sampler exhaustive, else one.")
@click.option("--storage", help="postgresql://USER@HOST/DATABASE where workers, each with an --out, share the study.")
@click.option("--dask", help="tcp://HOST:PORT of a Dask cluster that evaluates blocks of sampler exhaustive.")
def run(
    spec: str,
    out: Path,
    trials: int | None,
    sampler: str | None,
    source: Path | None,
    jobs: int | None,
    storage: str | None,
    dask: str | None,
) -> None:
    """Run SPEC, a study .yaml or a built-in study, to its end; run it again to resume."""
    from dse.evaluation.tally import total
    from dse.space.study_spec import load_study
    from dse.study.growing import changed
    from dse.study.study import Study
    from dse.sweep.dask_cluster import dask_executor

    if source is not None:
        Study.open(source)  # before anything is made of --out
    if dask is not None:
        _check_is_sweep(changed(load_study(spec), spec, sampler, trials))
    search = Study(spec, out, sampler=sampler, trials=trials, storage=storage)
    _print_what_is_missing(search)
    before = total(search.tallies().values()).tried
    if source is not None:
        taken = search.warm_start(source)
        echo(
            f"{source}: {taken.fitting} of the {taken.best} designs that no other of their op beats are points of this "
            f"space; {taken.added} evaluated again, as trials of this study"
        )
        if search.designs == search.planned < search.space_size:
            echo(f"no trial is left to search the space: give --trials more than {search.planned}")
    with dask_executor(dask) if dask is not None else nullcontext() as executor:
        search.run(jobs, executor)
    if before:
        echo(f"{out}: resumed after {before} trials")
    _print_front(search)
    for path in search.reports:
        echo(f"{path}: written")


@study.command()
@folder_argument
@format_options
@json_option
def front(folder: Path, form: str, columns: int | None, as_json: bool) -> None:
    """Print the front of the study in FOLDER: the feasible designs that no other one dominates."""
    from dse.search.trial_table import table_csv
    from dse.space.workload import title_of
    from dse.study.front_table import front_latex, front_markdown
    from dse.study.study import Study

    width = page_columns(form, columns)
    if as_json and form != "text":
        raise LimenError(f"--json: is not allowed with --format {form}: one of them")
    search = Study.open(folder)
    _print_what_is_missing(search, err=as_json or form != "text")
    if form != "text":
        best = search.front()
        names = shown_names(best, *search.spec.objectives, *search.spec.constraints)[2:]
        texts = {
            "md": lambda: front_markdown(best, names),
            "latex": lambda: front_latex(best, names, title_of(search.workload), width),
            "csv": lambda: table_csv(best),
        }
        echo(texts[form]().rstrip("\n"))
        return
    if as_json:
        echo(search.front().to_json(orient="records", double_precision=15, indent=2))
        return
    _print_front(search)


@study.command()
@folder_argument
@several(
    "--point",
    "-p",
    "points",
    default=["knee"],
    show_default=True,
    help="knee, largest, an op or a trial's number; again for more.",
)
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write; of several points OUT-POINT each.")
@click.option("--images", default=20, show_default=True, type=AT_LEAST_ONE, help="Test images to put into the vectors.")
def export(folder: Path, points: tuple[str, ...], out: Path, images: int) -> None:
    """Write points of the study in FOLDER as Verilog with vectors, testbench and Makefile."""
    from dse.report.progress import ProgressBar
    from dse.study.study import Study

    search = Study.open(folder)
    chosen = {point: search.point(point) for point in points}
    for point, found in chosen.items():
        place = out if len(chosen) == 1 else out.with_name(f"{out.name}-{point}")
        with ProgressBar() as bar:
            exported = found.export(place, images, bar.show)
        echo_exported(exported, f"{point}: {found}, {images} images")


def _check_is_sweep(spec: StudySpec) -> None:
    """Raise LimenError for a search, which has no blocks for a cluster."""
    if not spec.is_sweep:
        raise LimenError(
            f"--dask: is not allowed with sampler {spec.sampler.name}: a cluster evaluates blocks of a sweep; "
            "give --jobs, or use sampler exhaustive"
        )


def _print_what_is_missing(search: Study, err: bool = False) -> None:
    for line in search.left_out:
        echo_wrapped(f"left out of the space: {printable(line)}", err=err)
    for line in search.unmapped:
        echo_wrapped(f"not on the machine, not counted: {printable(line)}", err=err)


def _print_front(search: Study) -> None:
    from dse.evaluation.tally import total
    from dse.space.workload import title_of

    tallies, best = search.tallies(), search.front()
    tally = total(tallies.values())
    name = printable(title_of(search.workload))
    echo(
        f"{name}: {tally.tried} trials, {search.designs} distinct designs of {search.space_size}, "
        f"{tally.feasible} feasible, {tally.refused or 'none'} refused; front: {len(best)}"
    )
    for line in search.notes:
        echo(printable(line))
    if tally.refused:
        echo_wrapped(f"refused, the first: {printable(tally.refusal)}")
    echo(format_table(best, *search.spec.objectives, *search.spec.constraints))
    ops = [op for op, of_op in tallies.items() if of_op.feasible]
    for name in ("knee", "largest", *sorted(ops, reverse=True)):
        chosen = search.point(name)
        note = "" if chosen.trial in set(best["trial"]) else " (not on the common front)"
        echo(f"{name}: {chosen}{note}")


def shown_names(table: pandas.DataFrame, *sought: str) -> list[str]:
    """Return the names of the columns people compare, trial and design first."""
    return [name for name in dict.fromkeys((*SHOWN, *sought)) if name in table]


def format_table(table: pandas.DataFrame, *sought: str) -> str:
    """Return the columns people compare, as text; sought: those of the study's objectives and constraints.

    Where all are wider than a line, the last of the others are left out.
    """
    names = shown_names(table, *sought)
    formats: dict[str, Any] = {name: "{:.4g}".format for name in names if name not in ("trial", "design")}
    spare = [name for name in names if name in formats and name not in sought]
    while True:
        text = str(table[names].to_string(index=False, formatters=formats))
        if not spare or max(map(len, text.splitlines())) <= WIDTH:
            return text
        names.remove(spare.pop())


def describe_study(folder: Path) -> str:
    """Return a stored study in a few lines."""
    from dse.evaluation.tally import total
    from dse.study.study import Study

    search = Study.open(folder)
    done, planned = total(search.tallies().values()).tried, search.planned
    lines = [f"study in {folder}: {done} of {planned} trials, {search.space_size} designs in the space"]
    lines += [f"left out of the space: {printable(line)}" for line in search.left_out]
    return "\n".join([*lines, json.dumps(search.spec.model_dump(), indent=2)])
