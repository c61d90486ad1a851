"""A tiny network and recipe of every kind of network, for tests of training."""

from __future__ import annotations

from pathlib import Path

import pytest

NETWORK = """
version: 1
name: tiny
op: {op}
x_bits: 8
w_bits: {w_bits}
x_signed: {signed}
dataset: digits
input: {{height: 8, width: 8, channels: 1}}
layers:
  - {{name: conv, kind: conv2d, out_channels: 4, kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1]{first}}}
  - {{name: scores, kind: linear, out_channels: 10}}
"""

RECIPE = """
version: 1
name: tiny
dataset: digits
epochs: 2
batch: 64
shift_pixels: 1
tuning_epochs: 1
ops:
  threshold: {learning_rate: 0.08}
  mac: {learning_rate: 0.01}
  adder: {learning_rate: 0.1}
  shift: {learning_rate: 0.02}
  shift-adder: {learning_rate: 0.1}
  mac-threshold: {learning_rate: 0.08}
"""

FAMILY_OPS = ("threshold", "mac", "adder", "shift", "shift-adder", "mac-threshold")


@pytest.fixture(name="recipe_path")
def write_recipe(tmp_path: Path) -> Path:
    """Return the path of a recipe of two epochs, with the network file of every op beside it."""
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    for op in FAMILY_OPS:
        base = {"shift-adder": "adder", "mac-threshold": "threshold"}.get(op, op)
        first = {"shift-adder": ", op: shift, w_bits: 5", "mac-threshold": ", op: mac"}.get(op, "")
        signed = str(base in ("threshold", "adder")).lower()
        text = NETWORK.format(op=base, w_bits=5 if op == "shift" else 8, signed=signed, first=first)
        (folder / f"{op}.yaml").write_text(text)
    return folder / "recipe.yaml"
