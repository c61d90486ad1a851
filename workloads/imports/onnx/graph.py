"""An ONNX graph as plain data: what `worker` hands on, which alone knows the package onnx."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workloads.errors import LimenError, shown

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """One operator. inputs: "" is one left out. attributes: numbers, texts, lists of them; a tensor is its name among
    the constants, a graph the number of its nodes. domain: of those that the tables of `operators` are about; another's
    is a part of `op`."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"node {shown(self.name or self.outputs[0])} ({self.op})"

    def input(self, place: int) -> str:
        """Return the name of an input, "" where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else ""


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which each reads what was written before.

    inputs, outputs: of the graph, without constants. opset: of the operators of ONNX.
    sizes: of every tensor whose sizes are known. constants: names of initialisers and of what follows from them alone.
    values: of those constants that were asked for, see `read_graph`. types: of the inputs, as numpy calls them.
    unused: how many nodes lead to no output; they aren't among the nodes.
    """

    path: str
    opset: int
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sizes: Mapping[str, Sizes]
    constants: frozenset[str]
    values: Mapping[str, np.ndarray]
    types: Mapping[str, str] = field(default_factory=dict)
    unused: int = 0

    def refusal(self, node: Node, reason: str) -> LimenError:
        """Return the error of a node that can't be read."""
        return LimenError(f"{self.path}: {node}: {reason}")

    def integer(self, node: Node, name: str, default: int) -> int:
        """Return an attribute that is a whole number. Raises LimenError where it is something else."""
        value = node.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.refusal(node, f"{name}: {shown(value)} is not allowed: a whole number")
        return value

    def integers(self, node: Node, name: str, default: Sequence[int]) -> list[int]:
        """Return an attribute that is a list of whole numbers. Raises LimenError where it is something else."""
        value = node.attributes.get(name, list(default))
        if not isinstance(value, list) or not all(isinstance(each, int) for each in value):
            raise self.refusal(node, f"{name}: {shown(value)} is not allowed: a list of whole numbers")
        return value

    def sizes_of(self, name: str, node: Node) -> Sizes:
        """Return the sizes of a tensor that a node needs. Raises LimenError where they aren't known."""
        if name not in self.sizes:
            raise self.refusal(node, f"sizes of tensor {shown(name)} are not known")
        return self.sizes[name]

    def elements(self, name: str) -> int:
        """Return the values of a tensor; 0 where its sizes aren't known."""
        return math.prod(self.sizes[name]) if name in self.sizes else 0

    def value(self, name: str, node: Node) -> np.ndarray:
        """Return a constant that a node needs. Raises LimenError where it is none."""
        if name not in self.values:
            raise self.refusal(node, f"tensor {shown(name)} must be a constant")
        return self.values[name]
