"""The system table as text, Markdown, LaTeX or CSV: a row an op, by rule and limit, ratios to the MAC beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dse.report.latex_table import Column as LatexColumn
from dse.report.latex_table import Group, PaperTable, latex
from dse.space.figures import figure
from dse.space.workload import called
from dse.system.cells import Cell, by_rule
from dse.system.published import published
from workloads.host.text_tables import csv_text, markdown_table
from workloads.host.width import columns, wrapped
from workloads.networks.widths import channels_of
from workloads.ops.names import BASELINE

UNKNOWN = "–"
RULE_WORDS = {
    "array": "equal array",
    "silicon": "equal silicon",
    "storage": "equal storage",
    "accuracy": "equal accuracy",
}
RATIOS = {"power_mw": "power", "latency_us": "speed", "energy_uj": "energy", "area_mm2": "area", "edp_uj_us": "EDP"}
"""Figures whose ratio, MAC over op, stands in the table, and what it is called: above 1 the op is better."""

PAPER = {"power_mw": "power_ratio", "latency_us": "speed_ratio"}


class Column(NamedTuple):
    """A figure's heading, and how it is written."""

    name: str
    head: str
    decimals: int


COLUMNS = (
    Column("cycles", "cycles", 0),
    Column("latency_us", "latency, µs", 1),
    Column("energy_uj", "energy, µJ", 2),
    Column("power_mw", "power, mW", 1),
    Column("area_mm2", "area, mm²", 2),
    Column("edp_uj_us", "EDP, µJ·µs", 1),
    Column("tops_per_w", "TOPS/W", 3),
)


def ratio(mac: Cell, cell: Cell, name: str) -> float | None:
    """Return a figure of the MAC over that of an op; None where one of them is missing, or it is the MAC itself."""
    of_mac, of_op = mac.figure(name), cell.figure(name)
    return None if cell.op == BASELINE or of_mac is None or of_op is None else of_mac / of_op


