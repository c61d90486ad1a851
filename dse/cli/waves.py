"""`limen waves`: a VCD of one layer, from the cycle model."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import (
    AT_LEAST_ZERO,
    bits_option,
    design_option,
    echo,
    load_pair,
    op_option,
    workload_option,
)
from dse.cli.places import PLACE


@click.command()
@design_option
@workload_option
@op_option
@bits_option
@click.option("--layer", required=True, help="The layer whose cycles to write.")
@click.option("--out", "-o", required=True, type=PLACE, help="The .vcd file to write.")
@click.option(
    "--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="For a random input of a network without data."
)
def waves(
    design: str, workload: str, op: str | None, bits: tuple[int, int] | None, layer: str, out: Path, seed: int
) -> None:
    """Write the signals and PE registers of one layer as a VCD, under the Verilog's names."""
    from workloads.layers.graph import layer_index

    chip, network = load_pair(design, workload, op, bits)
    layer_index(network.layers, layer)  # a wrong name is said before kernels are compiled, a minute the first time

    from simulator.cuts.passes import in_passes, pass_of
    from simulator.cycle.waves import write_vcd
    from simulator.program.program import compile_network
    from simulator.run import choose_inputs

    fitted = chip.fitted(network)
    program = compile_network(pass_of(network, fitted), fitted)
    x = in_passes(choose_inputs(network, 1, seed), fitted.images_at_once)[0]
    cycles = write_vcd(program, x, layer, out)
    echo(f"{out}: {cycles} cycles of layer {layer}, one nanosecond each")
