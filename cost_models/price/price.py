"""`price`: counts and a cost table give area, energy, clock and latency. Pure, and fast enough for a search.

Energy = events × energy per event, plus what idles every cycle, plus leakage × time, plus the bits that cross the
memory port. The clock is that of the slowest path. Area is the chip's; the DRAM's is not in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cost_models.price.breakdown import Part, parts_of
from cost_models.price.family_operands import operands_of
from cost_models.price.layers import Pricing, events_of
from cost_models.price.machine import Clocks, Machines
from cost_models.price.prices import memory_cycles, memory_figures, price_machines
from cost_models.table.operands import UNIFORM
from cost_models.table.table import load_priced_table
from simulator.designs.design import MOST_CYCLES, Design
from simulator.designs.design_block import DesignBlock
from simulator.designs.memory import Memory
from simulator.run import Run, simulate
from workloads.errors import LimenError, check_kind

if TYPE_CHECKING:
    import pandas

    from simulator.designs.design import FittedDesign
    from workloads.networks.network import Network

DRAM = "lpddr4"
"""The DRAM behind the memory port where none is named."""


@dataclass(frozen=True)
class Cost:
    """Price of one image through all layers of a network on a design, from its DRAM and back.

    energy_uj, latency_us: one image, or its share of a pass of several. power_mw: their ratio, while it runs. clock_ns:
    the shortest period, set by clock_component, whose softest row is of clock_method; or one that is given. *_share:
    parts of the energy, in the PEs with the skew registers before them (array), in on-chip memories and in the DRAM;
    the rest is logic around the array. *_assumed_share: share that comes from rows of method scaled or assumed;
    assumed_share is the larger.
    buffers_kib: of the memories around the array. device_kib: of all on the chip: beside them, where the main memory is
    there, descriptors, filters, and tensors at their peak.
    """

    energy_uj: float
    latency_us: float
    area_mm2: float
    clock_ns: float
    power_mw: float
    array_share: float
    memory_share: float
    dram_share: float
    energy_assumed_share: float
    area_assumed_share: float
    assumed_share: float
    buffers_kib: float
    device_kib: float
    clock_component: str
    clock_method: str
    parts: tuple[Part, ...] = field(repr=False)
    pricing: Pricing = field(repr=False, compare=False)

    @property
    def breakdown(self) -> pandas.DataFrame:
        """A row per part: component, group, area_mm2, energy_uj, softest method.

        Columns math.fsum to the totals exactly.
        """
        import pandas

        return pandas.DataFrame([vars(part) for part in self.parts])

    @property
    def layers(self) -> pandas.DataFrame:
        """A row per layer of one image: cycles, latency, energy and its groups, utilisation, cycles of each stall.

        utilisation: busy PE-cycles over PEs × cycles; port_utilisation: the cycles that beats take over all cycles.
        Cycles sum to the run's exactly, energies to those of the breakdown within the rounding of a float64. What a
        layer takes is what it adds to the layers before it: see `cost_models.price.layers`.
        """
        return self.pricing.layers()

    @property
    def layer_breakdown(self) -> pandas.DataFrame:
        """A row per layer and component of `breakdown`: energy_uj of an image, and utilisation; see `utilisations`."""
        return self.pricing.layer_breakdown()


def price(
    run: Run, costs: str | Path = "ihp130", dram: str = DRAM, stream: str = UNIFORM, clock_ns: float | None = None
) -> Cost:
    """Return the cost of a run at any level, by a built-in table's name or a table file's path.

    dram: of which a row `dram_NAME` of the table gives the energy of a bit.
    stream: the operands of the PEs' operations; see `pe_streams`. "network" and "network_sorted" are those of the
    family digits, and price its members alone. "own" is "network" where the table has that, else an estimate.
    clock_ns: the period at which it runs; None: the shortest that it can. Memory cycles are the design's either way.

    Raises:
        LimenError: a table that can't be read, or that lacks an op, a width, a dataflow of the design or the operands;
            operands of another network; a clock that is too short.
    """
    check_kind("run", run, Run, "a Run, as limen.simulate returns it")
    for name, value in (("dram", dram), ("stream", stream)):
        check_kind(name, value, str, "a name in the cost table")
    table, design = load_priced_table(costs), run.design
    designs = DesignBlock.of(design)
    form = design.op, design.x_bits, design.w_bits, design.images_at_once
    machines = Machines(table, designs, operands_of(stream, run.network, *form))
    clocks = _clocks(machines, clock_ns)
    prices = price_machines(machines, clocks, events_of(run), dram)
    kib = memory_figures(designs, np.array([run.memory.beats]))
    figures = {name: column[0].item() for name, column in (prices.figures | kib).items()}
    component, method, parts = clocks.component[0], clocks.method[0], tuple(parts_of(prices.lines, 0))
    pricing = Pricing(run, machines, clocks, dram)
    return Cost(**figures, clock_component=component, clock_method=method, parts=parts, pricing=pricing)


def _clocks(machines: Machines, clock_ns: float | None) -> Clocks:
    """Return the clock of a machine: its own, or a given one. Raises LimenError for one that is too short."""
    if clock_ns is not None and not (math.isfinite(clock_ns) and clock_ns > 0):
        raise LimenError(f"clock_ns: {clock_ns} is not allowed: more than 0")
    clocks = machines.clocks()
    for line in clocks.slower(clock_ns).values():
        raise LimenError(line)
    return clocks.at(clock_ns)


def with_memory(
    design: Design, network: Network, costs: str = "ihp130", dram_gb_per_s: float = 6.4, latency_ns: float = 100.0,
    *, stream: str = UNIFORM, clock_ns: float | None = None,
) -> FittedDesign:  # fmt: skip
    """Return a design fitted to `network` whose port_interval and memory_latency are those of a memory.

    The design's clock is the table's: a slower clock sees a faster memory. dram_gb_per_s: of one channel of
    LPDDR4-3200, 16 bits wide, unless given. latency_ns: from a request to its first beat. Of an on-chip memory both
    cycles follow from its access time. stream: see `price`; it changes nothing but what the table may lack.
    clock_ns: of the design, in place of the table's.

    Raises:
        LimenError: the design can't run the network, the table lacks it, or a memory too slow for the design's fields.
    """
    for name, value in (("dram_gb_per_s", dram_gb_per_s), ("latency_ns", latency_ns)):
        if not (math.isfinite(value) and value > 0):
            raise LimenError(f"{name}: {value} is not allowed: more than 0")
    fitted, table = design.fitted(network), load_priced_table(costs)
    operands = operands_of(stream, network, fitted.op, fitted.x_bits, fitted.w_bits)
    machines = Machines(table, DesignBlock.of(fitted), operands)
    cycles = memory_cycles(machines, _clocks(machines, clock_ns).ns, dram_gb_per_s, latency_ns)
    interval, latency = (int(column[0]) for column in cycles)
    for name, value, taken in (("dram_gb_per_s", dram_gb_per_s, interval), ("latency_ns", latency_ns, latency)):
        if taken > MOST_CYCLES:
            raise LimenError(
                f"{name}: {value} is not allowed: {taken:g} cycles of the design's clock; at most {MOST_CYCLES}"
            )
    return Design(**{**fitted.model_dump(), "port_interval": interval, "memory_latency": latency}).fitted(network)


def with_least_memory(
    design: FittedDesign, networks: Sequence[Network], timed: Callable[[Design], FittedDesign]
) -> FittedDesign:
    """Return a design whose on-chip main memory is as large as the network that takes most of it needs, to the beat.

    design: with one as large as may be. timed: gives a design its memory's cycles, as `with_memory` does. A smaller
    memory may be faster, and the best cuts on it take more: it grows until it holds what they take.

    Raises:
        LimenError: the design can't run a network, see `simulate`.
    """
    largest, kib = design.memory, 0.0
    while True:
        roomy = design.model_copy(update={"memory": largest})
        needed = max(simulate(network, roomy, "timing").memory.kib for network in networks)
        if needed <= kib:
            return design
        kib = needed
        design = timed(Design(**{**design.model_dump(), "memory": Memory(kind="sram", kib=kib)}))
