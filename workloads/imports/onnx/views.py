"""Tensors of ours as ONNX names them: which axis of ONNX runs along rows, columns or channels.

An ONNX tensor is a `View` of a `Tensor` of ours. Each of its axes has a label: the axes of ours that it runs through,
the slowest first; so Flatten, Reshape, Squeeze and Transpose change labels and nothing else, and the order in which a
linear layer reads values is in the label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

BATCH, ROWS, COLUMNS, CHANNELS = "nhwc"

IMAGE = {3: (BATCH, CHANNELS, ROWS), 4: (BATCH, CHANNELS, ROWS, COLUMNS)}
"""Roles of ONNX' axes in convolutions and pools, by the number of axes."""


@dataclass(eq=False)
class Axis:
    """An axis of a tensor of ours; role None is not decided yet: of a tensor from outside, by its first reader."""

    size: int
    role: str | None = None


@dataclass(eq=False)
class Tensor:
    """A tensor of ours. writer: the node, by its place, whose layer writes it; None where it comes from outside.

    layer: of that layer's entry. channels: all that layers wrote into it so far.
    """

    axes: list[Axis]
    writer: int | None = None
    layer: int | None = None
    channels: int = 0
    name: str = ""

    def size(self, role: str) -> int:
        return math.prod(axis.size for axis in self.axes if axis.role == role)

    def grow(self) -> None:
        """Make its channels all that were written: views of fewer are no longer views of the whole."""
        self.axes = [axis for axis in self.axes if axis.role != CHANNELS] + [Axis(self.channels, CHANNELS)]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.size(ROWS), self.size(COLUMNS), self.size(CHANNELS)


Label = tuple[Axis, ...]


@dataclass(frozen=True)
class View:
    """An ONNX tensor. clamped: something was done to it since a layer wrote it, an activation for one."""

    tensor: Tensor
    labels: tuple[Label, ...]
    clamped: bool = False
    sizes: tuple[int, ...] = field(default=())

    def reshaped(self, sizes: Sequence[int]) -> View | None:
        """Return the view with other sizes of ONNX, or None where axes of ours would be torn."""
        left = [axis for label in self.labels for axis in label]
        labels: list[Label] = []
        for size in sizes:
            label: list[Axis] = []
            while math.prod(axis.size for axis in label) < size:
                if not left:
                    return None
                label.append(left.pop(0))
            if math.prod(axis.size for axis in label) != size:
                return None
            labels.append(tuple(label))
        return None if left else replace(self, labels=tuple(labels), sizes=tuple(sizes))

    def transposed(self, order: Sequence[int]) -> View | None:
        """Return the view with its ONNX axes in another order, or None where that is none."""
        if sorted(order) != list(range(len(self.labels))):
            return None
        labels, sizes = tuple(self.labels[place] for place in order), tuple(self.sizes[place] for place in order)
        return replace(self, labels=labels, sizes=sizes)

    def bind(self, roles: Sequence[str]) -> bool:
        """Return whether each ONNX axis runs along the axis of ours of that role; decide roles not decided yet."""
        if len(roles) != len(self.labels) or not self.is_whole():
            return False
        for role, label in zip(roles, self.labels, strict=True):
            if any(axis.role not in (None, role) for axis in label):
                return False
            if len(label) > 1 and any(axis.role is not None for axis in label):
                return False
        for role, label in zip(roles, self.labels, strict=True):
            for axis in label:
                axis.role = role
        return True

    def bind_rows(self, batch: int) -> bool:
        """Return whether the last ONNX axis runs along the channels and the others along rows, then columns.

        batch: of the model; a first axis of that size is one.
        """
        if not self.labels or not self.is_whole():
            return False
        pixels = [axis for label in self.labels[:-1] for axis in label]
        if any(axis.role is None for axis in pixels) or any(axis.role is None for axis in self.labels[-1]):
            return self.bind(_row_roles(self.sizes, batch))
        ordered = "".join(axis.role or "" for axis in pixels)
        along_channels = all(axis.role == CHANNELS for axis in self.labels[-1])
        return along_channels and ordered in ("", "n", "h", "w", "nh", "nw", "hw", "nhw")

    def is_flat(self, batch: int) -> bool:
        """Return whether the last ONNX axis runs through all of an image.

        batch: of the model; axes that aren't decided yet are images where they are so many, else pixels.
        """
        before = [axis for label in self.labels[:-1] for axis in label]
        undecided = math.prod(axis.size for axis in before if axis.role is None)
        return self.is_whole() and undecided in (1, batch) and all(axis.role in (None, BATCH) for axis in before)

    def runs_along_channels(self, sizes: Sequence[int]) -> bool:
        """Return whether an array of these sizes, spread as ONNX does, differs along the channels alone."""
        labels = self.labels[len(self.labels) - len(sizes) :]
        return len(sizes) <= len(self.labels) and all(
            axis.role == CHANNELS for size, label in zip(sizes, labels, strict=True) if size > 1 for axis in label
        )

    def is_whole(self) -> bool:
        """Return whether it shows all of its tensor: not where more channels were written since."""
        seen = {id(axis) for label in self.labels for axis in label}
        return all(id(axis) in seen for axis in self.tensor.axes)

    def roles(self) -> list[list[str | None]]:
        return [[axis.role for axis in label] for label in self.labels]


