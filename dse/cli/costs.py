"""`limen costs`: cost tables, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from dse.cli.options import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    PROCESSES,
    Disagreement,
    echo,
    json_option,
    several,
)
from dse.cli.places import PLACE, check_table
from workloads.errors import LimenError, printable, shown
from workloads.host.width import wrapped

if TYPE_CHECKING:
    import pandas

table_argument = click.argument("name", default="ihp130")
liberty_option = several(
    "--liberty",
    required=True,
    type=PLACE,
    help="Standard cells: a Liberty file, .lib or .lib.gz; once for each file of a kit.",
)
WITHIN_PERCENT = 5.0
"""How far a whole design may be from the table's sum."""


@click.group()
def costs() -> None:
    """Cost tables: build one from a Liberty file, check one against it, show one; count cells of FPGAs."""


@costs.command()
@liberty_option
@click.option("--out", "-o", required=True, type=PLACE, callback=check_table, help="The table to write, a .csv file.")
@click.option("--jobs", "-j", default=1, show_default=True, type=PROCESSES, help="Processes.")
@click.option(
    "--pairs",
    type=click.Choice(["all", "equal"]),
    default="all",
    show_default=True,
    help="PEs of all pairs of widths, or only of x as wide as w.",
)
@click.option("--sram", default="macros", show_default=True, help="SRAM: IHP's macros, or cacti-NM of a node.")
@click.option("--keep", metavar="TABLE", help="An earlier table: its rows stand where they would have the same hash.")
def build(
    liberty: tuple[Path, ...], out: Path, jobs: int, pairs: Literal["all", "equal"], sram: str, keep: str | None
) -> None:
    """Derive a cost table: synthesise every PE and edge, time it, count its switching. Resumes where it stopped."""
    from cost_models.derive.build import build_table
    from cost_models.table.table import table_path
    from dse.report.progress import ProgressBar
    from workloads.host.manifest import Origin, file_hash

    inputs = {f"liberty {path.name}": file_hash(path) for path in liberty}
    origin = Origin(inputs | ({f"costs {Path(keep).stem}": file_hash(table_path(keep))} if keep else {}))
    with ProgressBar() as bar:
        path = build_table(
            liberty,
            out,
            jobs,
            lambda done, total: bar.show("synthesising", done, total),
            pairs=pairs,
            sram=sram,
            keep=keep,
        )
    origin.write_beside(path)
    echo(f"{path}: written; use it: limen price --costs {path}")


