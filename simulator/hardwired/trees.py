"""Trees of sums, as Verilog: full adders that keep carries apart, or additions of two on an FPGA's carry chains.

A tool makes its own of a sum, and not the same of every one: Yosys adds numbers of one shift in a balanced tree, those
of several shifts in a row.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import NamedTuple

ZERO, ONE = "1'b0", "1'b1"

SUM_LEVELS, CARRY_LEVELS = 2, 1
"""How much later than its last input a full adder's outputs are there: an exclusive or is two levels, an and-or one."""


class Summand(NamedTuple):
    """An unsigned number to add, and when it is there, in levels of logic from the inputs: an estimate.

    bits: expressions of its bits, the lowest first, `ZERO` where there is none.
    """

    arrival: int
    bits: tuple[str, ...]


class Bit(NamedTuple):
    arrival: int
    name: str


Columns = list[list[str]]
"""Bits of weight 2^i, i = 0…"""

Tree = Callable[[Sequence[Summand], int, str], tuple[list[str], Columns]]
"""Of summands, kept modulo 2^width, and a name that ends the names of wires: lines of Verilog, and at most two bits a
column that are left to add, see `added`."""


def adder_levels(bits: int) -> int:
    """Return the levels of an addition of two numbers whose carries look ahead: a prefix tree and an exclusive or."""
    return 2 * bits.bit_length() + 1


def carry_save(summands: Sequence[Summand], width: int, name: str) -> tuple[list[str], Columns]:
    """Add bits of a column by full adders, the three earliest first, until two are left. See `Tree`.

    V. G. Oklobdzija, D. Villeger and S. S. Liu, IEEE Transactions on Computers 45 (3), 1996. Each full adder takes one
    bit away, so no tree of them has fewer.
    """
    heaps: list[list[Bit]] = [[] for _ in range(width)]
    for arrival, bits in summands:
        for heap, bit in zip(heaps, bits, strict=False):
            if bit != ZERO:
                heap.append(Bit(arrival, bit))
    lines: list[str] = []
    for place, heap in enumerate(heaps):
        heapq.heapify(heap)
        while len(heap) > 2:
            (_, a), (_, b), (arrival, c) = (heapq.heappop(heap) for _ in range(3))
            at = f"{name}_{len(lines)}"
            lines.append(f"wire h_{at} = {a} ^ {b}, t_{at} = h_{at} ^ {c};")
            heapq.heappush(heap, Bit(arrival + SUM_LEVELS, f"t_{at}"))
            if place + 1 < width:
                lines.append(f"wire c_{at} = {a} & {b} | h_{at} & {c};")
                heapq.heappush(heaps[place + 1], Bit(arrival + CARRY_LEVELS, f"c_{at}"))
    return lines, [[bit.name for bit in sorted(heap)] for heap in heaps]


def carry_chain(summands: Sequence[Summand], width: int, name: str) -> tuple[list[str], Columns]:
    """Add the two earliest numbers until two are left. See `Tree`.

    Yosys merges additions whose results nothing else reads into a tree of its own, unless it keeps the wires `CHAINED`.
    """
    heap = [Summand(arrival, bits[:width]) for arrival, bits in summands]
    heapq.heapify(heap)
    lines: list[str] = []
    while len(heap) > 2:
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        bits = min(width, max(len(first.bits), len(second.bits)) + 1)
        wire = f"k_{name}_{len(lines)}"
        lines.append(f"wire [{bits - 1}:0] {wire} = {added(_columns([first, second], bits))};")
        named = tuple(f"{wire}[{place}]" for place in range(bits))
        heapq.heappush(heap, Summand(second.arrival + adder_levels(bits), named))
    return lines, _columns(heap, width)


CHAINED = "k_*"
"""The sums within `carry_chain`, by name."""

CARRY_SAVE, CARRY_CHAIN = "carry-save", "carry-chain"
TREES: dict[str, Tree] = {CARRY_SAVE: carry_save, CARRY_CHAIN: carry_chain}


def _columns(summands: Sequence[Summand], width: int) -> Columns:
    columns: Columns = [[] for _ in range(width)]
    for summand in summands:
        for column, bit in zip(columns, summand.bits, strict=False):
            if bit != ZERO:
                column.append(bit)
    return columns


def added(columns: Columns) -> str:
    """Return the sum of columns of at most two bits, modulo 2^columns: what is below the first two stands as it is."""
    first = next((place for place, column in enumerate(columns) if len(column) > 1), len(columns))
    low = joined([column[0] if column else ZERO for column in columns[:first][::-1]]) if first else ""
    if first == len(columns):
        return low
    numbers = [joined([[*column, ZERO, ZERO][k] for column in columns[first:][::-1]]) for k in range(2)]
    return joined([" + ".join(numbers), *([low] if low else [])])


def joined(parts: Sequence[str]) -> str:
    """Return bits, the highest first, as one expression."""
    return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"
