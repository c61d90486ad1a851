"""`check_table`: a random sample of a table's rows synthesised anew and compared, digit for digit."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cost_models.characterise import characterise
from cost_models.synthesis import open_kit
from cost_models.table import Row, load_table
from cost_models.units import Unit
from workloads.errors import LimenError

CHECKED = ("pe", "edge", "lane", "tag", "controller")
"""Components whose rows are one netlist each; fits and cited rows are not re-synthesised."""

DEFAULT_MULTIPLIER = "partial_products"


@dataclass(frozen=True)
class Mismatch:
    """A row that doesn't come out again: what the table says, and what this machine gives."""

    unit: Unit
    quantity: str
    table_value: str
    value: str


def check_table(name: str, liberty: Path, sample: int, seed: int) -> list[Mismatch]:
    """Synthesise `sample` random netlists of a table again and return every quantity that differs.

    Raises:
        LimenError: an unusable table or library, a missing extra, or a sample of less than one.
    """
    units = _netlists(name)
    if not sample >= 1:
        raise LimenError(f"sample: {sample} is not allowed: at least 1")
    chosen = random.Random(seed).sample(sorted(units), min(sample, len(units)))
    mismatches = []
    with tempfile.TemporaryDirectory(prefix="limen-") as scratch:
        kit = open_kit(Path(liberty), Path(scratch))
        for unit in chosen:
            rows = units[unit]
            point = characterise(unit, kit, rows[0]["multiplier"] or DEFAULT_MULTIPLIER)
            fresh = {quantity: f"{value:.6g}" for quantity, value in point.values.items()} | {"hash": point.digest}
            stored = {row["quantity"]: row["value"] for row in rows} | {"hash": rows[0]["hash"]}
            for quantity in sorted(fresh.keys() | stored.keys()):
                old, new = stored.get(quantity, "missing"), fresh.get(quantity, "missing")
                if old != new:
                    mismatches.append(Mismatch(unit, quantity, old, new))
    return mismatches


def _netlists(name: str) -> dict[Unit, list[Row]]:
    """Return the rows of each netlist in a table."""
    found: dict[Unit, list[Row]] = {}
    for row in load_table(name).rows:
        if row["component"] in CHECKED and row["method"] == "synthesis":
            widths = [int(row[field] or 0) for field in ("x_bits", "w_bits", "acc_bits")]
            unit = Unit(row["component"], row["op"], widths[0], widths[1], widths[2], row["dataflow"])
            found.setdefault(unit, []).append(row)
    if not found:
        raise LimenError(f"{name}: holds no synthesised rows; nothing to check")
    return found