@costs.command()
@table_argument
@liberty_option
@click.option("--sample", default=20, show_default=True, type=AT_LEAST_ONE, help="Netlists to synthesise again.")
@click.option("--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="Which ones.")
def check(name: str, liberty: tuple[Path, ...], sample: int, seed: int) -> None:
    """Synthesise a random sample of a table again, trying every recipe, and compare every quantity."""
    from cost_models.derive.check import check_table
    from dse.report.progress import ProgressBar

    with ProgressBar() as bar:
        rows, mismatches = check_table(name, liberty, sample, seed, bar.show)
    for wrong in mismatches:
        echo(f"{wrong.unit}: {wrong.quantity}: the table has {wrong.table_value}, this machine gives {wrong.value}")
    if mismatches:
        raise Disagreement(f"{name}: {rows} rows compared, mismatches {len(mismatches)}")
    echo(f"{name}: {sample} netlists synthesised again (seed {seed}): {rows} rows compared, mismatches 0")


@costs.command()
@liberty_option
@click.option("--bits", default=8, show_default=True, type=click.IntRange(2, 16), help="Width of x and of w.")
def multipliers(liberty: tuple[Path, ...], bits: int) -> None:
    """Build a MAC with every multiplier there is, alone and in PEs, and compare; a table keeps the least merit."""
    from cost_models.derive.multiplier_study import compare_multipliers
    from dse.report.progress import ProgressBar
    from workloads.host.text_tables import markdown_table

    head = ["kernel", "multiplier", "area, µm²", "energy, pJ", "without glitches, pJ", "clock, ns", "merit, µm²·pJ·ns"]
    with ProgressBar() as bar:
        ways = list(compare_multipliers(liberty, bits, bar.show))
    rows = [
        [
            built.definition, built.multiplier.replace("_", " "), f"{built.area_um2:.0f}", f"{built.energy_pj:.3g}",
            f"{built.settled_pj:.3g}", f"{built.clock_ns:.3g}", f"{built.merit:.3g}",
        ]
        for built in ways
    ]  # fmt: skip
    echo(markdown_table(head, rows).rstrip())


@costs.command()
@click.argument("folder", type=PLACE)
@liberty_option
@click.option("--costs", default="ihp130", show_default=True, help="A built-in cost table or a .csv file.")
@click.option(
    "--within", default=WITHIN_PERCENT, show_default=True, help="Most the totals may differ, in % of the table."
)
@click.option("--closed", is_flag=True, help="Let nothing cross from unit to unit, not even a constant.")
@json_option
def whole(folder: Path, liberty: tuple[Path, ...], costs: str, within: float, closed: bool, as_json: bool) -> None:
    """Synthesise an exported design as a whole; compare each unit's area, and the sum, with the table's.

    Memories are left out on both sides. Exit code 1 where the sums differ by more than --within.
    """
    from cost_models.derive.whole_design import compare_whole

    if not within > 0:
        raise LimenError(f"within: {within:g} is not allowed: more than 0")
    lines = compare_whole(folder, liberty, costs, closed)
    total = lines[-1]
    if as_json:
        rows = [
            vars(line) | {"difference_percent": line.difference_percent if line.table_um2 else None} for line in lines
        ]
        echo(json.dumps({"folder": str(folder), "costs": costs, "closed": closed, "units": rows}, indent=2))
    else:
        echo(f"{'unit':<24}{'instances':>10}{'whole, um2':>14}{'table, um2':>14}{'difference, %':>15}")
        for line in lines:
            echo(
                f"{line.component:<24}{line.instances:>10}{line.whole_um2:>14.1f}{line.table_um2:>14.1f}"
                f"{line.difference_percent:>+15.2f}"
            )
    if abs(total.difference_percent) > within:
        raise Disagreement(f"{folder}: the whole differs by {total.difference_percent:+.2f} %, more than {within:g} %")


@costs.command()
@click.option("--out-dir", type=PLACE, help="The folder to write the tables into.")
@click.option("--target", default="all", show_default=True, type=click.Choice(("xc7", "ecp5", "all")))
@click.option("--jobs", "-j", default=1, show_default=True, type=PROCESSES, help="Units at a time.")
@click.option("--systems", is_flag=True, help="Whole designs too: an hour or two more on a quiet core.")
@click.option("--check", is_flag=True, help="Build a sample of the built-in tables again instead, and compare.")
@click.option("--sample", default=20, show_default=True, type=AT_LEAST_ONE, help="With --check: units of each target.")
@click.option("--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="With --check: which ones.")
def fpga(out_dir: Path | None, target: str, jobs: int, systems: bool, check: bool, sample: int, seed: int) -> None:
    """Count LUTs, flip-flops, carries and DSP blocks on FPGAs, and place and route for ECP5. Resumes where it stopped.

    No power: open tools don't tell it.
    """
    from functools import partial

    from cost_models.fpga.fpga import TARGETS, tools
    from cost_models.fpga.fpga_build import build_fpga, check_fpga
    from cost_models.fpga.fpga_units import fpga_units
    from dse.report.progress import ProgressBar
    from workloads.host.manifest import Origin

    if (out_dir is None) != check:
        raise click.UsageError("--out-dir names the folder to write, --check compares instead: give one of them")
    targets = TARGETS if target == "all" else (target,)
    for name in targets:
        tools(name)
    rows, wrong = 0, 0
    with ProgressBar() as bar:
        for name in targets:
            if out_dir is not None:
                origin = Origin({})
                for path in build_fpga(name, out_dir, jobs, partial(bar.show, name), fpga_units(name, systems)):
                    origin.write_beside(path)
                    echo(f"{path}: written; see it: limen costs show {path}")
                continue
            compared, mismatches = check_fpga(name, sample, seed, partial(bar.show, name), systems)
            rows, wrong = rows + compared, wrong + len(mismatches)
            for mismatch in mismatches:
                echo(
                    f"{mismatch.table}: {mismatch.unit}: {mismatch.quantity}: the table has {mismatch.table_value}, "
                    f"this machine gives {mismatch.value}"
                )
    if wrong:
        raise Disagreement(f"{rows} rows compared, mismatches {wrong}")
    if check:
        echo(f"{rows} rows compared (sample {sample}, seed {seed}), mismatches 0")


@costs.command()
@click.option("--out", "-o", type=PLACE, callback=check_table, help="The table to write or to add to, a .csv file.")
@several("--liberty", "libraries", help="NAME=LIB: a Liberty file and the name of its rows.")
@several("--fpga", "fpgas", type=click.Choice(("xc7", "ecp5")), help="An FPGA; again for both.")
@several("--layer", "layers", help="Only blocks of this layer of digits; again for more.")
@several("--bits", "widths", type=click.IntRange(2, 16), help="Only these x_bits; again for more.")
@several("--op", "ops", help="Only this op; again for more.")
@several("--form", "forms", help="Only this form of the additions; again for more.")
@click.option("--check", is_flag=True, help="Measure a sample of the built-in rows again instead, and compare.")
@click.option("--sample", default=2, show_default=True, type=AT_LEAST_ONE, help="With --check: blocks.")
@click.option("--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="With --check: which ones.")
def hardwired(
    out: Path | None,
    libraries: tuple[str, ...],
    fpgas: tuple[str, ...],
    layers: tuple[str, ...],
    widths: tuple[int, ...],
    ops: tuple[str, ...],
    forms: tuple[str, ...],
    check: bool,
    sample: int,
    seed: int,
) -> None:
    """Measure hard-wired layers of digits: area, clock, energy a window. Rows that are there of the same hash stay."""
    from cost_models.hardwired.block import blocks
    from cost_models.hardwired.rows import build, opened
    from cost_models.hardwired.rows import check as check_rows
    from dse.report.progress import ProgressBar
    from workloads.host.manifest import Origin, file_hash

    if (out is None) != check:
        raise click.UsageError("--out names the table to write, --check compares instead: give one of them")
    kits = _named_libraries(libraries)
    if not kits and not fpgas:
        raise click.UsageError("--liberty NAME=LIB or --fpga: give one at least")
    chosen = [
        block
        for block in blocks()
        if (not layers or block.layer in layers)
        and (not widths or block.x_bits in widths)
        and (not ops or block.op in ops)
        and (not forms or block.form in forms)
    ]
    if not chosen:
        known = ", ".join(dict.fromkeys(f"{block.layer} at {block.x_bits}" for block in blocks()))
        asked = ", ".join((*layers, *map(str, widths), *ops, *forms))
        raise LimenError(f"--layer, --bits, --op, --form: {asked} are not allowed together: {known}")
    with opened(kits, fpgas) as targets:
        if out is None:
            compared, wrong = check_rows(targets, sample, seed)
            for line in wrong:
                echo(line)
            if wrong:
                raise Disagreement(f"{compared} rows compared, mismatches {len(wrong)}")
            echo(f"{compared} rows compared (sample {sample}, seed {seed}), mismatches 0")
            return
        origin = Origin({f"liberty {path.name}": file_hash(path) for path in kits.values()})
        with ProgressBar() as bar:
            made = build(out, targets, chosen, bar.show)
        origin.write_beside(out)
        echo(f"{out}: {made} blocks measured, {len(chosen) * len(targets) - made} kept")


def _named_libraries(texts: Sequence[str]) -> dict[str, Path]:
    """Return what each NAME=LIB says, each name once. Raises LimenError."""
    named: dict[str, Path] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        if not (name and sign and path):
            raise LimenError(f"--liberty: {shown(text)} is not allowed: NAME=LIB, such as ihp130=sg13g2_stdcell.lib")
        if name in named:
            raise LimenError(f"--liberty: {shown(name)} is not allowed twice: rows of each library have its name")
        named[name] = Path(path)
    return named


@costs.command()
@table_argument
@click.option("--component", help="Only rows of this component.")
@click.option("--op", help="Only rows of this op.")
@click.option("--quantity", help="Only rows of this quantity.")
@click.option("--all", "everything", is_flag=True, help="All columns but source, tools and hash, in one table.")
@click.option("--cells", is_flag=True, help="NAME is a Liberty file: its cells, used or why not.")
@json_option
def show(
    name: str, component: str | None, op: str | None, quantity: str | None, everything: bool, cells: bool, as_json: bool
) -> None:
    """Show the rows of a cost table, a component at a time; or the cells of a Liberty file."""
    from cost_models.table.table import show as read_rows

    if cells:
        _show_cells(Path(name), as_json)
        return
    rows = read_rows(name, component, op, quantity)
    if as_json:
        echo(rows.to_json(orient="records", double_precision=15, indent=2))
        return
    short = rows.drop(columns=["tool_versions", "hash", "source"])
    if everything:
        echo(short.loc[:, (short != "").any()].to_string(index=False))
        return
    for of_component, section in short.groupby("component", sort=False):
        echo(_section(str(of_component), section.drop(columns="component")))


HEADS = {"x_bits": "x", "w_bits": "w", "acc_bits": "acc", "dataflow": "flow", "stages": "st"}
"""Short names of columns that hold a few characters."""


def _section(component: str, rows: pandas.DataFrame) -> str:
    """Return a component's rows under a line of what all of them share."""
    varied = ["quantity", "value", *(name for name in rows if rows[name].nunique() > 1)]
    shared = {name: rows[name].iloc[0] for name in rows if name not in varied}
    title = ", ".join([component, *(f"{name} {value}" for name, value in shared.items() if value != "")])
    table = rows[[name for name in rows if name in varied]].rename(columns=HEADS)
    return f"{wrapped(title)}\n{table.to_string(index=False)}\n"


def _show_cells(path: Path, as_json: bool) -> None:
    """Print every cell of a Liberty file: what it is used as, or why it is left out."""
    from cost_models.liberty.liberty_reader import read_library

    library = read_library(path)
    used = {
        cell.name: "; ".join(["flip-flop" if cell.flip_flop else "gate", *cell.notes()])
        for cell in library.cells.values()
    }
    rows = [{"cell": name, "used": True, "why": why} for name, why in used.items()]
    rows += [{"cell": name, "used": False, "why": why} for name, why in library.left_out.items()]
    if as_json:
        echo(json.dumps({"library": library.name, "cells": rows}, indent=2))
        return
    echo(f"{library.name}: {len(library.cells)} cells used, {len(library.left_out)} left out")
    width = max(len(str(row["cell"])) for row in rows)
    for row in rows:
        echo(f"{row['cell']:<{width}}  {'used' if row['used'] else 'left out'}: {row['why']}")


def describe_table(name: str) -> str:
    """Return what a table holds in a few lines: rows by component and method, and their sources."""
    from cost_models.table.table import show as read_rows

    rows = read_rows(name)
    lines = [f"cost table {name}: {len(rows)} rows"]
    for component, component_rows in rows.groupby("component", sort=False):
        methods = ", ".join(f"{count} {method}" for method, count in component_rows["method"].value_counts().items())
        lines.append(f"  {printable(f'{component}: {methods}; ' + ', '.join(component_rows['quantity'].unique()))}")
    lines += ["sources", *(f"  {printable(source)}" for source in rows["source"].unique())]
    return "\n".join(lines)
