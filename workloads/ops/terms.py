"""Terms of sums, in vectors: what a synapse adds to four vectors of sums, and where these are stored at last."""

from __future__ import annotations

from workloads.host.jit import njit_in_place
from workloads.ops.kernel_kinds import OUTPUTS
from workloads.ops.vectors import MANY, fused, larger, minus, store

STEP = OUTPUTS if MANY else 2
"""Output channels whose sums are held together, each in four vectors."""


@njit_in_place(inline="always")
def larger_term(x, w, p, sums):
    """Return sums + p·max(x, w)."""
    return fused(p, larger(x, w), sums)


@njit_in_place(inline="always")
def product_term(x, w, p, sums):
    """Return sums + x·w."""
    return fused(x, w, sums)


@njit_in_place(inline="always")
def distance_term(x, w, p, sums):
    """Return sums + p·|x − w|."""
    return fused(p, larger(minus(x, w), minus(w, x)), sums)


@njit_in_place(inline="always")
def put_four(total, at, size, v0, v1, v2, v3):
    """Store four vectors of `size` numbers side by side, from `at` on."""
    store(total, at, v0)
    store(total, at + size, v1)
    store(total, at + 2 * size, v2)
    store(total, at + 3 * size, v3)
