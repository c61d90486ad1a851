"""The Liberty format: nested groups of attributes, as text to a tree. What the words mean is `liberty_reader`'s matter.

Written here because the parser found on PyPI (liberty-parser) is under the GPL, which Limen is not; the grammar is
small.
"""

from __future__ import annotations

import gzip
import re
import zlib
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workloads.errors import LimenError, shown
from workloads.host.opening import open_file

TOKEN = re.compile(
    r"""
    (?: [ \t\r\f\v]+ | /\*.*?\*/ | //[^\n]* | \\[ \t]*\r?\n )*  # blanks, comments, continued lines
    (?: "((?:[^"\\]|\\.)*)"                                 # 1: a string; comments' marks in it are its own
    | ([(){};:,])                                           # 2: a mark
    | (\n)                                                  # 3
    | ((?:[^\s(){};:,"\\/]|\\(?![ \t]*\r?\n)|/(?![/*]))+)   # 4: a word
    | (["/]) )                                              # 5: a string or a comment that is not closed
    """,
    re.DOTALL | re.VERBOSE,
)
STRING, MARK, NEWLINE, WORD, OPEN, END = 1, 2, 3, 4, 5, 6
ESCAPED = re.compile(r"\\([ \t]*\r?\n|\")")
"""What a backslash hides in a string: the end of a line, which is a blank, or a quotation mark."""

COMPLEX = {
    *("index_1", "index_2", "index_3", "values", "fanout_length", "wire_load_from_area"),
    *("define", "define_group", "capacitive_load_unit", "voltage_map", "power_rail", "rail_connection"),
}
"""Complex attributes that are read; any other of a single word is a simple one in parentheses."""

MAX_DEPTH = 50
"""Groups inside groups; Liberty itself has about six."""

GZIP_MAGIC = b"\x1f\x8b"
LARGEST = 1e60
"""Size of a number: what is made of it stays finite, and none that means something is near."""

MAX_BYTES = 1 << 30
"""Text of one file; the largest kits have a third of it."""


@dataclass
class Group:
    """`kind (arguments) { ... }`: simple attributes as text, complex ones as lists of texts, groups in order.

    A complex attribute has a list for every time it comes; one of a single word that isn't `COMPLEX` is a simple
    attribute in parentheses, and read as such. repeated: other values that a simple attribute had before. line: where
    the group begins.
    """

    kind: str
    arguments: list[str]
    line: int = 0
    attributes: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[list[str]]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    repeated: dict[str, list[str]] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """Return a simple attribute."""
        return self.attributes.get(name, default)

    def put(self, name: str, value: str) -> None:
        """Set a simple attribute; an earlier value, if it is another one, is kept aside."""
        if self.attributes.get(name, value) != value:
            self.repeated.setdefault(name, []).append(self.attributes[name])
        self.attributes[name] = value

    def named(self, kind: str) -> list[Group]:
        """Return the groups of a kind."""
        return [group for group in self.groups if group.kind == kind]

    def number(self, name: str, default: float | None = None) -> float:
        """Return a simple attribute that is a number. Raises LimenError where it is none, or missing."""
        text = self.attributes.get(name)
        if text is None:
            if default is None:
                raise LimenError(f"{name} is missing; expected a number")
            return default
        return number(text, name)

    def amount(self, name: str, default: float | None = None) -> float:
        """Return a simple attribute that is a number of 0 or more. Raises LimenError, as `number`."""
        value = self.number(name, default)
        if value < 0:
            raise LimenError(f"{name}: {value:g} is not allowed: 0 or more")
        return value

    def numbers(self, name: str) -> np.ndarray:
        """Return a complex attribute of numbers, flat: what index_1, index_2 and values hold.

        Raises:
            LimenError: it is missing, comes twice, or holds something else.
        """
        lists = self.lists.get(name, [])
        if len(lists) != 1:
            raise LimenError(f"{name} is there {len(lists)} times; expected once")
        words = [word for text in lists[0] for word in text.replace(",", " ").split()]
        try:
            values = np.full(1, np.nan) if any("_" in text for text in lists[0]) else np.array(words, dtype=float)
        except ValueError:
            values = np.full(1, np.nan)
        if not (np.abs(values) <= LARGEST).all():
            values = np.array([number(word, name) for word in words])
        return values


def number(text: str, name: str) -> float:
    """Return the number that a text is. Raises LimenError, naming the attribute, where it is none."""
    try:
        value = np.nan if "_" in text else float(text)  # which takes 1_0 as 10
    except ValueError:
        value = np.nan
    if not abs(value) <= LARGEST:
        raise LimenError(f"{name}: {shown(text)} is not allowed: a number, at most {LARGEST:g}")
    return value


