"""The price of one run in plain Python, a part after another: the oracle of what `cost_models.price` does in arrays.

It shares with it the table, the sizes of units, and a bank's price, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cost_models.price.banks import Bank, price_bank, price_main_memory
from cost_models.table.operands import UNIFORM
from cost_models.table.table import SOFT, Table, Value, softest
from cost_models.units.sizes import delay_terms, scratchpad_banks, terms
from cost_models.units.unit import (
    Control,
    Fitted,
    Generator,
    Lanes,
    Packer,
    Pool,
    Scatter,
    Scratchpad,
    Shadow,
    Skew,
)
from simulator.cuts.layout import lay_out
from simulator.cuts.schedule import schedule_network
from simulator.designs.design import FittedDesign
from simulator.designs.sizes import HALVES
from simulator.encoding import SHIFT_BITS
from simulator.run import Run
from tests.cost_models.event_oracle import Events, count_events, pe_events

UM2_PER_MM2 = 1e6
PJ_PER_UJ = 1e6
BITS_PER_BYTE = 8
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Part:
    """A line of the breakdown. group: "array", "logic" (around the array), "memory" (on chip) or "dram"."""

    component: str
    group: str
    area_mm2: float
    energy_uj: float
    method: str


@dataclass(frozen=True)
class Memory:
    """`count` equal banks, both halves of a double buffer among them."""

    name: str
    count: int
    bank: Bank


class _Fit(dict[str, Value]):
    """Quantities of a unit of any size, each worked out when it is asked for."""

    def __init__(self, table: Table, unit: Fitted) -> None:
        super().__init__()
        self._table, self._unit = table, unit

    def __missing__(self, name: str) -> Value:
        sizes = delay_terms(self._unit) if name.endswith("_ns") else terms(self._unit)
        fitted = self._table.fit(self._unit.component, name, sizes, self._unit.columns().dataflow)
        self[name] = Value(max(fitted.value, 0.0), fitted.method)
        return self[name]


class Machine:
    """A fitted design's components, looked up once."""

    def __init__(self, table: Table, design: FittedDesign, stream: str = UNIFORM) -> None:
        self.table, self.design, acc = table, design, design.acc_bits
        self.stationary = design.dataflow != "os"
        signed = design.x_signed and design.op in ("mac", "shift")
        component = "pe_zero_gated" if design.zero_gating else "pe_signed" if signed else "pe"
        ops = design.op
        if design.extra_ops:
            component, ops = "pe_fused", "+".join(design.ops)
        pe = component, design.held_bits, ops, design.x_bits, design.w_bits, design.dataflow
        self.pe = table.at(*pe, stages=design.pe_stages)
        if stream != UNIFORM:
            self.pe |= table.at(*pe, stream, design.pe_stages)
        self.edge = table.at("edge", acc, x_bits=design.x_bits)
        x, feeder, port, cols = design.x_bits, design.feeder_width, design.port_bits, design.cols
        turned = "is" if design.dataflow == "is" else "os"
        dealt = "ws" if design.dataflow == "ws" else "os"
        self.lanes = _Fit(table, Lanes(x, dealt, design.x_lanes, feeder))
        self.packer = _Fit(table, Packer(x, acc, turned, cols, feeder, port))
        self.scatter = _Fit(table, Scatter(x, acc, turned, cols, feeder, port))
        self.synapses = {
            form: _Fit(table, Scatter(x, design.w_bits, dataflow, design.synapse_lanes, feeder, port))
            for form, dataflow in (("straight", "os"), ("turned", "is"))
        }
        self.pool = _Fit(table, Pool(x, feeder))
        self.control = _Fit(table, Control(x, design.dataflow, design.synapse_lanes, feeder, port, design.overlap))
        self.skew = _Fit(table, Skew(1))
        self.generator = _Fit(table, Generator(design.dataflow, design.synapse_lanes))
        self.tag = table.at("tag", max(2, (design.ofmap_depth - 1).bit_length()))
        shadowed = {"os": acc, "ws": design.synapse_bits, "is": x}[design.dataflow]
        self.shadow = _Fit(table, Shadow(shadowed, "os" if design.dataflow == "os" else "ws"))
        self.turn = _Fit(table, Shadow(3 + (0 if design.dataflow == "is" else acc + SHIFT_BITS), "ws"))
        self.widths = {
            "ifmap": design.word_bits,
            "weight": design.synapse_lanes * design.w_bits,
            "polarity": design.polarity_lanes,
            "channel": design.channel_lanes * (acc + SHIFT_BITS),
        }
        self.widths = {name: width for name, width in self.widths.items() if width}
        self.unpackers = {
            name: _Fit(table, Scratchpad("ifmap" if name == "ifmap" else "filter", width, port))
            for name, width in self.widths.items()
        }
        self.memories = self._memories()

    def _memories(self) -> dict[str, Memory]:
        design, table, memories = self.design, self.table, {}
        depths = {
            "ifmap": design.ifmap_depth,
            "weight": design.filter_depth,
            "polarity": design.polarity_depth,
            "channel": design.channel_depth,
        }
        for name, width in self.widths.items():
            banks = scratchpad_banks(width, design.port_bits)
            bank = price_bank(table, width, -(-depths[name] // banks))
            memories[name] = Memory(name, HALVES * banks, bank)
        slot = design.x_bits if design.dataflow == "ws" else design.word_bits
        words = design.operand_depth if design.dataflow == "ws" else design.operand_depth // design.feeder_width
        bank = price_bank(table, design.x_lanes * slot, words, write_bits=design.word_bits)
        memories["operand"] = Memory("operand", HALVES, bank)
        bank = price_bank(table, design.acc_bits, design.ofmap_depth, two_ports=True)
        memories["ofmap"] = Memory("ofmap", HALVES * design.cols, bank)
        if design.memory.kib is not None:
            words = math.ceil(design.memory.kib * 8192 // 1 / design.port_bits)
            memories["main"] = Memory("main", 1, price_main_memory(table, design.port_bits, words))
        return memories

    def buffer_bits(self) -> int:
        """Return the bits of the memories around the array, filled to their last word."""
        design = self.design
        rows = {
            "ifmap": design.ifmap_depth,
            "weight": design.filter_depth,
            "polarity": design.polarity_depth,
            "channel": design.channel_depth,
        }
        bits = sum(width * rows[name] for name, width in self.widths.items())
        words, feeder = design.operand_depth, design.feeder_width
        bits += design.x_lanes * design.x_bits * (words if design.dataflow == "ws" else words // feeder * feeder)
        return HALVES * (bits + design.ofmap_depth * design.cols * design.acc_bits)

    def clock(self) -> tuple[float, str, str]:
        """Return the shortest clock period in ns, the component that sets it, and the softest method behind it."""
        return max(self.paths())

    def paths(self) -> list[tuple[float, str, str]]:
        """Return (ns, component, softest method) of every path that could set the clock."""
        launch = self.skew["launch_ns"].value
        paths: list[tuple[float, str, str]] = []

        def add(name: str, longest: Value, *delays: Value, memory: str = "") -> None:
            """A path of a unit behind others' delays, starting in a memory where one is named."""
            values = [longest, *delays]
            period = sum(value.value for value in values)
            late = self.memories[memory].bank.delay if memory else None
            if late is not None and late.value > launch:  # what the macro takes more than a flip-flop
                values, period = [*values, late], period + late.value - launch
            paths.append((period, name + (f" behind {memory} memory" if memory else ""), softest(values)))

        units = {"edge": self.edge, "packer": self.packer, "operand memory": self.lanes, "pooling unit": self.pool}
        units |= {f"{name} unpacker": values for name, values in self.unpackers.items()} | {"skew": self.skew}
        for name, values in units.items():
            add(name, values["min_clock_ns"])
        if design_generates(self.design):
            add("generator", self.generator["min_clock_ns"])
        for form in ("straight", "turned") if self.design.matmul else ():
            add(f"{form} synapse unit", self.synapses[form]["min_clock_ns"])
        add("scatter unit", self.scatter["min_clock_ns"], self.edge["entry_ns"])
        add("control", self.control["min_clock_ns"], self.edge["entry_ns"])
        if self.design.overlap:
            add("shadow", self.shadow["min_clock_ns"])
        pe, later = self.pe["min_clock_ns"], "behind_memory_ns"
        add("pe", pe, self.lanes["delay_ns"], memory="operand")
        for name in ("weight", "polarity"):
            # Under ws synapses go into registers, not through the op.
            if name in self.unpackers and self.design.dataflow != "ws":
                add("pe", pe, self.unpackers[name]["delay_ns"], memory=name)
        add("edge", self.edge[later], memory="ofmap")
        add("edge", self.edge[later], self.unpackers["channel"]["delay_ns"], memory="channel")
        add("packer", self.packer[later], self.edge["delay_ns"], memory="ofmap")
        add("operand memory", self.lanes[later], self.unpackers["ifmap"]["delay_ns"], memory="ifmap")
        add("pooling unit", self.pool[later], self.unpackers["ifmap"]["delay_ns"], memory="ifmap")
        for name, memory in self.memories.items():
            if memory.bank.min_clock is not None:
                add(f"{name} memory", memory.bank.min_clock)
        return paths

    def parts(self, events: Events, latency_us: float, dram: str) -> list[Part]:
        """Return the breakdown of the summed events of all layers."""
        design, counts, cycles = self.design, events.total, events.total.cycles
        rows, cols = design.rows, design.cols
        left, top = design.x_bits, design.synapse_bits
        if design.dataflow == "is":
            left, top = top, left
        parts = []

        def logic(name: str, group: str, copies: int, values: Values, **spent: float) -> None:
            """`copies` of a unit whose every cycle costs an idle one, and events what they cost more."""
            idle = values["energy_per_idle_cycle_pj"].value
            used = [values["energy_per_idle_cycle_pj"], values["area_um2"], values["leakage_nw"]]
            dynamic = [copies * cycles * idle]
            for event, number in spent.items():
                event_energy = values[f"energy_per_{event}_pj"]
                used.append(event_energy)
                dynamic.append(number * (event_energy.value - idle))
            leakage = _leakage_uj(copies * values["leakage_nw"].value, latency_us)
            energy = math.fsum(dynamic) / PJ_PER_UJ + leakage
            parts.append(Part(name, group, copies * values["area_um2"].value / UM2_PER_MM2, energy, softest(used)))

        logic("pe", "array", design.pes, self.pe, **pe_events(design, events.of_op))
        skew_bits = rows * (rows - 1) // 2 * left
        moved = skew_bits * events.streaming
        top_bits = cols * (cols - 1) // 2 * top
        if design.overlap:
            folds = counts.folds
            logic("shadows", "array", design.pes, self.shadow, move=folds * cols * sum(range(rows + 1)))
            skew_bits += top_bits + 2 * (rows - 1)
            times = {"os": events.streaming, "ws": counts.weight_reads, "is": events.operand_rows}[design.dataflow]
            moved += top_bits * times + 2 * (rows - 1) * folds
        elif not self.stationary:
            skew_bits += top_bits
            moved += top_bits * events.streaming
        logic("skew registers", "array", skew_bits, self.skew, op=moved)
        if self.stationary or design.overlap:
            logic("tags", "logic", cols - 1, self.tag, op=(cols - 1) * events.streaming)
        if design.overlap:
            logic("column turns", "logic", cols - 1, self.turn, move=(cols - 1) * counts.folds)
        if design.dataflow == "is":
            bits = (cols - 1) * (self.widths["channel"])
            logic("channel skew registers", "logic", bits, self.skew, op=bits * events.streaming)
        logic(
            "operand lanes", "logic", 1, self.lanes, read=events.operand_rows, write=self._fills(counts.operand_writes)
        )
        packed = counts.pack_reads * cols
        logic(
            "edge", "logic", cols, self.edge, accumulate=events.accumulates, requantise=events.requantises,
            pack=packed, scatter=counts.scatter_writes,
        )  # fmt: skip
        if design_generates(design):
            words = {"word": events.operand_rows} if design.dataflow == "is" else {}
            logic("generator", "logic", 1, self.generator, row=counts.weight_reads, **words)
            if design.overlap and design.dataflow == "is":
                word = _Fit(self.table, Shadow(16, "ws"))
                logic("kept words", "logic", design.synapse_lanes, word, move=design.synapse_lanes * counts.folds)
        beats_in = counts.beats - counts.beats_store
        for name, values in self.unpackers.items():
            reads, writes = getattr(counts, f"{name}_reads"), getattr(counts, f"{name}_writes")
            writes -= events.synapse_rows if name == "weight" else 0
            unit_beats = min(beats_in, -(-writes * self.widths[name] // design.port_bits))
            logic(f"{name} unpacker", "logic", 1, values, beat=unit_beats, other_beat=beats_in - unit_beats, read=reads)
        logic("packer", "logic", 1, self.packer, step=events.packs)
        steps = counts.scatter_writes / (1 if design.dataflow == "is" else min(cols, design.feeder_width))
        logic("scatter unit", "logic", 1, self.scatter, step=steps, other_beat=beats_in)
        if design.matmul:
            for form, taken in (("straight", events.straight_steps), ("turned", events.turned_steps)):
                logic(f"{form} synapse unit", "logic", 1, self.synapses[form], step=taken, other_beat=beats_in)
        words = counts.ifmap_reads - events.pooled
        logic("pooling unit", "logic", 1, self.pool, word=events.pooled, other_word=words)
        logic("control", "logic", 1, self.control, compute_cycle=events.compute, beat=counts.beats)
        return parts + self._memory_parts(events, latency_us, dram)

    def _memory_parts(self, events: Events, latency_us: float, dram: str) -> list[Part]:
        """Return the memories on the chip, and DRAM where the main one isn't."""
        parts, counts = [], events.total
        for memory in self.memories.values():
            reads, writes = self._accesses(memory, events)
            parts += _memory(memory, reads, writes, counts.cycles, latency_us)
        if "main" in self.memories:
            return parts
        bit = self.table.quantity(f"dram_{dram}", "energy_per_bit_pj")
        for stream in ("store", "descriptor", "filter", "ifmap", "residual"):
            bits = getattr(counts, f"beats_{stream}") * self.design.port_bits
            parts.append(Part(f"dram {stream}", "dram", 0.0, bits * bit.value / PJ_PER_UJ, bit.method))
        return parts

    def _fills(self, writes: int) -> float:
        """Return the words that fill the operand memory: under ws a word is dealt to a lane a channel."""
        return writes / self.design.feeder_width if self.design.dataflow == "ws" else writes

    def _accesses(self, memory: Memory, events: Events) -> tuple[int, int]:
        counts = events.total
        if memory.name == "main":
            return counts.beats - counts.beats_store, counts.beats_store
        if memory.name == "operand":
            return events.operand_rows, math.ceil(self._fills(counts.operand_writes))
        if memory.name == "ofmap":
            packed = counts.pack_reads * self.design.cols
            return counts.ofmap_reads + packed, counts.ofmap_writes + counts.scatter_writes
        writes = getattr(counts, f"{memory.name}_writes")
        if memory.name == "weight":
            writes += events.straight_steps + events.turned_steps - events.synapse_rows
        return getattr(counts, f"{memory.name}_reads"), writes


def design_generates(design: FittedDesign) -> bool:
    """Return whether a design has a generator of polarity instead of memory for it."""
    return any(room.polar for room in design.operations) and design.polarity == "generated"


def _memory(memory: Memory, reads: int, writes: int, cycles: int, latency_us: float) -> list[Part]:
    """Return the line of a memory, and one more for its leakage where that is of another method."""
    bank, count = memory.bank, memory.count
    dynamic = (reads * bank.read_pj + writes * bank.write_pj + count * cycles * bank.idle_pj) / PJ_PER_UJ
    leakage = _leakage_uj(count * bank.leakage_nw, latency_us)
    area = count * bank.area_um2 / UM2_PER_MM2
    label = f"{memory.name} memory ({bank.kind})"
    if bank.leakage_method == bank.method:
        return [Part(label, "memory", area, dynamic + leakage, bank.method)]
    return [
        Part(label, "memory", area, dynamic, bank.method),
        Part(f"{label} leakage", "memory", 0.0, leakage, bank.leakage_method),
    ]


def _leakage_uj(leakage_nw: float, latency_us: float) -> float:
    """nW × µs is 1e-15 J."""
    return leakage_nw * latency_us * 1e-9


def held_kib(run: Run) -> float:
    """Return what an on-chip main memory holds, as the program's own layout says."""
    design, network = run.design, run.network
    return lay_out(network, schedule_network(network, design), design).beats * design.port_bits / 8192 * design.on_chip


def price_alone(run: Run, table: Table, dram: str = "lpddr4", stream: str = UNIFORM) -> dict[str, Any]:
    """Return the figures of `cost_models.price.price.Cost`, of an image of a run's pass, its parts as tuples."""
    machine = Machine(table, run.design, stream)
    clock_ns, clock_component, clock_method = machine.clock()
    images = run.design.images_at_once
    latency_us = run.pass_cycles * clock_ns / 1e3
    parts = machine.parts(count_events(run.network.layers, run.counts, run.design), latency_us, dram)
    energy = math.fsum(part.energy_uj for part in parts)
    area = math.fsum(part.area_mm2 for part in parts)

    def share(group: str) -> float:
        return math.fsum(part.energy_uj for part in parts if part.group == group) / energy

    soft_energy = math.fsum(part.energy_uj for part in parts if part.method in SOFT) / energy
    soft_area = math.fsum(part.area_mm2 for part in parts if part.method in SOFT) / area
    return {
        "energy_uj": math.fsum(part.energy_uj / images for part in parts),
        "latency_us": latency_us / images,
        "area_mm2": area,
        "clock_ns": clock_ns,
        "power_mw": energy / latency_us * 1e3,
        "array_share": share("array"),
        "memory_share": share("memory"),
        "dram_share": share("dram"),
        "energy_assumed_share": soft_energy,
        "area_assumed_share": soft_area,
        "assumed_share": max(soft_energy, soft_area),
        "buffers_kib": machine.buffer_bits() / 8192,
        "device_kib": machine.buffer_bits() / 8192 + held_kib(run),
        "clock_component": clock_component,
        "clock_method": clock_method,
        "parts": [tuple(vars(replace(part, energy_uj=part.energy_uj / images)).values()) for part in parts],
    }
