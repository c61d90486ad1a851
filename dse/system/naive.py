"""What a naive machine of MACs has that ours hasn't, each on our own rows: under which of them is the paper reached?

The threshold machine is the same in all of them: its neurons need no multiplier, and their clamp is the requantiser's.
Operands are uniform, since no rows have a network's own at 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np

from cost_models.price.layers import events_of
from cost_models.price.machine import Machines
from cost_models.price.machine_events import Events
from cost_models.price.price import DRAM, with_memory
from cost_models.price.prices import price_machines
from cost_models.table.table import Table, load_priced_table
from dse.system.scenario import WIDEST
from simulator.designs.design import Dataflow, Design, FittedDesign
from simulator.designs.design_block import DesignBlock
from simulator.run import Run, simulate
from workloads.layers.layer import LayerParameters
from workloads.networks.family import find_network
from workloads.networks.network import Network
from workloads.ops.names import BASELINE

SIDE = 16
"""Of the array at which both are compared, and whose silicon the MAC gets otherwise."""

SIDES = (4, 8, 12, 16)
"""Rows and columns of arrays that the MAC may have within the threshold machine's silicon."""

WIDE = 16
"""Bits of the operands of a naive machine, and of its multiplier of batch-norm."""

THRESHOLD = "threshold"


@dataclass(frozen=True)
class Naive:
    """What a machine of MACs has that ours hasn't.

    format_accumulators: wide enough for any weights. wide: operands of 16 bits, see `widened`.
    norm: a multiplier of 16 × 16 bits a column, for each output. passes: the outputs of each layer but the last are
    stored, read again for their activation, and stored once more.
    """

    format_accumulators: bool = False
    wide: bool = False
    norm: bool = False
    passes: bool = False


CHANGES = {
    "our MAC machine": Naive(),
    "accumulators for any weights": Naive(format_accumulators=True),
    "a multiplier an output for batch-norm": Naive(norm=True),
    "activation as a pass of its own": Naive(passes=True),
    "operands of 16 bits": Naive(wide=True),
    "all of these together": Naive(format_accumulators=True, wide=True, norm=True, passes=True),
}
"""By what a table calls them."""

RULES = ("same array", "same silicon")


TEXTS = ("network", "costs", "change", "rule", "threshold_design", "mac_design")
"""The fields of a `Definition` that are no figures, which come first."""


class Definition(NamedTuple):
    """A MAC machine with a change against the threshold machine: figures of both, by the names of `Cost`.

    rule: the same 16 × 16 PEs; or any array of MACs no larger than that machine of thresholds.
    """

    network: str
    costs: str
    change: str
    rule: str
    threshold_design: str
    mac_design: str
    threshold_latency_us: float
    threshold_energy_uj: float
    threshold_power_mw: float
    threshold_area_mm2: float
    mac_latency_us: float | None
    mac_energy_uj: float | None
    mac_power_mw: float | None
    mac_area_mm2: float | None

    def ratio(self, name: str) -> float | None:
        """Return a figure of the MAC machine over that of the threshold machine; None where no MAC machine fits."""
        mac: float | None = getattr(self, f"mac_{name}")
        threshold: float = getattr(self, f"threshold_{name}")
        return None if mac is None else mac / threshold


class Priced(NamedTuple):
    """A machine and its figures."""

    design: FittedDesign
    latency_us: float
    energy_uj: float
    power_mw: float
    area_mm2: float

    @property
    def edp(self) -> float:
        return self.energy_uj * self.latency_us

    @property
    def words(self) -> str:
        design = self.design
        return (
            f"{design.rows} × {design.cols} {design.dataflow}, {design.pe_stages} stage{'s' * (design.pe_stages > 1)}"
        )


def definitions(network: str, costs: str) -> list[Definition]:
    """Return all changes, each alone and all together, under both rules, of a family of both ops.

    Raises LimenError for another network, or a table that lacks their PEs.
    """
    threshold = _best(find_network(network, THRESHOLD, WIDEST, WIDEST), costs, Naive(), [(SIDE, SIDE)])
    assert threshold is not None
    rows = []
    for change, naive in CHANGES.items():
        member = find_network(network, BASELINE, WIDEST, WIDEST)
        macs = {
            "same array": _best(member, costs, naive, [(SIDE, SIDE)]),
            "same silicon": _best(member, costs, naive, product(SIDES, SIDES), threshold.area_mm2),
        }
        for rule, mac in macs.items():
            figures = [None] * 4 if mac is None else mac[1:]
            of_both = threshold.words, "" if mac is None else mac.words, *threshold[1:], *figures
            rows.append(Definition(network, costs, change, rule, *of_both))
    return rows


