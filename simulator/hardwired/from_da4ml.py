"""The additions that da4ml (github.com/calad0i/da4ml) makes of a window's coefficients, as our own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from simulator.hardwired.adders import Adders, Addition, Term, node_sum
from simulator.hardwired.window import Window
from workloads.errors import LimenError, pip_command

INPUT, ADD, SUBTRACT = -1, 0, 1
"""Its operations that a product with a constant matrix needs."""


class Scaled(NamedTuple):
    """A node times ±2^exponent."""

    node: int
    exponent: int
    negative: bool


def check_installed() -> None:
    """Raise LimenError where the package is missing."""
    if find_spec("da4ml") is None:
        raise LimenError(f"da4ml is not installed: {pip_command('da4ml')}")


def da4ml(window: Window) -> Adders:
    """Raises LimenError where the package is missing."""
    check_installed()
    if not window.coefficients.any():
        return Adders(window, (), ((),) * len(window.constants))
    from da4ml.cmvm import solve

    intervals = [(float(feature.low), float(feature.high), 1.0) for feature in window.features]
    pipeline = solve(window.coefficients.T.astype(np.float32), qintervals=intervals)
    return from_stages(window, pipeline.solutions)


def from_stages(window: Window, stages: Any) -> Adders:
    """Return stages, each of which reads what the one before gives, as additions."""
    ranges = [(feature.low, feature.high) for feature in window.features]
    additions: list[Addition] = []

    def add(left: Scaled | None, right: Scaled | None) -> Scaled | None:
        if left is None or right is None:
            return left or right
        if left.negative and not right.negative:
            left, right = right, left
        base = min(left.exponent, right.exponent)
        shifts = left.exponent - base, right.exponent - base
        subtracts = left.negative != right.negative
        ends = node_sum(ranges[left.node], shifts[0], ranges[right.node], shifts[1], subtracts)
        additions.append(Addition(left.node, shifts[0], right.node, shifts[1], subtracts, *ends))
        ranges.append(ends)
        return Scaled(len(ranges) - 1, base, left.negative)

    values: list[Scaled | None] = [Scaled(node, 0, False) for node in range(len(window.features))]
    for stage in stages:
        buffer: list[Scaled | None] = []
        for op in stage.ops:
            if op.opcode == INPUT:
                buffer.append(_scaled(values[op.id0], int(stage.inp_shifts[op.id0]), False))
            elif op.opcode in (ADD, SUBTRACT):
                right = _scaled(buffer[op.id1], int(op.data), op.opcode == SUBTRACT)
                buffer.append(add(buffer[op.id0], right))
            else:
                raise LimenError(f"da4ml: operation {op.opcode} is not known: {INPUT}, {ADD} or {SUBTRACT}")
        ends = zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True)
        values = [
            None if index < 0 else _scaled(buffer[index], int(shift), bool(negative)) for index, shift, negative in ends
        ]
    return Adders(window, tuple(additions), tuple(_term(value) for value in values))


def _scaled(value: Scaled | None, exponent: int, negative: bool) -> Scaled | None:
    if value is None:
        return None
    return Scaled(value.node, value.exponent + exponent, value.negative != negative)


def _term(value: Scaled | None) -> tuple[Term, ...]:
    if value is None:
        return ()
    assert value.exponent >= 0, "coefficients are integers"
    return (Term(value.node, (-1 if value.negative else 1) << value.exponent),)
