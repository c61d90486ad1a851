"""What a system table says, in five sentences: what holds, what doesn't, and why. Every number is the table's own."""

from __future__ import annotations

from collections.abc import Sequence

from dse.space.workload import called
from dse.system.cells import ALONE, Cell, by_rule
from dse.system.definition_table import Fabric, fabric
from dse.system.naive import THRESHOLD, Definition
from dse.system.published import published
from dse.system.rules import Rule
from workloads.ops.names import BASELINE

Pair = tuple[Cell, Cell]
"""The MAC's cell and the threshold's, of one rule and limit."""


def pairs_of(cells: Sequence[Cell], rule: Rule | None = None) -> list[Pair]:
    """Return the pairs under a rule, or all, where both have a design."""
    pairs = []
    for (name, _), group in by_rule(cells).items():
        found = {cell.op: cell for cell in group if cell.trial is not None}
        if rule in (None, name) and {BASELINE, THRESHOLD} <= {*found}:
            pairs.append((found[BASELINE], found[THRESHOLD]))
    return pairs


def ratio_of(pair: Pair, name: str) -> float:
    """Return a figure of the MAC over that of the threshold machine."""
    mac, threshold = (cell.figure(name) for cell in pair)
    assert mac is not None and threshold is not None
    return mac / threshold


def sentences(cells: Sequence[Cell], others: Sequence[Sequence[Cell]], rows: Sequence[Definition]) -> list[str]:
    """Return the sentences on the cells of a scenario.

    others: the cells of other scenarios of the network. rows: the definitions on it.
    """
    parts = [_array(cells), _budgets(cells), _accuracy(cells), _everywhere([cells, *others]), _definitions(rows)]
    return [sentence for sentence in parts if sentence]


def _array(cells: Sequence[Cell]) -> str:
    pairs = pairs_of(cells, "array")
    if not pairs:
        return ""
    pair = pairs[0]
    return (
        f"On the same array ({pair[0].limit}, the widest operands) the threshold machine's area is "
        f"{_against(pair, 'area_mm2')}, its energy an image {_against(pair, 'energy_uj')} and its latency "
        f"{_against(pair, 'latency_us')} that of the MAC machine, at a power of {_against(pair, 'power_mw')}: "
        f"{_reached([pair])}, because of the MAC machine's energy no more than "
        f"{_percent(pair[0].array_share)} is spent in the array, where the ops differ, and the rest in memories, DRAM "
        f"and the logic around the array, which both need."
    )


def _budgets(cells: Sequence[Cell]) -> str:
    silicon, storage = pairs_of(cells, "silicon"), pairs_of(cells, "storage")
    if not silicon:
        return ""
    speeds, powers = (_range(silicon, name) for name in ("latency_us", "power_mw"))
    stored = f", and with as many KiB on the chip {_range(storage, 'latency_us')} as fast" if storage else ""
    return (
        f"With no more silicon than a MAC machine has, or half of that, the best threshold machine is {speeds} as fast "
        f"and the MAC machine takes {powers} its power{stored}: {_reached(silicon + storage)}, because the area that "
        f"thresholds save buys PEs that the memory port doesn't feed any faster."
    )


def _accuracy(cells: Sequence[Cell]) -> str:
    pairs = [pair for pair in pairs_of(cells, "accuracy") if not pair[0].limit.endswith(ALONE)]
    if not pairs:
        return ""
    machines = "; ".join(f"{mac.limit}: MAC {_runs(mac)}, threshold {_runs(threshold)}" for mac, threshold in pairs)
    return (
        f"At equal accuracy, each with the network and the widths that suit it ({machines}), "
        f"the MAC machine takes {_range(pairs, 'energy_uj')} the energy of the threshold machine, which is "
        f"{_range(pairs, 'latency_us')} as fast: {_reached(pairs)}, because what an op saves, more "
        f"channels, wider operands and the polarity bit may cost again."
    )


def _runs(cell: Cell) -> str:
    """Return the network and the widths of operands of a cell's design."""
    return f"{cell.workload} {' × '.join(cell.design.removeprefix(f'{cell.op}-').split('-')[:2])}"


def _everywhere(tables: Sequence[Sequence[Cell]]) -> str:
    pairs = [pair for cells in tables for pair in pairs_of(cells)]
    if len(tables) < 2 or not pairs:
        return ""
    best = {name: max(pairs, key=lambda pair: ratio_of(pair, name)) for name in ("power_mw", "latency_us")}
    return (
        f"Over all {len(tables)} scenarios of this network and all rules, power is {_range(pairs, 'power_mw')} and "
        f"speed {_range(pairs, 'latency_us')}, the most power under {_place(best['power_mw'])}, the most speed under "
        f"{_place(best['latency_us'])}: {_reached(pairs)}."
    )


def _definitions(rows: Sequence[Definition]) -> str:
    if not rows:
        return ""
    paper = published()
    wanted = {"power_mw": paper["power_ratio"], "latency_us": paper["speed_ratio"], "energy_uj": paper["power_ratio"]}
    found = {
        name: [f"{row.change} ({row.rule}, {row.ratio(name):.2f})" for row in rows if (row.ratio(name) or 0) >= limit]
        for name, limit in wanted.items()
    }
    luts = _most_luts()
    return (
        f"Against a naive MAC machine the paper's speed is reached by {_listed(found['latency_us'])}, its power by "
        f"{_listed(found['power_mw'])}, and as energy an image by {_listed(found['energy_uj'])}: a naive machine is "
        f"slower, so that much more energy isn't as much more power; in products of FPGA fabric the largest ratio is "
        f"{luts.luts:.2f}, in LUTs, of the {luts.unit} of {luts.mac_bits} bits against {luts.threshold_bits} on "
        f"{luts.table.split('-')[0]}."
    )


def _most_luts() -> Fabric:
    return max(fabric(), key=lambda row: row.luts)


def _against(pair: Pair, name: str) -> str:
    """Return a figure of the threshold machine as a share of the MAC's."""
    return f"{1 / ratio_of(pair, name):.2f}"


def _range(pairs: Sequence[Pair], name: str) -> str:
    ratios = sorted(ratio_of(pair, name) for pair in pairs)
    low, high = f"{ratios[0]:.2f}", f"{ratios[-1]:.2f}"
    return f"{low} times" if low == high else f"{low} to {high} times"


def _reached(pairs: Sequence[Pair]) -> str:
    """Say whether the paper's ratios are reached by any of some pairs."""
    paper = published()
    power, speed = paper["power_ratio"], paper["speed_ratio"]
    by_power = any(ratio_of(pair, "power_mw") >= power for pair in pairs)
    by_speed = any(ratio_of(pair, "latency_us") >= speed for pair in pairs)
    if by_power or by_speed:
        which = (
            "both of the paper's ratios"
            if by_power and by_speed
            else (f"the paper's {power:g} of power" if by_power else f"the paper's {speed:g} of speed")
        )
        return f"{which} {'are' if by_power and by_speed else 'is'} reached"
    return f"neither the paper's {power:g} of power nor its {speed:g} of speed is reached"


def _place(pair: Pair) -> str:
    cell = pair[0]
    return f"equal {cell.rule}, {cell.limit}, {cell.scenario.words.removeprefix(f'{called(cell.network)} ')}"


def _listed(found: Sequence[str]) -> str:
    return ", ".join(found) if found else "nothing"


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.0f} %"
