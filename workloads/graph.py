"""How the layers of a network hang together: named tensors, the layers that write and those that read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workloads.layer import LayerForm

INPUT = "input"
"""The tensor that holds the network's input."""


class Connection(NamedTuple):
    """The tensors of one layer by name: what it reads, what it writes, what it adds."""

    reads: str
    writes: str
    residual: str | None


def connect(layers: Sequence[LayerForm]) -> tuple[Connection, ...]:
    """Return every layer's tensors, defaults resolved; whether they exist is not asked here."""
    connections: list[Connection] = []
    previous = INPUT
    for layer in layers:
        connections.append(Connection(layer.input or previous, layer.tensor or layer.name, layer.residual))
        previous = connections[-1].writes
    return tuple(connections)