def _row_roles(sizes: Sequence[int], batch: int) -> list[str]:
    """Return the roles of a tensor from outside, pixels by channels."""
    leading = [place for place, size in enumerate(sizes[:-1]) if size > 1]
    roles = dict.fromkeys(range(len(sizes) - 1), COLUMNS)
    if len(leading) > 1 and sizes[leading[0]] == batch:
        roles[leading.pop(0)] = BATCH
    if leading:
        roles[leading[0]] = ROWS
    return [*roles.values(), CHANNELS]


def images_apart(view: View, batch: int) -> View:
    """Return a tensor from outside, [images · pixels, channels], as [images, pixels, channels]; any other as it is."""
    pixels, channels = view.sizes if len(view.sizes) == 2 else (0, 0)
    if view.tensor.layer is not None or batch == 1 or pixels <= batch or pixels % batch:
        return view
    return from_outside((batch, pixels // batch, channels))


def from_outside(sizes: Sequence[int]) -> View:
    """Return a tensor that no layer writes: what its axes are is decided by who reads it."""
    labels = tuple((Axis(size),) if size > 1 else () for size in sizes)
    return View(Tensor([axis for label in labels for axis in label]), labels, sizes=tuple(sizes))


def written(batch: int, shape: tuple[int, int, int], roles: Sequence[str], writer: int, layer: int) -> View:
    """Return the tensor that a layer writes, (height, width, channels), as ONNX has it: an axis a role."""
    sizes = dict(zip((BATCH, ROWS, COLUMNS, CHANNELS), (batch, *shape), strict=True))
    axes = {role: Axis(size, role) for role, size in sizes.items() if size > 1}
    labels = tuple((axes[role],) if role in axes else () for role in roles)
    tensor = Tensor(list(axes.values()), writer, layer, shape[2])
    return View(tensor, labels, sizes=tuple(sizes[role] for role in roles))


def same_axes(first: View, second: View) -> bool:
    """Return whether two views run through axes of the same roles; one from outside takes the other's."""
    for view, other in ((first, second), (second, first)):
        if view.tensor.layer is None and other.is_whole() and view.is_whole():
            for label, other_label in zip(view.labels, other.labels, strict=True):
                if len(label) == 1 and len(other_label) == 1 and label[0].role is None:
                    label[0].role = other_label[0].role
    if any(None in roles for view in (first, second) for roles in view.roles()):
        return False
    return first.is_whole() and second.is_whole() and first.roles() == second.roles()


def rows_of_synapses(second: View, batch: int) -> bool | None:
    """Return whether an output channel of a product is a pixel of its second operand, or None where it is neither."""
    depth, outputs = second.labels[-2:]
    if any(axis.role != BATCH for label in second.labels[:-2] for axis in label) or not second.is_whole():
        return None
    if any(axis.role is None for axis in (*depth, *outputs)):
        return False if second.bind_rows(batch) else None
    if all(axis.role == CHANNELS for axis in depth) and all(axis.role != CHANNELS for axis in outputs):
        return True
    return False if second.bind_rows(batch) else None
