"""The rules of a system table: which designs of a sweep a row compares, and the best of each op among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import pandas

from dse.space.figures import CATALOGUE
from dse.space.workload import called
from dse.system.cells import ALONE, FIGURES, Cell
from dse.system.scenario import BUFFERS, MACHINES, WIDEST, WIDTHS, Scenario, widest_w_bits
from workloads.errors import LimenError
from workloads.host.nearest_name import unknown
from workloads.ops.names import BASELINE

Rule = Literal["array", "silicon", "storage", "accuracy"]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Equal array: the same PEs, widths and buffers. Equal silicon, equal storage: at most so much area, so many KiB on the
chip, at the same widths. Equal accuracy: at least so much, all else free: widths of operands and of the network too."""

ARRAYS = (16, 8)
"""Sides of the arrays of rule array."""

BOUNDS: dict[str, tuple[str, str, tuple[float, ...]]] = {
    "silicon": ("area_mm2", "mm²", (1.0, 0.5)),
    "storage": ("device_kib", "KiB", (1.0, 0.5)),
}
"""Figure and unit of a budget, and what shares of the first equal array's MAC it is where none is asked for."""

ACCURACY_STEPS = (0.0, 0.01)
"""Below the highest accuracy that MAC and threshold both reach: what rule accuracy asks for by default."""

COMPARED_MOST = (BASELINE, "threshold")


@dataclass(frozen=True)
class Asked:
    """What a table is asked for. rules: none: all that the network can have. best: the figure that a best design has.

    areas_mm2, kib, accuracies: limits; none: those of the MAC's designs in the equal arrays, and what both reach.
    """

    rules: tuple[Rule, ...] = ()
    best: str = "edp_uj_us"
    areas_mm2: tuple[float, ...] = ()
    kib: tuple[float, ...] = ()
    accuracies: tuple[float, ...] = ()

    def check(self, scenario: Scenario) -> tuple[Rule, ...]:
        """Return the rules of a scenario's table. Raises LimenError for one, or a limit, that it can't have."""
        allowed = RULES if scenario.is_trained else RULES[:-1]
        wanted = self.rules or allowed
        asks_accuracy = "accuracy" in wanted or bool(self.accuracies) or self.best == "accuracy"
        if asks_accuracy and not scenario.is_trained:
            raise LimenError(
                f"rule: accuracy is not allowed: network {scenario.network} is untrained, and has none; "
                f"for it: {', '.join(allowed)}; with accuracy: digits, mnist and other families"
            )
        if self.best not in CATALOGUE:
            raise LimenError(f"best: {unknown(self.best, tuple(CATALOGUE))}")
        for rule, (name, limits) in self._limits().items():
            for limit in limits:
                if not math.isfinite(limit):
                    raise LimenError(f"{name}: {limit:g} is not allowed: a finite number")
                if rule not in wanted:
                    raise LimenError(f"{name}: {limit:g} is not allowed without rule {rule}, whose limit it is")
        return tuple(rule for rule in RULES if rule in wanted)

    def _limits(self) -> dict[Rule, tuple[str, tuple[float, ...]]]:
        """Return what limits of each rule are called, and those that were asked for."""
        return {
            "silicon": ("area_mm2", self.areas_mm2),
            "storage": ("kib", self.kib),
            "accuracy": ("accuracy", self.accuracies),
        }


class _Row(NamedTuple):
    """A rule with a limit: its designs of all ops that it compares, each with the sweep that has it."""

    rule: Rule
    limit: str
    ops: Sequence[str]
    designs: pandas.DataFrame


def choose(scenario: Scenario, asked: Asked, sweeps: dict[str, pandas.DataFrame]) -> list[Cell]:
    """Return a cell for each rule, limit and op: the best design of the op that keeps the rule.

    sweeps: rows of designs by the name of their sweep: those that `sweeps_of` names of the rules.
    Raises LimenError where a rule or a limit that was asked for has no design of any op.
    """
    rules = asked.check(scenario)
    kinds = sweeps_of(rules)
    rows = _of_machines(scenario, asked, rules, _priced(sweeps, MACHINES)) if MACHINES in kinds else []
    if WIDTHS in kinds:
        rows += _as_accurate(scenario, _priced(sweeps, WIDTHS), asked.accuracies)
    there = [row for row in rows if len(row.designs)]
    if not there:
        raise LimenError(f"{scenario.name}: no design has a price: {_first_refusal(sweeps)}")
    return [_cell(scenario, row, op, asked.best) for row in there for op in scenario.ops if op in row.ops]


