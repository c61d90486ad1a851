"""What of a graph is constant: tensors that follow from constants alone, and the values of those that are needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from workloads.imports.onnx.graph import Graph, Node
from workloads.imports.onnx.limits import MOST_VALUES, SMALL

KEPT = ("RandomNormal", "RandomUniform", "If", "Loop", "Scan")
"""Operators that are no constants even where they read nothing else."""

Evaluate = Callable[[Node, list[np.ndarray]], np.ndarray]


def fold_constants(graph: Graph) -> Graph:
    """Return a graph without the nodes that compute nothing but constants; their results are constants of it.

    A shape is one, since all sizes are fixed. Values are known where the node is one of a few plain ones, or where they
    are so of everything it reads.
    """
    constants, values = set(graph.constants), dict(graph.values)
    left = []
    for node in graph.nodes:
        constant = node.op in ("Constant", "Shape", "Size") or all(
            not name or name in constants for name in node.inputs
        )
        if not constant or node.op in KEPT:
            left.append(node)
            continue
        constants |= set(filter(None, node.outputs))
        read = [values.get(name) for name in node.inputs]
        found = _folded(graph, node, read)
        if found is not None:
            values[node.outputs[0]] = found
    return replace(graph, nodes=tuple(left), constants=frozenset(constants), values=values)


def _folded(graph: Graph, node: Node, read: list[np.ndarray | None]) -> np.ndarray | None:
    """Return a node's value, or None where it isn't known."""
    if node.op == "Shape" and node.inputs[0] in graph.sizes:
        return np.array(graph.sizes[node.inputs[0]], dtype=np.int64)
    if node.op == "Constant":
        return _constant(graph, node)
    if node.op == "ConstantOfShape":
        return _spread(graph, node, read[0])
    evaluate = PLAIN.get(node.op)
    known = [array for array in read if array is not None]
    if evaluate is None or len(known) < len([name for name in node.inputs if name]):
        return None
    made = graph.elements(node.outputs[0]) if node.outputs[0] in graph.sizes else MOST_VALUES
    if made > max(SMALL, *(array.size for array in known)):
        return None  # operators that spread values could make any number of them
    try:
        return np.asarray(evaluate(node, [array if array is not None else np.zeros(0) for array in read]))
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return None  # whoever needs it says so


def _constant(graph: Graph, node: Node) -> np.ndarray | None:
    if "value" in node.attributes:
        return graph.values.get(node.attributes["value"])
    for name in ("value_float", "value_int", "value_floats", "value_ints"):
        if name in node.attributes:
            kind = np.float32 if "float" in name else np.int64
            return np.asarray(node.attributes[name], dtype=kind)
    return None


def _spread(graph: Graph, node: Node, sizes: np.ndarray | None) -> np.ndarray | None:
    """Return a ConstantOfShape of few values, or None."""
    value = graph.values.get(node.attributes["value"]) if "value" in node.attributes else np.zeros(1, dtype=np.float32)
    made = [] if sizes is None else [int(size) for size in sizes.reshape(-1)]
    if value is None or value.size != 1 or sizes is None or min(made, default=0) < 0 or math.prod(made) > SMALL:
        return None
    return np.full(made, value.reshape(-1)[0])


def axes_of(node: Node, read: list[np.ndarray]) -> list[int]:
    """Return the axes that a Squeeze or Unsqueeze names, by attribute or (since opset 13) by input."""
    named = node.attributes.get("axes", read[1] if len(read) > 1 else [])
    return [int(axis) for axis in np.atleast_1d(np.asarray(named))]


def _unsqueeze(node: Node, read: list[np.ndarray]) -> np.ndarray:
    return np.expand_dims(read[0], tuple(axes_of(node, read)))


def _squeeze(node: Node, read: list[np.ndarray]) -> np.ndarray:
    return np.squeeze(read[0], tuple(axes_of(node, read)) or None)


def _reshape(node: Node, read: list[np.ndarray]) -> np.ndarray:
    target = [int(size) for size in node.attributes.get("shape", read[1] if len(read) > 1 else [])]
    return read[0].reshape([read[0].shape[place] if size == 0 else size for place, size in enumerate(target)])


def _along_axis(node: Node, read: list[np.ndarray]) -> list[int]:
    """Return the shape in which scales, one or one a channel, meet what is scaled. Raises ValueError of others."""
    if node.attributes.get("block_size", 0) or (read[1].size > 1 and read[1].ndim != 1):
        raise ValueError("scales of blocks")
    shape = [1] * read[0].ndim
    if read[1].size > 1:
        shape[int(node.attributes.get("axis", 1))] = -1
    return shape


def _dequantised(node: Node, read: list[np.ndarray]) -> np.ndarray:
    shape = _along_axis(node, read)
    zero = read[2].reshape(shape) if len(read) > 2 and read[2].size else 0
    return ((read[0].astype(np.float64) - zero) * read[1].reshape(shape)).astype(np.float32)


def _quantised(node: Node, read: list[np.ndarray]) -> np.ndarray:
    shape = _along_axis(node, read)
    said = NUMPY_TYPES[node.attributes.get("output_dtype", 0) or UINT8]
    zero = read[2] if len(read) > 2 and read[2].size else np.zeros(1, dtype=said)
    limits = np.iinfo(zero.dtype)
    rounded = np.rint(read[0] / read[1].reshape(shape)) + zero.astype(np.int64).reshape(
        shape if zero.size > 1 else [1] * read[0].ndim
    )
    return np.clip(rounded, limits.min, limits.max).astype(zero.dtype)


UINT8 = 2
"""The type to which a QuantizeLinear rounds by itself."""

NUMPY_TYPES: dict[int, Any] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
"""By ONNX' numbers."""


