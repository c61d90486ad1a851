"""How far prices are at accumulators between measured ones: `python -m tests.cost_models.held_out --liberty LIB`.

Random PEs at random widths of which a table has no netlist are synthesised and measured, and compared with `Table.at`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from cost_models.derive.characterise import characterise
from cost_models.derive.check import table_units
from cost_models.derive.straight_lines import LINEAR
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER
from cost_models.gates.synthesis import open_kit
from cost_models.table.table import Row, load_table
from cost_models.units.catalogue import is_priced
from cost_models.units.unit import Pe
from simulator.designs.design import MAX_ACC_BITS

QUANTITIES = (*LINEAR, "leakage_nw", "min_clock_ns")


def held_out(name: str, stages: int) -> dict[Pe, str]:
    """Return PEs of every width that designs mostly have, of which a table has no netlist, with their multiplier."""
    widths: dict[Pe, dict[int, Row]] = {}
    for unit, rows in table_units(name).items():
        if is_priced(unit) and unit.stages == stages and not unit.signed and unit.sum_bits < MAX_ACC_BITS:
            widths.setdefault(replace(unit, sum_bits=0), {})[unit.sum_bits] = rows[0]
    return {
        replace(unit, sum_bits=width): next(iter(rows_by_width.values()))["multiplier"] or DEFAULT_MULTIPLIER
        for unit, rows_by_width in widths.items()
        for width in range(min(rows_by_width), max(rows_by_width))
        if width not in rows_by_width
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--costs", default="ihp130")
    parser.add_argument("--liberty", required=True, type=Path)
    parser.add_argument("--stages", default=1, type=int, choices=(1, 2))
    parser.add_argument("--count", default=40, type=int)
    parser.add_argument("--seed", default=0, type=int)
    wanted = parser.parse_args()
    if wanted.count < 1:
        parser.error(f"--count: {wanted.count} is not allowed: at least 1")
    units = held_out(wanted.costs, wanted.stages)
    chosen = random.Random(wanted.seed).sample(sorted(units, key=Pe.sort_key), min(wanted.count, len(units)))
    table = load_table(wanted.costs)
    off: dict[str, list[tuple[float, str]]] = {quantity: [] for quantity in QUANTITIES}
    with tempfile.TemporaryDirectory(prefix="limen-") as scratch:
        kit = open_kit(wanted.liberty, Path(scratch))
        for unit in tqdm(chosen):
            measured = characterise(unit, kit, units[unit]).values
            sizes = unit.op, unit.x_bits, unit.w_bits, unit.dataflow
            priced = table.at(unit.component, unit.sum_bits, *sizes, stages=unit.stages)
            label = f"{unit.component} {unit.op} {unit.x_bits} x {unit.w_bits} {unit.dataflow} {unit.sum_bits}"
            for quantity, errors in off.items():
                errors.append((priced[quantity].value / measured[quantity] - 1, label))
    print(f"{wanted.costs}, seed {wanted.seed}: {len(chosen)} of {len(units):,} widths between measured ones")
    for quantity, errors in off.items():
        worst, label = max(errors, key=lambda error: abs(error[0]))
        median = statistics.median(abs(value) for value, _ in errors)
        print(f"{quantity}: median {100 * median:.2f} %, largest {100 * worst:+.2f} % ({label})")


if __name__ == "__main__":
    main()