def rows_of(cells: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Return each cell with the MAC's under the same rule and limit."""
    pairs = []
    for group in by_rule(cells).values():
        mac = next(cell for cell in group if cell.op == BASELINE)
        pairs += [(mac, cell) for cell in group]
    return pairs


def table_csv(cells: Sequence[Cell]) -> str:
    """Return all of the cells with all digits, the ratios and the paper's beside them."""
    heads = [f"{words}_ratio" for words in RATIOS.values()]
    paper = published()
    rows = [
        [*cell, *(ratio(mac, cell, name) for name in RATIOS), paper["power_ratio"], paper["speed_ratio"]]
        for mac, cell in rows_of(cells)
    ]
    return csv_text([*Cell._fields, *heads, "published_power_ratio", "published_speed_ratio"], rows)


def table_markdown(cells: Sequence[Cell], best: str) -> str:
    """Return caption and table."""
    rows = [_cells(mac, cell) for mac, cell in rows_of(cells)]
    return f"{caption(cells, best)}\n\n{markdown_table(_head(), rows)}"


PAPER_COLUMNS = (
    LatexColumn("op", right=False, key=True), LatexColumn("cycles"), LatexColumn("latency", "µs"),
    LatexColumn("energy", "µJ"), LatexColumn("power", "mW"), LatexColumn("area", "mm²"), LatexColumn("EDP", "µJ·µs"),
    LatexColumn("TOPS/W"), LatexColumn("accuracy", "%"), LatexColumn("test", "%"),
    *(LatexColumn(f"{words}, MAC/op") for words in RATIOS.values()), LatexColumn("evaluation"),
)  # fmt: skip
"""In LaTeX; rule and limit are titles."""


def table_latex(cells: Sequence[Cell], best: str, columns: int, more: Sequence[str] = ()) -> str:
    """Return the table in LaTeX, a line above each rule and limit; more: notes below it.

    Raises LimenError where it doesn't fit the columns.
    """
    groups: dict[str, list[list[str]]] = {}
    for mac, cell in rows_of(cells):
        words, op, _, *others = _cells(mac, cell)
        accuracy, rest = others[len(COLUMNS)].split(", "), others[len(COLUMNS) + 1 :]
        groups.setdefault(words, []).append([op, *others[: len(COLUMNS)], *accuracy, *rest])
    scenario = cells[0].scenario
    of_rules = [Group(rows, words) for words, rows in groups.items()]
    title = f"Whole machines: {scenario.words}"
    notes = [*_notes(cells, best), *more]
    return latex([PaperTable(f"system {scenario.name}", title, PAPER_COLUMNS, of_rules, notes)], columns)


TEXT_HEAD = ("op", "evaluation", "cycles", "µs", "µJ", "mW", "mm²", "acc. %", "power×", "speed×", "energy×", "area×")


def table_text(cells: Sequence[Cell], best: str) -> str:
    """Return the same for a terminal: fewer columns, a table for each rule and limit, then each evaluation's design."""
    parts = [wrapped(caption(cells, best), 0)]
    for (rule, limit), group in by_rule(cells).items():
        mac = next(cell for cell in group if cell.op == BASELINE)
        rows = [TEXT_HEAD, *(_text_cells(mac, cell) for cell in group)]
        parts.append(f"{RULE_WORDS[rule]}, {limit}\n{columns(rows, right=range(2, len(TEXT_HEAD)))}")
    designs = dict.fromkeys((_evaluation(cell), _design(cell)) for cell in cells if cell.trial is not None)
    return "\n\n".join([*parts, columns([("evaluation", "its design"), *designs])]) + "\n"


def caption(cells: Sequence[Cell], best: str) -> str:
    """Say what the table shows."""
    return " ".join([f"Whole machines: {cells[0].scenario.words}.", *_notes(cells, best)])


def _notes(cells: Sequence[Cell], best: str) -> list[str]:
    paper = published()
    sweeps = dict.fromkeys(cell.sweep for cell in cells if cell.sweep)
    better = "most" if figure(best).direction == "max" else "least"
    notes = [
        f"Each row is the design of {better} {figure(best).words} of its op among all that keep the rule; its "
        f"evaluation is its number in a sweep ({', '.join(sweeps)}).",
        f"Ratios are MAC over op, above 1 where the op is better; the paper has {paper['power_ratio']:g} of power and "
        f"{paper['speed_ratio']:g} of speed.",
    ]
    scenario = cells[0].scenario
    if not scenario.is_trained:
        notes.append("The network is untrained: it has no accuracy.")
    elif len(scenario.networks) > 1 and any(cell.rule == "accuracy" for cell in cells):
        widths = (f"{called(name)} {', '.join(map(str, channels_of(name)))}" for name in scenario.networks)
        notes.append(f"Under equal accuracy the network's width is free, too; channels: {'; '.join(widths)}.")
        if lacking := [op for op in scenario.ops if op not in scenario.ops_of_all]:
            notes.append(
                f"Not trained at all of these widths: {', '.join(lacking)}; they are compared with the others on "
                f"{called(scenario.network)} alone, so that all ops of a rule have the same choice."
            )
    return notes


def _head() -> list[str]:
    paper = published()
    heads = [
        f"{words} MAC/op (paper {paper[PAPER[name]]:g})" if name in PAPER else f"{words} MAC/op"
        for name, words in RATIOS.items()
    ]
    return ["rule", "op", "design", *(column.head for column in COLUMNS), "accuracy, test, %", *heads, "evaluation"]


def _cells(mac: Cell, cell: Cell) -> list[str]:
    figures = [_number(cell.figure(column.name), column.decimals) for column in COLUMNS]
    accuracies = [cell.accuracy, cell.test_accuracy]
    percents = [_number(None if value is None else 100 * value, 2) for value in accuracies]
    ratios = [_number(ratio(mac, cell, name), 2) for name in RATIOS]
    words = f"{RULE_WORDS[cell.rule]}, {cell.limit}"
    return [words, cell.op, _design(cell), *figures, ", ".join(percents), *ratios, _evaluation(cell)]


def _text_cells(mac: Cell, cell: Cell) -> list[str]:
    shown = ("latency_us", 1), ("energy_uj", 2), ("power_mw", 1), ("area_mm2", 2)
    accuracy = _number(None if cell.accuracy is None else 100 * cell.accuracy, 1)
    figures = [_number(cell.cycles, 0), *(_number(cell.figure(name), decimals) for name, decimals in shown), accuracy]
    ratios = [_number(ratio(mac, cell, name), 2) for name in ("power_mw", "latency_us", "energy_uj", "area_mm2")]
    return [cell.op, _evaluation(cell), *figures, *ratios]


def _design(cell: Cell) -> str:
    """Return what a cell's design is called, and of which network it is where a rule leaves that free."""
    if cell.trial is None:
        return UNKNOWN
    return f"{cell.workload}: {cell.design}" if cell.rule == "accuracy" else cell.design


def _evaluation(cell: Cell) -> str:
    return UNKNOWN if cell.trial is None else f"{cell.sweep.rpartition('-')[2]}:{cell.trial}"


def _number(value: float | None, decimals: int) -> str:
    return UNKNOWN if value is None else f"{value:,.{decimals}f}"
