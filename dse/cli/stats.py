"""`limen net stats`: what real data does in a network, the signs of failure, and what exact simplification saves."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.options import DEFAULT_DESIGN, DEFAULT_WORKLOAD, Disagreement, echo, json_option
from dse.cli.places import PLACE
from dse.report.progress import ProgressBar
from workloads.errors import LimenError

if TYPE_CHECKING:
    from simulator.designs.design import Design
    from workloads.insight.failure_signs import Finding, Priced
    from workloads.insight.simplify import Simplified
    from workloads.insight.statistics import Statistics
    from workloads.networks.network import Network

SIGN_ACTIVITY = (0.15, 0.85)
"""Ops that choose by the sign of x − w are priced on uniform operands, half of them above. With a share a above, two
independent pairs in turn choose differently with probability 2a(1 − a): in this band at least half of the priced
0.5."""

PRODUCT_ACTIVITY = (0.3, 1.0)
"""Products are priced on uniform operands, almost all other than 0. A multiplier rests where two products in turn are
0: with a share a other than 0 it works in 1 − (1 − a)² of the steps, in this band at least half."""


@click.command()
@click.argument("workload", default=DEFAULT_WORKLOAD)
@click.option("--op", help="Of a family; threshold by default, where it has one.")
@click.option("--x-bits", type=int, help="Of a family; 8 by default.")
@click.option("--w-bits", type=int, help="Of a family; 8, or the widest its op has, by default.")
@click.option("--split", default="validation", show_default=True, type=click.Choice(["train", "validation", "test"]))
@click.option("--images", default=256, show_default=True, type=click.IntRange(min=1), help="The first of the split.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data sets' files; LIMEN_DATA by default.",
)
@click.option("--out", "-o", type=PLACE, help="Folder for stats.csv, stats.md and pictures.")
@click.option("--check", is_flag=True, help="Look for the known signs of failure; any is exit code 1.")
@click.option("--costs", default="ihp130", show_default=True, help="The cost table that --check compares with.")
@click.option("--simplify", "simple", is_flag=True, help="Say what exact simplification saves; --out gets the network.")
@click.option("--design", "-d", help=f"Whose cycles --simplify compares; {DEFAULT_DESIGN} with the network's op.")
@json_option
def stats(
    workload: str,
    op: str | None,
    x_bits: int | None,
    w_bits: int | None,
    split: str,
    images: int,
    data: Path | None,
    out: Path | None,
    check: bool,
    costs: str,
    simple: bool,
    design: str | None,
    as_json: bool,
) -> None:
    """Show what real data does in WORKLOAD, a family or a network .yaml file, layer by layer.

    Shares of thresholds exceeded, ranges of operands and accumulators, polarity, and the spread of activations.
    """
    from workloads.host.files import check_writable, write_whole
    from workloads.host.manifest import Origin
    from workloads.host.text_tables import csv_bytes
    from workloads.insight.statistics import count_statistics
    from workloads.networks.accuracy import network_hash

    if out is not None:
        check_writable(out)
    if design is not None:
        from simulator.designs.built_in import load_design

        load_design(design)  # a wrong name is said before long work
    network, findings = _network(workload, op, x_bits, w_bits, check)
    unchecked: list[str] = []
    result: dict[str, Any] = {"network": network.name if network else workload}
    if network is not None:
        origin = Origin({f"network {network.name}": network_hash(network)})
        x, _ = network.inputs(split, data)
        with ProgressBar() as progress:
            statistics = count_statistics(network, x[:images], progress.show)
        result |= {"split": split, "images": statistics.images, "layers": [row._asdict() for row in statistics.layers]}
        if check:
            of_network, unchecked = _findings(workload, network, statistics, split, data, costs)
            findings += of_network
        if not as_json:
            echo(f"{network.name}: {statistics.images} images of {split}\n\n{table_text(statistics)}")
        if simple:
            result["simplified"] = _simplified(network, design, data, out, as_json)
        if out is not None:
            from dse.report.stats_plot import write_plots

            write_whole(out / "stats.csv", csv_bytes(statistics.layers))
            write_whole(out / "stats.md", table_markdown(network.name, statistics, split).encode())
            pictures = write_plots(statistics, f"{network.name}, {statistics.images} images of {split}", out)
            simplified = [Path(result["simplified"]["file"])] if simple else []
            origin.write_into(out, [out / "stats.csv", out / "stats.md", *pictures, *simplified])
    if check:
        result |= {"findings": [finding._asdict() for finding in findings], "unchecked": unchecked}
    if as_json:
        echo(json.dumps(result, indent=2))
    elif check:
        for finding in findings:
            echo(str(finding))
        echo(f"signs of failure: {len(findings)}" + "".join(f"; unchecked: {reason}" for reason in unchecked))
    if findings:
        raise Disagreement(f"{result['network']}: {len(findings)} signs of failure, the first: {findings[0]}")


def _network(
    workload: str, op: str | None, x_bits: int | None, w_bits: int | None, check: bool
) -> tuple[Network | None, list[Finding]]:
    """Return the network meant; with check, None and what is wrong where the float master it comes from is broken."""
    from workloads.networks.family import find_network, is_page, load_family, member_w_bits

    if is_page(workload):
        return find_network(workload, op, x_bits, w_bits), []
    family = load_family(workload)
    chosen: Any = op or family.ops()[0]
    if check and chosen in family.ops():
        from workloads.host.files import read_arrays
        from workloads.insight.failure_signs import check_master

        broken = check_master(read_arrays(family.folder / f"{chosen}.npz"))
        if broken:
            return None, broken
    if w_bits is None:
        w_bits = member_w_bits(chosen)[-1] if chosen in family.ops() else 8
    return family.network(chosen, 8 if x_bits is None else x_bits, w_bits), []


def _findings(
    workload: str, network: Network, statistics: Statistics, split: str, data: Path | None, costs: str
) -> tuple[list[Finding], list[str]]:
    """Return the findings, and in words what could not be checked."""
    from workloads.insight.failure_signs import check_network
    from workloads.networks.family import is_page, load_family
    from workloads.ops.names import BASELINE

    accuracy = twin = None
    unchecked = []
    if not is_page(workload) and any(layer.op != BASELINE for layer in network.layers):
        family, first = load_family(workload), network.layers[0]
        if BASELINE in family.ops():
            w_bits = max(layer.w_bits for layer in network.layers)
            accuracy = network.accuracy(split, data)
            twin = family.network(BASELINE, first.x_bits, w_bits).accuracy(split, data)
    if twin is None and any(layer.op != BASELINE for layer in network.layers):
        unchecked.append("accuracy, for want of a MAC twin")
    priced = priced_limits(network, costs)
    missing = sorted({layer.op for layer in network.layers if layer.has_parameters} - set(priced))
    unchecked += [f"activity and accumulators of op {op}, which {costs} has no rows for" for op in missing]
    return check_network(network, statistics, twin, accuracy, priced), unchecked


def priced_limits(network: Network, costs: str) -> dict[str, Priced]:
    """Return, by op of the network, what a cost table's PE rows stand for; an op or widths it lacks are left out.

    The accumulator is that of dataflow os, which has the whole sum in a PE. Raises LimenError for an unreadable table.
    """
    from cost_models.table.table import load_table
    from workloads.insight.failure_signs import Priced
    from workloads.ops.registry import operation

    table = load_table(costs)
    limits: dict[str, Priced] = {}
    for op in sorted({layer.op for layer in network.layers if layer.has_parameters}):
        layers = [layer for layer in network.layers if layer.op == op and layer.has_parameters]
        x_bits, w_bits = max(layer.x_bits for layer in layers), max(layer.w_bits for layer in layers)
        widths = table.index.get(("pe", op, str(x_bits), str(w_bits), "os"))
        if widths:
            activity = SIGN_ACTIVITY if operation(op).one_range else PRODUCT_ACTIVITY
            limits[op] = Priced(*activity, min(widths), max(widths))
    return limits


def _simplified(
    network: Network, design: str | None, data: Path | None, out: Path | None, as_json: bool
) -> dict[str, Any]:
    """Simplify for every input that the data set's pixels can make, and say what that saves."""
    from workloads.formats.save_network import save_network
    from workloads.insight.simplify import simplify

    simplified = simplify(network, input_values(network))
    result: dict[str, Any] = asdict(simplified.savings) | {"cycles": _cycles(network, simplified, design)}
    if out is not None:
        named = replace(simplified.network, name=f"{network.name}-simplified")
        result["file"] = str(save_network(named, out, "simplified"))
    if not as_json:
        savings = simplified.savings
        echo(
            f"\nsimplified, the same scores for every image: of {savings.thresholds} thresholds {savings.never} are "
            f"never and {savings.always} always exceeded ({savings.folded} folded), {savings.channels} channels removed"
        )
        for name in ("pairs", "synapses", "distinct"):
            echo(f"{name}: {result[f'{name}_before']} -> {result[f'{name}_after']}")
        if isinstance(result["cycles"], dict):
            echo("cycles on {design}: {before} -> {after}".format(**result["cycles"]))
        else:
            echo(f"cycles: not compared: {result['cycles']}")
    return result


