"""`limen hardwire`: layers with constant weights or thresholds as logic of their own."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    bits_option,
    echo,
    echo_exported,
    op_option,
    several,
    workload_option,
)
from dse.cli.places import PLACE

FORMS = ("products", "sums", "shared", "da4ml")
"""As `simulator.hardwired.sharing.FORMS`, which takes longer to load."""

TREES = ("carry-save", "carry-chain")
"""As `simulator.hardwired.trees.TREES`."""


@click.command()
@workload_option
@op_option
@bits_option
@several("--layer", "layers", help="Only this layer; again for more; all by default.")
@click.option(
    "--form",
    default="shared",
    show_default=True,
    type=click.Choice(FORMS),
    help="products: constants multiply; sums: each neuron adds by itself; shared: additions that several need are made "
    "once, by Limen or by the package da4ml.",
)
@click.option(
    "--tree",
    default="carry-save",
    show_default=True,
    type=click.Choice(TREES),
    help="How a neuron adds up: full adders, for gates and for few synapses; additions of two, for an FPGA's carry "
    "chains.",
)
@click.option("--any-input", is_flag=True, help="Inputs may be all integers of their format, not the data set's alone.")
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write.")
@click.option("--images", default=20, show_default=True, type=AT_LEAST_ONE, help="Inputs to put into the vectors.")
@click.option("--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="For random inputs without data.")
def hardwire(
    workload: str,
    op: str | None,
    bits: tuple[int, int] | None,
    layers: tuple[str, ...],
    form: str,
    tree: str,
    any_input: bool,
    out: Path,
    images: int,
    seed: int,
) -> None:
    """Write layers as hard-wired neurons: Verilog of one window a cycle, with vectors, testbench and Makefile.

    A threshold that no input exceeds is dropped, one that every input exceeds is folded into a constant; what neurons
    share is added once. A family needs --op and --bits. Prove the folder with limen verify.
    """
    from simulator.hardwired.export import Wiring, export, facts_of
    from simulator.run import choose_inputs
    from workloads.host.width import columns
    from workloads.networks.family import find_network

    x_bits, w_bits = bits or (None, None)
    network = find_network(workload, op, x_bits, w_bits)
    exported = export(network, choose_inputs(network, images, seed), out, layers, Wiring(form, tree, any_input))
    head = ("layer", "op", "inputs", "outputs", "synapses", "dropped", "folded", "features", "additions", "adder_bits")
    facts = [facts_of(adders) for adders in exported.layers]
    rows = [head, *([str(getattr(fact, name)) for name in head] for fact in facts)]
    echo(columns(rows, right=range(2, len(head))))
    echo_exported(exported, f"{network.name}, {images} images")
