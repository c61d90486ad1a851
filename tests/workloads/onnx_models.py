"""Small ONNX models made here: a line a node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workloads.errors import pip_command

onnx = pytest.importorskip("onnx", reason=f"extra onnx is not installed: {pip_command('onnx')}")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

Sizes = tuple[int | str, ...]


class Model:
    """A model that is built node by node; random weights of a seed."""

    def __init__(self, opset: int = 13, **domains: int) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.opset, self.domains = opset, domains
        self.random = np.random.default_rng(0)

    def input(self, *sizes: int | str, kind: int = TensorProto.FLOAT, name: str = "x") -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, sizes))
        return name

    def constant(self, values: Any, kind: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name))
        return name

    def weights(self, *sizes: int) -> str:
        return self.constant(self.random.standard_normal(sizes))

    def node(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        names = [f"t{len(self.nodes)}" + (f"_{place}" if place else "") for place in range(outputs)]
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, names, name=name, domain=domain, **attributes))
        return names[0]

    def proto(self, *outputs: str) -> Any:
        made = [helper.make_empty_tensor_value_info(name) for name in outputs or [self.nodes[-1].output[0]]]
        graph = helper.make_graph(self.nodes, "graph", self.inputs, made, self.constants)
        imports = [helper.make_opsetid("", self.opset)]
        imports += [helper.make_opsetid(name.replace("_", "."), version) for name, version in self.domains.items()]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)

    def save(self, path: Path, *outputs: str) -> Path:
        path.write_bytes(self.proto(*outputs).SerializeToString())
        return path


def function(name: str, steps: list[tuple[str, str, str, str]]) -> Any:
    """Return a function of the domain "local" of a and w that gives y; a step: operator, domain, inputs, output."""
    nodes = [helper.make_node(op, list(inputs), [output], domain=domain) for op, domain, inputs, output in steps]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, ["a", "w"], ["y"], nodes, imports)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read files in this process, a second faster than in one of its own; nothing limits what it takes."""
    from workloads.errors import LimenError
    from workloads.imports.onnx import reading, worker

    in_its_own = reading.run_worker

    def run(module: str, path: Path, scratch: Path, *arguments: str) -> None:
        if module != "worker":
            in_its_own(module, path, scratch, *arguments)
            return
        try:
            worker.read(path, scratch, int(arguments[0]), arguments[1] == "values")
        except worker.Refused as error:
            raise LimenError(f"{path}: {error}") from None

    monkeypatch.setattr(reading, "run_worker", run)
