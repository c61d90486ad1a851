"""Threshold against MAC over the built-in studies' whole spaces, as Markdown: every point counted and priced anew."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas

from cost_models.price.price import price
from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluate import Evaluator
from dse.front.front import knee_distances, non_dominated
from dse.space.space import Coordinates, Space
from dse.space.study_spec import StudySpec, load_study
from simulator.designs.built_in import load_design
from simulator.run import simulate
from tests.support.narrow_space import NARROW, SAME
from workloads.host.text_tables import markdown_table
from workloads.networks.family import find_network

OPS = {"threshold": "threshold", "mac": "MAC"}
COSTS = {"energy_uj": ("energy, µJ", 2), "latency_us": ("latency, µs", 1), "area_mm2": ("area, mm²", 2)}
"""Heading and decimals of each cost."""

SHARES = ("array_share", "memory_share", "dram_share")

BOUNDS = {"digits": (0.97, 0.98, 0.985), "mnist": (0.97, 0.98, 0.985)}
"""Accuracies at which the ops of a study are compared."""

FREED: dict[str, dict[str, Any]] = {
    "x as wide as w, accumulators for any weights, uniform operands, one stage": NARROW | SAME,
    "w free of x": NARROW,
    "also accumulators for these weights": NARROW | {"acc_policy": ["weights"]},
    "also the network's own operands": {"pe_stages": [1], "zero_gating": [False]},
    "also two stages and zero gating: the built-in study": {},
}
"""What a built-in study leaves free for either op, one thing after another: axes that are narrower than its own."""


@cache
def study(name: str) -> StudySpec:
    return load_study(name)


def points_of(name: str, axes: dict[str, Any]) -> pandas.DataFrame:
    """Return a row of figures for each point of a study's space, some axes narrower, and whether it is feasible.

    Points that are refused have no figures.
    """
    whole = study(name)
    spec = whole.model_copy(update={"space": whole.space.model_copy(update=axes)})
    sources = spec.workloads[0], spec.tables[0]
    space = Space(spec.space, Evaluator(spec, *sources).formats().valid)
    points = space.points(range(space.size))
    block = BlockEvaluator(spec, *sources).evaluate(points)
    table = pandas.DataFrame(points, columns=list(Coordinates._fields)).assign(**block.figures)
    table["design"] = [point.key for point in points]
    table["logic_share"] = 1 - table[list(SHARES)].sum(axis=1)
    table["refused"] = [bool(refusal) for refusal in block.refusals]
    table["feasible"] = ~table["refused"]
    for bound in spec.bounds():
        table["feasible"] &= bound.violation(table[bound.name].to_numpy()) <= 0
    return table


@cache
def points(name: str) -> pandas.DataFrame:
    """Return a row for each point of a built-in study's space."""
    return points_of(name, {})


def machines(name: str) -> pandas.DataFrame:
    """Return the rows of points that have figures."""
    table = points(name)
    return table[~table["refused"]]


def least(designs: pandas.DataFrame, costs: list[str]) -> list[str]:
    """Return a cell of each cost: the least of any design of each op."""
    by_op = designs.groupby("op")[costs].min()
    return [", ".join(f"{by_op.loc[op, cost]:.{COSTS[cost][1]}f}" for op in OPS) for cost in costs]


def heads(costs: list[str]) -> list[str]:
    return [f"{COSTS[cost][0]}: {', '.join(OPS.values())}" for cost in costs]


def freedoms(name: str) -> str:
    """MAC over threshold at equal accuracy, the less is fixed in favour of one op."""
    bounds, rows = BOUNDS[name], []
    for words, axes in FREED.items():
        table = points_of(name, axes) if axes else points(name)
        priced = table[~table["refused"]]
        cells = []
        for bound in bounds:
            by_op = priced[priced["accuracy"] >= bound].groupby("op")[[*COSTS]].min()
            cells.append(", ".join(f"{by_op.loc['mac', cost] / by_op.loc['threshold', cost]:.2f}" for cost in COSTS))
        rows.append([words, f"{len(priced):,}", *cells])
    head = "MAC over threshold in the least energy, latency and area of any design, where these are free"
    return markdown_table([head, "designs", *(f"{100 * bound:.3g} %" for bound in bounds)], rows)


def by_accuracy(name: str) -> str:
    """Least costs of designs whose network is so accurate, those beyond the study's bounds among them."""
    table, costs = machines(name), list(COSTS)
    rows = [[f"{100 * bound:.3g} %", *least(table[table["accuracy"] >= bound], costs)] for bound in BOUNDS[name]]
    head = "least of any priced design, whatever the study's bounds, with validation accuracy of at least"
    return markdown_table([head, *heads(costs)], rows)