def input_values(network: Network) -> tuple[int, int] | None:
    """Return the lowest and highest activation that a pixel of the network's data set can become; None without one."""
    import numpy as np

    from workloads.datasets import DATASETS

    if network.dataset is None:
        return None
    first = network.layers[0]
    levels = DATASETS[network.dataset].levels
    # One level more than most sets have: digits' 0…16 have levels 16.
    ends = network.input_map.apply(np.array([0, levels]), first.x_bits, first.x_signed)
    return int(ends[0]), int(ends[1])


def _cycles(network: Network, simplified: Simplified, design: str | None) -> dict[str, Any] | str:
    """Return the cycles of an image before and after at level timing, or why the default design has none."""
    from simulator.designs.built_in import load_design
    from simulator.run import simulate

    chip = load_design(design or DEFAULT_DESIGN)
    try:
        if design is None:
            chip = _matching_design(chip, network)
        before, after = (simulate(compared, chip).cycles for compared in (network, simplified.network))
    except LimenError as error:
        if design is not None:
            raise
        return str(error)
    return {"design": design or DEFAULT_DESIGN, "before": before, "after": after}


def _matching_design(chip: Design, network: Network) -> Design:
    """Return the design with ops, sign and widths of the network."""
    layers = [layer for layer in network.layers if layer.has_parameters]
    widths = {"x_bits": max(layer.x_bits for layer in layers), "w_bits": max(layer.w_bits for layer in layers)}
    ops = list(dict.fromkeys(layer.op for layer in layers))
    formats = {"op": ops[0], "extra_ops": ops[1:], "x_signed": layers[0].x_signed, **widths}
    return type(chip)(**{**chip.model_dump(), **formats})


