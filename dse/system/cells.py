"""`Cell`: the best design of an op under a rule, as a row of the table, and where its evaluation is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dse.system.scenario import Scenario
from workloads.errors import LimenError
from workloads.host.text_tables import csv_text, read_csv

FIGURES = (
    *("cycles", "latency_us", "energy_uj", "power_mw", "area_mm2", "edp_uj_us", "tops_per_w", "device_kib"),
    *("array_share", "memory_share", "dram_share", "accuracy", "test_accuracy"),
)
"""Of a design, as its study stores them."""


ALONE = " alone"
"""Ends a limit under which only the network itself is compared, where not all ops were trained at its other widths."""


class Cell(NamedTuple):
    """What a rule's sweep found for an op. Figures: see `dse.space.figures`; None without accuracy, or where none fits.

    workload: what the design runs: the network, or the same at another width where the rule leaves it free.
    sweep, trial: the study that has the design, and its number there; trial is None where no design of the op keeps the
    rule. designs: how many of the op do.
    """

    network: str
    costs: str
    memory: str
    images: int
    stream: str
    clock_ns: float | None
    rule: str
    limit: str
    op: str
    designs: int
    workload: str
    sweep: str
    trial: int | None
    design: str
    cycles: float | None
    latency_us: float | None
    energy_uj: float | None
    power_mw: float | None
    area_mm2: float | None
    edp_uj_us: float | None
    tops_per_w: float | None
    device_kib: float | None
    array_share: float | None
    memory_share: float | None
    dram_share: float | None
    accuracy: float | None
    test_accuracy: float | None

    @property
    def scenario(self) -> Scenario:
        return Scenario(*self[:6])

    def figure(self, name: str) -> float | None:
        """Return one of FIGURES."""
        value: float | None = getattr(self, name)
        return value


WHOLE = ("images", "designs", "trial")
TEXTS = ("network", "costs", "memory", "stream", "rule", "limit", "op", "workload", "sweep", "design")


def cells_csv(cells: Iterable[Cell]) -> str:
    """Return cells as CSV, all digits of their figures."""
    return csv_text(Cell._fields, cells)


def read_cells(path: Path) -> list[Cell]:
    """Return the cells of a file of `cells_csv`. Raises LimenError where it isn't one."""
    head, rows = read_csv(path, "cells of a system table")
    if tuple(head) != Cell._fields:
        raise LimenError(f"{path}: has other columns than {', '.join(Cell._fields)}")
    try:
        return [Cell(*map(_parsed, head, row)) for row in rows]
    except (TypeError, ValueError) as error:
        raise LimenError(f"{path}: is damaged: {error}") from None


def _parsed(name: str, text: str) -> Any:
    if name in TEXTS:
        return text
    return None if not text else int(text) if name in WHOLE else float(text)


def by_rule(cells: Sequence[Cell]) -> dict[tuple[str, str], list[Cell]]:
    """Return the cells of each rule and limit, in their order."""
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.rule, cell.limit), []).append(cell)
    return rows
