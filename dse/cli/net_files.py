"""`limen net import`, `export` and `init`: networks of other programs, and pages to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.options import AT_LEAST_ONE, DEFAULT_DESIGN, DEFAULT_WORKLOAD, echo
from dse.cli.places import PLACE, check_table
from workloads.errors import LimenError
from workloads.ops.names import OPS

if TYPE_CHECKING:
    from workloads.networks.network import Network

DEFAULT_OP = "mac"
DEFAULT_BITS = 8


@click.command("import")
@click.argument("file", type=PLACE)
@click.option("--out", "-o", type=PLACE, help="The .yaml file to write; by default FILE's name.")
@click.option("--op", default=DEFAULT_OP, show_default=True, type=click.Choice(OPS), help="Where FILE says none.")
@click.option("--x-bits", default=DEFAULT_BITS, show_default=True, type=int, help="Likewise.")
@click.option("--w-bits", type=int, help="Likewise; 8, or the widest its op has, by default.")
@click.option("--batch", type=AT_LEAST_ONE, help="Of an ONNX model whose batch may be any.")
@click.option("--calibration", type=PLACE, help="Inputs of an ONNX model, .npy: for its integers.")
@click.option(
    "--halves",
    default="up",
    show_default=True,
    type=click.Choice(["up", "even"]),
    help="How an ONNX model's integers round: as the machine, or as ONNX, by more channels.",
)
def import_network(
    file: Path,
    out: Path | None,
    op: str,
    x_bits: int,
    w_bits: int | None,
    batch: int | None,
    calibration: Path | None,
    halves: str,
) -> None:
    """Write FILE, a SCALE-Sim topology (.csv) or an ONNX model (.onnx), as a network page."""
    from simulator.designs.needed_keys import needed_keys
    from workloads.imports.imported import NumberFormats, write_imported
    from workloads.imports.read_file import read_file
    from workloads.ops.registry import operation

    formats = NumberFormats(op, x_bits, operation(op).fitted_bits(DEFAULT_BITS) if w_bits is None else w_bits)
    page = _yaml_name(out or Path(f"{file.stem}.yaml"))
    imported = read_file(file, formats, batch, calibration, halves == "even")
    network = write_imported(imported, file, page)
    for notice in imported.notices:
        echo(f"{file}: {notice}", err=True)
    design = _fitting(network)
    if design is None:
        keys = needed_keys(network)
        echo(f"{page}: no built-in design runs it{f'; one of {keys} does' if keys else ''}", err=True)
    pairs = sum(layer.pairs for layer in network.layers)
    echo(f"{page}: {len(network.layers)} layers, {pairs:,} pairs; count it: {_counting(page, design)}")


@click.command("export")
@click.argument("workload", default=DEFAULT_WORKLOAD)
@click.option("--out", "-o", required=True, type=PLACE, callback=check_table, help="The .csv file to write.")
@click.option("--gemm", is_flag=True, help="Rows of M, N and K instead of convolutions.")
def export_network(workload: str, out: Path, gemm: bool) -> None:
    """Write the shapes of a family, a network of the zoo or a page as a SCALE-Sim topology."""
    from dse.evaluation.inputs import workload_hashes
    from workloads.host.files import write_new
    from workloads.host.manifest import Origin
    from workloads.imports.scale_sim_writer import write_topology
    from workloads.networks.family import find_network, is_page, load_family, member_w_bits

    if is_page(workload):
        network = find_network(workload)
    else:  # members differ in op and widths alone
        family = load_family(workload)
        member_op = family.ops()[0]
        network = family.network(member_op, DEFAULT_BITS, member_w_bits(member_op)[-1])
    origin = Origin(workload_hashes(workload))
    topology = write_topology(network, gemm)
    write_new(out, topology.text.encode())
    origin.write_beside(out)
    for notice in topology.notices:
        echo(f"{out}: {notice}", err=True)
    echo(f"{out}: {topology.text.count(chr(10)) - 1} rows, columns of {'GEMM' if gemm else 'convolutions'}")


@click.command("init")
@click.argument("file", default="network.yaml", type=PLACE)
def init_network(file: Path) -> None:
    """Write a network page with comments to FILE (network.yaml by default), to be changed."""
    from workloads.host.files import write_new
    from workloads.networks.network import COMMENTED, load_network

    write_new(_yaml_name(file), COMMENTED.read_bytes())
    echo(f"{file}: written; count it: {_counting(file, _fitting(load_network(file)))}")


def _fitting(network: Network) -> str | None:
    """Return the name of a built-in design of a network's ops and widths, None where there is none."""
    from simulator.designs.built_in import built_in_designs, load_design

    designs = dict.fromkeys((DEFAULT_DESIGN, *built_in_designs()))
    return next((name for name in designs if load_design(name).supports(network)), None)


def _counting(page: Path, design: str | None) -> str:
    """Return a command that counts a page on a design, which is to be written where it has no name."""
    option = "" if design == DEFAULT_DESIGN else f" --design {design or 'DESIGN.yaml'}"
    return f"limen simulate --workload {shlex.quote(str(page))}{option}"


def _yaml_name(path: Path) -> Path:
    from workloads.host.names import is_file_name

    if not is_file_name(path):
        raise LimenError(f"{path}: not allowed: a name that ends in .yaml")
    return path
