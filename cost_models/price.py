"""`price`: counts and a cost table give area, energy, clock and latency. Pure, and fast enough for a search.

Energy = events × energy per event, plus what idles every cycle, plus leakage × time. The clock is the slowest
component's. Compute only: filling the operand banks, scratchpads and DRAM are not in it, as they are not in the
cycles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cost_models.accesses import Depths, Events, bank_depths, count_events
from cost_models.banks import Bank, price_bank
from cost_models.table import SOFT, Table, Value, load_table, softest
from simulator.run import Run
from workloads.errors import LimenError

if TYPE_CHECKING:
    import pandas

    from simulator.design import Design

UM2_PER_MM2 = 1e6
PJ_PER_UJ = 1e6
NS_PER_US = 1e3
LOAD_BITS_OF_SHIFT = 5
"""Bits of a requantiser shift beside each bias."""

Values = dict[str, Value]


@dataclass(frozen=True)
class Cost:
    """Price of one image through all layers of a network on a design.

    energy_uj, latency_us: one image. power_mw: their ratio, while it runs. clock_ns: the shortest period, set
    by clock_component, whose softest row is of clock_method. *_assumed_share: share that comes from rows of method
    scaled or assumed; assumed_share is the larger. compute_only: the memory system beyond the operand banks is not
    in it.
    """

    energy_uj: float
    latency_us: float
    area_mm2: float
    clock_ns: float
    power_mw: float
    energy_assumed_share: float
    area_assumed_share: float
    assumed_share: float
    clock_component: str
    clock_method: str
    parts: tuple[Part, ...] = field(repr=False)
    compute_only: bool = True

    @property
    def breakdown(self) -> pandas.DataFrame:
        """A row per part: component, area_mm2, energy_uj, softest method. Columns math.fsum to the totals exactly."""
        import pandas

        return pandas.DataFrame([vars(part) for part in self.parts])


@dataclass(frozen=True)
class Part:
    """A line of the breakdown."""

    component: str
    area_mm2: float
    energy_uj: float
    method: str


def price(run: Run, costs: str = "ihp130") -> Cost:
    """Return the cost of a run at any level, by a built-in table's name or a table file's path.

    Raises:
        LimenError: a table that can't be read, or that lacks an op, a width or a dataflow of the design.
    """
    table, design = load_table(costs), run.design
    if design.op == "mac" and design.x_signed:
        raise LimenError(
            f"{table.path}: x_signed: true is not allowed for op mac: its rows are of unsigned activations"
        )
    layers = run.network.layers
    events = [count_events(layer, own, design) for layer, own in zip(layers, run.counts, strict=True)]
    machine = _Machine(table, design, bank_depths(layers, design))
    clock_ns, clock_component, clock_method = machine.clock()
    latency_us = run.cycles * clock_ns / NS_PER_US
    parts = machine.parts(_sum_events(events), latency_us)
    energy = math.fsum(part.energy_uj for part in parts)
    area = math.fsum(part.area_mm2 for part in parts)
    soft_energy = math.fsum(part.energy_uj for part in parts if part.method in SOFT) / energy
    soft_area = math.fsum(part.area_mm2 for part in parts if part.method in SOFT) / area
    return Cost(
        energy_uj=energy,
        latency_us=latency_us,
        area_mm2=area,
        clock_ns=clock_ns,
        power_mw=energy / latency_us * 1e3,
        energy_assumed_share=soft_energy,
        area_assumed_share=soft_area,
        assumed_share=max(soft_energy, soft_area),
        clock_component=clock_component,
        clock_method=clock_method,
        parts=tuple(parts),
    )


def _sum_events(events: Sequence[Events]) -> Events:
    names = vars(events[0])
    return Events(**{name: sum(getattr(own, name) for own in events) for name in names})


class _Machine:
    """A design's components, looked up once."""

    def __init__(self, table: Table, design: Design, depths: Depths) -> None:
        assert design.acc_bits is not None  # a Run's design is fitted
        self.design, acc_bits = design, design.acc_bits
        self.stationary = design.dataflow != "os"
        left, top = design.x_bits, design.synapse_bits
        if design.dataflow == "is":
            left, top = top, left
        held = design.psum_bits if self.stationary else acc_bits
        edge_kind = "ws" if self.stationary else "os"
        channel_bits = acc_bits + LOAD_BITS_OF_SHIFT
        self.pe = table.at("pe", held, design.op, design.x_bits, design.w_bits, design.dataflow)
        self.edge = table.at("edge", acc_bits, x_bits=design.x_bits, dataflow=edge_kind)
        self.controller = table.at("controller", dataflow=design.dataflow)
        self.row_lane, self.col_lane = table.at("lane", left), table.at("lane", top)
        self.row_bank, self.col_bank = price_bank(table, left, depths.row), price_bank(table, top, depths.col)
        self.out_bank = price_bank(table, acc_bits, depths.out, two_ports=self.stationary)
        self.channel_bank = price_bank(table, channel_bits, depths.channel)
        self.channel_banks = 1 if design.dataflow == "is" else design.cols
        self.bank_clock = table.quantity("bank", "min_clock_ns")
        # Tags: how many walk along the rows, the columns (os) or the edge (ws, is), and under is the channel word.
        address = {name: max(depth.bit_length() - 1, 2) for name, depth in vars(depths).items()}
        second = address["out"] if self.stationary else address["col"]
        self.tags: list[tuple[int, Values]] = [
            (design.rows - 1, table.at("tag", address["row"])),
            (design.cols - 1, table.at("tag", second)),
        ]
        if design.dataflow == "is":
            self.tags.append((design.cols - 1, table.at("tag", channel_bits)))

    def clock(self) -> tuple[float, str, str]:
        """Return the shortest clock period in ns, the component that sets it, and the softest method behind it."""

        def later(bank: Bank) -> tuple[float, str]:
            """What a path starting in a macro takes more than one starting in a flip-flop."""
            if bank.delay is None:
                return 0.0, "synthesis"
            return max(0.0, bank.delay.value - self.row_lane["launch_ns"].value), bank.delay.method

        # Under ws and is the top operands go into registers, not through the op.
        fed = [(self.row_bank, self.row_lane)] + ([] if self.stationary else [(self.col_bank, self.col_lane)])
        candidates = []
        for bank, lane in fed:
            extra, method = later(bank)
            period = self.pe["min_clock_ns"].value + lane["delay_ns"].value + extra
            candidates.append((period, "pe behind operand bank", method))
        for bank in (self.out_bank, self.channel_bank):
            extra, method = later(bank)
            candidates.append((self.edge["min_clock_ns"].value + extra, "edge behind bank", method))
        candidates.append((self.controller["min_clock_ns"].value, "controller", self.controller["min_clock_ns"].method))
        banks = (self.row_bank, self.col_bank, self.out_bank, self.channel_bank)
        if any(bank.kind == "registers" for bank in banks):
            candidates.append((self.bank_clock.value, "bank", self.bank_clock.method))
        return max(candidates)

    def parts(self, events: Events, latency_us: float) -> list[Part]:
        """Return the breakdown of the summed events of all layers."""
        design, cycles = self.design, events.cycles
        idle = design.pes * cycles - events.busy - events.shift
        spent = {"per_op": events.busy, "per_shift_cycle": events.shift, "per_idle_cycle": idle}
        parts = [_logic("pe", design.pes, self.pe, spent, latency_us)]
        for name, lanes, lane, reads in (
            ("row lanes", design.rows, self.row_lane, events.row_reads),
            ("column lanes", design.cols, self.col_lane, events.col_reads),
        ):
            spent = {"per_op": reads, "per_idle_cycle": lanes * cycles - reads}
            parts.append(_logic(name, lanes, lane, spent, latency_us))
        tags = []
        for count, tag in self.tags:
            steps = count * events.tag_steps
            spent = {"per_op": steps, "per_idle_cycle": count * cycles - steps}
            tags.append(_logic("tags", count, tag, spent, latency_us))
        area, energy = (math.fsum(getattr(tag, name) for tag in tags) for name in ("area_mm2", "energy_uj"))
        parts.append(
            Part("tags", area, energy, softest(tag_value for _, tag in self.tags for tag_value in tag.values()))
        )
        visits = events.accumulates + events.requantises
        spent = {"per_requantise": events.requantises, "per_idle_cycle": design.cols * cycles - visits}
        spent |= {"per_accumulate": events.accumulates} if self.stationary else {}
        parts.append(_logic("edge", design.cols, self.edge, spent, latency_us))
        parts.append(_logic("controller", 1, self.controller, {"per_op": cycles}, latency_us))
        for name, count, bank, reads, writes in (
            ("row banks", design.rows, self.row_bank, events.row_reads, 0),
            ("column banks", design.cols, self.col_bank, events.col_reads, 0),
            ("ofmap banks", design.cols, self.out_bank, events.ofmap_reads, visits),
            ("bias and shift banks", self.channel_banks, self.channel_bank, events.channel_reads, 0),
        ):
            parts += _bank(name, count, bank, reads, writes, cycles, latency_us)
        return parts


