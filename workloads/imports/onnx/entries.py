"""What becomes of an ONNX graph's operators: entries of layers, and rows of those that aren't on the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from workloads.imports.onnx.graph import Node
from workloads.imports.onnx.views import Tensor


@dataclass
class Entry:
    """A layer as it will stand in the network file; tensors have their names in the end."""

    node: Node
    name: str
    kind: str
    reads: Tensor
    keys: dict[str, Any]
    writes: Tensor
    offset: int = 0
    residual: Tensor | None = None
    synapses: Tensor | None = None

    @property
    def weighs(self) -> bool:
        """Whether it has weights of its own, into which a factor a channel folds."""
        return self.kind in ("conv2d", "conv1d", "linear")


@dataclass
class Unmapped:
    """Operators of one kind that aren't on the machine: how many, and how many operations they take."""

    count: int = 0
    operations: int = 0


class Joined(NamedTuple):
    """A sum: the layer that adds, by its place, the ONNX tensor that it has of itself or reads, and the one added."""

    layer: int
    name: str
    added: str
