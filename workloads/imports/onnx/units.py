"""Units that tensors are rounded to, where a graph says them beside a tensor."""

from __future__ import annotations

from workloads.imports.onnx.graph import Graph, Node

SCALES = {"QuantizeLinear": 1, "DequantizeLinear": 1, "Quant": 1, "IntQuant": 1, "QLinearConv": 6, "QLinearAdd": 6}
"""Operators that round, or take back what was rounded: which input is the unit."""

THROUGH = ("Identity", "MaxPool", "Cast")
"""Operators that keep it."""


class Units:
    """Who writes and who reads a graph's tensors, asked for the units there."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._writers = {name: node for node in graph.nodes for name in node.outputs}
        self._readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                self._readers.setdefault(name, []).append(node)

    def differ(self, before: str, after: str) -> bool:
        """Return whether a tensor is of one unit and another, which it becomes a part of, is rounded to another one."""
        first, second = self._written(before), self._read(after)
        return first is not None and second is not None and first != second

    def _written(self, name: str) -> float | None:
        node = self._writers.get(name)
        while node is not None and node.op in THROUGH:
            node = self._writers.get(node.input(0))
        return None if node is None else self._scale(node)

    def _read(self, name: str) -> float | None:
        readers = self._readers.get(name, [])
        alone = len(readers) == 1 and readers[0].op in ("QuantizeLinear", "Quant", "IntQuant")
        return self._scale(readers[0]) if alone else None

    def _scale(self, node: Node) -> float | None:
        scale = self._graph.values.get(node.input(SCALES.get(node.op, len(node.inputs))))
        return (
            None if scale is None or scale.size != 1 or scale.dtype.kind not in "iuf" else float(scale.reshape(-1)[0])
        )