def _logic(name: str, count: int, values: Values, spent: dict[str, int], latency_us: float) -> Part:
    """Return the line of `count` copies of a unit that spent so many events of each energy."""
    dynamic = math.fsum(events * values[f"energy_{event}_pj"].value for event, events in spent.items()) / PJ_PER_UJ
    leakage = _leakage_uj(count * values["leakage_nw"].value, latency_us)
    area = count * values["area_um2"].value / UM2_PER_MM2
    return Part(name, area, dynamic + leakage, softest(values.values()))


def _bank(name: str, count: int, bank: Bank, reads: int, writes: int, cycles: int, latency_us: float) -> list[Part]:
    """Return the line of `count` banks, and one more for their leakage where its method is another."""
    dynamic = (reads * bank.read_pj + writes * bank.write_pj + count * cycles * bank.idle_pj) / PJ_PER_UJ
    leakage = _leakage_uj(count * bank.leakage_nw, latency_us)
    area = count * bank.area_um2 / UM2_PER_MM2
    label = f"{name} ({bank.kind})"
    if bank.leakage_method == bank.method:
        return [Part(label, area, dynamic + leakage, bank.method)]
    return [Part(label, area, dynamic, bank.method), Part(f"{label} leakage", 0.0, leakage, bank.leakage_method)]


def _leakage_uj(leakage_nw: float, latency_us: float) -> float:
    """nW × µs is 1e-15 J."""
    return leakage_nw * latency_us * 1e-9