def sweeps_of(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the kinds of sweeps whose designs rules compare."""
    kinds = (WIDTHS if rule == "accuracy" else MACHINES for rule in rules)
    return tuple(dict.fromkeys(kinds))


def _of_machines(scenario: Scenario, asked: Asked, rules: Sequence[Rule], designs: pandas.DataFrame) -> list[_Row]:
    """Return the rows of the rules that compare machines at the widest operands. Raises LimenError as `choose` does."""
    fitted = designs["op"].map({op: widest_w_bits(op) for op in scenario.ops})
    machines = designs[(designs["x_bits"] == WIDEST) & (designs["w_bits"] == fitted)]
    arrays = [_equal_array(machines, scenario.ops, side) for side in ARRAYS]
    rows = [row for row in arrays if "array" in rules]
    mac = next((mac for row in arrays if (mac := _best(row.designs, BASELINE, asked.best)) is not None), None)
    budgets: dict[Rule, tuple[float, ...]] = {"silicon": asked.areas_mm2, "storage": asked.kib}
    for rule, limits in budgets.items():
        if rule in rules:
            rows += _within(machines, scenario.ops, rule, limits, mac)
    return rows


def _priced(sweeps: dict[str, pandas.DataFrame], kind: str) -> pandas.DataFrame:
    """Return the designs with figures of all sweeps of a kind, with the sweeps' names."""
    tables = [table.assign(sweep=name) for name, table in sweeps.items() if name.endswith(f"-{kind}")]
    table = pandas.concat(tables, ignore_index=True)
    return table[table["refusal"] == ""]


def _equal_array(machines: pandas.DataFrame, ops: Sequence[str], side: int) -> _Row:
    same = (machines["rows"] == side) & (machines["cols"] == side)
    for name in BUFFERS:
        same &= machines[name] == machines[name].max()
    return _Row("array", f"{side} × {side} PEs", ops, machines[same])


def _within(
    machines: pandas.DataFrame, ops: Sequence[str], rule: Rule, limits: Sequence[float], mac: pandas.Series | None
) -> list[_Row]:
    """Return the designs within budgets. Raises LimenError for one that was asked for and is too small for all."""
    figure, unit, shares = BOUNDS[rule]
    for limit in limits:
        if not (machines[figure] <= limit).any():
            raise LimenError(
                f"{rule}: {limit:g} {unit} is not allowed: nothing fits; {_nearest(machines, figure, 'min')}"
            )
    budgets = limits or ([] if mac is None else [share * mac[figure] for share in shares])
    return [_Row(rule, f"at most {limit:.4g} {unit}", ops, machines[machines[figure] <= limit]) for limit in budgets]


def _as_accurate(scenario: Scenario, designs: pandas.DataFrame, limits: Sequence[float]) -> list[_Row]:
    """Return the designs whose networks are so accurate; of several widths by ops that were trained at all of them.

    Ops that were not are compared with the others once more, each on the network itself.
    Raises LimenError for a limit that none reaches.
    """
    fair = scenario.ops_of_all
    rows = _reaching(designs[designs["op"].isin(fair)], fair, "", limits)
    if len(fair) < len(scenario.ops):
        network = called(scenario.network)
        of_one = designs[designs["workload"] == network]
        reached = [limit for limit in limits if (of_one["accuracy"] >= limit).any()]
        if reached or not limits:
            rows += _reaching(of_one, scenario.ops, f", {network}{ALONE}", reached)
    return rows


def _reaching(designs: pandas.DataFrame, ops: Sequence[str], words: str, limits: Sequence[float]) -> list[_Row]:
    """Return the designs whose networks are so accurate; words: beside the limit. Raises LimenError as above."""
    for limit in limits:
        if not (designs["accuracy"] >= limit).any():
            nearest = _nearest(designs, "accuracy", "max")
            raise LimenError(f"accuracy: {limit:g} is not allowed: no design reaches it; {nearest}")
    best = designs.groupby("op")["accuracy"].max()
    most = min(best[op] for op in COMPARED_MOST if op in best)
    bounds = limits or [most - step for step in ACCURACY_STEPS]
    return [
        _Row("accuracy", f"at least {100 * limit:.4g} %{words}", ops, designs[designs["accuracy"] >= limit])
        for limit in bounds
    ]


def _nearest(designs: pandas.DataFrame, figure: str, direction: str) -> str:
    """Say which design is nearest to a limit beyond all."""
    if designs.empty:
        return "no design has a price"
    values = designs[figure]
    row = designs.loc[values.idxmin() if direction == "min" else values.idxmax()]
    of_several = f"{row['workload']}: " if "workload" in row else ""
    return f"the nearest, {of_several}{row['design']}, has {row[figure]:.6g}"


def _first_refusal(sweeps: dict[str, pandas.DataFrame]) -> str:
    return next(refusal for table in sweeps.values() for refusal in table["refusal"] if refusal)


def _best(designs: pandas.DataFrame, op: str, figure: str) -> pandas.Series | None:
    """Return the best design of an op in a figure, of equals the first of its sweep; None where there is none."""
    of_op = designs[designs["op"] == op]
    if of_op.empty:
        return None
    gain = of_op[figure] if CATALOGUE[figure].direction == "max" else -of_op[figure]
    return of_op.loc[gain.idxmax()]


def _cell(scenario: Scenario, row: _Row, op: str, figure: str) -> Cell:
    best, count = _best(row.designs, op, figure), int((row.designs["op"] == op).sum())
    place = scenario.network, scenario.costs, scenario.memory, scenario.images, scenario.stream, scenario.clock_ns
    if best is None:
        return Cell(*place, row.rule, row.limit, op, 0, "", "", None, "", *[None] * len(FIGURES))
    figures = [float(best[name]) if name in best and pandas.notna(best[name]) else None for name in FIGURES]
    runs = str(best["workload"]) if "workload" in best else called(scenario.network)
    found = runs, str(best["sweep"]), int(best["trial"]), str(best["design"])
    return Cell(*place, row.rule, row.limit, op, count, *found, *figures)
