"""`Adders`: sums of features as additions of two, shared between neurons, and what each neuron adds up at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.hardwired.window import Window


def width_of(low: int, high: int) -> int:
    """Return the bits of a wire of this range: unsigned where it is never negative."""
    return two_complement(low, high) if low < 0 else max(1, high.bit_length())


def two_complement(low: int, high: int) -> int:
    """Return the bits of a two's complement number of this range."""
    return max(max(high, 0).bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1


class Addition(NamedTuple):
    """(left << left_shift) ± (right << right_shift) of two nodes before it, and its range."""

    left: int
    left_shift: int
    right: int
    right_shift: int
    subtracts: bool
    low: int
    high: int


class Term(NamedTuple):
    """What a neuron adds: a node times a factor."""

    node: int
    factor: int


@dataclass(frozen=True)
class Adders:
    """Nodes are the window's features, then additions. terms: of each neuron, beside its constant."""

    window: Window
    additions: tuple[Addition, ...]
    terms: tuple[tuple[Term, ...], ...]

    def node_range(self, node: int) -> tuple[int, int]:
        features = self.window.features
        source = features[node] if node < len(features) else self.additions[node - len(features)]
        return source.low, source.high

    @property
    def adds(self) -> int:
        """Additions of two in all, were each neuron's end a tree of them; its constant left out."""
        return len(self.additions) + sum(max(0, len(terms) - 1) for terms in self.terms)

    @property
    def adder_bits(self) -> int:
        """Bits of all additions: of two, those of the result; of a neuron's sum, those that its tree takes away.

        About as many full adders: each takes three bits and gives two.
        """
        bits = sum(width_of(addition.low, addition.high) for addition in self.additions)
        for n, terms in enumerate(self.terms):
            taken = sum(width_of(*self.node_range(node)) for node, factor in terms)
            bits += max(0, taken - width_of(int(self.window.sums.low[n]), int(self.window.sums.high[n])))
        return bits


def outputs(adders: Adders, x: np.ndarray) -> np.ndarray:
    """Return what the neurons give [windows, N], int64, of inputs [windows, inputs]: a plain walk over the graph."""
    window = adders.window
    nodes: list[np.ndarray] = []
    for feature in window.features:
        value = x[:, feature.place]
        if feature.threshold is not None:
            value = np.maximum((value << window.x_shift) - feature.threshold, 0)
        nodes.append(value)
    for addition in adders.additions:
        left, right = nodes[addition.left] << addition.left_shift, nodes[addition.right] << addition.right_shift
        nodes.append(left - right if addition.subtracts else left + right)
    sums = np.tile(window.constants, (len(x), 1))
    for n, terms in enumerate(adders.terms):
        for term in terms:
            sums[:, n] += term.factor * nodes[term.node]
    limits = window.layer.y_range
    return sums if limits is None else np.clip(sums >> window.shift, *limits)


def node_sum(
    left: tuple[int, int], left_shift: int, right: tuple[int, int], right_shift: int, subtracts: bool
) -> tuple[int, int]:
    """Return the range of an addition of nodes of these ranges."""
    low, high = (right[1], right[0]) if subtracts else right
    sign = -1 if subtracts else 1
    return (left[0] << left_shift) + sign * (low << right_shift), (left[1] << left_shift) + sign * (high << right_shift)


def digits(value: int) -> list[tuple[int, int]]:
    """Return an integer's canonical signed digits as (shift, ±1), no two of them next to each other."""
    found: list[tuple[int, int]] = []
    shift = 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            found.append((shift, digit))
            value -= digit
        value >>= 1
        shift += 1
    return found
