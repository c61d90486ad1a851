"""Op threshold: p·max(x − w, 0), a threshold neuron's synapse. A comparison and a subtraction, no multiplier."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.ops.comparison import Comparison
from workloads.ops.kernel_kinds import Slope, Sum
from workloads.ops.operation import Operands, Pieces, slope_sums


class Threshold(Comparison):
    """w is a threshold, x what may exceed it; p says whether the synapse excites or inhibits."""

    name = form = "threshold"
    one_number = True
    polar = True
    gated = True
    summed = Sum.LARGER
    norm = "mean"

    def terms(self, x: np.ndarray, w: np.ndarray, p: np.ndarray | None) -> np.ndarray:
        assert p is not None
        return p * np.maximum(x - w, 0)

    def pieces(self, w: np.ndarray, p: np.ndarray | None) -> Pieces:
        assert p is not None
        return Pieces(np.zeros_like(w), p, np.zeros_like(w))

    def averaging_weight(self, x_bits: int, w_bits: int) -> int | None:
        return -(1 << (w_bits - 1))  # aligned, the lowest x: all others exceed it

    def term_ends(
        self, low: np.ndarray | int, high: np.ndarray | int, w: np.ndarray, p: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        ends = [self.terms(np.asarray(end), w, p) for end in (low, high)]
        return np.minimum(*ends), np.maximum(*ends)

    def excess(self, w: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Kernels sum p·max(x, w)."""
        return (p * w).sum(axis=1)

    def sums(self, seen: Operands, y: np.ndarray) -> None:
        super().sums(seen, y)
        y -= np.cumsum(seen.p * seen.w, axis=1)[: y.shape[1], -1:]  # Σ p·max(x, w) is larger by Σ p·w

    def weight_gradients(self, seen: Operands, dy: np.ndarray, learned: bool) -> tuple[np.ndarray, np.ndarray | None]:
        at_polarity = slope_sums(Slope.EXCESS, seen, dy) if learned else None
        return -seen.p * slope_sums(Slope.GATE, seen, dy), at_polarity

    def tally_kernel(self) -> Any:
        from workloads.ops.threshold_kernels import tally

        return tally

    def pattern_kernel(self) -> Any:
        from workloads.ops.threshold_kernels import fill_patterns

        return fill_patterns

    def lost(self, weights: np.ndarray, p: np.ndarray | None, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """No activation lies below the grid, so for a threshold w that does,
        p·max(x − w, 0) = p·(x − low) + p·(low − w): the second part is a constant.
        A threshold above the grid is exceeded by no activation (of as many bits): it saturates without loss.
        """
        assert p is not None
        return p * np.maximum(low - weights, 0)

    def neutral(self, x_bits: int, w_bits: int) -> tuple[int, int]:
        """The lowest activation with the highest excitatory threshold."""
        return 1 << (x_bits - 1), (1 << (w_bits - 1)) - 1

    def carries(self, x: np.ndarray, w: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (p < 0).astype(np.int64)

    def sign_bit(self, w_bits: int) -> int | None:
        return w_bits  # the polarity's place


THRESHOLD = Threshold()
