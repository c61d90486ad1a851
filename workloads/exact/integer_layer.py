"""A layer made ready for the kernel of exact integers: the narrowest integers that hold sums of its terms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from workloads.exact.kernel_arrays import layer_places, padded_rows
from workloads.layers.layer import Layer, LayerParameters
from workloads.ops import integer_kernels
from workloads.ops.integers import operand_range
from workloads.ops.kernel_kinds import OUTPUTS
from workloads.ops.operation import OPERAND_BITS


class Width(NamedTuple):
    """Integers that terms add up in, and those into which their sums go; the narrowest are the fastest."""

    narrow: Any
    wide: Any

    @property
    def limit(self) -> int:
        """What no sum of terms may exceed in magnitude."""
        return int(np.iinfo(self.narrow).max)


WIDTHS = (Width(np.int16, np.int32), Width(np.int32, np.int32), Width(np.int64, np.int64))
"""The last holds every layer: a bias is within 2^46, a term within 2^33."""

ACTIVATIONS = np.int32
"""What a layer reads: any activations. Narrower ones would be no faster, and a kernel each."""

LEAST_SECTION = 8
"""Terms that must add up in narrow integers for these to be faster than wider ones."""


class IntegerLayer(NamedTuple):
    """One image's layer, of an op with a `Sum`, as `fill_outputs` takes it.

    w, p: [groups, n, K] filters and factors in narrow integers, filled up with outputs that nobody asks for.
    start, shift: [N] and limits: [lowest, highest output, left shift of the residual], in wide ones.
    """

    layer: Layer
    width: Width
    section: int
    w: np.ndarray
    p: np.ndarray
    start: np.ndarray
    shift: np.ndarray
    limits: np.ndarray

    @classmethod
    def of(cls, layer: Layer, parameters: LayerParameters) -> IntegerLayer:
        """Prove, from these very weights and all activations of the format, which integers hold every sum."""
        room = layer.operation
        assert room.summed is not None
        x_shift, w_shift = room.alignment(layer.x_bits, layer.w_bits)
        w = room.values(parameters.weights, layer.w_bits).reshape(layer.out_channels, -1) << w_shift
        p = np.full_like(w, room.factor) if parameters.polarity is None else parameters.polarity.reshape(w.shape)
        raw = layer.y_range is None
        shift = np.zeros_like(parameters.shift) if raw else parameters.shift
        start = parameters.bias - room.excess(w, p) + np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
        largest = max(abs(end) for end in operand_range(layer.x_bits, layer.x_signed)) << x_shift
        sizes = room.summed.term_sizes(np.abs(w), largest)
        added = 0 if layer.residual is None else 1 << OPERAND_BITS[1] + layer.residual_shift
        bound = int((sizes.sum(axis=1) + np.abs(start)).max()) + added
        width, section = _width_of(sizes, max(largest, int(np.abs(w).max())), bound)
        whole = np.iinfo(width.wide)
        limits = (whole.min, whole.max) if layer.y_range is None else layer.y_range
        numbers: list[np.ndarray] = [
            np.array(each, dtype=width.wide) for each in (start, shift, (*limits, layer.residual_shift))
        ]
        return cls(layer, width, section, _filled(layer, w, width), _filled(layer, p, width), *numbers)

    def outputs(self, lanes: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        """Return the outputs [OH, OW, N, B], in wide integers, of activations [H, W, C, B].

        residual: [OH, OW, N, B], integers, where the layer has one.
        """
        layer, images = self.layer, lanes.shape[-1]
        room = layer.operation
        assert room.summed is not None
        base, taps = layer_places(layer, 0)
        x = padded_rows(layer, lanes, ACTIVATIONS, images)
        flat = (layer.pixels, layer.out_channels, images)
        added: np.ndarray = np.empty((0, 0, 0), self.width.wide)
        if residual is not None:
            added = np.require(residual, self.width.wide, ["C", "W"]).reshape(flat)
        y = np.empty(flat, self.width.wide)
        integer_kernels.fill_outputs(
            int(room.summed),
            self.section,
            x,
            base,
            taps[: layer.fan_in],
            layer.group_channels,
            self.width.narrow(1 << room.alignment(layer.x_bits, layer.w_bits)[0]),
            self.w,
            self.p,
            self.start,
            self.shift,
            self.limits,
            added,
            y,
        )
        return y.reshape(*layer.output_shape, images)


def _width_of(sizes: np.ndarray, operand: int, bound: int) -> tuple[Width, int]:
    """Return the fastest integers, and how many terms add up in the narrow ones.

    sizes: [N, K] of terms, in the order in which they are added. operand: the largest, of x and of w; bound: of a sum.
    """
    least = min(LEAST_SECTION, sizes.shape[1])
    for width in WIDTHS:
        section = _longest_section(sizes, width.limit)
        if section >= least and operand <= width.limit and bound <= np.iinfo(width.wide).max:
            break
    return width, section


def _longest_section(sizes: np.ndarray, limit: int) -> int:
    """Return a number of terms so many of which in turn add up to `limit` at most, or 0."""
    synapses = sizes.shape[1]
    section = min(synapses, synapses * limit // max(1, int(sizes.sum(axis=1).max())))
    while section and np.add.reduceat(sizes, np.arange(0, synapses, section), axis=1).max() > limit:
        section //= 2
    return section


def _filled(layer: Layer, values: np.ndarray, width: Width) -> np.ndarray:
    """Return values [N, K] as [groups, n, K], filled up with zeros to whole tiles of outputs."""
    outputs = -(-layer.group_outputs // OUTPUTS) * OUTPUTS
    filled: np.ndarray = np.zeros((layer.groups, outputs, layer.fan_in), dtype=width.narrow)
    filled[:, : layer.group_outputs] = values.reshape(layer.groups, layer.group_outputs, layer.fan_in)
    return filled
