"""Liberty's logic functions: expressions over pins, as truth tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from workloads.errors import LimenError

TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w\[\].$]*|[01]|[!'()&*|+^])|\"([^\"]+)\"|(\S))")
"""A name or a mark, a name in quotation marks (which may begin with a digit), or what is neither."""

MAX_TOKENS = 2000
"""Words of an expression; those of real cells have dozens."""

OPERATORS = "!'()&*|+^"


@dataclass(frozen=True)
class Literal:
    """A function that is one input, or its complement."""

    name: str
    inverted: bool


def truth_table(expression: str, names: tuple[str, ...], derived: Mapping[str, int] | None = None) -> int:
    """Return the truth table of a Liberty function; input i of `names` is bit i of the index.

    derived: further names it may hold, which are functions of `names` themselves, and their truth tables.

    Raises:
        LimenError: an unknown name or a malformed expression.
    """
    size = 1 << len(names)
    full = (1 << size) - 1
    columns = {name: sum(1 << row for row in range(size) if row >> i & 1) for i, name in enumerate(names)}
    columns.update(derived or {})
    return _Expression(expression, columns, full).value()


def literal(expression: str, names: tuple[str, ...]) -> Literal | None:
    """Return the one input that a function is, or is the complement of; None for any other function.

    Raises:
        LimenError: as `truth_table`.
    """
    table = truth_table(expression, names)
    for name in names:
        for inverted in (False, True):
            if table == truth_table(f'!"{name}"' if inverted else f'"{name}"', names):
                return Literal(name, inverted)
    return None


def depends_on(table: int, place: int, inputs: int) -> bool:
    """Return whether a truth table over `inputs` inputs changes with the one at `place`."""
    return any((table >> row ^ table >> (row ^ 1 << place)) & 1 for row in range(1 << inputs))


def sum_of_products(table: int, names: tuple[str, ...]) -> str:
    """Return a function with a truth table over `names`, of those it depends on alone: 0, 1, or an or of ands."""
    used = [i for i in range(len(names)) if depends_on(table, i, len(names))]
    if not used:
        return str(table & 1)
    rows = [
        row
        for row in range(1 << len(names))
        if table >> row & 1 and not any(row >> i & 1 for i in range(len(names)) if i not in used)
    ]
    return "+".join(f"({'*'.join(names[i] if row >> i & 1 else f'!{names[i]}' for i in used)})" for row in rows)


class _Expression:
    """A function being read: `'` and `!` bind closest, then `^`, then what is and, then what is or."""

    def __init__(self, text: str, columns: dict[str, int], full: int) -> None:
        self.text = text
        self.columns = columns
        self.full = full
        self.words: list[tuple[str, bool]] = []  # is it a name?
        self.position = 0
        for plain, quoted, stranger in TOKEN.findall(text.rstrip()):
            if stranger:
                raise self._error(f"{stranger!r} is no part of a function")
            self.words.append((quoted or plain, bool(quoted) or plain not in OPERATORS))
        if len(self.words) > MAX_TOKENS:
            raise self._error(f"{len(self.words)} words; at most {MAX_TOKENS}")

    def value(self) -> int:
        try:
            value = self._or()
        except RecursionError:
            raise self._error("its parentheses are nested too deep") from None
        if self.position != len(self.words):
            raise self._error(f"{self._peek()!r} is left over")
        return value

    def _error(self, reason: str) -> LimenError:
        return LimenError(f"function: {self.text!r} is not allowed: {reason}")

    def _peek(self) -> str:
        return self.words[self.position][0] if self.position < len(self.words) else ""

    def _accept(self, marks: str) -> bool:
        """Step over the next word if it is one of these marks."""
        if self.position == len(self.words) or self.words[self.position][1] or self._peek() not in marks:
            return False
        self.position += 1
        return True

    def _factor(self) -> int:
        if self._accept("!"):
            return self.full ^ self._factor()
        if self._accept("("):
            value = self._or()
            if not self._accept(")"):
                raise self._error("parentheses don't match")
        elif self.position < len(self.words) and self.words[self.position][1]:
            value = self._name()
        else:
            raise self._error(f"{self._peek()!r} is not one of {', '.join(self.columns)}")
        while self._accept("'"):
            value ^= self.full
        return value

    def _name(self) -> int:
        name = self._peek()
        self.position += 1
        if name in self.columns:
            return self.columns[name]
        if name not in ("0", "1"):
            raise self._error(f"{name!r} is not one of {', '.join(self.columns)}")
        return self.full if name == "1" else 0

    def _exclusive_or(self) -> int:
        value = self._factor()
        while self._accept("^"):
            value ^= self._factor()
        return value

    def _and(self) -> int:
        value = self._exclusive_or()
        while self._accept("&*") or self._begins_factor():
            value &= self._exclusive_or()
        return value

    def _begins_factor(self) -> bool:
        """Names side by side are and."""
        if self.position == len(self.words):
            return False
        word, is_name = self.words[self.position]
        return is_name or word in "!("

    def _or(self) -> int:
        value = self._and()
        while self._accept("|+"):
            value |= self._and()
        return value
