"""A model under onnxruntime, in a process of its own: `python -m …runtime_worker FILE OUT`."""

from __future__ import annotations

import json
import resource
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from workloads.host.opening import read_file
from workloads.imports.onnx.limits import MOST_MEMORY, MOST_SECONDS, REFUSED
from workloads.imports.onnx.operators import QUANT_DOMAINS

LEAST_IR, MOST_IR = 4, 10
"""IR versions: since 4 initialisers are no inputs; later ones than 10 onnxruntime need not know."""

ROUNDS = {"ROUND": "Round", "FLOOR": "Floor", "CEIL": "Ceil"}


def main(path: str, folder: str) -> int:
    """Write outputs.npy; return the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        outputs = run(Path(path), Path(folder))
    except Exception as error:  # onnxruntime raises many kinds
        print(f"onnxruntime can't run it: {' '.join(str(error).split())}", file=sys.stderr)
        return REFUSED
    np.save(Path(folder) / "outputs.npy", outputs)
    return 0


def run(path: Path, folder: Path) -> np.ndarray:
    onnx, runtime = import_module("onnx"), import_module("onnxruntime")
    said = json.loads((folder / "said.json").read_text())
    with np.load(folder / "constants.npz", allow_pickle=False) as arrays:
        constants = {name: arrays[str(place)] for place, name in enumerate(said["constants"])}
    model = onnx.load_from_string(read_file(path))
    if model.functions:
        model = import_module("onnx.inliner").inline_local_functions(model)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL  # each operator as it stands
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    content = rebuilt(onnx, model, constants, said).SerializeToString()
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    inputs = np.load(folder / "inputs.npy", allow_pickle=False)
    first = next(entry.shape[0] for entry in session.get_inputs() if entry.name == said["input"])
    batch = first if isinstance(first, int) else 1  # of a model whose batch is fixed, each input is all of one
    outputs = [session.run([said["wanted"]], {said["input"]: np.stack([image] * batch)})[0] for image in inputs]
    return np.stack([output[0] if batch > 1 else output for output in outputs]).reshape(len(inputs), -1)


def rebuilt(onnx: Any, model: Any, constants: dict[str, np.ndarray], said: dict[str, Any]) -> Any:
    """Return the model up to the tensor that is wanted.

    onnxruntime computes constants, too; those that it can't (QONNX' Quant), or that lie in other files, are ours.
    """
    graph = onnx.GraphProto(name="graph")
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    beside = {name for name, tensor in stored.items() if tensor.external_data or tensor.data_location}
    ours = beside | {
        node.output[0] for node in model.graph.node if node.op_type == "Constant" or node.domain in QUANT_DOMAINS
    }
    constants = {name: array for name, array in constants.items() if name in ours}
    graph.input.extend(entry for entry in model.graph.input if entry.name not in stored)
    graph.output.add(name=said["wanted"])
    needed = {said["wanted"]}
    kept = []
    for node in reversed(model.graph.node):
        if needed & {*node.output} and node.output[0] not in constants:
            if any(attribute.g.node or attribute.graphs for attribute in node.attribute):
                raise ValueError(f"{node.op_type} holds a graph of its own")  # whose files onnxruntime would open
            needed |= {*node.input}
            kept.append(node)
    for node in reversed(kept):
        if node.output[0] in said["quants"]:
            graph.node.extend(taken_apart(onnx, graph, node, said["quants"][node.output[0]]))
        else:
            graph.node.append(node)
    read = {name for node in graph.node for name in node.input}
    graph.initializer.extend(
        onnx.numpy_helper.from_array(constants[name], name) if name in constants else stored[name]
        for name in sorted(read & {*constants, *stored})
    )
    opsets = [entry for entry in model.opset_import if entry.domain in ("", "ai.onnx", "com.microsoft")]
    for entry in opsets:
        entry.version = max(entry.version, 11) if entry.domain != "com.microsoft" and said["quants"] else entry.version
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=min(max(model.ir_version, LEAST_IR), MOST_IR))


def taken_apart(onnx: Any, graph: Any, node: Any, quant: dict[str, Any]) -> list[Any]:
    """Return QONNX' Quant as operators that onnxruntime has."""
    name = node.output[0]

    def constant(word: str, value: float) -> str:
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, dtype=np.float32), f"{name}/{word}"))
        return f"{name}/{word}"

    scale, zero = constant("scale", quant["scale"]), constant("zero", quant["zero"])
    low, high = (constant(word, value) for word, value in zip(("low", "high"), quant["limits"], strict=True))
    steps: list[tuple[str, list[str]]] = [("Div", [node.input[0], scale]), ("Add", ["", zero])]
    if quant["rounding"] in ROUNDS:
        steps += [(ROUNDS[quant["rounding"]], [""])]
    elif quant["rounding"] == "HALF_UP":
        steps += [("Add", ["", constant("half", 0.5)]), ("Floor", [""])]
    else:
        steps += [("Sub", ["", constant("half", 0.5)]), ("Ceil", [""])]
    steps += [("Clip", ["", low, high]), ("Sub", ["", zero]), ("Mul", ["", scale])]
    nodes = []
    for place, (op, inputs) in enumerate(steps):
        made = name if place + 1 == len(steps) else f"{name}/{place}"
        nodes.append(onnx.helper.make_node(op, [each or f"{name}/{place - 1}" for each in inputs], [made]))
    return nodes


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
