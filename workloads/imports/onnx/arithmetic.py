"""How many operations an operator takes that isn't on the machine: multiply-accumulates, or one for each value."""

from __future__ import annotations

import math
from collections.abc import Mapping

from workloads.imports.onnx.graph import Node, Sizes
from workloads.imports.onnx.operators import MOVES

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
"""Products of the input and of the state that a step of a recurrent operator takes, each of hidden size."""


def operations(node: Node, sizes: Mapping[str, Sizes]) -> int:
    """Return the operations of a node: 0 of one that only moves values, or whose sizes aren't known."""
    if node.op in MOVES:
        return 0
    read = [sizes.get(name, ()) for name in node.inputs]
    made = max((math.prod(sizes[name]) for name in node.outputs if name in sizes), default=0)
    if node.op in GATES and len(read) > 2 and len(read[0]) == 3 and len(read[1]) == 3 and len(read[2]) == 3:
        steps = read[0][0] * read[0][1]
        return steps * (math.prod(read[1]) + math.prod(read[2]))
    if node.op in ("Conv", "ConvInteger", "QLinearConv"):
        weights = read[3 if node.op == "QLinearConv" and len(read) > 3 else 1] if len(read) > 1 else ()
        return made * math.prod(weights[1:])
    if node.op == "ConvTranspose" and len(read) > 1:
        return math.prod(read[0]) * math.prod(read[1][1:])
    if node.op in ("MatMul", "MatMulInteger", "Gemm", "QLinearMatMul") and read and read[0]:
        return made * read[0][0 if node.attributes.get("transA") else -1]
    largest = max((math.prod(each) for each in read if each), default=0)
    return max(made, largest) if node.op.startswith("Reduce") or node.op.startswith("Arg") else made