def by_area(name: str) -> str:
    """Least energy and latency of designs that are no larger."""
    table, costs = machines(name), ["energy_uj", "latency_us"]
    good = table[table["accuracy"] >= 0.97]
    rows = [[f"{bound:g} mm²", *least(good[good["area_mm2"] <= bound], costs)] for bound in (2.5, 3, 4)]
    return markdown_table(["least with at least 97 %, up to an area of", *heads(costs)], rows)


def pairs(name: str) -> str:
    """MAC over threshold of designs that differ in nothing but the op."""
    table = machines(name)
    same = [name for name in Coordinates._fields if name != "op"]
    both = table[table["op"] == "mac"].merge(
        table[table["op"] == "threshold"], on=same, suffixes=("_mac", "_threshold")
    )
    rows = []
    compared = {"energy_uj": "energy", "latency_us": "latency", "area_mm2": "area"}
    compared |= {"clock_ns": "clock period", "cycles": "cycles", "stall_cycles": "of them stalls"}
    compared |= {"dram_bytes": "bytes of DRAM"}
    eights = (both["x_bits"] == 8) & (both["w_bits"] == 8)
    for figure, words in compared.items():
        ratio = both[f"{figure}_mac"] / both[f"{figure}_threshold"]
        rows.append(
            [words, f"{ratio.median():.2f}", f"{ratio.min():.2f}…{ratio.max():.2f}", f"{ratio[eights].median():.2f}"]
        )
    head = f"same array, dataflow, widths, buffers and stages, {len(both):,} pairs: MAC over threshold"
    return markdown_table([head, "median", "range", f"median of the {eights.sum()} at 8 bits"], rows)


def shares(name: str) -> str:
    """Where the energy goes."""
    rows = []
    costs = [price(simulate(find_network(name, op, 8, 8), load_design(f"{op}-16x16"))) for op in OPS]
    eight = [[cost.array_share, cost.memory_share, cost.dram_share] for cost in costs]
    names = " and ".join(f"`limen price --design {op}-16x16`" for op in OPS)
    rows.append([f"16 × 16 os at 8 bits ({names})", *(percents([*each, 1 - sum(each)]) for each in eight)])
    medians = machines(name).groupby("op")[[*SHARES, "logic_share"]].median()
    rows.append(["median over the space, each share on its own", *(percents(list(medians.loc[op])) for op in OPS)])
    return markdown_table(
        ["share of the energy: array, memories on chip, DRAM, logic around the array", *OPS.values()], rows
    )


def percents(values: list[float]) -> str:
    return ", ".join(f"{100 * value:.0f}" for value in values) + " %"


def fronts(name: str) -> str:
    """What the front of all feasible designs is made of."""
    table, sizes = points(name), study(name).space.filter_kib
    feasible = table[table["feasible"]]
    front = feasible[non_dominated(feasible, study(name).objectives)]
    rows = []
    for words, some in (("points", table), ("priced", machines(name)), ("feasible", feasible), ("on the front", front)):
        counted = [
            ", ".join(f"{(some[axis] == value).sum():,}" for value in values)
            for axis, values in (("op", OPS), ("dataflow", ("os", "ws", "is")), ("filter_kib", sizes))
        ]
        gated, staged = some["zero_gating"].astype(bool), some["pe_stages"] == 2
        counted.append(f"{(~staged).sum():,}, {(staged & ~gated).sum():,}, {gated.sum():,}")
        counted.append(f"{(some['x_bits'] == some['w_bits']).sum():,}")
        rows.append([words, f"{len(some):,}", *counted])
    buffers = f"filter buffer of {', '.join(f'{size:g}' for size in sizes)} KiB"
    head = ["designs", "", "threshold, MAC", "os, ws, is", buffers, "one stage, two, zero-gated", "x as wide as w"]
    return markdown_table(head, rows)


def knees(name: str) -> str:
    """The knee among each op's designs."""
    rows, objectives = [], study(name).objectives
    feasible = points(name)[points(name)["feasible"]]
    for op, words in OPS.items():
        own = feasible[feasible["op"] == op]
        front = own[non_dominated(own, objectives)]
        knee = front.iloc[int(knee_distances(front, objectives).argmin())]
        costs = [f"{knee[cost]:.3f}" for cost in COSTS]
        accuracy = f"{100 * knee['accuracy']:.1f}, {100 * knee['test_accuracy']:.1f} %"
        rows.append([words, f"`{knee['design']}`", *costs, accuracy, f"{knee['cycles']:,}"])
    head = [heading for heading, _ in COSTS.values()]
    return markdown_table(["knee among the designs of", "", *head, "accuracy: validation, test", "cycles"], rows)


def whole_machine() -> str:
    parts = (freedoms, by_accuracy, by_area, pairs, shares, fronts, knees)
    return "\n".join(part("digits").strip() + "\n" for part in parts)


def whole_machine_mnist() -> str:
    return "\n".join(part("mnist").strip() + "\n" for part in (freedoms, by_accuracy, pairs, fronts, knees))
