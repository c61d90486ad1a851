"""`price`: counts and a cost table give area, energy, clock and latency. Pure, and fast enough for a search.

Energy = events × energy per event, plus what idles every cycle, plus leakage × time, plus the bits that cross the
memory port. The clock is that of the slowest path. Area is the chip's; the DRAM's is not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cost_models.price.machine import Machine, Part
from cost_models.price.machine_events import count_events
from cost_models.table.operands import FAMILY, GAUSSIAN, NETWORK, SORTED, UNIFORM
from cost_models.table.table import SOFT, load_priced_table
from simulator.designs.design import Design
from simulator.run import Run
from workloads.errors import LimenError, check_kind

if TYPE_CHECKING:
    import pandas

    from simulator.designs.design import FittedDesign
    from workloads.networks.network import Network

NS_PER_US = 1e3
MOST_CYCLES = 1e9
"""Between two beats of a memory, and before the first: more than any design's fields hold."""

DRAM = "lpddr4"
"""The DRAM behind the memory port where none is named."""


@dataclass(frozen=True)
class Cost:
    """Price of one image through all layers of a network on a design, from its DRAM and back.

    energy_uj, latency_us: one image. power_mw: their ratio, while it runs. clock_ns: the shortest period, set
    by clock_component, whose softest row is of clock_method. *_share: parts of the energy, in the PEs with the skew
    registers before them (array), in on-chip memories and in the DRAM; the rest is logic around the array.
    *_assumed_share: share that comes from rows of method scaled or assumed; assumed_share is the larger.
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
    clock_component: str
    clock_method: str
    parts: tuple[Part, ...] = field(repr=False)

    @property
    def breakdown(self) -> pandas.DataFrame:
        """A row per part: component, group, area_mm2, energy_uj, softest method.

        Columns math.fsum to the totals exactly.
        """
        import pandas

        return pandas.DataFrame([vars(part) for part in self.parts])


def price(run: Run, costs: str | Path = "ihp130", dram: str = DRAM, stream: str = UNIFORM) -> Cost:
    """Return the cost of a run at any level, by a built-in table's name or a table file's path.

    dram: of which a row `dram_NAME` of the table gives the energy of a bit.
    stream: the operands of the PEs' operations; see `pe_streams`. "network" and "network_sorted" are those of the
    family digits, and price its members alone.

    Raises:
        LimenError: a table that can't be read, or that lacks an op, a width, a dataflow of the design or the operands;
            operands of another network.
    """
    check_kind("run", run, Run, "a Run, as limen.simulate returns it")
    for name, value in (("dram", dram), ("stream", stream)):
        check_kind(name, value, str, "a name in the cost table")
    table, design = load_priced_table(costs), run.design
    machine = Machine(table, design, stream)
    if stream.removesuffix(SORTED) == NETWORK:
        _refuse_others_operands(run, stream)
    clock_ns, clock_component, clock_method = machine.clock()
    latency_us = run.cycles * clock_ns / NS_PER_US
    parts = machine.parts(count_events(run.network.layers, run.counts, design), latency_us, dram)
    energy = math.fsum(part.energy_uj for part in parts)
    area = math.fsum(part.area_mm2 for part in parts)

    def share(group: str) -> float:
        return math.fsum(part.energy_uj for part in parts if part.group == group) / energy

    soft_energy = math.fsum(part.energy_uj for part in parts if part.method in SOFT) / energy
    soft_area = math.fsum(part.area_mm2 for part in parts if part.method in SOFT) / area
    return Cost(
        energy_uj=energy,
        latency_us=latency_us,
        area_mm2=area,
        clock_ns=clock_ns,
        power_mw=energy / latency_us * 1e3,
        array_share=share("array"),
        memory_share=share("memory"),
        dram_share=share("dram"),
        energy_assumed_share=soft_energy,
        area_assumed_share=soft_area,
        assumed_share=max(soft_energy, soft_area),
        clock_component=clock_component,
        clock_method=clock_method,
        parts=tuple(parts),
    )


def _refuse_others_operands(run: Run, stream: str) -> None:
    """Raise LimenError unless the captured operands of the design's PEs are the run's network's own."""
    from cost_models.price.family_operands import are_own

    if not are_own(run):
        op, x_bits, w_bits = run.design.op, run.design.x_bits, run.design.w_bits
        raise LimenError(
            f"stream: {stream!r} is not allowed for {run.network.name}: rows of {op} {x_bits} {w_bits} have the "
            f"operands of {FAMILY} at these widths; {UNIFORM} or {GAUSSIAN} is for any network"
        )


def with_memory(
    design: Design, network: Network, costs: str = "ihp130", dram_gb_per_s: float = 6.4, latency_ns: float = 100.0
) -> FittedDesign:
    """Return a design fitted to `network` whose port_interval and memory_latency are those of a memory.

    The design's clock is the table's: a slower clock sees a faster memory. dram_gb_per_s: of one channel of
    LPDDR4-3200, 16 bits wide, unless given. latency_ns: from a request to its first beat.

    Raises:
        LimenError: the design can't run the network, the table lacks it, or a memory too slow for the design's fields.
    """
    for name, value in (("dram_gb_per_s", dram_gb_per_s), ("latency_ns", latency_ns)):
        if not (math.isfinite(value) and value > 0):
            raise LimenError(f"{name}: {value} is not allowed: more than 0")
    fitted = design.fitted(network)
    clock_ns = Machine(load_priced_table(costs), fitted).clock()[0]
    port_bytes = fitted.port_bits // 8
    # Beyond what any design has the numbers need not be exact; they may not be infinite.
    interval = math.ceil(port_bytes / max(dram_gb_per_s * clock_ns, 1 / MOST_CYCLES))
    latency = math.ceil(min(latency_ns / clock_ns, MOST_CYCLES))
    return Design(**{**fitted.model_dump(), "port_interval": interval, "memory_latency": latency}).fitted(network)
