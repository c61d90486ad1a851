"""Liberty's logic functions: expressions over pins, as truth tables."""

from __future__ import annotations

import re

from workloads.errors import LimenError


def truth_table(expression: str, names: tuple[str, ...]) -> int:
    """Return the truth table of a Liberty function; input i of `names` is bit i of the index.

    Raises:
        LimenError: an unknown name or a malformed expression.
    """
    size = 1 << len(names)
    full = (1 << size) - 1
    columns = {name: sum(1 << row for row in range(size) if row >> i & 1) for i, name in enumerate(names)}
    columns |= {"0": 0, "1": full}
    tokens = re.findall(r"[A-Za-z_][\w\[\]]*|[01]|[!'()&*|+^]", expression)
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1] if position <= len(tokens) else ""

    def factor() -> int:
        token = take()
        if token == "!":
            return full ^ factor()
        if token == "(":
            value = alternatives()
            if take() != ")":
                raise LimenError(f"function: {expression!r} is not allowed: parentheses don't match")
        elif token in columns:
            value = columns[token]
        else:
            raise LimenError(f"function: {expression!r} is not allowed: {token!r} is not one of {', '.join(names)}")
        while peek() == "'":
            take()
            value ^= full
        return value

    def difference() -> int:
        value = factor()
        while peek() == "^":
            take()
            value ^= factor()
        return value

    def product() -> int:
        value = difference()
        while peek() in ("&", "*") or (peek() and peek() not in ("|", "+", ")", "^", "'")):
            if peek() in ("&", "*"):
                take()
            value &= difference()
        return value

    def alternatives() -> int:
        value = product()
        while peek() in ("|", "+"):
            take()
            value |= product()
        return value

    value = alternatives()
    if position != len(tokens):
        raise LimenError(f"function: {expression!r} is not allowed: {peek()!r} is left over")
    return value
