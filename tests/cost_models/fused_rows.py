"""Made-up rows of fused PEs: every energy another, so that none stands for another unnoticed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from cost_models.table.table import Row, load_table
from tests.levels.cases import DATAFLOWS

FUSED = {"mac-threshold": "threshold+mac", "shift-adder": "adder+shift"}
EVENTS = ("op", "left_cycle", "top_cycle", "psum_cycle", "polarity_cycle")
UNITS = {"um2": "um2", "nw": "nW", "ns": "ns", "pj": "pJ"}


def fused_rows(ops: str, widths: Iterable[int]) -> list[Row]:
    """Return rows of fused PEs, x as wide as w, in proportion to their sums of 3 to 48 bits."""
    like = next(row for row in load_table("ihp130").rows if row["component"] == "pe")
    names = ["area_um2", "leakage_nw", "min_clock_ns", "energy_per_idle_cycle_pj", "energy_per_shift_cycle_pj"]
    names += [f"energy_per_{op}_{event}_pj" for op in ops.split("+") for event in EVENTS]
    rows = []
    for bits, dataflow, acc_bits, (place, name) in product(widths, DATAFLOWS, (3, 48), enumerate(names)):
        identity = {"component": "pe_fused", "op": ops, "acc_bits": str(acc_bits), "dataflow": dataflow}
        identity |= {"x_bits": str(bits), "w_bits": str(bits), "stream": "uniform" * name.startswith("energy")}
        value = {"quantity": name, "unit": UNITS[name.rsplit("_", 1)[1]], "value": str((place + 2) * acc_bits)}
        rows.append(like | identity | value)
    return rows


def without_fused() -> list[Row]:
    """Return the rows of the built-in table but those of fused PEs."""
    return [row for row in load_table("ihp130").rows if row["component"] != "pe_fused"]
