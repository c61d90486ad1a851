"""What ops have in common whose terms are products x·w."""

from __future__ import annotations

import numpy as np

from workloads.ops.kernel_kinds import Slope, Sum
from workloads.ops.operation import Operands, Operation, Pieces, slope_sums


class Product(Operation):
    """An op whose weights have a grid of their own; x may be unsigned, as after ReLU."""

    one_range = False
    summed = Sum.PRODUCT

    def alignment(self, x_bits: int, w_bits: int) -> tuple[int, int]:
        return 0, 0

    def terms(self, x: np.ndarray, w: np.ndarray, p: np.ndarray | None) -> np.ndarray:
        return x * w

    def pieces(self, w: np.ndarray, p: np.ndarray | None) -> Pieces:
        return Pieces(w, np.zeros_like(w), np.zeros_like(w))

    def term_ends(
        self, low: np.ndarray | int, high: np.ndarray | int, w: np.ndarray, p: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        ends = low * w, high * w
        return np.minimum(*ends), np.maximum(*ends)

    def partial_sizes(self, sizes: np.ndarray, largest: int) -> np.ndarray:
        return sizes * largest

    def weight_gradients(self, seen: Operands, dy: np.ndarray, learned: bool) -> tuple[np.ndarray, np.ndarray | None]:
        return slope_sums(Slope.VALUE, seen, dy), None

    def lost(self, weights: np.ndarray, p: np.ndarray | None, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return np.zeros_like(weights)  # what a product loses depends on x

    def sign_bit(self, w_bits: int) -> int | None:
        return w_bits - 1
