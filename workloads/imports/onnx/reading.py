"""Reading an ONNX file: in a process of its own, which may take so much memory and time and no more."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from workloads.errors import LimenError, pip_command
from workloads.host.children import run_child
from workloads.host.scratch import scratch_folder
from workloads.imports.onnx.graph import Graph, Node
from workloads.imports.onnx.limits import MOST_MEMORY, MOST_SECONDS, REFUSED

PACKAGES = Path(__file__).parents[3]


def need(package: str, path: Path) -> None:
    """Raise LimenError where a package of the extra isn't installed."""
    if find_spec(package) is None:
        raise LimenError(f"{path}: reading ONNX files needs {package}, not installed: {pip_command('onnx')}")


def run_worker(module: str, path: Path, scratch: Path, *arguments: str) -> None:
    """Run a module of this room in a process of its own. Raises LimenError with what it says of the file."""
    command = [sys.executable, "-m", f"workloads.imports.onnx.{module}", str(path.absolute()), str(scratch), *arguments]
    threads = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
    outcome = run_child(command, scratch, {**os.environ, **threads, "PYTHONPATH": str(PACKAGES)})
    if outcome.returncode == REFUSED:
        raise LimenError(f"{path}: {outcome.stderr}")
    if outcome.returncode:
        limits = f"{MOST_MEMORY >> 20} MiB and {MOST_SECONDS} s"
        raise LimenError(
            f"{path}: not a readable ONNX file: its reader, given {limits}, ended with {outcome.returncode}"
        )


def read_graph(path: Path, batch: int = 1, with_values: bool = False) -> Graph:
    """Return what an ONNX file holds; no file but it is opened, unless values are wanted that lie beside it.

    batch: the first dimension of inputs where it is free. with_values: whether all constants are read, not small ones
    alone.

    Raises:
        LimenError: the package is missing; the file can't be read, is no ONNX file or takes too much; a cycle, sizes
            below 0 or not fixed; values that lie elsewhere than in the model's folder.
    """
    need("onnx", path)
    with scratch_folder() as scratch:
        run_worker("worker", path, scratch, str(batch), "values" if with_values else "sizes")
        described = json.loads((scratch / "graph.json").read_text())
        with np.load(scratch / "values.npz", allow_pickle=False) as arrays:
            values = {name: arrays[str(place)] for place, name in enumerate(described["stored"])}
    nodes = tuple(
        Node(
            node["name"], node["op"], node["domain"], tuple(node["inputs"]), tuple(node["outputs"]), node["attributes"]
        )
        for node in described["nodes"]
    )
    sizes = {name: tuple(dims) for name, dims in described["sizes"].items()}
    return Graph(
        str(path),
        described["opset"],
        nodes,
        tuple(described["inputs"]),
        tuple(described["outputs"]),
        sizes,
        frozenset(described["constants"]),
        values,
        described["types"],
        described["unused"],
    )
