"""What a generator of polarity saves: networks trained with its signs, on designs that store them and that don't."""

from __future__ import annotations

import itertools

from cost_models.price.price import price
from simulator.designs.design import Design
from simulator.run import simulate
from workloads.host.text_tables import markdown_table
from workloads.networks.family import find_network

NETWORKS = ("digits-generated", "mnist-generated")
BITS = (8, 4)
DATAFLOWS = ("os", "ws", "is")


def generated_signs() -> str:
    """Return cycles, filters over the port, energy and area, stored → generated, by network, width and dataflow."""
    lines = []
    for family, bits, dataflow in itertools.product(NETWORKS, BITS, DATAFLOWS):
        network = find_network(family, "threshold", bits, bits)
        fields = {"rows": 16, "cols": 16, "dataflow": dataflow, "op": "threshold", "x_bits": bits, "w_bits": bits}
        runs = [
            simulate(network, Design(**fields, polarity=polarity, acc_policy="weights"))
            for polarity in ("synapse", "generated")
        ]
        costs = [price(run) for run in runs]
        kib = [sum(counts.beats_filter for counts in run.counts) * run.design.port_bits / 8192 for run in runs]
        parts = [
            sum(part.area_mm2 for part in cost.parts if part.component.startswith(("polarity", "generator")))
            for cost in costs
        ]
        lines.append(
            [
                network.name.removesuffix(f"-x{bits}-w{bits}"),
                str(bits),
                dataflow,
                _change([f"{run.cycles:,}" for run in runs], [run.cycles for run in runs]),
                _change([f"{size:.1f}" for size in kib], kib),
                *(
                    _change([f"{figure:.{digits}f}" for figure in figures], figures)
                    for figures, digits in (
                        ([cost.energy_uj for cost in costs], 2),
                        ([cost.area_mm2 for cost in costs], 3),
                        (parts, 3),
                    )
                ),
            ]
        )
    head = ["network", "bits", "dataflow", "cycles", "filters, KiB", "energy, µJ", "area, mm²", "of polarity, mm²"]
    return markdown_table(head, lines)


def _change(texts: list[str], values: list[float]) -> str:
    stored, generated = values
    change = f"{100 * (generated / stored - 1):+.1f}".replace("-", "−")
    return f"{texts[0]} → {texts[1]} ({change} %)"
