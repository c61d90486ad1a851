"""A fifth op, for tests: sign(x)·sign(w)·min(|x|, |w|), a product's sign with the smaller magnitude for its size.

All that Limen needs of it is here and in limen_op_minabs.v: no multiplier, no polarity, and arithmetic that none of
Limen's own kernels has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from workloads.host.jit import njit
from workloads.ops.comparison import Comparison
from workloads.ops.kernel_types import PATTERNS, signed
from workloads.ops.operation import Operands
from workloads.ops.tally_kernel import TALLY, count_pairs


@njit()
def term(x, w, p):
    return min(max(x, -abs(w)), abs(w)) * np.sign(w)


@njit(TALLY)
def tally(x, base, taps, w, p, sums, above, ends):
    count_pairs(term, True, x, base, taps, w, p, sums, above, ends)


@njit(PATTERNS)
def fill_patterns(x_bits, w_bits, x_signed, x, synapse, result):
    aligned = max(x_bits, w_bits)
    for i in range(result.shape[0]):
        x_aligned = signed(x[i], x_bits) << (aligned - x_bits)
        w_aligned = signed(synapse[i], w_bits) << (aligned - w_bits)
        smaller = min(abs(x_aligned), abs(w_aligned))
        result[i] = -smaller if (x_aligned < 0) != (w_aligned < 0) else smaller


class MinAbs(Comparison):
    """x clipped to −|w| … |w|, and turned round where w is negative."""

    name = "minabs"
    form = "adder"
    verilog = Path(__file__).with_name("limen_op_minabs.v")

    def terms(self, x: np.ndarray, w: np.ndarray, p: np.ndarray | None) -> np.ndarray:
        return np.sign(x) * np.sign(w) * np.minimum(np.abs(x), np.abs(w))

    def term_ends(
        self, low: np.ndarray | int, high: np.ndarray | int, w: np.ndarray, p: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        ends = self.terms(np.asarray(low), w, p), self.terms(np.asarray(high), w, p)  # a term rises or falls with x
        return np.minimum(*ends), np.maximum(*ends)

    def largest_term(self, x_bits: int, w_bits: int, x_signed: bool) -> int:
        return 1 << (max(x_bits, w_bits) - 1)

    def sums(self, seen: Operands, y: np.ndarray) -> None:
        limit, sign = np.abs(seen.w)[:, :, None], np.sign(seen.w)[:, :, None]
        for m, base in enumerate(seen.base):
            y[m] = (sign * np.clip(seen.x[base + seen.taps], -limit, limit)).sum(axis=1)[: y.shape[1]]

    def input_gradients(self, seen: Operands, dy: np.ndarray, dx: np.ndarray) -> None:
        limit, sign = np.abs(seen.w)[: dy.shape[1], :, None], np.sign(seen.w)[: dy.shape[1], :, None]
        for m, base in enumerate(seen.base):
            rows = base + seen.taps
            passed = sign * (np.abs(seen.x[rows]) < limit)
            np.add.at(dx, rows, (passed * dy[m][:, None]).sum(axis=0))

    def weight_gradients(self, seen: Operands, dy: np.ndarray, learned: bool) -> tuple[np.ndarray, np.ndarray | None]:
        total, limit = np.zeros_like(seen.w), np.abs(seen.w)[: dy.shape[1], :, None]
        for m, base in enumerate(seen.base):
            x = seen.x[base + seen.taps]
            total[: dy.shape[1]] += (np.sign(x) * (np.abs(x) > limit) * dy[m][:, None]).sum(axis=2)
        return total, None

    def tally_kernel(self) -> Any:
        return tally

    def pattern_kernel(self) -> Any:
        return fill_patterns

    def lost(self, weights: np.ndarray, p: np.ndarray | None, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return np.zeros_like(weights)  # no x is larger than the limit that a saturated w leaves

    def carries(self, x: np.ndarray, w: np.ndarray, p: np.ndarray) -> np.ndarray:
        return ((x < 0) != (w < 0)).astype(np.int64)

    def sign_bit(self, w_bits: int) -> int | None:
        return w_bits - 1


MINABS = MinAbs()
