"""What each part of some machines takes: the lines of a breakdown, summed exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from cost_models.price.machine import MAIN, Machines
from cost_models.price.machine_events import Events, pe_events
from cost_models.price.shelf import ABSENT, Quantities
from cost_models.price.sum_kernels import column_sums
from cost_models.price.units import STATIC
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


def parts_of(lines: Iterable[Line], design: int) -> list[Part]:
    """Return the breakdown of one design."""
    return [line.part(design) for line in lines if line.method[design] != ABSENT]


def _fills(machines: Machines, events: Events) -> Any:
    """Return the words that fill the operand memory: under ws a word is dealt to a lane a channel."""
    writes, designs = events.total.operand_writes, machines.designs
    return either(designs.dataflow == "ws", writes / designs.feeder_width, writes)


class _Unit(NamedTuple):
    """`copies` of a unit of logic whose every cycle costs an idle one, and events, `spent`, what they cost more."""

    component: str
    group: str
    copies: Any
    found: Quantities
    present: Any
    spent: dict[str, Any]


class Breakdown:
    """The lines of some machines, of the summed events of all layers: `lines`.

    latency_us: [designs]. dram: of which a row `dram_NAME` of the table gives the energy of a bit.
    """

    def __init__(self, machines: Machines, events: Events, latency_us: np.ndarray, dram: str) -> None:
        self._machines, self._events, self._latency_us = machines, events, latency_us
        self._cycles, self._fills = events.total.cycles, _fills(machines, events)
        self._units: list[_Unit] = []
        self._add_array()
        self._add_feeding()
        self._add_results()
        self.lines = [*self._lines_of_logic(), *self._lines_of_memories(), *self._lines_of_dram(dram)]

    def _add_array(self) -> None:
        machines, events, designs = self._machines, self._events, self._machines.designs
        rows, cols = designs.rows, designs.cols
        left = either(machines.turned, designs.synapse_bits, designs.x_bits)
        top = either(machines.turned, designs.x_bits, designs.synapse_bits)
        self._logic("pe", "array", designs.pes, machines.pe, **pe_events(designs, events))
        overlap, folds = designs.overlap, events.total.folds
        self._logic("shadows", "array", designs.pes, machines.shadow, overlap, move=events.moves)
        left_bits = rows * (rows - 1) // 2 * left
        top_bits = either(machines.stationary & ~overlap, 0, cols * (cols - 1) // 2 * top)
        preloads = either(machines.turned, events.operand_rows, events.total.weight_reads)
        shifts = top_bits * either(machines.stationary, preloads, events.streaming)
        waves = overlap * 2 * (rows - 1)  # of loads and shifts down column 0
        spent = dict(op=left_bits * events.streaming + shifts + waves * folds)
        self._logic("skew registers", "array", left_bits + top_bits + waves, machines.skew, **spent)
        tags = dict(op=(cols - 1) * events.streaming)
        self._logic("tags", "logic", cols - 1, machines.tag, machines.stationary | overlap, **tags)
        self._logic("column turns", "logic", cols - 1, machines.turn, overlap, move=(cols - 1) * folds)
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
        words = either(machines.turned, events.operand_rows, 0)
        there = machines.generates_polarity
        self._logic("generator", "logic", 1, machines.generator, there, row=counts.weight_reads, word=words)
        lanes = machines.designs.synapse_lanes
        self._logic("kept words", "logic", lanes, machines.kept_word, machines.keeps_words, move=lanes * counts.folds)
        beats_in = counts.beats - counts.beats_store
        for name, found in machines.unpackers.items():
            reads, writes = getattr(counts, f"{name}_reads"), getattr(counts, f"{name}_writes")
            writes = writes - events.synapse_rows if name == "weight" else writes
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
        for name, found, steps in (
            ("straight synapse unit", machines.straight, events.straight_steps),
            ("turned synapse unit", machines.turned_synapses, events.turned_steps),
        ):
            self._logic(name, "logic", 1, found, machines.matmul, step=steps, other_beat=beats_in)
        words = counts.ifmap_reads - events.pooled
        self._logic("pooling unit", "logic", 1, machines.pool, word=events.pooled, other_word=words)
        self._logic("control", "logic", 1, machines.control, compute_cycle=events.compute, beat=counts.beats)

    def _logic(
        self, component: str, group: str, copies: Any, found: Quantities, present: Any = True, **spent: Any
    ) -> None:
        self._units.append(_Unit(component, group, copies, found, present, spent))

    def _lines_of_logic(self) -> list[Line]:
        shape = len(self._units), len(self._machines.designs)
        static, copies = np.zeros((len(STATIC), *shape)), np.zeros(shape, np.int64)
        most = max(len(unit.spent) for unit in self._units)
        energies, numbers = np.zeros((most, *shape)), np.zeros((most, *shape))
        present, methods = np.ones(shape, bool), np.zeros(shape, np.int8)
        for place, unit in enumerate(self._units):
            events = slice(len(STATIC), len(STATIC) + len(unit.spent))
            static[:, place] = unit.found.values[: len(STATIC)]
            energies[: len(unit.spent), place] = unit.found.values[events]
            methods[place] = unit.found.methods[: events.stop].max(axis=0)
            copies[place], present[place] = unit.copies, unit.present
            for event, number in unit.spent.items():
                numbers[unit.found.places[f"energy_per_{event}_pj"] - len(STATIC), place] = number
        idle, area, leakage = static
        dynamic = np.concatenate([[copies * self._cycles * idle], numbers * (energies - idle)])
        energy = column_sums(dynamic.reshape(len(dynamic), -1)).reshape(shape) / PJ_PER_UJ
        energy = np.where(present, energy + self._leakage_uj(copies * leakage), 0.0)
        area_mm2, methods = np.where(present, copies * area / UM2_PER_MM2, 0.0), np.where(present, methods, ABSENT)
        return [
            Line(unit.component, unit.group, *line)
            for unit, *line in zip(self._units, area_mm2, energy, methods, strict=True)
        ]

    def _lines_of_memories(self) -> list[Line]:
        """Return the line of each memory, and one more for its leakage where that is of another method."""
        memories, banks = self._machines.memories, self._machines.memories.banks
        reads, writes = np.zeros(memories.count.shape), np.zeros(memories.count.shape)
        present = np.ones(memories.count.shape, bool)
        for place, name in enumerate(memories.names):
            reads[place], writes[place] = self._accesses(name)
            present[place] = self._machines.present(name)
        area, leakage_nw = banks["area_um2"], banks["leakage_nw"]
        dynamic = reads * banks["read_pj"].value + writes * banks["write_pj"].value
        dynamic = (dynamic + memories.count * self._cycles * banks["idle_pj"].value) / PJ_PER_UJ
        leakage, apart = self._leakage_uj(memories.count * leakage_nw.value), leakage_nw.method != area.method
        energy = np.where(present, np.where(apart, dynamic, dynamic + leakage), 0.0)
        area_mm2 = np.where(present, memories.count * area.value / UM2_PER_MM2, 0.0)
        methods = np.where(present, area.method, ABSENT)
        alone = present & apart
        leakage, leakage_methods = np.where(alone, leakage, 0.0), np.where(alone, leakage_nw.method, ABSENT)
        nothing, is_sram = np.zeros_like(area_mm2[0]), banks["is_sram"].value > 0
        lines = []
        for place, name in enumerate(memories.names):
            kind, label = is_sram[place], f"{name} memory"
            lines.append(Line(label, "memory", area_mm2[place], energy[place], methods[place], kind))
            lines.append(Line(f"{label} leakage", "memory", nothing, leakage[place], leakage_methods[place], kind))
        return lines

    def _lines_of_dram(self, dram: str) -> list[Line]:
        on_chip, port_bits = self._machines.designs.on_chip, self._machines.designs.port_bits
        if on_chip.all():
            return []
        bit = self._machines.table.dram(dram)
        nothing, method = np.zeros(len(port_bits)), np.where(on_chip, ABSENT, METHODS.index(bit.method))
        lines = []
        for stream in STREAMS:
            energy = getattr(self._events.total, f"beats_{stream}") * port_bits * bit.value / PJ_PER_UJ
            lines.append(Line(f"dram {stream}", "dram", nothing, np.where(on_chip, 0.0, energy), method))
        return lines

    def _accesses(self, memory: str) -> tuple[Any, Any]:
        """Return the reads and the writes of a memory."""
        counts = self._events.total
        if memory == MAIN:
            return counts.beats - counts.beats_store, counts.beats_store
        if memory == "operand":
            return self._events.operand_rows, np.ceil(self._fills)
        if memory == "ofmap":
            packed = counts.pack_reads * self._machines.designs.cols
            return counts.ofmap_reads + packed, counts.ofmap_writes + counts.scatter_writes
        writes = getattr(counts, f"{memory}_writes")
        if memory == "weight":  # a step of a lane, or a few, is priced as a row's write
            events = self._events
            writes = writes - events.synapse_rows + events.straight_steps + events.turned_steps
        return getattr(counts, f"{memory}_reads"), writes

    def _leakage_uj(self, leakage_nw: Any) -> Any:
        """nW × µs is 1e-15 J."""
        return leakage_nw * self._latency_us * UJ_PER_NW_US
