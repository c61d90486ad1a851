"""Whole systems on FPGAs: how many PEs a part or a number of LUTs holds, and how fast a network then runs on them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from cost_models.fpga.fpga import TABLES, fingerprint, recipes
from cost_models.fpga.fpga_units import stored_rows
from cost_models.fpga.systems import PREFIXES, SYSTEM_BITS, Machine, System, system_units
from cost_models.table.table import DATA, Row
from simulator.run import simulate
from workloads.errors import LimenError
from workloads.networks.accuracy import member_accuracy
from workloads.networks.family import find_network, is_page, load_family
from workloads.networks.network import Network
from workloads.ops.op_field import Op

PARTS = DATA / "fpga_parts.csv"
RESOURCES = ("lut", "dsp", "block_ram")
EQUAL_ARRAY = "equal array"


class Kind(NamedTuple):
    """An op, and what its products are built of."""

    op: Op
    products: str

    def __str__(self) -> str:
        return {"": self.op, "fabric": f"{self.op}, fabric", "dsp": f"{self.op}, DSP"}[self.products]


THRESHOLD, FABRIC_MAC, DSP_MAC = KINDS = (Kind("threshold", ""), Kind("mac", "fabric"), Kind("mac", "dsp"))


class Budget(NamedTuple):
    """What a system of a target may take; None: anything."""

    name: str
    target: str
    lut: int
    dsp: int | None = None
    block_ram: int | None = None


class Built(NamedTuple):
    """A system that is measured on a target, with a network on it.

    lut: those used as memory too. clock_ns: None where nothing is placed. cycles: of an image. current: whether it is
    built of today's Verilog.
    """

    machine: Machine
    target: str
    kind: Kind
    rows: int
    cols: int
    lut: int
    dsp: int
    block_ram: int
    clock_ns: float | None
    cycles: int | float
    accuracy: float | None
    current: bool = True

    @property
    def pes(self) -> int:
        return self.rows * self.cols

    @property
    def array(self) -> str:
        return f"{self.rows} x {self.cols}"

    @property
    def time(self) -> float:
        """Nanoseconds of an image; cycles where no clock is known."""
        return float(self.cycles) * (self.clock_ns or 1.0)


class SystemRow(NamedTuple):
    """The largest system of a kind within a budget, or one of an array.

    system: None where nothing fits. pes: how many would fit, by a straight line from this array to the next larger one
    that is built; None where there is none, or nothing fits. nearest: the smallest where nothing fits.
    over_fabric, over_dsp: speed over that of the two MACs of the same budget, None where that one doesn't fit.
    """

    budget: str
    machine: Machine
    target: str
    kind: Kind
    system: Built | None
    pes: int | None = None
    nearest: Built | None = None
    over_fabric: float | None = None
    over_dsp: float | None = None


def system_rows(systems: Sequence[Built], budgets: Sequence[Budget]) -> tuple[SystemRow, ...]:
    """Return each array's systems side by side, then of each budget the largest of each kind that fits.

    All of that for each machine there is around the arrays.
    """
    groups: list[list[SystemRow]] = []
    for machine in PREFIXES:
        chosen = [built for built in systems if built.machine == machine]
        arrays: dict[tuple[str, int, int], list[SystemRow]] = {}
        for built in chosen:
            row = SystemRow(EQUAL_ARRAY, machine, built.target, built.kind, built)
            arrays.setdefault((built.target, built.rows, built.cols), []).append(row)
        groups += [*arrays.values(), *(_within(budget, machine, chosen) for budget in budgets)]
    return tuple(row for group in groups for row in _compared(group))


def _within(budget: Budget, machine: Machine, systems: Sequence[Built]) -> list[SystemRow]:
    """Return the row of each kind that is built for the budget's target, of one machine's systems."""
    rows = []
    for kind in KINDS:
        of_kind = sorted((built for built in systems if (built.target, built.kind) == (budget.target, kind)), key=_size)
        fitting = [built for built in of_kind if _fits(built, budget)]
        row = SystemRow(budget.name, machine, budget.target, kind, fitting[-1] if fitting else None)
        if fitting:
            larger = next((built for built in of_kind if built.pes > fitting[-1].pes), None)
            rows.append(row._replace(pes=_pes_between(budget, fitting[-1], larger) if larger else None))
        elif of_kind:
            rows.append(row._replace(nearest=min(of_kind, key=lambda built: built.lut)))
    return rows


def _size(built: Built) -> tuple[int, float]:
    """Return what the largest of some has most of: PEs, and of equally many those that are fastest."""
    return built.pes, -built.time


def _fits(built: Built, budget: Budget) -> bool:
    limits = ((getattr(built, name), getattr(budget, name)) for name in RESOURCES)
    return all(limit is None or taken <= limit for taken, limit in limits)


def _pes_between(budget: Budget, smaller: Built, larger: Built) -> int:
    """Return the PEs at which a straight line between two systems meets the first of the budget's limits."""
    most = Fraction(larger.pes)
    for name in RESOURCES:
        limit, low, high = (getattr(side, name) for side in (budget, smaller, larger))
        if limit is not None and high > limit:
            most = min(most, smaller.pes + Fraction(limit - low, high - low) * (larger.pes - smaller.pes))
    return int(most)


