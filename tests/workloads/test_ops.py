"""What each op's room says fits together, for every pair of operands of small widths."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.encoding import Op as OpCode
from simulator.encoding import op_code
from workloads.ops.integers import as_signed, operand_range
from workloads.ops.names import OPS
from workloads.ops.registry import known_ops, operation

WIDTHS = ((4, 4), (5, 3), (3, 5), (2, 2))


def definition(op: str, x: int, w: int, p: int) -> int:
    """The op in numbers, w of op shift as it stands for."""
    return {"threshold": p * max(x - w, 0), "mac": x * w, "adder": -abs(x - w), "shift": x * w}[op]


def all_pairs(op: str, x_bits: int, w_bits: int) -> tuple[np.ndarray, ...]:
    """Patterns x and synapse, aligned integers x and w, and polarity, of all operands; x is signed."""
    room = operation(op)
    x, synapse = (end.reshape(-1) for end in np.meshgrid(np.arange(1 << x_bits), np.arange(1 << w_bits + room.polar)))
    x_shift, w_shift = room.alignment(x_bits, w_bits)
    values = room.values(as_signed(synapse & ((1 << w_bits) - 1), w_bits), w_bits)
    return x, synapse, as_signed(x, x_bits) << x_shift, values << w_shift, 1 - 2 * (synapse >> w_bits)


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("op", OPS)
def test_terms_kernels_and_bounds_are_those_of_the_definition(op: str, widths: tuple[int, int]) -> None:
    room, (x_bits, w_bits) = operation(op), widths
    x, synapse, x_value, w_value, p = all_pairs(op, *widths)
    expected = [
        definition(op, *operands) for operands in zip(*(a.tolist() for a in (x_value, w_value, p)), strict=True)
    ]
    terms = room.terms(x_value, w_value, p)
    assert terms.tolist() == expected
    room.pattern_kernel()(x_bits, w_bits, 1, x, synapse, result := np.empty_like(x))
    assert result.tolist() == expected
    w, signs = (end[:: 1 << x_bits, None].copy() for end in (w_value, p))
    sums, none = np.zeros((1, len(w), 1 << x_bits), np.int64), np.zeros(1, np.int64)
    room.tally_kernel()(
        x_value[None, : 1 << x_bits].copy(), none, none, w, signs, sums, w.copy(), np.zeros(2, np.int64)
    )
    assert sums.reshape(-1).tolist() == expected
    assert np.abs(terms).max() <= room.largest_term(x_bits, w_bits, True)
    carry = room.carries(x_value, w_value if op != "shift" else as_signed(synapse, w_bits), p)
    low, high = operand_range(room.result_bits(x_bits, w_bits))
    assert low <= (terms - carry).min() and (terms - carry).max() <= high
    low, high = int(x_value.min()), int(x_value.max())
    between = room.terms(np.arange(low, high + 1)[:, None], w_value, p)  # aligned x between those of its grid, too
    least, greatest = room.term_ends(low, high, w_value, p)
    assert np.array_equal(between.min(axis=0), least) and np.array_equal(between.max(axis=0), greatest)


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("op", OPS)
def test_the_neutral_pair_is_nothing(op: str, widths: tuple[int, int]) -> None:
    room, (x_bits, w_bits) = operation(op), widths
    x, synapse, x_value, w_value, p = all_pairs(op, *widths)
    neutral_x, neutral_synapse = room.neutral(*widths)
    terms, beside_x, beside_w = room.terms(x_value, w_value, p), x == neutral_x, synapse == neutral_synapse
    assert not terms[beside_x & beside_w].any()
    assert room.acts_on_neutral(x_bits, w_bits, x_moves=True) == terms[beside_w].any()
    assert room.acts_on_neutral(x_bits, w_bits, x_moves=False) == terms[beside_x].any()


def test_names_and_codes_are_in_one_order() -> None:
    assert known_ops() == OPS and [op_code(op) for op in OPS] == list(OpCode)
    assert all(operation(op).form == op and operation(op).verilog is None for op in OPS)
