"""Threshold against MAC over the whole built-in space, as Markdown: every point of it counted and priced anew."""

from __future__ import annotations

import itertools
from functools import cache

import pandas

from cost_models.price.price import price
from dse.study.blocks import BlockEvaluator
from dse.study.evaluate import Evaluator
from dse.study.front import knee_distances, non_dominated
from dse.study.space import Coordinates, Space, Value
from dse.study.study_spec import load_study
from simulator.designs.built_in import load_design
from simulator.run import simulate
from workloads.host.text_tables import markdown_table
from workloads.networks.family import find_network

OPS = {"threshold": "threshold", "mac": "MAC"}
COSTS = {"energy_uj": ("energy, µJ", 2), "latency_us": ("latency, µs", 1), "area_mm2": ("area, mm²", 2)}
"""Heading and decimals of each cost."""

SHARES = ("array_share", "memory_share", "dram_share")
STUDY = load_study("digits")


@cache
def machines() -> pandas.DataFrame:
    """Return a row of figures for each point of the space, and whether it is feasible."""
    (workload,) = STUDY.workloads
    space = Space(STUDY.space, Evaluator(STUDY, workload, STUDY.costs).formats().valid)
    parameters: list[dict[str, Value]] = [
        dict(zip(space.axes, values, strict=True)) for values in itertools.product(*space.axes.values())
    ]
    points = [point for point in map(space.at, parameters) if space.valid(point)]
    block = BlockEvaluator(STUDY, workload, STUDY.costs).evaluate(points)
    assert not any(block.refusals) and len(points) == space.size
    table = pandas.DataFrame(points, columns=list(Coordinates._fields)).assign(**block.figures)
    table["design"] = [point.key for point in points]
    table["logic_share"] = 1 - table[list(SHARES)].sum(axis=1)
    table["feasible"] = [
        all(bound.violation(machine[bound.name]) <= 0 for bound in STUDY.bounds()) for _, machine in table.iterrows()
    ]
    return table


def least(designs: pandas.DataFrame, costs: list[str]) -> list[str]:
    """Return a cell of each cost: the least of any design of each op."""
    by_op = designs.groupby("op")[costs].min()
    return [", ".join(f"{by_op.loc[op, cost]:.{COSTS[cost][1]}f}" for op in OPS) for cost in costs]


def heads(costs: list[str]) -> list[str]:
    return [f"{COSTS[cost][0]}: {', '.join(OPS.values())}" for cost in costs]


def by_accuracy() -> str:
    """Least costs of designs whose network is so accurate."""
    table, costs = machines(), list(COSTS)
    rows = [[f"{100 * bound:.3g} %", *least(table[table["accuracy"] >= bound], costs)] for bound in (0.97, 0.98, 0.985)]
    return markdown_table(["least of any design with validation accuracy of at least", *heads(costs)], rows)


def by_area() -> str:
    """Least energy and latency of designs that are no larger."""
    table, costs = machines(), ["energy_uj", "latency_us"]
    good = table[table["accuracy"] >= 0.97]
    rows = [[f"{bound:g} mm²", *least(good[good["area_mm2"] <= bound], costs)] for bound in (2.5, 3, 4)]
    return markdown_table(["least with at least 97 %, up to an area of", *heads(costs)], rows)


def pairs() -> str:
    """MAC over threshold of designs that differ in nothing but the op."""
    table = machines()
    same = [name for name in Coordinates._fields if name != "op"]
    both = table[table["op"] == "mac"].merge(
        table[table["op"] == "threshold"], on=same, suffixes=("_mac", "_threshold")
    )
    rows = []
    compared = {"energy_uj": "energy", "latency_us": "latency", "area_mm2": "area"}
    compared |= {"clock_ns": "clock period", "cycles": "cycles", "stall_cycles": "of them stalls"}
    compared |= {"dram_bytes": "bytes of DRAM"}
    for name, words in compared.items():
        ratio = both[f"{name}_mac"] / both[f"{name}_threshold"]
        eight = ratio[both["x_bits"] == 8].median()
        rows.append([words, f"{ratio.median():.2f}", f"{ratio.min():.2f}…{ratio.max():.2f}", f"{eight:.2f}"])
    eights = (both["x_bits"] == 8).sum()
    head = f"same array, dataflow, widths and buffers, {len(both)} pairs: MAC over threshold"
    return markdown_table([head, "median", "range", f"median of the {eights} at 8 bits"], rows)


def shares() -> str:
    """Where the energy goes."""
    rows = []
    costs = [price(simulate(find_network("digits", op, 8, 8), load_design(f"{op}-16x16"))) for op in OPS]
    eight = [[cost.array_share, cost.memory_share, cost.dram_share] for cost in costs]
    names = " and ".join(f"`limen price --design {op}-16x16`" for op in OPS)
    rows.append([f"16 × 16 os at 8 bits ({names})", *(percents([*each, 1 - sum(each)]) for each in eight)])
    medians = machines().groupby("op")[[*SHARES, "logic_share"]].median()
    rows.append(["median over the space, each share on its own", *(percents(list(medians.loc[op])) for op in OPS)])
    return markdown_table(
        ["share of the energy: array, memories on chip, DRAM, logic around the array", *OPS.values()], rows
    )


def percents(values: list[float]) -> str:
    return ", ".join(f"{100 * value:.0f}" for value in values) + " %"


def fronts() -> str:
    """What the front of all feasible designs is made of."""
    feasible = machines()[machines()["feasible"]]
    front = feasible[non_dominated(feasible, STUDY.objectives)]
    rows = []
    for words, table in (("feasible", feasible), ("on the front", front)):
        counted = [
            ", ".join(str((table[name] == value).sum()) for value in values)
            for name, values in (("op", OPS), ("dataflow", ("os", "ws", "is")), ("filter_kib", (4, 16)))
        ]
        rows.append([words, str(len(table)), *counted])
    return markdown_table(["designs", "", "threshold, MAC", "os, ws, is", "filter buffer of 4, 16 KiB"], rows)


def knees() -> str:
    """The knee among each op's designs."""
    rows = []
    feasible = machines()[machines()["feasible"]]
    for op, words in OPS.items():
        own = feasible[feasible["op"] == op]
        front = own[non_dominated(own, STUDY.objectives)]
        knee = front.iloc[int(knee_distances(front, STUDY.objectives).argmin())]
        costs = [f"{knee[name]:.3f}" for name in COSTS]
        accuracy = f"{100 * knee['accuracy']:.1f}, {100 * knee['test_accuracy']:.1f} %"
        rows.append([words, f"`{knee['design']}`", *costs, accuracy, f"{knee['cycles']:,}"])
    head = [heading for heading, _ in COSTS.values()]
    return markdown_table(["knee among the designs of", "", *head, "accuracy: validation, test", "cycles"], rows)


def whole_machine() -> str:
    return "\n".join(table().strip() + "\n" for table in (by_accuracy, by_area, pairs, shares, fronts, knees))