def _compared(group: Sequence[SystemRow]) -> Iterator[SystemRow]:
    """Yield rows of one budget with their speeds over the MACs'."""
    systems = {row.kind: row.system for row in group if row.system}
    for row in group:
        ratios = [
            systems[mac].time / row.system.time if row.system and mac in systems else None
            for mac in (FABRIC_MAC, DSP_MAC)
        ]
        yield row._replace(over_fabric=ratios[0], over_dsp=ratios[1])


def parts() -> tuple[Budget, ...]:
    """Return the parts that are budgets, by target and size."""
    with PARTS.open(encoding="utf-8", newline="") as file:
        return tuple(
            Budget(row["part"], row["target"], *(int(row[name]) for name in RESOURCES)) for row in csv.DictReader(file)
        )


def lut_budgets(luts: Sequence[int], systems: Sequence[Built]) -> tuple[Budget, ...]:
    """Return budgets of LUTs alone, of each target. Raises LimenError for one that nothing fits, naming the nearest."""
    nearest = min(systems, key=lambda built: built.lut)
    for lut in luts:
        if lut < nearest.lut:
            raise LimenError(
                f"luts: {lut} is not allowed: no system that is built fits; the nearest, {nearest.kind}, "
                f"{nearest.array} PEs on {nearest.target}, takes {nearest.lut}"
            )
    return tuple(Budget(f"{lut:,} LUTs", target, lut) for lut in luts for target in TABLES)


def built_systems(workload: str, images: int = 1) -> tuple[Built, ...]:
    """Return the systems that the built-in tables hold, with a network of 8 bits on each.

    workload: a family, or a network of a page. images: of a pass, which loads filters once for all of them.

    Raises:
        LimenError: an unknown workload, one that has no such member, or one that doesn't run on a system as it is.
    """
    networks = {op: find_network(workload, op, SYSTEM_BITS, SYSTEM_BITS) for op in {kind.op for kind in KINDS}}
    accuracies = {op: _accuracy(workload, op) for op in networks}
    cycles = {unit: image_cycles(unit, networks[unit.op], images) for unit in system_units()}
    found = []
    for target, (fabric, dsp) in TABLES.items():
        for kind in KINDS:
            table = dsp if kind.products == "dsp" else fabric
            for unit in (unit for unit in system_units() if unit.op == kind.op):
                rows = stored_rows(table, unit)
                if rows:
                    found.append(_built(target, kind, unit, rows, cycles[unit])._replace(accuracy=accuracies[unit.op]))
    return tuple(found)


def _built(target: str, kind: Kind, unit: System, rows: Sequence[Row], cycles: int | float) -> Built:
    measured = {row["quantity"]: float(row["value"]) for row in rows}
    lut = int(measured["lut"] + measured.get("lut_memory", 0))
    dsp, block_ram = (int(measured.get(name, 0)) for name in ("dsp", "block_ram"))
    way = rows[0]["multiplier"] or recipes(unit, kind.products)[0]
    current = fingerprint(target, unit, way) == rows[0]["hash"]
    clock_ns = measured.get("min_clock_ns")
    array = (unit.machine, target, kind, unit.rows, unit.cols)
    return Built(*array, lut, dsp, block_ram, clock_ns, cycles, None, current)


def image_cycles(unit: System, network: Network, images: int) -> int | float:
    """Return the cycles of an image on exactly the design that is built. Raises LimenError where it must be another."""
    design = unit.design.model_copy(update={"images_at_once": images})
    run = simulate(network, design, level="timing")
    if run.design != design:
        raise LimenError(
            f"network {network.name}: needs channel_rows: {run.design.channel_rows}, and the systems on FPGAs are "
            f"built with {design.channel_rows}"
        )
    return run.cycles


def _accuracy(workload: str, op: Op) -> float | None:
    """Return a family's test accuracy; None of a page's network."""
    if is_page(workload):
        return None
    return member_accuracy(load_family(workload), op, SYSTEM_BITS, SYSTEM_BITS).test_accuracy
