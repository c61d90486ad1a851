"""What is known of a layer, and of a tensor, in real numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from workloads.imports.onnx.operators import RELABELS

INPUT_LAYER = -1
"""In the place of a layer: the network's input."""


@dataclass(frozen=True)
class Grid:
    """What a tensor is rounded to: integers low to high of a unit; zero is among them. rounding: QONNX' word."""

    unit: float
    low: int
    high: int
    rounding: str = "ROUND"

    def parts(self, bound: float) -> bool:
        """Return whether a bound lies within, but on no integer."""
        return self.low * self.unit < bound < self.high * self.unit and bound % self.unit != 0


@dataclass(frozen=True)
class Piece:
    """What a layer writes, after so many steps that follow it: a clamp, a rounding."""

    layer: int
    steps: int


@dataclass
class Real:
    """A layer in real numbers: y = clamp(Σ w·x + bias + residual), rounded to a grid where it has one.

    weights: [N, kh, kw, C of a group] float64, None of a maxpool and of the input. bias: [N].
    reads, residual: what it reads, several pieces side by side.
    tensor: the ONNX name of its result; rounded: whether its last step is a rounding.
    """

    weights: np.ndarray | None = None
    bias: np.ndarray = field(default_factory=lambda: np.zeros(1))
    reads: tuple[Piece, ...] = ()
    residual: tuple[Piece, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    grid: Grid | None = None
    steps: int = 0
    tensor: str = ""

    def copies(self) -> bool:
        """Return whether a layer hands on what it reads, channel by channel."""
        weights = self.weights
        alone = weights is not None and weights.shape[1:] == (1, 1, 1) and bool((weights == 1).all())
        return alone and not self.bias.any() and not self.residual


class NoValues(Exception):
    """Why a graph's numbers can't be those of a network, in words."""


class Unit(NamedTuple):
    """What an integer of a tensor that holds some is worth: (integer − zero) · scale."""

    scale: float
    zero: int


ONE = Unit(1.0, 0)
"""Of integers that are what they are worth."""


def unit_of(scale: np.ndarray) -> float:
    """Return the one number that a scale is. Raises NoValues of several, or none above 0."""
    if scale.size != 1 or not 0 < float(scale.reshape(-1)[0]) < math.inf:
        raise NoValues("scales for each channel of an activation")
    return float(scale.reshape(-1)[0])


READ_INTEGERS = (
    "DequantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd", "QLinearAveragePool",
    "QLinearGlobalAveragePool", "ConvInteger", "MatMulInteger", "MaxPool", "Concat", "Identity", *RELABELS,
)  # fmt: skip
"""Operators that read integers of any unit: they take them back, compute with them, or leave them as they are."""
