"""The best device on one chip, network and design together, under budgets of memory: from a study's stored trials."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pandas

from dse.report.latex_table import Column, Group, PaperTable, latex
from workloads.errors import LimenError
from workloads.host.text_tables import ALL_DIGITS, csv_text, markdown_table
from workloads.host.width import columns, wrapped
from workloads.ops.names import BASELINE

BUDGETS_KIB = (64.0, 128.0, 256.0)

WITHIN_POINTS = 0.5

MOST_ACCURATE, LEAST_ENERGY = "most accurate", "least energy"

COSTS = ("energy_uj", "latency_us", "area_mm2")

SETTINGS = ("tried", "points", "within_points")
"""Columns of the CSV file beside those of a device."""

UNKNOWN, FITS_NOT = "–", "nothing fits"

BYTES_PER_KIB = 1024


class Device(NamedTuple):
    """The best device of an op for a task under a budget; best: by which rule. trial: its number in the study.

    dataset: the task; network: what was trained for it, of several the one that is best.

    on_chip_kib: of all its memories. lacks_bytes: 0; or nothing of this op fits, and the smallest device, which this
    row then is of, has so many bytes more than the budget: its figures are of no interest. *_ratio: the best MAC's
    figure over this one's; None of a MAC, and where there is none.
    """

    dataset: str
    network: str
    budget_kib: float
    best: str
    op: str
    trial: int
    x_bits: int
    w_bits: int
    accuracy: float
    test_accuracy: float
    energy_uj: float
    latency_us: float
    area_mm2: float
    on_chip_kib: float
    dataflow: str
    rows: int
    cols: int
    ifmap_kib: float
    filter_kib: float
    ofmap_kib: float
    pe_stages: int
    zero_gating: bool
    lacks_bytes: int = 0
    energy_ratio: float | None = None
    latency_ratio: float | None = None
    area_ratio: float | None = None

    @property
    def machine(self) -> str:
        """The design in a few words: dataflow, array, KiB of the scratchpads, and stages where there are two.

        Before them the network, where it isn't called as its task alone.
        """
        buffers = " + ".join(f"{kib:g}" for kib in (self.ifmap_kib, self.filter_kib, self.ofmap_kib))
        staged = ", 2 stages" * (self.pe_stages == 2) + ", zero-gated" * self.zero_gating
        name = f"{self.network.removeprefix(self.dataset + '-')}: " * (self.network != self.dataset)
        return f"{name}{self.dataflow} {self.rows} × {self.cols}, {buffers} KiB{staged}"


class Trials(NamedTuple):
    """A study's trials as `Study.trials` has them.

    source: its folder. datasets: of each network, by its title. space: how many points it has.
    """

    rows: pandas.DataFrame
    source: str
    datasets: Mapping[str, str]
    space: int


class DeviceTable(NamedTuple):
    """source: where the trials are. tried, space: how many there are, and how many points the study's space has.

    within_points: of accuracy, see `caption`.
    """

    source: str
    tried: int
    space: int
    within_points: float
    devices: tuple[Device, ...]

    def caption(self) -> str:
        """What is compared, what a budget is of, and what best means."""
        tried = f"all {self.space:,} points" if self.tried == self.space else f"{self.tried:,} of {self.space:,} points"
        return (
            f"The best device of each op, trained network and design together, of {tried} of {self.source}. KiB: of "
            "all memory, all of it on the chip: scratchpads and operand banks, both halves, and the main memory with "
            f"program and tensors. Best is, first, the {MOST_ACCURATE} by validation accuracy, of equals that of least "
            f"energy; then that of {LEAST_ENERGY} among those at most {self.within_points:g} points less accurate than "
            "what every op reaches under the budget. ×: MAC over op, above 1 where the op is better. Scratchpads: of "
            "activations, filters and sums. Under budgets that stand together the best is the same. "
            f"`limen study design {self.source} --point TRIAL --out chip.yaml` writes a device for `limen price`."
        )


def device_table(trials: Trials, budgets_kib: Sequence[float], within_points: float) -> DeviceTable:
    """Return the best devices of a study's trials, task after task, budget after budget.

    Raises:
        LimenError: trials without accuracy, or none on one chip; a budget that no device fits.
    """
    for name, value in (*(("kib", kib) for kib in budgets_kib), ("within", within_points)):
        if not (math.isfinite(value) and value >= 0):
            raise LimenError(f"{name}: {value:g} is not allowed: a number of at least 0")
    rows, source = trials.rows, trials.source
    if "accuracy" not in rows:
        raise LimenError(f"{source}: accuracy: nothing is not allowed: devices are compared by it; a trained workload")
    on_chip = rows[(rows["refusal"] == "") & (rows["memory"] != "dram")].copy()
    if on_chip.empty:
        raise LimenError(f"{source}: memory: dram alone is not allowed: no device is one chip; axis memory: [sram]")
    on_chip["on_chip_kib"] = on_chip_kib(on_chip)
    for kib in budgets_kib:
        if on_chip["on_chip_kib"].min() > kib:
            raise LimenError(f"kib: {kib:g} is not allowed: nothing fits; {_nearest(on_chip, kib)}")
    devices: list[Device] = []
    if "workload" not in on_chip:
        on_chip["workload"] = next(iter(trials.datasets))
    on_chip["dataset"] = on_chip["workload"].map(trials.datasets)
    for dataset in dict.fromkeys(trials.datasets.values()):
        for kib in sorted(set(budgets_kib)):
            devices += _best(on_chip[on_chip["dataset"] == dataset], kib, within_points)
    return DeviceTable(source, len(rows), trials.space, within_points, tuple(devices))


def on_chip_kib(trials: pandas.DataFrame) -> pandas.Series:
    """Return the KiB of all memories of devices on one chip: a main memory of a size is as large as it was built."""
    sizes = pandas.to_numeric(trials["memory"].str.removeprefix("sram").str.strip(), errors="coerce")
    built: pandas.Series = (trials["buffers_kib"] + sizes).fillna(trials["device_kib"])
    return built


def _nearest(rows: pandas.DataFrame, kib: float) -> str:
    """Say which device is nearest to a budget, and by how many bytes."""
    least = rows.sort_values(["on_chip_kib", "trial"]).iloc[0]
    return (
        f"the nearest, trial {least['trial']}, {least['design']}, has {least['on_chip_kib']:.6g} KiB, "
        f"{_bytes(least['on_chip_kib'] - kib):,} bytes too much"
    )


def _bytes(kib: float) -> int:
    return math.ceil(kib * BYTES_PER_KIB)


def _best(rows: pandas.DataFrame, kib: float, within_points: float) -> list[Device]:
    """Return the best devices of each op for a task under a budget, the MAC's last."""
    ops = sorted(rows["op"].unique(), key=lambda op: op == BASELINE)
    fitting = {op: rows[(rows["op"] == op) & (rows["on_chip_kib"] <= kib)] for op in ops}
    most = [float(some["accuracy"].max()) for some in fitting.values() if not some.empty]
    devices: list[Device] = []
    for best in (MOST_ACCURATE, LEAST_ENERGY):
        chosen: dict[str, Device] = {}
        for op, some in fitting.items():
            if some.empty:
                smallest = rows[rows["op"] == op].sort_values(["on_chip_kib", "trial"]).iloc[0]
                lacks = _bytes(smallest["on_chip_kib"] - kib)
                chosen[op] = _device(smallest, kib, best)._replace(lacks_bytes=lacks)
                continue
            chosen[op] = _device(_first(some, best, min(most), within_points), kib, best)
        devices += [_against(chosen.get(BASELINE), device) for device in chosen.values()]
    return devices


