"""Which operators read a tensor in the end, through others that change nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from workloads.imports.onnx.graph import Graph
from workloads.imports.onnx.operators import CLAMPS, RELABELS, SAME

THROUGH = (*SAME, *CLAMPS, *RELABELS, "BatchNormalization")


class Users(NamedTuple):
    """The nodes that read a tensor, by place: how many, the last and the last but one (-1: none)."""

    number: int = 0
    last: int = -1
    before: int = -1

    def joined(self, other: Users) -> Users:
        places = sorted((self.last, self.before, other.last, other.before))
        return Users(self.number + other.number, places[-1], places[-2])

    def others_before(self, last: int, place: int) -> bool:
        """Return whether the node `last` reads it last, and no other comes behind the node at `place`."""
        return self.last == last and self.before <= place


def count_users(graph: Graph) -> Mapping[str, Users]:
    """Return the users of every tensor; the graph's own outputs are read after all nodes."""
    users: dict[str, Users] = {}
    end = len(graph.nodes)
    for name in graph.outputs:
        users[name] = users.get(name, Users()).joined(Users(1, end))
    for place in range(end - 1, -1, -1):
        node = graph.nodes[place]
        reads = users.get(node.outputs[0], Users()) if node.op in THROUGH else Users(1, place)
        for name in filter(None, node.inputs):
            users[name] = users.get(name, Users()).joined(reads)
    for node in graph.nodes:
        for name in (*node.inputs, *node.outputs):
            users.setdefault(name, Users())
    return users
