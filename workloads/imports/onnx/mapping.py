"""The layers of an ONNX graph as entries of a network file, and a row for every operator that isn't on the machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workloads.imports.names import Names
from workloads.imports.onnx.arithmetic import operations
from workloads.imports.onnx.entries import Entry, Joined, Unmapped
from workloads.imports.onnx.graph import Graph, Node, Sizes
from workloads.imports.onnx.joins import concatenated, summed
from workloads.imports.onnx.limits import MOST_LAYERS
from workloads.imports.onnx.operators import (
    AFFINE,
    CLAMPS,
    CONVOLUTIONS,
    JOINS,
    POOLS,
    PRODUCTS,
    RELABELS,
    ROUNDS,
    SAME,
    WINDOWED_POOLS,
)
from workloads.imports.onnx.units import Units
from workloads.imports.onnx.users import Users
from workloads.imports.onnx.views import (
    BATCH,
    CHANNELS,
    COLUMNS,
    IMAGE,
    ROWS,
    View,
    from_outside,
    images_apart,
    rows_of_synapses,
    written,
)
from workloads.imports.onnx.windows import convolution_window, pooling_window

MOST_HEADS = 64
"""Products of two tensors that one MatMul may be: each becomes a layer."""


@dataclass
class Mapper:
    """Goes through the nodes in order.

    views: the ONNX tensors so far. batch: of the model, dropped from all sizes.
    products: those of two tensors of which no layer writes the second.
    pieces, sums: of a Concat and of an Add, by what it makes, the layers that write it.
    left: results of operators that aren't on the machine.
    """

    graph: Graph
    batch: int
    sizes: dict[str, Sizes]
    users: dict[str, Users]
    units: Units
    views: dict[str, View] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    unmapped: dict[str, Unmapped] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    place: int = 0
    products: int = 0
    pieces: dict[str, list[int]] = field(default_factory=dict)
    sums: dict[str, Joined] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)

    def run(self) -> None:
        for name in self.graph.inputs:
            self.views[name] = from_outside(self.sizes.get(name, ()))
        for place, node in enumerate(self.graph.nodes):
            self.place = place
            unknown = any(name not in self.views and name not in self.sizes for name in self.tensors_of(node))
            view = None if unknown else self.mapped(node)
            if view is not None and node.op in ROUNDS:
                view = replace(view, clamped=True)
            if view is None:
                self.leave(node)
                continue
            self.count_terms(node, view)
            self.views[node.outputs[0]] = view
            self.sizes.setdefault(node.outputs[0], view.sizes)
            for name in filter(None, node.outputs[1:]):  # a mask, indices, statistics
                self.views[name] = from_outside(self.sizes.get(name, ()))

    def mapped(self, node: Node) -> View | None:
        """Return what a node makes, by layers or for nothing; None where it isn't on the machine."""
        if node.op in CONVOLUTIONS:
            return self.convolution(node)
        if node.op in PRODUCTS:
            return self.product(node)
        if node.op in POOLS:
            return self.pool(node)
        if node.op == "Concat":
            return concatenated(self, node)
        if node.op in SAME or node.op in CLAMPS or node.op in RELABELS:
            view = self.read(node, node.input(0))
            if node.op in RELABELS:
                return self.relabelled(node, view)
            return replace(view, clamped=view.clamped or node.op in CLAMPS)
        if node.op in JOINS:
            joined = summed(self, node)
            if joined is not None:
                return joined
        return self.affine(node) if node.op in AFFINE else None

    # Reading.

    def read(self, node: Node, name: str) -> View:
        """Return the view of a tensor that a node reads."""
        if name in self.views:
            return self.views[name]
        self.views[name] = from_outside(self.graph.sizes_of(name, node))
        return self.views[name]

    def tensors_of(self, node: Node) -> list[str]:
        """Return the inputs of a node that no constant is."""
        return [name for name in node.inputs if name and name not in self.graph.constants]

    def torn(self, view: View) -> View:
        """Return a view from outside in the place of one whose axes aren't where a layer wants them."""
        self.count("Transpose", 0)
        return from_outside(view.sizes)

    def image(self, node: Node, name: str) -> View | None:
        """Return the view of a tensor that a convolution or a pool reads, NCHW or NCL; None of other dimensions."""
        view = self.read(node, name)
        if len(view.sizes) not in IMAGE or 0 in view.sizes:
            return None
        if view.bind(IMAGE[len(view.sizes)]):
            return view
        view = self.torn(view)
        view.bind(IMAGE[len(view.sizes)])
        return view

    # Writing.

    def add(self, node: Node, kind: str, view: View, outputs: Sequence[int], roles: Sequence[str], **keys: Any) -> View:
        """Add a layer that reads a view; outputs: its (height, width, channels)."""
        height, width, channels = outputs
        made = written(view.tensor.size(BATCH), (height, width, channels), roles, self.place, len(self.entries))
        self.put(node, kind, view, keys, made)
        return made

    def put(self, node: Node, kind: str, view: View, keys: dict[str, Any], made: View) -> None:
        """Append the entry of a layer. Raises LimenError where there are too many."""
        if len(self.entries) >= MOST_LAYERS:
            raise self.graph.refusal(node, f"more than {MOST_LAYERS} layers are not allowed")
        name = self.names.own(node.name or node.outputs[0])
        self.entries.append(Entry(node, name, kind, view.tensor, keys, made.tensor))

    def count_terms(self, node: Node, made: View) -> None:
        """Count what a Conv or Gemm adds where it is no constant, a bias that another operator computes, for one."""
        if node.op in ("Conv", "Gemm") and node.input(2) and node.input(2) not in self.graph.constants:
            self.count("Add", math.prod(made.sizes) // made.tensor.size(BATCH))

    def count(self, op: str, arithmetic: int) -> None:
        row = self.unmapped.setdefault(op, Unmapped())
        row.count += 1
        row.operations += arithmetic

    def leave(self, node: Node) -> None:
        """Count an operator that isn't on the machine; what it makes is the tensor it reads, of the same size."""
        names = self.tensors_of(node)
        images = max((self.views[name].tensor.size(BATCH) for name in names if name in self.views), default=1)
        self.count(f"{node.domain}.{node.op}" if node.domain else node.op, operations(node, self.sizes) // images)
        self.left |= {*node.outputs}
        for output in filter(None, node.outputs):
            sizes = self.sizes.get(output)
            alike = [name for name in names if sizes is not None and self.sizes.get(name) == sizes]
            if alike and node.op not in RELABELS:
                self.views[output] = replace(self.read(node, alike[0]), clamped=True)
            elif sizes is not None:
                self.views[output] = from_outside(sizes)

    # Operators.

    def convolution(self, node: Node) -> View | None:
        weights = node.input(3 if node.op == "QLinearConv" else 1)
        kernel = self.sizes.get(weights, ())
        view = self.image(node, node.input(0))
        if view is None or weights not in self.graph.constants or len(kernel) != len(view.sizes):
            return None
        if node.attributes.get("channels_last"):
            return None
        window = convolution_window(self.graph, node, view.sizes[2:], kernel[2:])
        groups = self.graph.integer(node, "group", 1)
        if groups < 1 or kernel[1] * groups != view.sizes[1] or kernel[0] % groups:
            raise self.graph.refusal(node, f"group: {groups} is not allowed: of weights {list(kernel)} and "
                                           f"{view.sizes[1]} channels")  # fmt: skip
        keys = {"out_channels": kernel[0], "groups": groups, **window.keys()}
        kind = "conv1d" if len(kernel) == 3 else "conv2d"
        return self.add(node, kind, view, (*window.pixels, kernel[0]), IMAGE[len(kernel)], **keys)

    def pool(self, node: Node) -> View | None:
        kind = "maxpool" if "Max" in node.op else "avgpool"
        view = self.image(node, node.input(0))
        if view is None or node.attributes.get("channels_last"):
            return None
        if node.op in WINDOWED_POOLS:
            if max(self.graph.integers(node, "dilations", ()), default=1) > 1:
                return None
            window = pooling_window(self.graph, node, view.sizes[2:])
            keys = window.keys() if len(view.sizes) == 4 else window.of_two().keys()
            return self.add(node, kind, view, (*window.pixels, view.sizes[1]), IMAGE[len(view.sizes)], **keys)
        keeps = True
        if node.op == "ReduceMean":
            axes = [axis % len(view.sizes) for axis in self.axes(node)]
            if sorted(axes) != list(range(2, len(view.sizes))):
                return None
            keeps = bool(self.graph.integer(node, "keepdims", 1))
        made = self.add(node, kind, view, (1, 1, view.sizes[1]), IMAGE[len(view.sizes)], kernel="global")
        return made if keeps else made.reshaped(view.sizes[:2])

    def axes(self, node: Node) -> list[int]:
        """Return the axes that a reduction names, by attribute or (since opset 18) by input."""
        if "axes" not in node.attributes and node.input(1):
            return [int(axis) for axis in self.graph.value(node.input(1), node).reshape(-1)]
        return self.graph.integers(node, "axes", ())

    def product(self, node: Node) -> View | None:
        second = node.input(3 if node.op.startswith("Q") else 1)
        view = self.read(node, node.input(0))
        weights = self.sizes.get(second, ())
        if len(weights) < 2 or not view.sizes or node.input(0) in self.graph.constants or 0 in view.sizes:
            return None
        if second not in self.graph.constants:
            return None if "Gemm" in node.op else self.two_tensors(node, view, self.read(node, second))
        if len(weights) != 2 or node.attributes.get("transA"):
            return None
        outputs = weights[0] if node.attributes.get("transB") else weights[1]
        if view.sizes[-1] != math.prod(weights) // max(outputs, 1):
            raise self.graph.refusal(node, f"weights {list(weights)} are not allowed: of {list(view.sizes)}")
        sizes = (*view.sizes[:-1], outputs)
        view = images_apart(view, self.batch)
        if not view.is_flat(self.batch) and not view.bind_rows(self.batch):
            view = images_apart(self.torn(view), self.batch)
            view.bind_rows(self.batch)
        if view.is_flat(self.batch):
            self.settle(view)
            made = self.add(node, "linear", view, (1, 1, outputs), (BATCH, CHANNELS), out_channels=outputs)
            return made.reshaped(sizes) or from_outside(sizes)
        height, width, _ = view.tensor.shape
        roles = [BATCH] if view.tensor.size(BATCH) > 1 else []
        roles += [ROWS] * (height > 1) + [COLUMNS] * (width > 1) + [CHANNELS]
        kind = "conv1d" if width == 1 else "conv2d"
        made = self.add(node, kind, view, (height, width, outputs), roles, out_channels=outputs)
        return made.reshaped(sizes) or from_outside(sizes)

    def settle(self, view: View) -> None:
        """Decide what is open of a tensor that a linear layer reads: three axes are channels, rows, columns."""
        for label in view.labels[:-1]:
            for axis in label:
                axis.role = BATCH
        open_axes = [axis for axis in view.labels[-1] if axis.role is None]
        for place, axis in enumerate(open_axes):
            axis.role = (CHANNELS, ROWS, COLUMNS)[place] if len(open_axes) <= 3 else CHANNELS

    def two_tensors(self, node: Node, first: View, second: View) -> View | None:
        """Return a product of two tensors: of each of its heads a layer."""
        if len(first.sizes) < 2 or 0 in second.sizes or first.sizes[-1] != second.sizes[-2]:
            return None
        rows, depth, outputs = first.sizes[-2], first.sizes[-1], second.sizes[-1]
        images = math.prod(axis.size for label in first.labels[:-2] for axis in label if axis.role == BATCH)
        heads = math.prod(first.sizes[:-2]) // images
        if math.prod(first.sizes[:-2]) != math.prod(second.sizes[:-2]) or heads > MOST_HEADS:
            return None
        sizes = (*first.sizes[:-1], outputs)
        if heads == 1 and second.tensor.layer is not None and first.bind_rows(self.batch):
            turned = rows_of_synapses(second, self.batch)
            if turned is not None:
                roles = [BATCH] * (first.tensor.size(BATCH) > 1) + [ROWS, COLUMNS, CHANNELS]
                made = self.add(node, "matmul", first, (*first.tensor.shape[:2], outputs), roles)
                self.entries[-1].synapses = second.tensor
                self.entries[-1].keys |= {"transposed": True} if turned else {}
                return made.reshaped(sizes) or from_outside(sizes)
        self.products += heads
        for _ in range(heads):  # the host hands each head on, as Reshape and Transpose have made it
            head = from_outside((rows, depth))
            head.bind((ROWS, CHANNELS))
            self.add(node, "conv1d", head, (rows, 1, outputs), (ROWS, CHANNELS), out_channels=outputs)
        return from_outside(sizes)

    def relabelled(self, node: Node, view: View) -> View | None:
        if node.op == "Transpose":
            return view.transposed(self.graph.integers(node, "perm", range(len(view.sizes))[::-1]))
        sizes = self.sizes.get(node.outputs[0])
        if sizes is None and node.op == "Flatten":
            axis = self.graph.integer(node, "axis", 1)
            sizes = math.prod(view.sizes[:axis]), math.prod(view.sizes[axis:])
        return None if sizes is None else view.reshaped(sizes)

    def affine(self, node: Node) -> View | None:
        """Return the view itself where a node's constants fold into the layer before, or that of a layer of its own."""
        names = self.tensors_of(node)
        if node.op != "BatchNormalization" and self.elements(node.outputs[0]) > 1:
            names = [
                name for name in names if self.elements(name) != 1 or self.read(node, name).tensor.layer is not None
            ]
        if len(names) != 1 or (node.op == "Div" and node.inputs[0] != names[0]):
            return None
        view = self.read(node, names[0])
        if self.sizes.get(node.outputs[0], view.sizes) != view.sizes:
            return None
        if node.op == "BatchNormalization":
            if self.folds(view, names[0]) and view.runs_along_channels((2, *[1] * (len(view.sizes) - 2))):
                return view
        else:
            others = [self.sizes.get(name, (0,)) for name in node.inputs if name and name != names[0]]
            if all(math.prod(sizes) == 1 for sizes in others):
                return view
            return view if self.folds(view, names[0]) and all(map(view.runs_along_channels, others)) else None
        if len(view.sizes) in IMAGE and view.bind(IMAGE[len(view.sizes)]):
            return self.pointwise(node, view)
        return None

    def elements(self, name: str) -> int:
        return math.prod(self.sizes[name]) if name in self.sizes else 0

    def folds(self, view: View, name: str) -> bool:
        """Return whether a factor and a term for each channel fold into the layer that wrote a tensor."""
        layer = view.tensor.layer
        return layer is not None and self.entries[layer].weighs and not view.clamped and self.users[name].number <= 1

    def pointwise(self, node: Node, view: View) -> View:
        """Add a layer of a window of one pixel and a channel's own weight: it copies, scales, or adds another."""
        height, width, channels = view.tensor.shape
        kind = "conv1d" if width == 1 else "conv2d"
        roles = [axis_roles[0] if axis_roles else None for axis_roles in view.roles()]
        made = written(view.tensor.size(BATCH), (height, width, channels), IMAGE[4], self.place, len(self.entries))
        keys = {"out_channels": channels, "groups": channels}
        self.put(node, kind, view, keys, made)
        axes = {axis.role: axis for axis in made.tensor.axes}
        labels = tuple(
            tuple(axes[axis.role] for axis in label) if role is not None else ()
            for role, label in zip(roles, view.labels, strict=True)
        )
        return View(made.tensor, labels, sizes=view.sizes)
