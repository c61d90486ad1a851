"""`Machines`: many designs' units and memories looked up in a cost table, and the clocks they allow."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cost_models.price.shelf import ABSENT, Quantities, Values
from cost_models.price.units import look_up_pe, units_of
from cost_models.table.operands import UNIFORM
from cost_models.table.table import METHODS, Table
from cost_models.units.sizes import scratchpad_banks
from simulator.designs.design_block import DesignBlock, for_each
from simulator.designs.sizes import HALVES, bit_length, either, most
from simulator.encoding import SHIFT_BITS
from workloads.ops.names import AND

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign


MAIN = "main"
"""The main memory where it is on the chip, among the names of memories."""


GIVEN = "given"
"""What sets a clock that isn't the machine's own."""


@dataclass(frozen=True)
class Memories:
    """On-chip memories. count: [memories, designs] of equal banks, both halves of a double buffer among them.

    banks: [memories, designs] of each number of BANK_NUMBERS.
    """

    names: tuple[str, ...]
    count: np.ndarray
    banks: Quantities


@dataclass(frozen=True)
class Clocks:
    """Shortest clock periods in ns, the components that set them, and the softest methods behind them: [designs]."""

    ns: np.ndarray
    component: np.ndarray
    method: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> Clocks:
        """Return those of some designs, by their places."""
        return Clocks(self.ns[chosen], self.component[chosen], self.method[chosen])

    def slower(self, clock_ns: float | None) -> dict[int, str]:
        """Return for each place of a machine that a given clock is too short for the line that says so."""
        if clock_ns is None:
            return {}
        return {
            place: f"clock_ns: {clock_ns:g} is not allowed: the slowest path, {self.component[place]}, takes "
            f"{self.ns[place]:.6g} ns"
            for place in np.flatnonzero(self.ns > clock_ns).tolist()
        }

    def at(self, clock_ns: float | None) -> Clocks:
        """Return the same machines at a given clock, those that it is too short for among them; None: at their own."""
        if clock_ns is None:
            return self
        return Clocks(np.full_like(self.ns, clock_ns), np.full_like(self.component, GIVEN), self.method)


def check_array(table: Table, design: FittedDesign, stream: str = UNIFORM) -> None:
    """Raise LimenError unless the table has the PE and the edge of a fitted design: it may lack an op or a width."""
    form = AND.join(design.ops), design.x_bits, design.w_bits, design.held_bits, design.dataflow, design.x_signed
    look_up_pe(table, *form, design.pe_stages, design.zero_gating, stream)
    table.at("edge", design.acc_bits, x_bits=design.x_bits)
    machines = DesignBlock.of(design)
    units_of(table).shadow(*_shadow_key(machines))
    units_of(table).control(*_control_key(machines))


def lacking(table: Table, designs: DesignBlock, stream: str | np.ndarray = UNIFORM) -> dict[int, str]:
    """Return for each place of a design whose PE, edge or tags the table lacks the line that says so."""
    units = units_of(table)
    pe, edge, tag = _array_keys(designs, stream)
    of_overlap = units.shadow.refusals(*_shadow_key(designs)) | units.control.refusals(*_control_key(designs))
    return of_overlap | units.tag.refusals(*tag) | units.edge.refusals(*edge) | units.pe.refusals(*pe)


def _array_keys(designs: DesignBlock, stream: str | np.ndarray) -> tuple[tuple[np.ndarray, ...], ...]:
    """Return the keys of PEs, edges and tags, see `Units`."""
    d, address_bits = designs, most(2, bit_length(designs.ofmap_depth - 1))
    form = d.op, d.x_bits, d.w_bits, d.held_bits, d.dataflow, d.polarity, d.x_signed
    pe = (*form, d.pe_stages, d.zero_gating, np.broadcast_to(stream, len(d)))
    return pe, (d.acc_bits, d.x_bits), (address_bits,)


def _shadow_key(designs: DesignBlock) -> tuple[np.ndarray, ...]:
    """Return the keys of shadows: what stays in a PE, or under os its accumulator."""
    still = either(designs.dataflow == "is", designs.x_bits, designs.synapse_bits)
    return designs.overlap, either(designs.dataflow == "os", designs.acc_bits, still), designs.dataflow


def _control_key(designs: DesignBlock) -> tuple[np.ndarray, ...]:
    sizes = designs.synapse_lanes, designs.feeder_width, designs.port_bits
    return designs.x_bits, designs.dataflow, *sizes, designs.overlap


TURN_BITS = 3
"""Bits that a column keeps of a fold beside bias and shift."""

POSITION_WORD_BITS = 16
"""Bits that a lane of a generator keeps of a fold under is."""


class Machines:
    """The components of some designs, looked up.

    stream: the operands that PEs see, of all designs or of each: a `stream` of the table's PE rows, or see
    `operand_energies`.

    Raises:
        LimenError: a table that lacks an op, a width, a dataflow of a design, or the operands.
    """

    def __init__(self, table: Table, designs: DesignBlock, stream: str | np.ndarray = UNIFORM) -> None:
        self.table, self.designs = table, designs
        units = units_of(table)
        self.stationary: np.ndarray = designs.dataflow != "os"
        self.turned: np.ndarray = designs.dataflow == "is"
        self.stores_polarity: np.ndarray = designs.stores_polarity
        self.generates_polarity: np.ndarray = designs.generates_polarity
        self.matmul: np.ndarray = designs.matmul
        pe, edge, tag = _array_keys(designs, stream)
        self.pe, self.edge, self.tag = units.pe(*pe), units.edge(*edge), units.tag(*tag)
        x, acc, feeder, port = designs.x_bits, designs.acc_bits, designs.feeder_width, designs.port_bits
        dealt = np.where(designs.dataflow == "ws", "ws", "os")
        mover = (x, acc, np.where(self.turned, "is", "os"), designs.cols, feeder, port)
        self.lanes = units.lanes(x, dealt, designs.x_lanes, feeder)
        self.packer, self.scatter = units.packer(*mover), units.scatter(*mover)
        synapse_lanes = designs.synapse_lanes
        self.straight, self.turned_synapses = (
            units.synapses(self.matmul, x, designs.w_bits, np.full(len(designs), form), synapse_lanes, feeder, port)
            for form in ("os", "is")
        )
        self.pool = units.pool(x, feeder)
        self.control, self.shadow = units.control(*_control_key(designs)), units.shadow(*_shadow_key(designs))
        self.skew = units.skew(np.ones_like(x))
        self.generator = units.generator(designs.dataflow, designs.synapse_lanes, self.generates_polarity)
        self.widths = {
            "ifmap": designs.word_bits,
            "weight": designs.synapse_lanes * designs.w_bits,
            "polarity": most(designs.polarity_lanes, 1),  # where there is none, nothing of it counts
            "channel": designs.channel_lanes * (acc + SHIFT_BITS),
        }
        # Under is, bias and shift pass by themselves. A column's bits are kept as a shadow's are.
        kept = TURN_BITS + either(self.turned, 0, acc + SHIFT_BITS)
        self.keeps_words = designs.overlap & self.turned & self.generates_polarity
        words = np.full(len(designs), POSITION_WORD_BITS), np.full(len(designs), "ws")
        self.kept_word = units.shadow(self.keeps_words, *words)
        self.turn = units.shadow(designs.overlap, kept, np.full(len(designs), "ws"))
        self.unpackers = {
            name: (units.ifmap_unpacker if name == "ifmap" else units.filter_unpacker)(width, port)
            for name, width in self.widths.items()
        }
        self.memories = self._memories()

    def _memories(self) -> Memories:
        designs, names = self.designs, (*self.widths, "operand", "ofmap")
        shape = len(names), len(designs)
        width, words, written, count = (np.zeros(shape, np.int64) for _ in range(4))
        rows = len(self.widths)
        width[:rows] = [*self.widths.values()]
        ports = np.broadcast_to(designs.port_bits, (rows, len(designs)))
        banks = for_each(scratchpad_banks, width[:rows].ravel(), ports.ravel()).reshape(rows, -1)
        depths = designs.ifmap_depth, designs.filter_depth, designs.polarity_depth, designs.channel_depth
        words[:rows], count[:rows] = -(-np.array(depths) // banks), HALVES * banks
        dealt = designs.dataflow == "ws"
        width[-2] = designs.x_lanes * either(dealt, designs.x_bits, designs.word_bits)
        words[-2] = either(dealt, designs.operand_depth, designs.operand_depth // designs.feeder_width)
        width[-1], words[-1] = designs.acc_bits, designs.ofmap_depth
        count[-2], count[-1] = HALVES, HALVES * designs.cols
        written[:], written[-2] = width, designs.word_bits
        two_ports = np.zeros(shape, bool)
        two_ports[-1] = True
        found = units_of(self.table).bank(width.ravel(), words.ravel(), two_ports.ravel(), written.ravel())
        found = found.beside(units_of(self.table).main_memory(designs.port_bits, designs.memory_beats, designs.on_chip))
        count = np.concatenate([count, np.ones((1, len(designs)), np.int64)])
        return Memories((*names, MAIN), count, found.of_each(len(count)))

    def __getitem__(self, chosen: np.ndarray) -> Machines:
        """Return some of the machines, by their places: what was looked up is not looked up again."""
        some = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(some, name, value[chosen])
            elif isinstance(value, Quantities):
                setattr(some, name, value.some(chosen))
        some.designs, memories = self.designs[chosen], self.memories
        some.widths = {name: width[chosen] for name, width in self.widths.items()}
        some.unpackers = {name: found.some(chosen) for name, found in self.unpackers.items()}
        some.memories = Memories(memories.names, memories.count[:, chosen], memories.banks.some(chosen))
        return some

    def with_memory_kib(self, kib: np.ndarray) -> Machines:
        """Return the same machines with on-chip main memories of other sizes, [designs]; clocks are no other."""
        sized = copy(self)
        sized.designs = replace(self.designs, memory_kib=kib)
        sized.memories = sized._memories()
        return sized

    def present(self, name: str) -> np.ndarray | bool:
        """Return where there are a memory and an unpacker of this name: of polarity where it is stored."""
        if name == MAIN:
            on_chip: np.ndarray = self.designs.on_chip
            return on_chip
        return self.stores_polarity if name == "polarity" else True

    @property
    def main_access_ns(self) -> np.ndarray:
        """The access time of an on-chip main memory."""
        access: np.ndarray = self.memories.banks["delay_ns"].value[self.memories.names.index(MAIN)]
        return access

    def clocks(self) -> Clocks:
        """Return the shortest clock periods; of equal paths the one whose name, then method, is last."""
        paths = _Paths(self.skew["launch_ns"].value, self.memories)
        units = {"edge": self.edge, "packer": self.packer, "operand memory": self.lanes, "pooling unit": self.pool}
        units |= {f"{name} unpacker": found for name, found in self.unpackers.items()} | {"skew": self.skew}
        for name, found in units.items():
            there = self.present(name.removesuffix(" unpacker"))
            paths.add(name, [found["min_clock_ns"]], there=there)
        paths.add("generator", [self.generator["min_clock_ns"]], there=self.generates_polarity)
        for name, found in (("straight synapse unit", self.straight), ("turned synapse unit", self.turned_synapses)):
            paths.add(name, [found["min_clock_ns"]], there=self.matmul)
        paths.add("scatter unit", [self.scatter["min_clock_ns"], self.edge["entry_ns"]])
        paths.add("control", [self.control["min_clock_ns"], self.edge["entry_ns"]])
        paths.add("shadow", [self.shadow["min_clock_ns"]], there=self.designs.overlap)
        pe, later = self.pe["min_clock_ns"], "behind_memory_ns"
        paths.add("pe", [pe, self.lanes["delay_ns"]], "operand")
        for name in ("weight", "polarity"):
            # Under ws synapses go into registers, not through the op.
            there = (self.designs.dataflow != "ws") & self.present(name)
            paths.add("pe", [pe, self.unpackers[name]["delay_ns"]], name, there)
        paths.add("edge", [self.edge[later]], "ofmap")
        paths.add("edge", [self.edge[later], self.unpackers["channel"]["delay_ns"]], "channel")
        paths.add("packer", [self.packer[later], self.edge["delay_ns"]], "ofmap")
        unpacked = self.unpackers["ifmap"]["delay_ns"]
        paths.add("operand memory", [self.lanes[later], unpacked], "ifmap")
        paths.add("pooling unit", [self.pool[later], unpacked], "ifmap")
        for place, name in enumerate(self.memories.names):
            own = Values(*(values[place] for values in self.memories.banks["min_clock_ns"]))
            paths.add(f"{name} memory", [own], there=(own.method != ABSENT) & self.present(name))
        return paths.longest()


@lru_cache(maxsize=16)
def _ranks(texts: tuple[str, ...]) -> np.ndarray:
    """Return the place of each text among them all in order."""
    return np.argsort(np.argsort(np.array(texts)))


class _Paths:
    """Every path that could set the clock. launch: ns that a register takes to show its value."""

    def __init__(self, launch: np.ndarray, memories: Memories) -> None:
        delays = memories.banks["delay_ns"]
        late = (delays.method != ABSENT) & (delays.value > launch)
        self._launch = launch
        self._memories = {
            name: (late[at], delays.value[at], delays.method[at]) for at, name in enumerate(memories.names)
        }
        self._names: list[str] = []
        self._named: list[Any] = []
        self._periods: list[Any] = []
        self._methods: list[Any] = []

    def add(self, name: str, values: list[Values], memory: str = "", there: np.ndarray | bool = True) -> None:
        """Add a path of a unit behind others' delays, starting in a memory where one is named.

        there: where the path exists.
        """
        period, method = values[0]
        for value in values[1:]:
            period, method = period + value.value, np.maximum(method, value.method)
        named: Any = self._number(name)
        if memory:  # what a macro takes more than a flip-flop
            late, delay, delay_method = self._memories[memory]
            period = np.where(late, period + delay - self._launch, period)
            method = np.where(late, np.maximum(method, delay_method), method)
            named = np.where(late, self._number(f"{name} behind {memory} memory"), named)
        self._periods.append(period if there is True else np.where(there, period, -np.inf))
        self._methods.append(method)
        self._named.append(named)

    def _number(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)

    def longest(self) -> Clocks:
        """Return the longest path of each design."""
        order, method_order = _ranks(tuple(self._names)), _ranks(METHODS)
        periods, methods = np.array(self._periods), np.array(self._methods)
        named = np.zeros(methods.shape, np.int64)
        for path, name in enumerate(self._named):
            named[path] = name
        last = np.where(periods == periods.max(axis=0), order[named] * len(METHODS) + method_order[methods], -1)
        at = last.argmax(axis=0), np.arange(periods.shape[1])
        names, methods_by_place = np.array(self._names, object), np.array(METHODS, object)
        return Clocks(periods[at], names[named[at]], methods_by_place[methods[at]])
