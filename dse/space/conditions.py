"""What axes apply to: an op may lack one, or have it with some other value alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from workloads.networks.family import made_of
from workloads.ops.registry import operation

GATED_OP, GATED_STAGES = "mac", 2
"""Zero gating is of these PEs alone."""

UNSAID_POLARITY = ("network", "synapse")
"""Values of the axis that ask for nothing of an op without polarity."""


def apply_gating(op: str, pe_stages: int, zero_gating: bool) -> bool:
    """Return whether a PE's multiplier rests on zeros: what is asked for, of the PEs that have it."""
    return zero_gating and (op, pe_stages) == (GATED_OP, GATED_STAGES)


@lru_cache
def has_polarity(op: str) -> bool:
    """Return whether some op of a design has polarity, which may be stored in one way or another."""
    return any(operation(name).polar for name in made_of(op))


@lru_cache
def has_sign(op: str) -> bool:
    """Return whether activations of a design may be signed or not: no op of it compares them with its weights."""
    return not any(operation(name).one_range for name in made_of(op))


def foreign_axis(
    ops: Sequence[str],
    pe_stages: Sequence[int],
    zero_gating: Sequence[bool],
    polarity: Sequence[str],
    x_signed: Sequence[str],
) -> str:
    """Return what is wrong with an axis whose value none of the ops can have, or nothing."""
    named = ", ".join(ops)
    if any(zero_gating) and not any(apply_gating(op, stages, True) for op in ops for stages in pe_stages):
        return f"zero_gating: true is not allowed: PEs of op {GATED_OP} and pe_stages {GATED_STAGES} alone have it"
    stored = [value for value in polarity if value not in UNSAID_POLARITY]
    if stored and not any(map(has_polarity, ops)):
        return f"polarity: {stored[0]!r} is not allowed: op {named} has none"
    if "false" in x_signed and not any(map(has_sign, ops)):
        return f"x_signed: 'false' is not allowed: op {named} takes signed activations"
    return ""
