"""`Operation`: all that Limen asks of an op. Each op is a room of its own, and says it nowhere else.

x, w and p below are an activation, a weight (or threshold) and a polarity of ±1. Weights have two forms: the codes that
a machine stores, within the signed range of w_bits, and the values that they stand for; only op shift's differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from workloads.ops.integers import as_signed, operand_range
from workloads.ops.kernel_kinds import Slope, Sum

Norm = Literal["mean", "batch", "power"]
"""How training norms a hidden layer's sums, see `workloads.training.forward_backward`: by their mean and one power of
two a layer; by the deviations of the batch; by a power of two a channel, near the running deviation."""

OPERAND_BITS = (2, 16)
"""Narrowest and widest operand of the machine."""


class Operands(NamedTuple):
    """A layer as kernels take it, see `workloads.ops.sum_kernels`.

    x: [rows, B] activations, images innermost. base: [M] and taps: [K]: output pixel m sees the rows base[m] + taps.
    w, p: [N, K] filters and polarities (or the op's `factor`), filled up with synapses of p = 0 and w = 0.
    """

    x: np.ndarray
    base: np.ndarray
    taps: np.ndarray
    w: np.ndarray
    p: np.ndarray


def slope_sums(slope: Slope, seen: Operands, dy: np.ndarray) -> np.ndarray:
    """Return [N, K]: sums over pixels and images of dy [M, n, B] times a slope."""
    from workloads.ops import sum_kernels

    total = np.zeros_like(seen.w)
    sum_kernels.backward_weights(slope, *seen[:4], dy, total)
    return total


class Pieces(NamedTuple):
    """Terms of fixed synapses as linear·x + exceeding·max(x − w, 0) + constant, of aligned x and w (int64)."""

    linear: np.ndarray
    exceeding: np.ndarray
    constant: np.ndarray


class Operation(ABC):
    """One op: what it computes, in integers, in kernels, in training and in patterns of the hardware.

    name: as files and tables say it; its Verilog is the module limen_op_NAME.
    form: the one of Limen's own ops in whose place the machine takes it: its synapse and its results have the same
    widths, and their neutral pairs are the same. An op of Limen's own has its own form.
    verilog: the file of its module, where that isn't among the machine's own.
    one_range: it compares x with w: one real range serves both, x is signed, and operands are aligned at their most
    significant bits; weights have no grid of their own, and pairs with x > w count as at work. Otherwise a term is a
    product: its unit is that of both operands multiplied, and pairs other than 0 are at work.
    polar: a synapse has a polarity beside w. gated: a synapse adds nothing where x doesn't exceed w.
    multiplies: it needs a multiplier, of which synthesis tries several. one_number: there is Verilog in cost_models of
    it alone with one number as its result, where limen_op_NAME leaves an addend and a carry.
    weight_bits: narrowest and widest w. summed: what kernels sum for it; None: it has `sums` and gradients of its own.
    factor: the kernels' p where there is no polarity.
    norm: of hidden layers in training. score_spread: the deviation at which scores start.
    """

    name: str
    form: str
    verilog: Path | None = None
    one_range: bool
    summed: Sum | None = None
    polar: bool = False
    gated: bool = False
    multiplies: bool = False
    one_number: bool = False
    weight_bits: tuple[int, int] = OPERAND_BITS
    factor: int = 1
    norm: Norm = "power"
    score_spread: int = 1

    def __repr__(self) -> str:
        return f"Operation({self.name})"

    @property
    def verilog_module(self) -> str:
        return f"limen_op_{self.name}"

    # Integers.

    def fitted_bits(self, w_bits: int) -> int:
        """Return the width of this op's weights where others have w_bits."""
        return min(w_bits, self.weight_bits[1])

    def values(self, codes: np.ndarray, w_bits: int) -> np.ndarray:
        """Return what codes stand for (int64)."""
        return codes

    def codes(self, values: np.ndarray, w_bits: int) -> np.ndarray:
        """Return the codes of values; raises ValueError for one that has none."""
        return values

    @abstractmethod
    def alignment(self, x_bits: int, w_bits: int) -> tuple[int, int]:
        """Return the left shifts of x and of w before they meet."""

    @abstractmethod
    def terms(self, x: np.ndarray, w: np.ndarray, p: np.ndarray | None) -> np.ndarray:
        """Return what synapses contribute (int64), of aligned x and aligned values w; p: of polar ops."""

    def pieces(self, w: np.ndarray, p: np.ndarray | None) -> Pieces | None:
        """Return what terms of aligned values w are made of where they never change; None: this op has no such form."""
        return None

    def averaging_weight(self, x_bits: int, w_bits: int) -> int | None:
        """Return the code of the weight with which, at p = +1, every x adds itself and a constant; None: there is none.

        So a sum of activations is a sum of this op's terms, see `workloads.layers.layer.averaging_parameters`.
        """
        return None

    @abstractmethod
    def term_ends(
        self, low: np.ndarray | int, high: np.ndarray | int, w: np.ndarray, p: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the greatest term of any aligned x within low … high; both are reached."""

    @abstractmethod
    def largest_term(self, x_bits: int, w_bits: int, x_signed: bool) -> int:
        """Return the largest magnitude that one synapse can contribute."""

    @abstractmethod
    def result_bits(self, x_bits: int, w_bits: int) -> int:
        """Return the width of one result in hardware."""

    @abstractmethod
    def full_scale(self, x_bits: int, w_bits: int) -> int:
        """Return log2 of the accumulator steps in a step of x: its alignment, or the full scale of what multiplies."""

    # Kernels, in their floating point.

    def excess(self, w: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Return [N]: by how much what kernels sum exceeds the op's sums, of aligned w and p [N, K]; integers."""
        return np.zeros(len(w), dtype=np.int64)

    def sums(self, seen: Operands, y: np.ndarray) -> None:
        """Fill y [M, n, B] with the sums."""
        from workloads.ops import sum_kernels

        assert self.summed is not None
        sum_kernels.forward(self.summed, *seen, y)

    @abstractmethod
    def partial_sizes(self, sizes: np.ndarray, largest: int) -> np.ndarray:
        """Return bounds of a term's magnitude within `sums`, of |w| and the largest |x|, both aligned."""

    def input_gradients(self, seen: Operands, dy: np.ndarray, dx: np.ndarray) -> None:
        """Add to dx [rows, B] the gradient at x of a loss with gradient dy [M, n, B] at the sums."""
        from workloads.ops import sum_kernels

        assert self.summed is not None
        sum_kernels.backward_inputs(self.summed, *seen, dy, dx)

    @abstractmethod
    def weight_gradients(self, seen: Operands, dy: np.ndarray, learned: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the gradients [N, K] at w and, where it is `learned`, at the polarity; what is filled up has any."""

    @abstractmethod
    def tally_kernel(self) -> Any:
        """Return the op's `tally_kernel.count_pairs`, compiled."""

    @abstractmethod
    def pattern_kernel(self) -> Any:
        """Return the compiled function, of type `kernel_types.PATTERNS`, that the cycle model calls as limen_op."""

    # Training.

    def integers(self, weights: np.ndarray, w_exponent: np.ndarray, w_bits: int) -> np.ndarray:
        """Return the values (int64) of weights [N, kh, kw, C] in units of 2^w_exponent [N]: half to even, saturated."""
        scaled = np.ldexp(weights.astype(np.float64), -w_exponent[:, None, None, None])
        return np.clip(np.rint(scaled), *operand_range(w_bits)).astype(np.int64)

    def finest(self, weights: np.ndarray) -> np.ndarray:
        """Return trained weights [N, kh, kw, C] as the op takes them where no width is chosen yet."""
        return weights

    @abstractmethod
    def lost(self, weights: np.ndarray, p: np.ndarray | None, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return what weights that saturate to low … high take from every term: a constant, 0 where there is none."""

    @abstractmethod
    def weight_exponents(self, weights: np.ndarray, w_bits: int, shared: bool) -> np.ndarray:
        """Return [N] exponents of the weights' own grids, one for all channels if `shared`; products only."""

    # Patterns of the hardware.

    def neutral(self, x_bits: int, w_bits: int) -> tuple[int, int]:
        """Return the patterns (x, synapse) that contribute nothing, as the feeders inject them."""
        return 0, 0

    def acts_on_neutral(self, x_bits: int, w_bits: int, x_moves: bool, neutral: tuple[int, int] | None = None) -> bool:
        """Return whether an x that moves past the neutral w, or a w past the neutral x, makes a term other than 0.

        neutral: the patterns that are, if not the op's own.
        """
        x, code = np.array([[end] for end in neutral or self.neutral(x_bits, w_bits)])
        if x_moves:
            x = np.arange(1 << x_bits)
        else:
            code = np.arange(1 << w_bits)
        x_shift, w_shift = self.alignment(x_bits, w_bits)
        x = as_signed(x, x_bits) if self.one_range else x
        w = self.values(as_signed(code, w_bits), w_bits)
        return bool(self.terms(x << x_shift, w << w_shift, np.ones_like(w)).any())

    @abstractmethod
    def carries(self, x: np.ndarray, w: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Return the carry (0 or 1) that limen_op_NAME leaves to the next adder, of aligned x, aligned codes w, p."""

    @abstractmethod
    def sign_bit(self, w_bits: int) -> int | None:
        """Return which bit of a synapse says whether it adds or subtracts; None where none does."""

    def nearest_patterns(self, reals: np.ndarray, w_bits: int) -> np.ndarray:
        """Return the patterns of the weights nearest to reals of full scale 1."""
        top = 1 << (w_bits - 1)
        return np.clip(np.rint(reals * (top - 1)), -top, top - 1).astype(np.int64) & (2 * top - 1)
