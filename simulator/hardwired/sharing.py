"""Adders from a window, in each of the forms there are: whose sums are shared, and by whom.

products: a neuron's terms as they are; what multiplies by a constant is the synthesis tool's work. sums: coefficients
in canonical signed digits, each neuron a sum of its own. shared: of these the pair of terms whose sum saves most bits
of adders, being found in several sums, becomes an addition of its own, again and again, until none saves any (Hartley's
common subexpressions, by bits). da4ml: the additions that the package da4ml makes of the same coefficients.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from simulator.hardwired.adders import Adders, Addition, Term, digits, node_sum, width_of
from simulator.hardwired.from_da4ml import da4ml
from simulator.hardwired.window import Window

Digit = tuple[int, int, int]
"""(node, shift, ±1)."""

Pattern = tuple[int, int, int, int]
"""(node, another or the same, how much further that is shifted, product of their signs)."""


def products(window: Window) -> Adders:
    rows = window.coefficients
    return Adders(window, (), tuple(tuple(Term(int(f), int(row[f])) for f in np.flatnonzero(row)) for row in rows))


def sums(window: Window) -> Adders:
    return Adders(window, (), tuple(_terms(row) for row in _digit_rows(window)))


def shared(window: Window) -> Adders:
    rows = [_Row(digits) for digits in _digit_rows(window)]
    ranges = [(feature.low, feature.high) for feature in window.features]
    additions: list[Addition] = []
    counts: Counter[Pattern] = Counter(pattern for row in rows for pattern in row.patterns())
    heap: list[tuple[int, Pattern]] = []

    def push(patterns: Iterable[Pattern]) -> None:
        for pattern in patterns:
            if counts[pattern] > 1 and (saved := _saved_bits(pattern, counts[pattern], ranges)) > 0:
                heapq.heappush(heap, (-saved, pattern))

    push(counts)
    while heap:
        saved, pattern = heapq.heappop(heap)
        if counts[pattern] < 2 or _saved_bits(pattern, counts[pattern], ranges) != -saved:
            continue  # there are fewer by now, and an entry of its own for these
        found = [(row, pairs) for row in rows if (pairs := row.pairs(pattern))]
        times = sum(len(pairs) for _, pairs in found)
        if times < counts[pattern]:  # pairs that overlap were counted more often
            counts[pattern] = times
            push([pattern])
            continue
        addition = _addition(pattern, ranges)
        node = len(ranges)
        ranges.append((addition.low, addition.high))
        additions.append(addition)
        changed: set[Pattern] = set()
        for row, pairs in found:
            for one, other in pairs:
                changed |= row.replace(one, other, (node, min(one[1], other[1]), one[2]), counts)
        push(changed)
    return Adders(window, tuple(additions), tuple(_terms(row.digits) for row in rows))


def _saved_bits(pattern: Pattern, count: int, ranges: list[tuple[int, int]]) -> int:
    """Return the bits that neurons' sums take less where so many of them read a pair's sum, less those of its adder."""
    one, other, further, _ = pattern
    bits = width_of(*ranges[one]) + width_of(*ranges[other])
    addition = _addition(pattern, ranges)
    result = width_of(addition.low, addition.high)
    return count * (bits - result) - (result - abs(further))


FORMS: dict[str, Callable[[Window], Adders]] = {
    "products": products,
    "sums": sums,
    "shared": shared,
    "da4ml": da4ml,
}


def _digit_rows(window: Window) -> list[set[Digit]]:
    return [
        {(int(f), shift, sign) for f in np.flatnonzero(row) for shift, sign in digits(int(row[f]))}
        for row in window.coefficients
    ]


def _terms(row: set[Digit]) -> tuple[Term, ...]:
    return tuple(Term(node, sign << shift if sign > 0 else -(1 << shift)) for node, shift, sign in sorted(row))


def _pattern(one: Digit, other: Digit) -> Pattern:
    if (one[0], one[1]) > (other[0], other[1]):
        one, other = other, one
    return one[0], other[0], other[1] - one[1], one[2] * other[2]


class _Row:
    """The digits of a neuron, and those of each node."""

    def __init__(self, digits: set[Digit]) -> None:
        self.digits: set[Digit] = set()
        self.by_node: dict[int, set[Digit]] = {}
        for digit in digits:
            self._add(digit)

    def _add(self, digit: Digit) -> None:
        self.digits.add(digit)
        self.by_node.setdefault(digit[0], set()).add(digit)

    def patterns(self) -> Iterator[Pattern]:
        """Yield the pattern of every pair."""
        ordered = sorted(self.digits)
        for place, one in enumerate(ordered):
            for other in ordered[place + 1 :]:
                yield _pattern(one, other)

    def pairs(self, pattern: Pattern) -> list[tuple[Digit, Digit]]:
        """Return the pairs of a pattern, no digit in two of them."""
        first, second, further, signs = pattern
        if first not in self.by_node or second not in self.by_node:
            return []
        pairs: list[tuple[Digit, Digit]] = []
        taken: set[Digit] = set()
        for one in sorted(self.by_node[first]):
            other = (second, one[1] + further, one[2] * signs)
            if other in self.digits and one not in taken and other not in taken:
                pairs.append((one, other))
                taken |= {one, other}
        return pairs

    def replace(self, one: Digit, other: Digit, by: Digit, counts: Counter[Pattern]) -> set[Pattern]:
        """Put a digit in the place of two, keep the counts of all pairs, and return patterns whose count changed."""
        for digit in (one, other):
            self.digits.remove(digit)
            self.by_node[digit[0]].remove(digit)
        counts[_pattern(one, other)] -= 1
        changed = set()
        for digit in self.digits:
            for beside, change in ((one, -1), (other, -1), (by, 1)):
                pattern = _pattern(digit, beside)
                counts[pattern] += change
                changed.add(pattern)
        self._add(by)
        return changed


def _addition(pattern: Pattern, ranges: list[tuple[int, int]]) -> Addition:
    first, second, further, signs = pattern
    shifts = max(0, -further), max(0, further)
    low, high = node_sum(ranges[first], shifts[0], ranges[second], shifts[1], signs < 0)
    return Addition(first, shifts[0], second, shifts[1], signs < 0, low, high)
