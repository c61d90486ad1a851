"""A study small enough for tests, its files, and what it stores."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

SPEC = """version: 1
workloads: [digits]
costs: ihp130
space: {rows: [2, 4], cols: [2, 4], op: [threshold, mac], bits: {x: 4..5, w: same}, dataflow: [os, ws, is]}
objectives: {energy_uj: min, latency_us: min, area_mm2: min, accuracy: max}
constraints: {accuracy: ">= 0.97"}
sampler: {name: nsga2, seed: SEED}
trials: 40
"""


NETWORK = """version: 1
name: shapes
op: threshold
x_bits: 6
w_bits: 6
input: {channels: 4}
layers:
  - {name: scores, kind: linear, out_channels: 3}
"""


def write_network(path: Path, text: str = NETWORK) -> None:
    """Write NETWORK, or one like it, with a checkpoint: it then fixes op and widths."""
    arrays = {"weights": np.ones((3, 1, 1, 4)), "polarity": np.ones((3, 1, 1, 4)), "bias": [0] * 3, "shift": [0] * 3}
    integers: dict[str, Any] = {f"scores.{name}": np.array(values, dtype=np.int64) for name, values in arrays.items()}
    np.savez(path.with_suffix(".npz"), **integers)
    path.write_text(f"{text}checkpoint: {path.stem}.npz\n")


COST_OBJECTIVES = {"energy_uj": "min", "latency_us": "min", "area_mm2": "min"}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stored_trials(database: Path) -> list[int]:
    """Numbers of the complete trials, read without Optuna; [] while there is no database."""
    if not database.exists():
        return []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20) as connection:
        rows = connection.execute("select number, state from trials order by number").fetchall()
    assert all(state in ("COMPLETE", "FAIL") for _, state in rows)
    return [number for number, _ in rows]