def _first(rows: pandas.DataFrame, best: str, bar: float, within_points: float) -> pandas.Series:
    """Return the best of some rows by a rule; bar: the accuracy that every op reaches."""
    if best == MOST_ACCURATE:
        rows = rows[rows["accuracy"] == rows["accuracy"].max()]
    else:  # digits beyond the twelfth are what binary numbers add to shares of images
        rows = rows[(100 * (bar - rows["accuracy"])).round(12) <= within_points]
    return rows.sort_values([*COSTS, "trial"]).iloc[0]


def _device(row: pandas.Series, kib: float, best: str) -> Device:
    stored = {name: row[name] for name in Device._fields if name in row}
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in stored.items()}
    return Device(**{**plain, "network": row["workload"], "budget_kib": kib, "best": best})


def _against(mac: Device | None, device: Device) -> Device:
    if mac is None or device.op == BASELINE or mac.lacks_bytes or device.lacks_bytes:
        return device
    energy, latency, area = (getattr(mac, name) / getattr(device, name) for name in COSTS)
    return device._replace(energy_ratio=energy, latency_ratio=latency, area_ratio=area)


def table_csv(table: DeviceTable) -> str:
    """Return a row a task, budget, rule and op, with all digits, and beside each what they are the best of."""
    settings = table.tried, table.space, table.within_points
    rows = [[*device, *settings] for device in table.devices]
    return csv_text([*Device._fields, *SETTINGS], rows, ALL_DIGITS)


def table_of_csv(text: str, source: str) -> DeviceTable:
    """Return the table of such a file. Raises KeyError or ValueError for any other."""
    rows = [*csv.DictReader(io.StringIO(text))]
    tried, space, within = (rows[0][name] for name in SETTINGS)
    devices = [Device(**{name: _value(name, row[name]) for name in Device._fields}) for row in rows]
    return DeviceTable(source, int(tried), int(space), float(within), tuple(devices))


def _value(name: str, cell: str) -> Any:
    if name in ("dataset", "network", "best", "op", "dataflow"):
        return cell
    if name == "zero_gating":
        return cell == "True"
    if name in ("trial", "x_bits", "w_bits", "rows", "cols", "pe_stages", "lacks_bytes"):
        return int(cell)
    return float(cell) if cell else None


HEAD = (
    *("task", "up to, KiB", "best", "op", "x × w, bits", "accuracy, %", "test, %", "energy, µJ", "latency, µs"),
    *("area, mm²", "has, KiB", "energy×", "latency×", "area×", "machine", "trial"),
)

