"""What each part of some machines takes: the lines of a breakdown, summed exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cost_models.price.machine import Machines, Memory
from cost_models.price.machine_events import Events, pe_events
from cost_models.price.shelf import ABSENT, Quantities, softest_of
from cost_models.price.sum_kernels import column_sums
from cost_models.table.table import METHODS
from simulator.designs.sizes import either, least

UM2_PER_MM2 = 1e6
PJ_PER_UJ = 1e6
UJ_PER_NW_US = 1e-9
STREAMS = ("store", "descriptor", "filter", "ifmap", "residual")


@dataclass(frozen=True)
class Part:
    """A line of the breakdown. group: "array", "logic" (around the array), "memory" (on chip) or "dram"."""

    component: str
    group: str
    area_mm2: float
    energy_uj: float
    method: str


@dataclass(frozen=True)
class Line:
    """A line of the breakdowns of some designs, [designs] each.

    component, group: as of a `Part`; of a memory's line without what its banks are, is_sram. method: its place in
    `METHODS`, ABSENT where a design has no such line; then its area and its energy are 0.
    """

    component: str
    group: str
    area_mm2: np.ndarray
    energy_uj: np.ndarray
    method: np.ndarray
    is_sram: np.ndarray | None = None

    def part(self, design: int) -> Part:
        """Return the line of one design."""
        component = self.component
        if self.is_sram is not None:
            kind = "sram" if self.is_sram[design] else "registers"
            component = component.replace(" memory", f" memory ({kind})")
        numbers = float(self.area_mm2[design]), float(self.energy_uj[design])
        return Part(component, self.group, *numbers, METHODS[self.method[design]])


def exact_sum(terms: Iterable[Any], designs: int) -> np.ndarray:
    """Return the sum of terms, [designs] or a number each, rounded once."""
    rows = list(terms)
    stacked = np.zeros((len(rows), designs))
    for row, term in enumerate(rows):
        stacked[row] = term
    sums: np.ndarray = column_sums(stacked)
    return sums


def parts_of(lines: Iterable[Line], design: int) -> list[Part]:
    """Return the breakdown of one design."""
    return [line.part(design) for line in lines if line.method[design] != ABSENT]


def _fills(machines: Machines, events: Events) -> Any:
    """Return the words that fill the operand memory: under ws a word is dealt to a lane a channel."""
    writes, designs = events.total.operand_writes, machines.designs
    return either(designs.dataflow == "ws", writes / designs.feeder_width, writes)


class Breakdown:
    """The lines of some machines, of the summed events of all layers: `lines`.

    latency_us: [designs]. dram: of which a row `dram_NAME` of the table gives the energy of a bit.
    """

    def __init__(self, machines: Machines, events: Events, latency_us: np.ndarray, dram: str) -> None:
        self._machines, self._events, self._latency_us = machines, events, latency_us
        self._cycles, self._fills = events.total.cycles, _fills(machines, events)
        self.lines: list[Line] = []
        self._add_array()
        self._add_feeding()
        self._add_results()
        for memory in machines.memories.values():
            self._add_memory(memory, *self._accesses(memory))
        bit = machines.table.quantity(f"dram_{dram}", "energy_per_bit_pj")
        nothing, method = np.zeros(len(machines.designs)), np.full(len(machines.designs), METHODS.index(bit.method))
        for stream in STREAMS:
            bits = getattr(events.total, f"beats_{stream}") * machines.designs.port_bits
            self.lines.append(Line(f"dram {stream}", "dram", nothing, bits * bit.value / PJ_PER_UJ, method))

    def _add_array(self) -> None:
        machines, events, designs = self._machines, self._events, self._machines.designs
        rows, cols = designs.rows, designs.cols
        left = either(machines.turned, designs.synapse_bits, designs.x_bits)
        top = either(machines.turned, designs.x_bits, designs.synapse_bits)
        self._logic("pe", "array", designs.pes, machines.pe, **pe_events(designs, events))
        stages = rows * (rows - 1) // 2 * left + either(machines.stationary, 0, cols * (cols - 1) // 2 * top)
        self._logic("skew registers", "array", stages, machines.skew, op=stages * events.streaming)
        tags = dict(op=(cols - 1) * events.streaming)
        self._logic("tags", "logic", cols - 1, machines.tag, machines.stationary, **tags)
        bits = (cols - 1) * machines.widths["channel"]
        spent = dict(op=bits * events.streaming)
        self._logic("channel skew registers", "logic", bits, machines.skew, machines.turned, **spent)

    def _add_feeding(self) -> None:
        machines, events, counts = self._machines, self._events, self._events.total
        self._logic("operand lanes", "logic", 1, machines.lanes, read=events.operand_rows, write=self._fills)
        self._logic(
            "edge", "logic", machines.designs.cols, machines.edge, accumulate=events.accumulates,
            requantise=events.requantises, pack=counts.pack_reads * machines.designs.cols,
            scatter=counts.scatter_writes,
        )  # fmt: skip
        beats_in = counts.beats - counts.beats_store
        for name, found in machines.unpackers.items():
            reads, writes = getattr(counts, f"{name}_reads"), getattr(counts, f"{name}_writes")
            own = least(beats_in, -(-writes * machines.widths[name] // machines.designs.port_bits))
            spent = dict(beat=own, other_beat=beats_in - own, read=reads)
            self._logic(f"{name} unpacker", "logic", 1, found, machines.present(name), **spent)

    def _add_results(self) -> None:
        machines, events, counts = self._machines, self._events, self._events.total
        self._logic("packer", "logic", 1, machines.packer, step=events.packs)
        lanes = least(machines.designs.cols, machines.designs.feeder_width)
        steps = counts.scatter_writes / either(machines.turned, 1, lanes)
        beats_in = counts.beats - counts.beats_store
        self._logic("scatter unit", "logic", 1, machines.scatter, step=steps, other_beat=beats_in)
        words = counts.ifmap_reads - events.pooled
        self._logic("pooling unit", "logic", 1, machines.pool, word=events.pooled, other_word=words)
        self._logic("control", "logic", 1, machines.control, compute_cycle=events.compute, beat=counts.beats)

    def _logic(self, name: str, group: str, copies: Any, found: Quantities, present: Any = True, **spent: Any) -> None:
        """Add `copies` of a unit whose every cycle costs an idle one, and events what they cost more."""
        idle, area, leakage = (found[each] for each in ("energy_per_idle_cycle_pj", "area_um2", "leakage_nw"))
        used, dynamic = [idle, area, leakage], [copies * self._cycles * idle.value]
        for event, number in spent.items():
            energy = found[f"energy_per_{event}_pj"]
            used.append(energy)
            dynamic.append(number * (energy.value - idle.value))
        energy_uj = exact_sum(dynamic, len(idle.value)) / PJ_PER_UJ + self._leakage_uj(copies * leakage.value)
        self._add(name, group, copies * area.value / UM2_PER_MM2, energy_uj, softest_of(used), present)

    def _add(
        self, name: str, group: str, area_mm2: Any, energy_uj: Any, method: Any, present: Any, is_sram: Any = None
    ) -> None:
        if present is not True:
            area_mm2, energy_uj = np.where(present, area_mm2, 0.0), np.where(present, energy_uj, 0.0)
            method = np.where(present, method, ABSENT)
        self.lines.append(Line(name, group, area_mm2, energy_uj, method, is_sram))

    def _accesses(self, memory: Memory) -> tuple[Any, Any]:
        """Return the reads and the writes of a memory."""
        counts = self._events.total
        if memory.name == "operand":
            return self._events.operand_rows, np.ceil(self._fills)
        if memory.name == "ofmap":
            packed = counts.pack_reads * self._machines.designs.cols
            return counts.ofmap_reads + packed, counts.ofmap_writes + counts.scatter_writes
        return getattr(counts, f"{memory.name}_reads"), getattr(counts, f"{memory.name}_writes")

    def _add_memory(self, memory: Memory, reads: Any, writes: Any) -> None:
        """Add the line of a memory, and one more for its leakage where that is of another method."""
        bank, count, present = memory.bank, memory.count, self._machines.present(memory.name)
        area, leakage_nw = bank["area_um2"], bank["leakage_nw"]
        idle_cycles = count * self._cycles
        dynamic = reads * bank["read_pj"].value + writes * bank["write_pj"].value + idle_cycles * bank["idle_pj"].value
        dynamic, leakage = dynamic / PJ_PER_UJ, self._leakage_uj(count * leakage_nw.value)
        apart = leakage_nw.method != area.method
        energy = np.where(apart, dynamic, dynamic + leakage)
        name, area_mm2 = f"{memory.name} memory", count * area.value / UM2_PER_MM2
        self._add(name, "memory", area_mm2, energy, area.method, present, memory.is_sram)
        name = f"{name} leakage"
        self._add(name, "memory", np.zeros_like(leakage), leakage, leakage_nw.method, present & apart, memory.is_sram)

    def _leakage_uj(self, leakage_nw: Any) -> Any:
        """nW × µs is 1e-15 J."""
        return leakage_nw * self._latency_us * UJ_PER_NW_US
