"""`limen price`: what counts cost."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from dse.cli.layers import echo_layers, layer_tables, layers_option, roofline_option
from dse.cli.options import (
    bits_option,
    design_option,
    echo,
    echo_unmapped,
    json_option,
    load_pair,
    op_option,
    workload_option,
)


@click.command()
@design_option
@workload_option
@op_option
@bits_option
@click.option("--costs", default="ihp130", show_default=True, help="A built-in cost table or a .csv file.")
@click.option("--dram", default="lpddr4", show_default=True, help="The DRAM: a row dram_NAME of the table.")
@click.option(
    "--stream",
    default="uniform",
    show_default=True,
    help="Operands of the PEs: uniform, gaussian_relu, ...; network: its own, of members of digits; own: or like them.",
)
@click.option(
    "--dram-gb-per-s",
    type=float,
    help="The DRAM's bandwidth, as in studies, instead of port_interval; 6.4 where only --latency-ns is given.",
)
@click.option(
    "--latency-ns",
    type=float,
    help="From a request to its first beat, instead of memory_latency; 100 where only --dram-gb-per-s is given.",
)
@click.option(
    "--clock-ns", type=float, help="Clock period at which it runs; by default the shortest that the design can have."
)
@layers_option
@roofline_option
@json_option
def price(
    design: str,
    workload: str,
    op: str | None,
    bits: tuple[int, int] | None,
    costs: str,
    dram: str,
    stream: str,
    dram_gb_per_s: float | None,
    latency_ns: float | None,
    clock_ns: float | None,
    shows_layers: bool,
    roofline: Path | None,
    as_json: bool,
) -> None:
    """Price a network on a design: area, energy, clock and latency of one image, with a breakdown."""
    from cost_models.price.price import price as price_run
    from cost_models.price.price import with_memory
    from simulator.run import simulate

    if roofline is not None:
        from dse.cli.run_text import origin_of_run
        from dse.report.roofline_plot import plot_roofline
        from workloads.host.pictures import picture_format

        picture_format(roofline)  # a wrong name is said before the work
    chip, network = load_pair(design, workload, op, bits)
    memory = {"dram_gb_per_s": dram_gb_per_s, "latency_ns": latency_ns}
    given: dict[str, Any] = {name: value for name, value in memory.items() if value is not None}
    if given:
        chip = with_memory(chip, network, costs, **given, clock_ns=clock_ns)
    run = simulate(network, chip, "timing")
    cost = price_run(run, costs, dram, stream, clock_ns)
    if roofline is not None:
        origin = origin_of_run(workload, chip)
        plot_roofline(run, roofline)
        origin.write_beside(roofline)
        echo(f"{roofline}: written", err=as_json)
    figures: dict[str, Any] = {
        item.name: getattr(cost, item.name) for item in fields(cost) if item.name not in ("parts", "pricing")
    }
    if as_json:
        rows = json.loads(cost.breakdown.to_json(orient="records", double_precision=15))
        whole = {
            "network": network.name,
            "unmapped_ops": [row.model_dump() for row in network.unmapped_ops],
            "design": run.design.model_dump(),
            "costs": costs,
            "stream": stream,
            "cycles": run.cycles,
        }
        layers = layer_tables(run, cost) if shows_layers else {}
        echo(json.dumps(whole | figures | {"breakdown": rows} | layers, indent=2))
        return
    echo(
        f"{network.name} on {chip.rows} x {chip.cols} {chip.dataflow} {' and '.join(chip.ops)}, costs {costs}, "
        f"{stream} operands"
    )
    echo_unmapped(network)
    echo(f"energy {cost.energy_uj:.4g} uJ an image, latency {cost.latency_us:.4g} us, area {cost.area_mm2:.4g} mm2")
    echo(
        f"clock {cost.clock_ns:.4g} ns ({cost.clock_component}; {cost.clock_method}), {run.cycles} cycles, "
        f"power {cost.power_mw:.4g} mW"
    )
    echo(
        f"energy in the array {100 * cost.array_share:.1f} %, on-chip memories {100 * cost.memory_share:.1f} %, "
        f"DRAM {100 * cost.dram_share:.1f} %, logic around the array the rest"
    )
    echo(f"on the chip {cost.device_kib:.4g} KiB, of which memories around the array {cost.buffers_kib:.4g} KiB")
    echo(
        f"scaled or assumed: {100 * cost.energy_assumed_share:.1f} % of the energy, "
        f"{100 * cost.area_assumed_share:.1f} % of the area\n"
    )
    echo(cost.breakdown.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    if shows_layers:
        echo_layers(run, cost)