TEXT_HEAD = ("up to", "best", "op", "x,w", "%", "µJ", "µs", "mm²", "KiB", "µJ×", "machine", "trial")
"""Columns of the tables for a terminal."""

NOT_IN_TEXT = (5, 11, 12)
"""Places of those that it has no room for: test accuracy, and ratios of latency and area."""

PAPER_COLUMNS = (
    Column("up to", "KiB", right=False, key=True), Column("best", right=False, key=True),
    Column("op", right=False, key=True), Column("x × w", "bits"), Column("accuracy", "%"), Column("test", "%"),
    Column("energy", "µJ"), Column("latency", "µs"), Column("area", "mm²"), Column("has", "KiB"),
    Column("energy×"), Column("latency×"), Column("area×"), Column("machine", right=False), Column("trial"),
)  # fmt: skip
"""In LaTeX."""


def table_markdown(table: DeviceTable) -> str:
    """Return caption and table."""
    rows = [[task, *cells] for task, group in _groups(table).items() for cells in group]
    return f"{table.caption()}\n\n{markdown_table(HEAD, rows)}"


def table_latex(table: DeviceTable, columns: int = 2) -> str:
    """Return a table in LaTeX for each task. Raises LimenError where it doesn't fit the columns."""
    papers = []
    for task, rows in _groups(table).items():
        notes = [table.caption().replace("`", "")]
        notes += [f"{line}." for line in _unfit(rows)]
        groups = [Group([*of_budget]) for _, of_budget in groupby(map(_short, rows), key=lambda cells: cells[0])]
        caption = f"Best devices for {task}"
        papers.append(PaperTable(f"devices-{task}", caption, PAPER_COLUMNS, groups, [*dict.fromkeys(notes)]))
    return latex(papers, columns)


def table_text(table: DeviceTable) -> str:
    """Return the same for a terminal: a table for each task, in which words are short."""
    parts = [wrapped(table.caption().replace("`", ""), 0)]
    for task, group in _groups(table).items():
        rows: list[Sequence[str]] = [TEXT_HEAD]
        for cells in map(_short, group):
            rows.append([cell for place, cell in enumerate(cells) if place not in NOT_IN_TEXT])
        lines = [f"{task}\n{columns(rows, right=[*range(3, 10), 11])}", *map(wrapped, _unfit(group))]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _unfit(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each op and budget of some rows of which nothing fits."""
    return [f"{op}, up to {kib} KiB: {machine}" for kib, _, op, *_, machine, _ in rows if FITS_NOT in machine]


SHORT = {MOST_ACCURATE: "accuracy", LEAST_ENERGY: "energy"}


def _short(cells: Sequence[str]) -> list[str]:
    """Return a row's cells with fewer letters."""
    budget, best, op, *figures, machine, trial = cells
    for longer, shorter in ((" × ", "×"), (" + ", "+"), (" KiB", ""), ("zero-gated", "gated")):
        machine = machine.replace(longer, shorter)
    machine = FITS_NOT if FITS_NOT in machine else machine
    return [budget.replace(" ", ""), SHORT.get(best, best), op, *figures, machine, trial]


def _groups(table: DeviceTable) -> dict[str, list[list[str]]]:
    """Return the cells of each task's rows; budgets of which the best is the same are one row."""
    groups = {}
    for task, devices in groupby(table.devices, key=lambda device: device.dataset):
        alike: dict[tuple[Any, ...], list[Device]] = {}
        for device in devices:
            if device.lacks_bytes:  # by either rule
                alike.setdefault((device.op, device.budget_kib), [device])
                continue
            same = device.best, device.op, device.trial, device.energy_ratio
            alike.setdefault(same, []).append(device)
        ordered = sorted(alike.values(), key=lambda same: (same[0].budget_kib, same[0].best == LEAST_ENERGY))
        groups[task] = [_cells(same) for same in ordered]
    return groups


def _cells(same: Sequence[Device]) -> list[str]:
    device, budgets = same[0], ", ".join(f"{device.budget_kib:g}" for device in same)
    names = [budgets, device.best, device.op]
    if device.lacks_bytes:
        names[1] = UNKNOWN
        nothing = f"{FITS_NOT}: the smallest has {device.on_chip_kib:.2f} KiB, {device.lacks_bytes:,} bytes too much"
        return [*names, *[UNKNOWN] * 10, nothing, str(device.trial)]
    ratios = (device.energy_ratio, device.latency_ratio, device.area_ratio)
    return [
        *names, f"{device.x_bits} × {device.w_bits}", f"{100 * device.accuracy:.2f}",
        f"{100 * device.test_accuracy:.2f}", f"{device.energy_uj:.2f}", f"{device.latency_us:.1f}",
        f"{device.area_mm2:.2f}", f"{device.on_chip_kib:.1f}",
        *(UNKNOWN if ratio is None else f"{ratio:.2f}" for ratio in ratios), device.machine, str(device.trial),
    ]  # fmt: skip
