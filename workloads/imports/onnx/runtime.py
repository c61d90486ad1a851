"""What onnxruntime gives of a model, run in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from workloads.host.scratch import scratch_folder
from workloads.imports.onnx.constants import quant_limits
from workloads.imports.onnx.graph import Graph
from workloads.imports.onnx.reading import need, run_worker


def run_model(path: Path, graph: Graph, name: str, inputs: np.ndarray, wanted: str) -> np.ndarray:
    """Return the tensor `wanted` [images, ...] of inputs [images, ...], each as the model's input `name` of one image.

    Constants are those of the graph; QONNX' Quant, which onnxruntime lacks, is taken apart.

    Raises:
        LimenError: onnxruntime is missing, or can't run it.
    """
    need("onnxruntime", path)
    quants = {}
    for node in graph.nodes:
        if node.op in ("Quant", "IntQuant"):
            scale, zero, bits = (float(graph.value(node.input(place), node).reshape(-1)[0]) for place in (1, 2, 3))
            limits = quant_limits(bits, bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0)))
            rounding = str(node.attributes.get("rounding_mode", "ROUND")).upper()
            quants[node.outputs[0]] = {"scale": scale, "zero": zero, "limits": limits, "rounding": rounding}
    with scratch_folder() as scratch:
        constants: dict[str, Any] = {str(place): each for place, each in enumerate(graph.values.values())}
        np.savez(scratch / "constants.npz", **constants)
        np.save(scratch / "inputs.npy", inputs)
        said = {"constants": list(graph.values), "input": name, "wanted": wanted, "quants": quants}
        (scratch / "said.json").write_text(json.dumps(said))
        run_worker("runtime_worker", path, scratch)
        outputs: np.ndarray = np.load(scratch / "outputs.npy", allow_pickle=False)
    return outputs
