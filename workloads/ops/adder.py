"""Op adder: −|x − w|, the term of an AdderNet. A subtraction and a conditional inversion, no multiplier."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.ops.comparison import Comparison
from workloads.ops.kernel_kinds import Slope, Sum
from workloads.ops.operation import Operands, Pieces, slope_sums


class Adder(Comparison):
    """w is what x is compared with: a filter that is matched.

    Its gradients: at the inputs AdderNet's w − x within −1 … 1 (arXiv 1912.13200, eq. 6), which trains better than the
    sign; at the weights the sign of x − w, which under Adam trains better than AdderNet's x − w.
    """

    name = form = "adder"
    one_number = True
    summed = Sum.DISTANCE
    factor = -1  # of |x − w|
    score_spread = 8  # sums of −|x − w| can't grow apart as those of other ops can

    def terms(self, x: np.ndarray, w: np.ndarray, p: np.ndarray | None) -> np.ndarray:
        return -np.abs(x - w)

    def pieces(self, w: np.ndarray, p: np.ndarray | None) -> Pieces:
        """−|x − w| = (x − w) − 2·max(x − w, 0)."""
        return Pieces(np.ones_like(w), np.full_like(w, -2), -w)

    def averaging_weight(self, x_bits: int, w_bits: int) -> int | None:
        """No lower than any x: −|x − w| = x − w. Narrower weights than activations are lower than the highest ones."""
        return (1 << (w_bits - 1)) - 1 if w_bits >= x_bits else None

    def term_ends(
        self, low: np.ndarray | int, high: np.ndarray | int, w: np.ndarray, p: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        # Highest where x is nearest to w: 0, unless w lies outside the range of x.
        nearest = np.maximum(np.maximum(low - w, w - high), 0)
        ends = np.abs(low - w), np.abs(high - w)
        return -np.maximum(*ends), -nearest

    def weight_gradients(self, seen: Operands, dy: np.ndarray, learned: bool) -> tuple[np.ndarray, np.ndarray | None]:
        above = slope_sums(Slope.GATE, seen, dy)[: dy.shape[1]]
        return 2 * above - dy.sum(axis=(0, 2))[:, None], None  # the sign of x − w

    def tally_kernel(self) -> Any:
        from workloads.ops.adder_kernels import tally

        return tally

    def pattern_kernel(self) -> Any:
        from workloads.ops.adder_kernels import fill_patterns

        return fill_patterns

    def lost(self, weights: np.ndarray, p: np.ndarray | None, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """−|x − w| loses |w − end| beyond either end: no activation lies there."""
        return -np.maximum(np.maximum(low - weights, weights - high), 0)

    def carries(self, x: np.ndarray, w: np.ndarray, p: np.ndarray) -> np.ndarray:
        """A difference that is not negative is inverted."""
        return (x >= w).astype(np.int64)

    def sign_bit(self, w_bits: int) -> int | None:
        return None


ADDER = Adder()
