"""Tensors of ONNX that become one: sums, as residuals, and concatenations, as layers that write side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workloads.imports.onnx.entries import Joined
from workloads.imports.onnx.graph import Node
from workloads.imports.onnx.limits import MOST_LAYERS
from workloads.imports.onnx.views import CHANNELS, IMAGE, Tensor, View, same_axes

if TYPE_CHECKING:
    from workloads.imports.onnx.mapping import Mapper


def summed(mapper: Mapper, node: Node) -> View | None:
    """Return the sum of tensors of one size, as residuals: into the layer that wrote one, or a layer of its own."""
    names = [node.input(0), node.input(3)] if node.op == "QLinearAdd" else [name for name in node.inputs if name]
    if any(name in mapper.graph.constants for name in names) or len(names) < 2:
        return None
    total = mapper.read(node, names[0])
    for name in names[1:]:
        other = mapper.read(node, name)
        if other.sizes != total.sizes or not same_axes(total, other):
            return None
        if other.tensor.layer is None and total.tensor.layer is None:
            return None
        if any(side.tensor.layer is None and not _is_input(mapper, side.tensor) for side in (total, other)):
            return None
        total = _joined(mapper, node, (names[0], total), (name, other))
    return total


def _is_input(mapper: Mapper, tensor: Tensor) -> bool:
    """Return whether a tensor is the network's input, which is what the first layer reads."""
    return bool(mapper.entries) and mapper.entries[0].reads is tensor


def _joined(mapper: Mapper, node: Node, first: tuple[str, View], second: tuple[str, View]) -> View:
    sides = sorted((first, second), key=lambda side: -1 if side[1].tensor.layer is None else side[1].tensor.layer)
    (earlier_name, earlier), (name, later) = sides
    layer = later.tensor.layer
    entry = None if layer is None else mapper.entries[layer]
    sole = mapper.users[name].number == 1 and earlier.tensor is not later.tensor
    whole = entry is not None and entry.writes.channels == later.tensor.size(CHANNELS)
    adds = entry is not None and entry.weighs and whole and sole and not later.clamped and entry.residual is None
    if adds and entry is not None and layer is not None:
        entry.residual = earlier.tensor
        mapper.sums[node.outputs[0]] = Joined(layer, name, earlier_name)
        return later
    made = mapper.pointwise(node, later)
    mapper.entries[-1].residual = earlier.tensor
    mapper.sums[node.outputs[0]] = Joined(len(mapper.entries) - 1, name, earlier_name)
    return made


def concatenated(mapper: Mapper, node: Node) -> View | None:
    """Return tensors side by side along channels: layers write into the first one's tensor, or copy into one."""
    names = [name for name in node.inputs if name]
    if any(name in mapper.graph.constants for name in names):
        return None
    if len(names) > MOST_LAYERS:
        raise mapper.graph.refusal(node, f"more than {MOST_LAYERS} tensors are not allowed")
    views = [mapper.read(node, name) for name in names]
    axis = mapper.graph.integer(node, "axis", 1)
    rank = len(views[0].sizes)
    if rank not in IMAGE or axis % rank != 1 or any(len(view.sizes) != rank for view in views):
        return None
    if any(0 in view.sizes or view.sizes[2:] != views[0].sizes[2:] or not view.bind(IMAGE[rank]) for view in views):
        return None
    if len(views) == 1:
        return views[0]
    writers = [-1 if view.tensor.writer is None else view.tensor.writer for view in views[1:]]
    tensors = [view.tensor for view in views]
    kept = tensors[0].layer is not None and tensors.count(tensors[0]) == 1
    kept = kept and mapper.users[names[0]].others_before(mapper.place, min(writers))
    again = [mapper.units.differ(name, node.outputs[0]) for name in names]
    kept = kept and not again[0]
    pieces = [views[0] if kept else mapper.pointwise(node, views[0])]
    for name, view, otherwise in zip(names[1:], views[1:], again[1:], strict=True):
        once = sum(entry.writes is view.tensor for entry in mapper.entries) == 1
        alone = mapper.users[name].number == 1 and tensors.count(view.tensor) == 1
        pieces.append(view if once and alone and not otherwise else mapper.pointwise(node, view))
    target = pieces[0].tensor
    mapper.pieces[node.outputs[0]] = [piece.tensor.layer or 0 for piece in pieces]
    for piece in pieces[1:]:
        entry = next(entry for entry in mapper.entries if entry.writes is piece.tensor)
        entry.writes, entry.offset = target, target.channels
        target.channels += piece.sizes[1]
    target.grow()
    channels = tuple(axis for axis in target.axes if axis.role == CHANNELS)
    labels = (pieces[0].labels[0], channels, *pieces[0].labels[2:])
    return View(target, labels, sizes=(views[0].sizes[0], target.channels, *views[0].sizes[2:]))
