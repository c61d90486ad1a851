"""What a table says of the machine's units, as shelves: those of a fit, of PEs, edges and tags, and of memory banks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from cost_models.price.banks import Bank, price_bank, price_main_memory
from cost_models.price.machine_events import PLACES
from cost_models.price.operand_energies import operand_energies
from cost_models.price.shelf import Shelf
from cost_models.table.operands import UNIFORM
from cost_models.table.table import Table, Value
from cost_models.units.sizes import delay_terms, terms
from cost_models.units.unit import (
    FUSED,
    GATED,
    SIGNED,
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
from workloads.errors import LimenError
from workloads.ops.names import AND
from workloads.ops.registry import operation

STATIC = ("energy_per_idle_cycle_pj", "area_um2", "leakage_nw")
"""What a unit takes whatever happens; on a shelf first, then energies of events, then delays."""

OP_EVENTS = ("op", "left_cycle", "top_cycle", "psum_cycle", "polarity_cycle")
PE_EVENTS = (*OP_EVENTS, "shift_cycle", *(f"{PLACES[1]}{event}" for event in OP_EVENTS))
GENERATOR_EVENTS = ("row", "word")
EDGE_EVENTS = ("accumulate", "requantise", "pack", "scatter")
EDGE_DELAYS = ("min_clock_ns", "entry_ns", "delay_ns", "behind_memory_ns")
BANK_NUMBERS = (*("is_sram", "area_um2", "leakage_nw", "read_pj", "write_pj", "idle_pj", "delay_ns", "min_clock_ns"),)
"""Of a `Bank`; is_sram: 1 for macros, 0 for registers. Its delay or its own least clock may be absent."""


def energies(*events: str) -> tuple[str, ...]:
    """Return the names of the energies of events."""
    return tuple(f"energy_per_{event}_pj" for event in events)


class Units:
    """The shelves of one table: numbers of units by what decides them.

    pe: by op, or ops joined by AND, x_bits, w_bits, bits held, dataflow, polarity, signed activations, stages,
    zero gating, stream. edge: by acc_bits, x_bits.
    tag: by address bits. generator: by dataflow, lanes, and whether there is one. shadow: by whether there are, bits,
    dataflow. synapses: by whether a design has matmul, then the fields of a scatter unit. All three are absent where
    there are none. bank: by width, words, two ports, bits of a write. All others: by the fields of
    their unit.
    """

    def __init__(self, table: Table) -> None:
        def fitted(unit: Callable[..., Fitted], events: Sequence[str], *delays: str) -> Shelf:
            names = (*STATIC, *energies(*events), *delays)
            return Shelf(names, lambda *sizes: {name: _fit(table, unit(*sizes), name) for name in names})

        clock, delay, behind = "min_clock_ns", "delay_ns", "behind_memory_ns"
        self.pe = Shelf((*STATIC, *energies(*PE_EVENTS), "min_clock_ns"), partial(_pe, table))
        self.edge = Shelf((*STATIC, *energies(*EDGE_EVENTS), *EDGE_DELAYS), partial(_edge, table))
        self.tag = Shelf((*STATIC, *energies("op")), partial(_tag, table))
        self.generator = Shelf((*STATIC, *energies(*GENERATOR_EVENTS), clock), partial(_generator, table))
        self.lanes = fitted(Lanes, ("read", "write"), clock, delay, behind)
        self.packer = fitted(Packer, ("step",), clock, behind)
        self.scatter = fitted(Scatter, ("step", "other_beat"), clock)
        self.synapses = Shelf((*STATIC, *energies("step", "other_beat"), clock), partial(_synapses, table))
        self.pool = fitted(Pool, ("word", "other_word"), clock, behind)
        self.control = fitted(Control, ("compute_cycle", "beat"), clock)
        self.skew = fitted(Skew, ("op",), clock, "launch_ns")
        self.shadow = Shelf((*STATIC, *energies("move"), clock), partial(_shadow, table))
        beats = ("beat", "other_beat", "read")
        self.ifmap_unpacker = fitted(partial(Scratchpad, "ifmap"), beats, clock, delay)
        self.filter_unpacker = fitted(partial(Scratchpad, "filter"), beats, clock, delay)
        self.bank = Shelf(BANK_NUMBERS, partial(_bank, table))
        self.main_memory = Shelf(BANK_NUMBERS, partial(_main_memory, table))


@lru_cache(maxsize=16)
def units_of(table: Table) -> Units:
    """Return the shelves of a table, kept from one price to the next."""
    return Units(table)


def look_up_pe(
    table: Table,
    op: str,
    x_bits: int,
    w_bits: int,
    held_bits: int,
    dataflow: str,
    x_signed: bool,
    stages: int = 1,
    zero_gating: bool = False,
    stream: str = UNIFORM,
) -> Mapping[str, Value]:
    """Return the quantities of a PE that holds a sum of so many bits.

    Raises:
        LimenError: a table that lacks the op, a width, the dataflow or the operands.
    """
    component = GATED if zero_gating else "pe"
    if AND in op:
        component = FUSED
    elif x_signed and not operation(op).one_range:
        if zero_gating or stages > 1:
            raise LimenError(
                f"{table.path}: x_signed: true is not allowed for op {op} with pe_stages {stages}: "
                "its rows are of unsigned activations"
            )
        component = SIGNED
    pe = table.at(component, held_bits, op, x_bits, w_bits, dataflow, stages=stages)
    pe |= operand_energies(table, component, held_bits, op, x_bits, w_bits, dataflow, stages, stream)
    return pe


def _pe(
    table: Table, op: str, x_bits: int, w_bits: int, held_bits: int, dataflow: str, polarity: str, signed: bool,
    stages: int, zero_gating: bool, stream: str,
) -> Mapping[str, Value]:  # fmt: skip
    pe = look_up_pe(table, op, x_bits, w_bits, held_bits, dataflow, signed, stages, zero_gating, stream)
    found = {name: pe[name] for name in ("min_clock_ns", *STATIC, *energies("shift_cycle"))}
    ops = op.split(AND)
    for place, own in zip(PLACES, ops, strict=False):
        events = ["op", "left_cycle", "top_cycle" if dataflow == "os" else "psum_cycle"]
        if operation(own).polar and (dataflow, polarity) in (("os", "input"), ("is", "neuron")):
            events.append("polarity_cycle")
        of = f"{own}_" if len(ops) > 1 else ""
        for event in events:
            found[f"energy_per_{place}{event}_pj"] = pe[f"energy_per_{of}{event}_pj"]
    return found


def _edge(table: Table, acc_bits: int, x_bits: int) -> Mapping[str, Value]:
    edge = table.at("edge", acc_bits, x_bits=x_bits)
    return {name: edge[name] for name in (*EDGE_DELAYS, *STATIC, *energies(*EDGE_EVENTS))}


def _tag(table: Table, address_bits: int) -> Mapping[str, Value]:
    tag = table.at("tag", address_bits)
    return {name: tag[name] for name in (*STATIC, *energies("op"))}


def _generator(table: Table, dataflow: str, lanes: int, there: bool) -> Mapping[str, Value]:
    """Return the generator of a design that has one, and nothing of others: their table may lack it."""
    if not there:
        return {}
    events = GENERATOR_EVENTS if dataflow == "is" else GENERATOR_EVENTS[:1]  # words move under is alone
    names = (*STATIC, *energies(*events), "min_clock_ns")
    return {name: _fit(table, Generator(dataflow, lanes), name) for name in names}


def _shadow(table: Table, overlap: bool, width: int, dataflow: str) -> Mapping[str, Value]:
    """Return the shadow of a design whose folds overlap, and nothing of others."""
    unit = Shadow(width, "os" if dataflow == "os" else "ws")
    names = (*STATIC, *energies("move"), "min_clock_ns")
    return {name: _fit(table, unit, name) for name in names} if overlap else {}


def _synapses(table: Table, there: bool, *sizes: Any) -> Mapping[str, Value]:
    """Return what writes a matmul's synapses, a scatter unit of these sizes; nothing of designs without."""
    names = (*STATIC, *energies("step", "other_beat"), "min_clock_ns")
    return {name: _fit(table, Scatter(*sizes), name) for name in names} if there else {}


