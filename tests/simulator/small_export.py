"""A small exported folder, and ways to change it by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.designs.design import Design
from simulator.program.program import compile_network
from simulator.rtl.export import write_folder
from tests.levels.cases import make_network

IMAGES = 2
SCORES = [{"name": "scores", "kind": "linear", "out_channels": 2}]


def export_small(folder: Path, name: str = "small") -> None:
    """A 2 x 2 array with one layer: 3 inputs, 2 raw scores, beats of one word."""
    buffers = {"ifmap_kib": 0.25, "filter_kib": 0.25, "ofmap_kib": 0.25, "operand_depth": 16}
    form = {"op": "threshold", "x_bits": 3, "w_bits": 3, "feeder_width": 1, "port_bits": 32}
    design = Design(rows=2, cols=2, dataflow="os", **form, **buffers)
    network = replace(make_network("small", design, {"height": 1, "width": 1, "channels": 3}, SCORES, 0), name=name)
    x = np.random.default_rng(0).integers(-4, 4, (IMAGES, 1, 1, 3))
    write_folder(compile_network(network, design.fitted(network)), x, folder)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1))


def edit_facts(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    facts = json.loads((folder / "params.json").read_text())
    change(facts)
    (folder / "params.json").write_text(json.dumps(facts))


def edit_line(folder: Path, number: int, line: str) -> None:
    path = folder / "vectors" / "vectors.txt"
    lines = path.read_text().split("\n")
    lines[number - 1] = line
    path.write_text("\n".join(lines))
