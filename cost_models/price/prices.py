"""The prices of many machines at once, as arrays: what `price` gives of one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cost_models.price.breakdown import Breakdown, Line
from cost_models.price.machine import Clocks, Machines
from cost_models.price.machine_events import Events
from cost_models.price.sum_kernels import column_sums
from cost_models.table.table import METHODS, SOFT
from simulator.designs.design_block import DesignBlock
from simulator.designs.sizes import BITS_PER_KIB

NS_PER_US = 1e3
FIRST_SOFT = min(METHODS.index(method) for method in SOFT)
assert METHODS[FIRST_SOFT:] == SOFT
MOST_CYCLES = 1e9
"""Between two beats of a memory, and before the first: more than any design's fields hold."""


@dataclass(frozen=True)
class Prices:
    """Figures of machines, [designs] float64 each, by the names of the numbers of `Cost`; and their breakdowns."""

    figures: dict[str, np.ndarray]
    lines: list[Line]


def price_machines(machines: Machines, clocks: Clocks, events: Events, dram: str) -> Prices:
    """Return the prices of an image of machines by the events of a pass: energy and latency are its share of them.

    Raises:
        LimenError: a DRAM that the table lacks.
    """
    latency_us = events.total.cycles * clocks.ns / NS_PER_US
    lines = Breakdown(machines, events, latency_us, dram).lines
    energies, areas, methods = (
        np.array([getattr(line, name) for line in lines]) for name in ("energy_uj", "area_mm2", "method")
    )
    energy, area, soft = column_sums(energies), column_sums(areas), methods >= FIRST_SOFT
    soft_energy, soft_area = column_sums(energies * soft) / energy, column_sums(areas * soft) / area

    def share(group: str) -> np.ndarray:
        in_group = [place for place, line in enumerate(lines) if line.group == group]
        shares: np.ndarray = column_sums(energies[in_group]) / energy
        return shares

    images = machines.designs.images_at_once
    figures = {
        "energy_uj": column_sums(energies / images),
        "latency_us": latency_us / images,
        "area_mm2": area,
        "clock_ns": clocks.ns,
        "power_mw": energy / latency_us * 1e3,
        "array_share": share("array"),
        "memory_share": share("memory"),
        "dram_share": share("dram"),
        "energy_assumed_share": soft_energy,
        "area_assumed_share": soft_area,
        "assumed_share": np.maximum(soft_energy, soft_area),
    }
    return Prices(figures, [replace(line, energy_uj=line.energy_uj / images) for line in lines])


def memory_cycles(
    machines: Machines, clock_ns: np.ndarray, dram_gb_per_s: float, latency_ns: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cycles from beat to beat of a memory, and from a request to its first beat, as whole float64.

    dram_gb_per_s, latency_ns: of DRAM. An on-chip memory takes its access time, a cycle at least, for either.
    """
    port_bits, on_chip = machines.designs.port_bits, machines.designs.on_chip
    # Beyond what any design has the numbers need not be exact; they may not be infinite.
    interval = np.ceil(port_bits // 8 / np.maximum(dram_gb_per_s * clock_ns, 1 / MOST_CYCLES))
    latency = np.ceil(np.minimum(latency_ns / clock_ns, MOST_CYCLES))
    access = np.maximum(np.ceil(machines.main_access_ns / clock_ns), 1.0)
    return np.where(on_chip, access, interval), np.where(on_chip, access, latency)


def memory_figures(designs: DesignBlock, beats: np.ndarray) -> dict[str, np.ndarray]:
    """Return the KiB of the memories around the array, and of all that is held on the chip.

    beats: [designs], of descriptors, filters, and tensors at their peak: on the chip where the main memory is.
    """
    buffers = designs.buffers_kib
    held = np.where(designs.on_chip, beats * designs.port_bits / BITS_PER_KIB, 0.0)
    return {"buffers_kib": buffers, "device_kib": buffers + held}