def _fit(table: Table, unit: Fitted, name: str) -> Value:
    sizes = delay_terms(unit) if name.endswith("_ns") else terms(unit)
    fitted = table.fit(unit.component, name, sizes, unit.columns().dataflow)
    return Value(max(fitted.value, 0.0), fitted.method)


def _bank(table: Table, width: int, words: int, two_ports: bool, write_bits: int) -> Mapping[str, Value]:
    return _numbers(price_bank(table, width, words, two_ports, write_bits))


def _main_memory(table: Table, port_bits: int, words: int, there: bool) -> Mapping[str, Value]:
    """Return the main memory of a design that has it on the chip, and nothing of others: their table may lack SRAM."""
    return _numbers(price_main_memory(table, port_bits, words)) if there else {}


def _numbers(bank: Bank) -> Mapping[str, Value]:
    numbers = {name: Value(getattr(bank, name), bank.method) for name in ("area_um2", "read_pj", "write_pj", "idle_pj")}
    numbers["is_sram"] = Value(bank.kind == "sram", bank.method)
    numbers["leakage_nw"] = Value(bank.leakage_nw, bank.leakage_method)
    own = {"delay_ns": bank.delay, "min_clock_ns": bank.min_clock}
    return numbers | {name: value for name, value in own.items() if value is not None}