COLUMNS = ("layer", "op", "pairs", "above", "never", "always", "certainly", "x", "w", "saturated", "+1", "sums",
           "on the way", "bits", "deviation", "of range", "unshifted")  # fmt: skip


def table_rows(statistics: Statistics) -> list[list[str]]:
    """Return the cells under COLUMNS: shares in %, ranges as low…high; bits as used / by weights / by format."""
    rows = []
    for row in statistics.layers:
        positive = "-"
        if row.positive is not None and row.positive_lowest is not None and row.positive_highest is not None:
            positive = f"{100 * row.positive:.1f} ({100 * row.positive_lowest:.1f}…{100 * row.positive_highest:.1f})"
        saturated = [row.saturated_low, row.saturated_high]
        rows.append([
            row.layer, row.op, str(row.pairs), *(f"{100 * s:.1f}" for s in (row.above, row.never, row.always)),
            f"{100 * row.certain_never:.1f}, {100 * row.certain_always:.1f}",
            f"{row.x_lowest}…{row.x_highest} of {row.x_format_lowest}…{row.x_format_highest}",
            f"{row.w_lowest}…{row.w_highest} of {row.w_format_lowest}…{row.w_format_highest}",
            ", ".join("-" if share is None else f"{100 * share:.1f}" for share in saturated), positive,
            f"{row.sum_lowest}…{row.sum_highest}", f"{row.partial_lowest}…{row.partial_highest}",
            f"{row.used_bits} / {row.weights_bits} / {row.format_bits}", f"{row.deviation:.2f}",
            "-" if row.deviation_in_range is None else f"{row.deviation_in_range:.3f}",
            f"{row.deviation_unshifted:.3f}",
        ])  # fmt: skip
    return rows


def table_text(statistics: Statistics) -> str:
    """Return the table on its side, a column a layer: so it fits a terminal."""
    columns = [COLUMNS, *table_rows(statistics)]
    widths = [max(map(len, column)) for column in columns]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in zip(*columns, strict=True))


def table_markdown(name: str, statistics: Statistics, split: str) -> str:
    """Return the table with the meaning of its columns."""
    from workloads.host.text_tables import markdown_table

    return "\n".join([
        f"# {name}: {statistics.images} images of {split}", "", markdown_table(COLUMNS, table_rows(statistics)),
        "Shares in %. above: operand pairs above threshold (products: other than 0); never, always: thresholds never "
        "and always exceeded on these images; certainly: the same two for every input of the format. saturated: low, "
        "high. +1: polarities, with the binomial 99 % of a fair coin. bits of the accumulator: used / by weights / by "
        "format. deviation: in steps of the output's grid, of half its range, and without any layer's shift (full "
        "scale 1).", "",
    ])  # fmt: skip