def read_text(path: Path) -> str:
    """Return the text of a .lib or .lib.gz. Raises LimenError where it can't be read."""
    try:
        with open_file(path) as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            data = (gzip.GzipFile(fileobj=file) if packed else file).read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or f"it is cut or corrupt ({error})"
        raise LimenError(f"{path}: cannot be read: {reason}; expected a Liberty file, .lib or .lib.gz") from None
    if len(data) > MAX_BYTES:
        raise LimenError(f"{path}: cannot be read: it is larger than {MAX_BYTES >> 30} GiB")
    return data.decode("utf-8-sig", "replace")


def parse_liberty(text: str) -> Group:
    """Return the library group of a Liberty file.

    Raises:
        LimenError: text that is not Liberty, with its line.
    """
    root = Group("file", [])
    _Parser(text).read_body(root, 0)
    libraries = root.named("library")
    if len(libraries) != 1 or not libraries[0].arguments:
        raise LimenError(f"{len(libraries)} library groups; expected one")
    return libraries[0]


class _Parser:
    """Reads statements word by word; a word may be put back, for who ends where it begins."""

    def __init__(self, text: str) -> None:
        self.matches = TOKEN.finditer(text + "\n")  # a comment or blanks that end the file come before a token, too
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.position = 0
        self.again: tuple[int, str] | None = None

    @property
    def line(self) -> int:
        """The line of the last word."""
        return self._line_at(self.position)

    def _line_at(self, position: int) -> int:
        return bisect_left(self.ends, position) + 1

    def take(self) -> tuple[int, str]:
        """Return the next word and its kind."""
        if self.again:
            token, self.again = self.again, None
            return token
        match = next(self.matches, None)
        if match is None:
            return END, ""
        kind = match.lastindex
        assert kind is not None
        self.position = match.start(kind)
        word = match[kind]
        if kind == OPEN:
            unclosed = "string" if word == '"' else "comment"
            raise LimenError(f"line {self.line}: a {unclosed} is not closed")
        return kind, ESCAPED.sub(_unescaped, word) if kind == STRING and "\\" in word else word

    def read_body(self, group: Group, depth: int) -> None:
        """Read statements into `group` up to its closing brace; at depth 0 up to the end of the file."""
        if depth > MAX_DEPTH:
            raise LimenError(f"line {self.line}: groups are nested more than {MAX_DEPTH} deep")
        while True:
            kind, word = self.take()
            if kind == END and depth == 0:
                return
            if kind == END:
                raise LimenError(
                    f"group {group.kind} ({', '.join(group.arguments)}) of line {group.line} is not closed"
                )
            if kind == MARK and word == "}" and depth > 0:
                return
            if kind == NEWLINE or (kind == MARK and word == ";"):
                continue
            if kind == MARK:
                name = f"{group.kind} ({', '.join(group.arguments)})"
                raise LimenError(f"line {self.line}: unexpected {word!r} in group {name}")
            self._read_statement(word, group, depth)

    def _read_statement(self, name: str, group: Group, depth: int) -> None:
        """Read what follows a name: `: value`, `(arguments)`, or `(arguments) { ... }`."""
        start = self.position
        token = self._after_newlines()
        if token == (MARK, ":"):
            group.put(name, self._read_value(name))
            return
        if token != (MARK, "("):
            raise LimenError(
                f"line {self._line_at(start)}: {name!r} in group {group.kind} is neither an attribute nor a group"
            )
        arguments = self._read_arguments(name)
        if name == "include_file":
            raise LimenError(
                f"line {self._line_at(start)}: include_file is not read; put that file's text in its place"
            )
        token = self._after_newlines()
        if token == (MARK, "{"):
            inner = Group(name, arguments, self._line_at(start))
            self.read_body(inner, depth + 1)
            group.groups.append(inner)
            return
        self.again = token
        if len(arguments) == 1 and name not in COMPLEX:
            group.put(name, arguments[0])
        else:
            group.lists.setdefault(name, []).append(arguments)

    def _after_newlines(self) -> tuple[int, str]:
        token = self.take()
        while token[0] == NEWLINE:
            token = self.take()
        return token

    def _read_value(self, name: str) -> str:
        """Read up to the semicolon, the end of the line or the brace that closes the group."""
        words: list[str] = []
        while True:
            kind, word = self.take()
            if (kind, word) == (MARK, ";") or kind == END or (kind == NEWLINE and words):
                return " ".join(words)
            if (kind, word) == (MARK, "}"):
                self.again = kind, word
                return " ".join(words)
            if (kind, word) == (MARK, "{"):
                raise LimenError(f"line {self.line}: {name}: unexpected '{{'")
            if kind != NEWLINE:
                words.append(word)

    def _read_arguments(self, name: str) -> list[str]:
        words: list[str] = []
        while True:
            kind, word = self.take()
            if (kind, word) == (MARK, ")"):
                return words
            if kind == END or (kind == MARK and word in "{};"):
                raise LimenError(f"line {self.line}: {name}: parenthesis is not closed")
            if kind != NEWLINE and (kind, word) != (MARK, ","):
                words.append(word)


def _unescaped(match: re.Match[str]) -> str:
    return '"' if match[1] == '"' else " "