def _best(network: Network, costs: str, naive: Naive, arrays: Any, most_mm2: float = float("inf")) -> Priced | None:
    """Return the machine of least energy × latency of these arrays, no larger than an area; None where none is."""
    chosen = widened(network) if naive.wide else network
    machines = (
        machine
        for rows, cols in arrays
        for machine in _machines(chosen, costs, naive, rows, cols)
        if machine.area_mm2 <= most_mm2
    )
    return min(machines, key=lambda machine: machine.edp, default=None)


def _machines(network: Network, costs: str, naive: Naive, rows: int, cols: int) -> Iterator[Priced]:
    layer = network.layers[0]
    dataflows: tuple[Dataflow, ...] = ("os", "ws", "is")
    both: tuple[Literal[1, 2], ...] = (1, 2)
    for dataflow, stages in product(dataflows, both):
        design = Design(
            rows=rows, cols=cols, op=layer.op, x_bits=layer.x_bits, w_bits=layer.w_bits, x_signed=layer.x_signed,
            dataflow=dataflow, pe_stages=stages, acc_policy="format" if naive.format_accumulators else "weights",
        )  # fmt: skip
        yield priced(network, design, costs, naive)


def priced(network: Network, design: Design, costs: str, naive: Naive) -> Priced:
    """Return a machine's figures with what a naive one has besides. Raises LimenError as `price` does."""
    run = simulate(network, with_memory(design, network, costs), "timing")
    table, block = load_priced_table(costs), DesignBlock.of(run.design)
    machines = Machines(table, block)
    events = events_of(run)
    clocks = machines.clocks()
    if naive.passes:
        events = _with_passes(run, events)
    figures = {name: float(value[0]) for name, value in price_machines(machines, clocks, events, DRAM).figures.items()}
    energy, area, latency = figures["energy_uj"], figures["area_mm2"], figures["latency_us"]
    if naive.norm:
        area_mm2, energy_uj = _norm(table, run, events, latency)
        energy, area = energy + energy_uj, area + area_mm2
    return Priced(run.design, latency, energy, energy / latency * 1e3, area)


def _with_passes(run: Run, events: Events) -> Events:
    """Return a run's events and those of reading each layer's outputs but the last's, and storing them again."""
    design = run.design
    beats = 0
    transfers = 0
    for layer in run.network.layers[:-1]:
        planes = -(-layer.out_channels // design.feeder_width)
        beats += planes * -(-layer.out_height * layer.out_width * design.word_bits // design.port_bits)
        transfers += 2
    waiting = transfers * design.memory_latency + 2 * beats * design.port_interval
    total = events.total
    total = replace(
        total, stall_ofmap=total.stall_ofmap + waiting, beats_ifmap=total.beats_ifmap + beats,
        beats_store=total.beats_store + beats,
    )  # fmt: skip
    return replace(events, total=total)


def _norm(table: Table, run: Run, events: Events, latency_us: float) -> tuple[float, float]:
    """Return area in mm² and energy in µJ of a multiplier a column that takes each final value once."""
    multiplier = table.at("op", 0, BASELINE, WIDE, WIDE)
    leakage_uj = multiplier["leakage_nw"].value * run.design.cols * latency_us * 1e-9
    dynamic_uj = multiplier["energy_per_op_pj"].value * float(np.sum(events.requantises)) * 1e-6
    return multiplier["area_um2"].value * run.design.cols * 1e-6, dynamic_uj + leakage_uj


def widened(network: Network) -> Network:
    """Return a chain of twice as wide operands whose integers are the same times 2⁸: the same sums, times 2¹⁶.

    The last layer stays as it is: its sums are raw scores, which have 32 bits.
    """
    more, (*others, last) = WIDE - WIDEST, network.layers
    assert network.parameters is not None
    layers, parameters = [], []
    for layer, own in zip(others, network.parameters, strict=False):
        before_last = layer is others[-1]
        y_bits, shift = (last.x_bits, own.shift + 2 * more) if before_last else (WIDE, own.shift + more)
        layers.append(layer.model_copy(update={"x_bits": WIDE, "w_bits": WIDE, "y_bits": y_bits}))
        parameters.append(LayerParameters(own.weights << more, own.polarity, own.bias << 2 * more, shift))
    return replace(network, layers=(*layers, last), parameters=(*parameters, network.parameters[-1]))


def is_chain(network: Network) -> bool:
    """Return whether layers with parameters follow one another and nothing else: what `widened` knows."""
    return all(layer.has_parameters and not layer.input and not layer.residual for layer in network.layers)