def _cast(node: Node, read: list[np.ndarray]) -> np.ndarray:
    """Return numbers of another type; real ones lose what is behind the point. Raises ValueError beyond its range."""
    kind = np.dtype(NUMPY_TYPES[node.attributes["to"]])
    values = read[0]
    if values.dtype.kind == "f" and kind.kind in "iu":
        values = np.trunc(values)
        if not ((values >= np.iinfo(kind).min) & (values <= np.iinfo(kind).max)).all():
            raise ValueError("beyond the range of a type")
    return values.astype(kind)


def _divided(node: Node, read: list[np.ndarray]) -> np.ndarray:
    """Return quotients; those of integers towards zero."""
    first, second = read
    if first.dtype.kind == "f":
        return np.asarray(first / second)
    return np.asarray(np.abs(first) // np.abs(second) * np.sign(first) * np.sign(second))


def _rounded(node: Node, read: list[np.ndarray]) -> np.ndarray:
    """QONNX' Quant: values of a grid, as real numbers."""
    scale, zero, bits = read[1].astype(np.float64), read[2].astype(np.float64), read[3].astype(np.float64)
    signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
    low, high = quant_limits(float(bits.max()), signed, narrow)
    mode = str(node.attributes.get("rounding_mode", "ROUND")).upper()
    if mode not in ROUNDINGS or bits.size != 1:
        raise ValueError(mode)
    integers = np.clip(ROUNDINGS[mode](read[0].astype(np.float64) / scale + zero), low, high)
    return ((integers - zero) * scale).astype(np.float32)


def quant_limits(bits: float, signed: bool, narrow: bool) -> tuple[float, float]:
    """Return (lowest, highest) integer of QONNX' Quant."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ROUND": np.rint,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "HALF_UP": lambda x: np.floor(x + 0.5),
    "HALF_DOWN": lambda x: np.ceil(x - 0.5),
}
"""QONNX' modes of rounding that the machine has, too: ROUND where no half comes up, see `integers`."""


PLAIN: dict[str, Evaluate] = {
    "BipolarQuant": lambda node, read: np.where(read[0] >= 0, 1, -1).astype(np.float32) * read[1],
    "Quant": _rounded,
    "IntQuant": _rounded,
    "Identity": lambda node, read: read[0],
    "Cast": _cast,
    "Gather": lambda node, read: np.take(read[0], read[1].astype(np.int64), axis=int(node.attributes.get("axis", 0))),
    "Concat": lambda node, read: np.concatenate(read, axis=int(node.attributes.get("axis", 0))),
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Transpose": lambda node, read: np.transpose(read[0], node.attributes.get("perm")),
    "QuantizeLinear": _quantised,
    "DequantizeLinear": _dequantised,
    "Neg": lambda node, read: -read[0],
    "Sqrt": lambda node, read: np.sqrt(read[0]),
    "Mul": lambda node, read: read[0] * read[1],
    "Add": lambda node, read: read[0] + read[1],
    "Sub": lambda node, read: read[0] - read[1],
    "Div": _divided,
}
"""Operators whose constants are computed: those of sizes, of scales and of stored weights."""
