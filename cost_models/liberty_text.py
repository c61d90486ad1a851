"""The Liberty format: nested groups of attributes, as text to a tree. What the words mean is `liberty_cells`' matter.

Written here because the parser found on PyPI (liberty-parser) is under the GPL, which Limen is not; the grammar is
small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from workloads.errors import LimenError

TOKEN = re.compile(r'"([^"]*)"|([(){};:,])|(\n)|([^\s(){};:,"]+)')
IGNORED = re.compile(r"/\*.*?\*/|//[^\n]*|\\[ \t]*\r?\n", re.DOTALL)


@dataclass
class Group:
    """`kind (arguments) { ... }`: simple attributes as text, complex ones as lists of texts, groups in order.

    A complex attribute that comes several times (fanout_length) is one list.
    """

    kind: str
    arguments: list[str]
    attributes: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        """Return a simple attribute."""
        return self.attributes.get(name, default)

    def named(self, kind: str) -> list[Group]:
        """Return the groups of a kind."""
        return [group for group in self.groups if group.kind == kind]

    def numbers(self, name: str) -> np.ndarray:
        """Return a complex attribute of numbers, flat: what index_1, index_2 and values hold. Raises ValueError."""
        return np.array([float(word) for text in self.lists[name] for word in text.replace(",", " ").split()])


def parse_liberty(text: str) -> Group:
    """Return the library group of a Liberty file.

    Raises:
        LimenError: text that is not Liberty, with its line.
    """
    # Comments and continued lines keep their newlines' count out of tokens, so errors name the group, not the line.
    found = TOKEN.finditer(IGNORED.sub(" ", text))
    tokens = ((match.lastindex or 0, match[match.lastindex or 0]) for match in found)
    root = Group("file", [])
    _read_body(tokens, root, whole_file=True)
    libraries = root.named("library")
    if len(libraries) != 1 or not libraries[0].arguments:
        raise LimenError(f"{len(libraries)} library groups; expected one")
    return libraries[0]


STRING, MARK, NEWLINE = 1, 2, 3
Tokens = Iterator[tuple[int, str]]


def _read_body(tokens: Tokens, group: Group, whole_file: bool = False) -> None:
    """Read statements into `group` up to its closing brace, or to the end of the file."""
    pending: tuple[str, list[str]] | None = None  # a name with arguments: a group if a brace follows
    for kind, word in tokens:
        if kind == MARK and word == "{" and pending is not None:
            inner = Group(*pending)
            _read_body(tokens, inner)
            group.groups.append(inner)
            pending = None
            continue
        if kind == NEWLINE:
            continue
        if pending is not None:
            group.lists.setdefault(pending[0], []).extend(pending[1])
            pending = None
        if kind == MARK and word == "}" and not whole_file:
            return
        if kind == MARK and word == ";":
            continue
        if kind == MARK:
            raise LimenError(f"unexpected {word!r} in group {group.kind} ({', '.join(group.arguments)})")
        pending = _read_statement(tokens, word, group)
    if not whole_file:
        raise LimenError(f"group {group.kind} ({', '.join(group.arguments)}) is not closed")


def _read_statement(tokens: Tokens, name: str, group: Group) -> tuple[str, list[str]] | None:
    """Read `: value` into the group, or return (name, arguments) of what may be a group."""
    for kind, word in tokens:
        if kind == NEWLINE:
            continue
        if (kind, word) == (MARK, ":"):
            group.attributes[name] = _read_value(tokens)
            return None
        if (kind, word) == (MARK, "("):
            return name, _read_arguments(tokens, name)
        break
    raise LimenError(f"{name!r} in group {group.kind} is neither an attribute nor a group")


def _read_value(tokens: Tokens) -> str:
    words: list[str] = []
    for kind, word in tokens:
        if (kind, word) == (MARK, ";") or (kind == NEWLINE and words):
            break
        if kind != NEWLINE:
            words.append(word)
    return " ".join(words)


def _read_arguments(tokens: Tokens, name: str) -> list[str]:
    words: list[str] = []
    for kind, word in tokens:
        if (kind, word) == (MARK, ")"):
            return words
        if kind != NEWLINE and (kind, word) != (MARK, ","):
            words.append(word)
    raise LimenError(f"{name}: parenthesis is not closed")
