"""Networks of two ops on fused PEs, and on a sub-array an op side by side: an estimate by two designs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from cost_models.price.machine import Machines
from cost_models.price.machine_events import count_events
from cost_models.price.price import DRAM, price
from cost_models.price.prices import NS_PER_US, price_machines
from cost_models.table.table import load_priced_table
from simulator.designs.design import Dataflow, Design
from simulator.designs.design_block import DesignBlock
from simulator.run import Run, simulate
from simulator.timing.integers import count_integers
from simulator.timing.timing import network_integers
from workloads.host.text_tables import markdown_table
from workloads.networks.family import find_network, made_of
from workloads.networks.network import Network
from workloads.ops.op_field import Op
from workloads.ops.registry import operation

BITS, SIDE, COSTS = 8, 16, "ihp130"


def of_one_op(network: Network, op: Op) -> Network:
    """Return the shapes of a network whose layers all have one op; products of the others are narrow.

    So accumulators are those of the layers that are of this op.
    """
    room = operation(op)
    layers = []
    for layer in network.layers:
        narrow = layer.op != op and not room.one_range
        w_bits = room.weight_bits[0] if narrow else room.fitted_bits(BITS)
        layers.append(layer.model_copy(update={"op": op, "w_bits": w_bits}))
    return Network(network.name, tuple(layers))


def on_sub_array(network: Network, op: Op, dataflow: Dataflow) -> tuple[Machines, Run, np.ndarray]:
    """Return half an array of one op, a run on it as if all layers were of that op, and which of them are."""
    w_bits = operation(op).fitted_bits(BITS)
    design = Design(rows=SIDE, cols=SIDE // 2, dataflow=dataflow, op=op, x_bits=BITS, w_bits=w_bits, x_signed=True)
    run = simulate(of_one_op(network, op), design)
    own = np.array([layer.op == op for layer in network.layers])
    return Machines(load_priced_table(COSTS), DesignBlock.of(run.design)), run, own


def side_by_side(network: Network, ops: tuple[Op, ...], dataflow: Dataflow) -> tuple[float, float, float, float]:
    """Return area, latency, and the energies with idle sub-arrays stopped and with their clocks running."""
    sub_arrays, latency_us, area_mm2 = [], [], 0.0
    for op in ops:
        machines, run, own = on_sub_array(network, op, dataflow)
        layers, counts = network_integers(run.network)[own], count_integers(run.counts)[:, own]
        events, clocks = count_events(layers, counts, machines.designs), machines.clocks()
        stopped = price_machines(machines, clocks, events, DRAM).figures
        latency_us.append(stopped["latency_us"][0])
        area_mm2 += stopped["area_mm2"][0]
        sub_arrays.append((machines, clocks, events, stopped["energy_uj"][0]))
    running = 0.0
    for (machines, clocks, events, _), own_us in zip(sub_arrays, latency_us, strict=True):
        waiting = (sum(latency_us) - own_us) * NS_PER_US / clocks.ns
        total = replace(events.total, stall_ifmap=events.total.stall_ifmap + waiting)
        running += price_machines(machines, clocks, replace(events, total=total), DRAM).figures["energy_uj"][0]
    return area_mm2, sum(latency_us), sum(energy for *_, energy in sub_arrays), running


def table() -> str:
    """Return the table of docs/tables/several-ops.md."""
    rows = []
    dataflows: tuple[Dataflow, ...] = ("os", "ws", "is")
    for family, mix, dataflow in product(("digits", "mnist"), ("mac-threshold", "shift-adder"), dataflows):
        network = find_network(family, mix, BITS, BITS)
        op, *extra = ops = made_of(mix)
        fused = Design(rows=SIDE, cols=SIDE, dataflow=dataflow, op=op, extra_ops=tuple(extra), x_bits=BITS, w_bits=BITS)
        cost = price(simulate(network, fused), COSTS)
        area, latency, stopped, running = side_by_side(network, ops, dataflow)
        rows.append(
            [
                f"{family} {mix}", dataflow, f"{cost.area_mm2:.2f}, {area:.2f}",
                f"{cost.latency_us:.1f}, {latency:.1f}", f"{cost.energy_uj:.2f}, {stopped:.2f} ({running:.2f})",
            ]
        )  # fmt: skip
    heads = ("area, mm²", "latency, µs", "energy, µJ")
    return markdown_table(["network", "dataflow", *(f"{head}: fused, side by side" for head in heads)], rows)
